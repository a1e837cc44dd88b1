"""Reading: values exact, upright once, profile and metadata kept."""

import hashlib
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import pyvips
import torch
from photo_files import RANDOM, RGB, by_vips, encoded
from PIL import Image

from ttpo_cli.errors import TtpoError
from ttpo_cli.imaging.photo import Photo
from ttpo_cli.imaging.reading import photo_size, read_photo

SRGB_PROFILE = pyvips.Image.profile_load("srgb")


def png_by_hand(samples: np.ndarray) -> bytes:
    """A 16-bit RGB PNG without any library: rows of filter 0, big-endian samples (PNG third edition)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", samples.shape[1], samples.shape[0], 16, 2, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def levels(photo: Photo, peak: int = 255) -> np.ndarray:
    return (photo.pixels[0] * peak).round().permute(1, 2, 0).numpy().astype(int)


# --- values


@pytest.mark.parametrize("format", ["png", "tiff", "webp"])
def test_lossless_8_bit_values_are_read_exactly_from_a_path_and_from_bytes_alike(format: str, tmp_path: Path) -> None:
    data = encoded(RGB, format, **({"lossless": True} if format == "webp" else {}))
    path = tmp_path / f"photo.{format}"
    path.write_bytes(data)
    for photo in (read_photo(path), read_photo(data, name=path.name)):
        np.testing.assert_array_equal(levels(photo), RANDOM[..., :3])
        assert (photo.format, photo.bit_depth, photo.grey, photo.alpha, photo.notes) == (format, 8, False, None, ())
        assert (photo.name, photo.content_hash) == (path.name, hashlib.sha256(data).hexdigest())
        assert photo.pixels.dtype == torch.float32
        assert photo.pixels.shape == (1, 3, 6, 8)
        assert photo.pixels.is_contiguous()


def test_a_jpeg_has_the_values_that_pillow_decodes() -> None:
    smooth = Image.fromarray(np.linspace(0, 255, 40 * 50 * 3).reshape(40, 50, 3).astype(np.uint8))
    data = encoded(smooth, "jpeg", quality=95)
    assert np.abs(levels(read_photo(data)) - np.asarray(Image.open(io.BytesIO(data))).astype(int)).max() <= 1


def test_16_bit_png_values_are_read_exactly() -> None:
    samples = np.random.default_rng(1).integers(0, 65536, (5, 7, 3), dtype=np.uint16)
    photo = read_photo(png_by_hand(samples))
    assert photo.bit_depth == 16
    np.testing.assert_array_equal(levels(photo, 65535), samples)


def test_a_16_bit_ramp_keeps_every_one_of_its_65536_levels() -> None:
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1).repeat(3, axis=2)
    for data in (png_by_hand(ramp), by_vips(ramp, ".tif", "rgb16")):
        photo = read_photo(data)
        assert len(photo.pixels[0, 0].unique()) == 65536
        np.testing.assert_array_equal(levels(photo, 65535), ramp)


@pytest.mark.parametrize("format", ["png", "tiff", "jpeg"])
def test_grey_stays_grey_in_three_equal_channels(format: str) -> None:
    photo = read_photo(encoded(RGB.convert("L"), format))
    assert photo.grey
    assert torch.equal(photo.pixels[:, 0], photo.pixels[:, 1])
    assert torch.equal(photo.pixels[:, 0], photo.pixels[:, 2])
    if format != "jpeg":
        np.testing.assert_array_equal(levels(photo)[..., 0], np.asarray(RGB.convert("L")))


def test_alpha_is_kept_beside_the_colours_and_not_multiplied_in() -> None:
    photo = read_photo(encoded(Image.fromarray(RANDOM), "png"))
    assert photo.alpha is not None
    np.testing.assert_array_equal(levels(photo), RANDOM[..., :3])
    np.testing.assert_array_equal((photo.alpha[0, 0] * 255).round().numpy(), RANDOM[..., 3])
    grey = read_photo(encoded(Image.fromarray(RANDOM).convert("LA"), "png"))
    assert grey.grey
    assert grey.alpha is not None
    torch.testing.assert_close(grey.alpha, photo.alpha)


def test_a_palette_becomes_rgb_and_its_transparent_entry_alpha() -> None:
    palette = RGB.convert("P")
    np.testing.assert_array_equal(levels(read_photo(encoded(palette, "png"))), np.asarray(palette.convert("RGB")))
    np.testing.assert_array_equal(levels(read_photo(encoded(palette, "tiff"))), np.asarray(palette.convert("RGB")))
    clear = int(np.asarray(palette)[0, 0])
    photo = read_photo(encoded(palette, "png", transparency=clear))
    assert photo.alpha is not None
    np.testing.assert_array_equal(photo.alpha[0, 0].numpy() == 0, np.asarray(palette) == clear)


def test_black_and_white_files_of_one_bit_are_grey() -> None:
    bits = RGB.convert("1")
    for format, options in (("png", {}), ("tiff", {"compression": "group4"})):
        photo = read_photo(encoded(bits, format, **options))
        assert photo.grey
        np.testing.assert_array_equal(photo.pixels[0, 0].numpy() == 1, np.asarray(bits))


@pytest.mark.parametrize("format", ["jpeg", "tiff"])
def test_cmyk_is_converted_to_srgb_with_a_profile_attached_and_a_note(format: str) -> None:
    ink = np.zeros((8, 8, 4), np.uint8)
    ink[..., 0] = 255  # full cyan: in print far from screen cyan (0, 255, 255)
    photo = read_photo(encoded(Image.fromarray(ink, "CMYK"), format))
    red, green, blue = levels(photo)[4, 4]
    assert red < 60
    assert 110 < green < 200
    assert blue > 190
    assert photo.metadata.icc is not None
    assert photo.metadata.icc[16:20] == b"RGB "
    assert "CMYK" in photo.notes[0]
    assert "general" in photo.notes[0]


def test_cmyk_with_its_own_profile_is_converted_with_that_one() -> None:
    ink = np.full((4, 4, 4), 90, np.uint8)
    photo = read_photo(by_vips(ink, ".tif", "cmyk", profile="cmyk"))
    assert "its own profile" in photo.notes[0]
    cmyk = pyvips.Image.new_from_array(ink, interpretation="cmyk")
    expected = cmyk.icc_transform("srgb", input_profile="cmyk", black_point_compensation=True).numpy()
    np.testing.assert_array_equal(levels(photo), expected)


def test_a_float_tiff_is_read_as_16_bit_and_says_what_was_clipped() -> None:
    samples = np.linspace(0, 1, 60, dtype=np.float32).reshape(4, 5, 3)
    photo = read_photo(by_vips(samples, ".tif", "scrgb"))
    assert photo.bit_depth == 16
    np.testing.assert_array_equal(photo.pixels[0].permute(1, 2, 0).numpy(), samples)
    assert "clipped" not in " ".join(photo.notes)
    beyond = read_photo(by_vips(samples * 1.2 - 0.1, ".tif", "scrgb"))
    assert "from -0.1 to 1.1 were clipped" in " ".join(beyond.notes)
    assert (beyond.pixels.min(), beyond.pixels.max()) == (0, 1)


# --- orientation and metadata


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["jpeg", "png", "tiff", "webp"])
def test_orientation_is_applied_once_as_pillow_applies_it(orientation: int, format: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(np.arange(16 * 24, dtype=np.uint8).reshape(16, 24) // 2 * 2)
    data = encoded(image.convert("RGB"), format, exif=exif, **({"lossless": True} if format == "webp" else {}))
    from PIL import ImageOps

    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    photo = read_photo(data)
    assert levels(photo).shape == expected.shape
    assert np.abs(levels(photo) - expected).max() <= (1 if format == "jpeg" else 0)
    if photo.metadata.exif is not None:
        left = Image.Exif()
        left.load(photo.metadata.exif)
        assert left.get(0x0112, 1) == 1


def test_rgb_values_and_profile_are_left_as_the_file_has_them() -> None:
    other = pyvips.Image.profile_load("p3")
    for format in ("png", "jpeg", "tiff", "webp"):
        photo = read_photo(encoded(RGB, format, icc_profile=other))
        assert photo.metadata.icc == other, format
    np.testing.assert_array_equal(levels(read_photo(encoded(RGB, "png", icc_profile=other))), RANDOM[..., :3])


def test_a_profile_for_other_channels_is_left_out_with_a_note() -> None:
    photo = read_photo(encoded(RGB.convert("L"), "jpeg", icc_profile=SRGB_PROFILE))
    assert photo.metadata.icc is None
    assert "RGB" in photo.notes[0]
    assert "GRAY" in photo.notes[0]


@pytest.mark.parametrize("format", ["png", "jpeg", "tiff"])
def test_the_resolution_is_known_where_the_file_states_it(format: str) -> None:
    resolution = read_photo(encoded(RGB, format, dpi=(300, 150))).metadata.resolution
    assert resolution == pytest.approx((300 / 25.4, 150 / 25.4), rel=1e-3)
    assert read_photo(encoded(RGB, "webp")).metadata.resolution is None


def test_damaged_exif_is_left_out_with_a_note_and_the_photo_is_read() -> None:
    photo = read_photo(encoded(RGB, "jpeg", exif=b"Exif\0\0II*\0\xff\xff\0\0"))
    assert photo.metadata.exif is None
    assert "EXIF is damaged" in photo.notes[0]


# --- files that need a word


def test_a_jpeg_named_png_is_read_with_a_note(tmp_path: Path) -> None:
    path = tmp_path / "holiday.png"
    path.write_bytes(encoded(RGB, "jpeg"))
    photo = read_photo(path)
    assert photo.format == "jpeg"
    assert photo.notes == ("it is a JPEG file, though named as PNG",)


def test_the_first_page_or_frame_is_read_with_a_note() -> None:
    second = Image.fromarray(255 - RANDOM[..., :3])
    for format, options in (("tiff", {}), ("webp", {"lossless": True, "duration": 100}), ("png", {"duration": 100})):
        photo = read_photo(encoded(RGB, format, save_all=True, append_images=[second], **options))
        np.testing.assert_array_equal(levels(photo), RANDOM[..., :3])
        assert len(photo.notes) == 1
        assert "first of its" in photo.notes[0]


def test_a_single_pixel_and_a_strip_of_20000_by_3_are_photos() -> None:
    assert read_photo(encoded(RGB.crop((0, 0, 1, 1)), "png")).pixels.shape == (1, 3, 1, 1)
    strip = np.random.default_rng(2).integers(0, 256, (3, 20000, 3), dtype=np.uint8)
    for suffix in (".png", ".tif"):
        np.testing.assert_array_equal(levels(read_photo(by_vips(strip, suffix))), strip)
    assert read_photo(by_vips(strip, ".jpg")).pixels.shape == (1, 3, 3, 20000)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_size_from_the_header_is_that_of_the_upright_photo(tmp_path, orientation):
    picture, exif = Image.new("RGB", (6, 4)), Image.Exif()
    exif[274] = orientation
    picture.save(tmp_path / "photo.jpg", exif=exif)
    height, width = read_photo(tmp_path / "photo.jpg").pixels.shape[-2:]
    assert photo_size(tmp_path / "photo.jpg") == (width, height)


@pytest.mark.parametrize("content", [b"", b"no photo", b"\x89PNG\r\n\x1a\n broken"])
def test_a_file_without_a_header_has_no_size(tmp_path, content):
    (tmp_path / "photo.png").write_bytes(content)
    with pytest.raises(TtpoError):
        photo_size(tmp_path / "photo.png")
