"""Files that are not sound photos: each is refused with one clear line that says what is wrong and what to do."""

import os
import time
from pathlib import Path

import numpy as np
import pytest
import pyvips
import torch
from photo_files import RGB, by_vips, encoded
from PIL import Image

from ttpo_cli.errors import TtpoError
from ttpo_cli.imaging.reading import read_photo


def error_of(source: Path | bytes, **options) -> str:
    with pytest.raises(TtpoError) as caught:
        read_photo(source, **options)
    assert caught.value.exit_code == 1
    message = str(caught.value)
    assert "\n" not in message
    assert ": " in message  # what is wrong, then what to do
    return message


def test_a_missing_file_a_folder_an_empty_file_and_a_pipe_are_told_apart(tmp_path: Path) -> None:
    empty, pipe, dangling = tmp_path / "empty.png", tmp_path / "pipe.png", tmp_path / "dangling.png"
    empty.touch()
    os.mkfifo(pipe)
    dangling.symlink_to(tmp_path / "gone.png")
    assert "does not exist" in error_of(tmp_path / "no.png")
    assert "does not exist" in error_of(dangling)
    assert "is a folder" in error_of(tmp_path)
    assert "empty (0 bytes)" in error_of(empty)
    assert "is not a regular file" in error_of(pipe)
    assert "empty (0 bytes)" in error_of(b"")
    assert "cannot be read" in error_of(tmp_path / ("n" * 300 + ".png"))


def test_a_file_without_read_permission_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(encoded(RGB, "png"))

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # the administrator may read everything, so permissions alone prove nothing
    assert "may not be read" in error_of(path)


def test_a_text_named_png_is_no_photo(tmp_path: Path) -> None:
    path = tmp_path / "notes.png"
    path.write_text("dear diary, today nothing happened")
    assert f"'{path}' does not hold a photo" in error_of(path)
    assert "does not hold a photo" in error_of(b"RIFF\x24\0\0\0WAVEfmt ")  # a container that WebP shares with sound


@pytest.mark.parametrize(
    ("head", "title"),
    [
        (b"\0\0\0\x18ftypheic", "HEIC"),
        (b"\0\0\0\x18ftypcrx ", "camera raw"),
        (b"II*\0\x10\0\0\0CR\x02\0", "camera raw"),
        (b"FUJIFILMCCD-RAW 0201", "camera raw"),
        (b"IIU\0\x18\0\0\0", "camera raw"),
        (b"8BPS\0\1", "Photoshop"),
    ],
)
def test_a_kind_that_is_not_read_is_named(head: bytes, title: str) -> None:
    message = error_of(head.ljust(200, b"\0"))
    assert title in message
    assert "convert it" in message


def test_a_tiff_that_is_a_camera_raw_file_is_named_so_and_its_thumbnail_not_taken_for_the_photo(tmp_path: Path) -> None:
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    tags = ImageFileDirectory_v2()
    tags[254], tags[330] = 1, 8  # the first picture is a reduced one, more lie in further directories
    assert "camera raw" in error_of(encoded(RGB, "tiff", tiffinfo=tags))
    path = tmp_path / "photo.NEF"
    path.write_bytes(encoded(RGB, "tiff"))
    assert "camera raw" in error_of(path)


@pytest.mark.parametrize("kind", ["png", "jpeg", "progressive", "webp", "tiff", "lzw", "jpeg in tiff", "16 bit tiff"])
def test_a_file_cut_short_anywhere_is_refused(kind: str) -> None:
    base = np.linspace(0, 200, 60 * 90).reshape(60, 90, 1) + np.random.default_rng(3).integers(0, 50, (60, 90, 3))
    image = Image.fromarray(base.astype(np.uint8))
    data = {
        "png": lambda: encoded(image, "png"),
        "jpeg": lambda: encoded(image, "jpeg"),
        "progressive": lambda: encoded(image, "jpeg", progressive=True),
        "webp": lambda: encoded(image, "webp"),
        "tiff": lambda: encoded(image, "tiff"),
        "lzw": lambda: encoded(image, "tiff", compression="tiff_lzw"),
        "jpeg in tiff": lambda: encoded(image, "tiff", compression="jpeg"),
        "16 bit tiff": lambda: by_vips(np.asarray(image).astype(np.uint16) * 257, ".tif", "rgb16"),
    }[kind]()
    read_photo(data)
    ends = () if kind in ("png", "jpeg", "progressive") else (len(data) - 1,)  # of those, every row is there still
    for left in (12, 30, 100, len(data) // 2, len(data) * 9 // 10, len(data) - 40, *ends):
        message = error_of(data[:left], name="cut.jpg")
        assert "cut short" in message
        assert "cut.jpg" in message


def test_a_damaged_png_is_refused() -> None:
    data = bytearray(encoded(Image.fromarray(np.random.default_rng(4).integers(0, 256, (50, 50, 3), dtype=np.uint8)), "png"))
    data[len(data) // 2] ^= 0xFF
    assert "damaged" in error_of(bytes(data))


@pytest.mark.parametrize("format", ["png", "jpeg", "tiff", "webp"])
def test_whatever_byte_is_damaged_the_file_is_read_or_refused_in_one_line(format: str) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Maker", 6
    whole = encoded(RGB, format, exif=exif, icc_profile=pyvips.Image.profile_load("srgb"))
    random = np.random.default_rng(5)
    for position in random.integers(12, len(whole), 150):
        data = bytearray(whole)
        data[position] = random.integers(0, 256)
        try:
            assert torch.isfinite(read_photo(bytes(data), max_pixels=10**6).pixels).all()
        except TtpoError as error:
            assert "\n" not in str(error)


def test_a_decompression_bomb_is_refused_from_its_header_before_decoding() -> None:
    bomb = pyvips.Image.black(20000, 20000).write_to_buffer(".png", bitdepth=1, compression=9)
    assert len(bomb) < 300_000
    started = time.monotonic()
    message = error_of(bomb)
    assert time.monotonic() - started < 0.5
    assert "20000x20000" in message
    assert "200000000" in message


def test_the_pixel_limit_is_the_callers_and_counts_exactly() -> None:
    data = encoded(RGB, "png")
    assert read_photo(data, max_pixels=48).pixels.shape == (1, 3, 6, 8)
    assert "over the limit of 47" in error_of(data, max_pixels=47)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_float_tiff_with_values_that_are_no_numbers_is_refused(value: float) -> None:
    samples = np.full((4, 5, 3), 0.5, np.float32)
    samples[1, 2, 0] = value
    assert "NaN or infinite" in error_of(by_vips(samples, ".tif", "scrgb"))


def test_samples_that_are_no_picture_values_are_refused_with_what_they_are() -> None:
    assert "16-bit signed samples" in error_of(by_vips(np.zeros((4, 5, 3), np.int16), ".tif", "srgb"))
    assert "64-bit complex samples" in error_of(by_vips(np.zeros((4, 5, 3), np.complex64), ".tif", "srgb"))
