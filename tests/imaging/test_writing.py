"""Writing: what was read comes back, whole or not at all, and never over the source."""

import errno
import io
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import pyvips
import torch
from PIL import Image
from skimage.io import imread

from ttpo_cli.errors import TtpoError, UsageError
from ttpo_cli.imaging.atomic import atomic_write, check_target
from ttpo_cli.imaging.formats import FORMATS
from ttpo_cli.imaging.photo import Metadata, Photo, with_pixels
from ttpo_cli.imaging.reading import read_photo
from ttpo_cli.imaging.writing import encode_photo, losses, write_photo
from ttpo_cli.imaging.xmp_mark import GENERATIVE, Mark
from ttpo_cli.settings.output import Encoding


def a_photo(height: int = 6, width: int = 8, *, bit_depth: int = 8, alpha: bool = False, grey: bool = False, format: str = "png") -> Photo:
    peak = 2**bit_depth - 1
    samples = np.random.default_rng(height * width).integers(0, peak + 1, (1, 4, height, width))
    pixels = torch.from_numpy(samples / peak).float()
    colours = pixels[:, :1].repeat(1, 3, 1, 1) if grey else pixels[:, :3]
    return Photo(colours, pixels[:, 3:] if alpha else None, grey, bit_depth, format, Metadata(), "0" * 64, f"photo.{format}")


def bytes_of(photo: Photo, **options) -> bytes:
    data = write_photo(None, photo, Encoding(**options))
    assert isinstance(data, bytes)
    return data


def files_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


# --- values


@pytest.mark.parametrize("bit_depth", [8, 16])
@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("format", ["png", "tiff"])
def test_a_round_trip_is_lossless_at_either_depth_with_and_without_colour_and_alpha(
    bit_depth: int, grey: bool, alpha: bool, format: str
) -> None:
    photo = a_photo(bit_depth=bit_depth, alpha=alpha, grey=grey, format=format)
    back = read_photo(bytes_of(photo))
    assert (back.format, back.bit_depth, back.grey) == (format, bit_depth, grey)
    assert torch.equal(back.pixels, photo.pixels)
    if alpha:
        assert back.alpha is not None
        assert photo.alpha is not None
        assert torch.equal(back.alpha, photo.alpha)
    else:
        assert back.alpha is None


def test_all_levels_of_both_depths_come_back_as_themselves() -> None:
    for bit_depth, side in ((8, 16), (16, 256)):
        ramp = (torch.arange(side * side) / (side * side - 1)).float().reshape(1, 1, side, side).repeat(1, 3, 1, 1)
        back = read_photo(bytes_of(replace(a_photo(bit_depth=bit_depth), pixels=ramp)))
        assert torch.equal((back.pixels * (side * side - 1)).round()[0, 1].flatten().long(), torch.arange(side * side))


def test_other_readers_see_the_same_values() -> None:
    photo = a_photo(bit_depth=16)
    expected = (photo.pixels[0] * 65535).round().permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(imread(io.BytesIO(bytes_of(photo, format="tiff")), plugin="tifffile"), expected)
    eight = a_photo(alpha=True)
    assert eight.alpha is not None
    expected = (torch.cat([eight.pixels, eight.alpha], dim=1)[0] * 255).round().permute(1, 2, 0).numpy()
    for format, options in (("png", {}), ("tiff", {}), ("webp", {"quality": 100})):
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(bytes_of(eight, format=format, **options)))), expected)


def test_grey_is_written_as_one_channel_the_mean_of_three() -> None:
    unequal = replace(a_photo(grey=True), pixels=torch.tensor([0, 0.5, 1.0])[None, :, None, None].repeat(1, 1, 6, 8))
    for format in ("png", "tiff", "jpeg"):
        image = Image.open(io.BytesIO(bytes_of(unequal, format=format)))
        assert image.mode == "L"
        assert set(np.asarray(image).flatten()) == {128}


def test_values_are_clipped_and_rounded_half_to_even() -> None:
    values = torch.tensor([-0.5, 0.5 / 255, 1.5 / 255, 2.5 / 255, 1.2, 0.999])[None, None, None]
    image = Image.open(io.BytesIO(bytes_of(replace(a_photo(), pixels=values.repeat(1, 3, 1, 1)))))
    assert np.asarray(image)[0, :, 0].tolist() == [0, 0, 2, 2, 255, 255]


def test_jpeg_and_lossy_webp_stay_near_and_quality_makes_them_nearer() -> None:
    smooth = torch.nn.functional.interpolate(a_photo(9, 9).pixels, size=(72, 72), mode="bicubic").clamp(0, 1)
    photo = replace(a_photo(), pixels=smooth)
    for format in ("jpeg", "webp"):
        errors = [(read_photo(bytes_of(photo, format=format, quality=quality)).pixels - smooth).abs().mean() for quality in (30, 95)]
        assert errors[1] < 0.02
        assert errors[1] < errors[0] / 1.5


def test_transparency_is_laid_over_white_where_the_format_has_none_and_said_so() -> None:
    photo = a_photo(16, 16, alpha=True)
    clear = replace(photo, alpha=torch.zeros_like(photo.pixels[:, :1]), pixels=torch.zeros_like(photo.pixels))
    assert read_photo(bytes_of(clear, format="jpeg")).pixels.min() > 0.99
    assert any("transparency" in loss for loss in losses(clear, Encoding(format="jpeg")))
    opaque = replace(clear, alpha=torch.ones_like(photo.pixels[:, :1]))
    assert read_photo(bytes_of(opaque, format="jpeg")).pixels.max() < 0.01
    assert losses(opaque, Encoding(format="jpeg")) == ()


def test_pixels_that_are_no_numbers_are_a_programmers_error() -> None:
    with pytest.raises(ValueError, match="NaN"):
        write_photo(None, replace(a_photo(), pixels=torch.full((1, 3, 2, 2), float("nan"))))


# --- options


def test_keep_means_what_the_suffix_promises_and_else_the_photos_own_format(tmp_path: Path) -> None:
    photo = a_photo(format="webp")
    for name, format in (("a.png", "png"), ("a.JPG", "jpeg"), ("a.jpeg", "jpeg"), ("a.tif", "tiff"), ("a.webp", "webp"), ("plain", "webp")):
        write_photo(tmp_path / name, photo)
        assert read_photo(tmp_path / name).format == format
        assert read_photo(tmp_path / name).notes == ()


def test_a_suffix_that_contradicts_or_means_nothing_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="named as PNG but JPEG was asked for"):
        write_photo(tmp_path / "a.png", a_photo(), Encoding(format="jpeg"))
    with pytest.raises(UsageError, match=r"\.jpg"):
        write_photo(tmp_path / "a.gif", a_photo())
    with pytest.raises(UsageError, match=r"did you mean webp\?"):
        write_photo(None, a_photo(), Encoding(format="webpp"))
    assert files_in(tmp_path) == []


def test_16_bits_asked_of_an_8_bit_format_are_refused_and_kept_16_become_8_with_a_word() -> None:
    photo = a_photo(bit_depth=16)
    for format in ("jpeg", "webp"):
        with pytest.raises(UsageError, match="choose PNG or TIFF"):
            write_photo(None, photo, Encoding(format=format, bit_depth=16))
        assert read_photo(bytes_of(photo, format=format)).bit_depth == 8
        assert "8 bits a channel instead of 16" in losses(photo, Encoding(format=format))[0]
        assert losses(photo, Encoding(format=format, bit_depth="8")) == ()
    assert losses(photo) == ()
    for bit_depth, found in (("8", 8), (8, 8), ("16", 16), (16, 16), ("keep", 16)):
        assert read_photo(bytes_of(photo, bit_depth=bit_depth)).bit_depth == found
    assert read_photo(bytes_of(a_photo(), bit_depth=16)).bit_depth == 16


@pytest.mark.parametrize("options", [{"bit_depth": 12}, {"quality": 0}, {"quality": 101}, {"keep": frozenset({"exiv"})}])
def test_an_option_out_of_range_is_a_usage_error(options: dict) -> None:
    with pytest.raises(UsageError):
        write_photo(None, a_photo(), Encoding(**options))


def test_a_photo_too_long_for_a_format_is_refused_by_name_and_a_strip_fits_the_others() -> None:
    strip = a_photo(3, 20000)
    with pytest.raises(TtpoError, match="20000x3 pixels do not fit WebP"):
        write_photo(None, strip, Encoding(format="webp"))
    for format in ("png", "tiff", "jpeg"):
        assert read_photo(bytes_of(strip, format=format)).pixels.shape == (1, 3, 3, 20000)
    with pytest.raises(TtpoError, match="do not fit JPEG"):
        write_photo(None, a_photo(1, 65501), Encoding(format="jpeg"))


@pytest.mark.parametrize("format", list(FORMATS))
def test_a_single_pixel_is_written(format: str) -> None:
    assert read_photo(bytes_of(a_photo(1, 1), format=format)).pixels.shape == (1, 3, 1, 1)


# --- places


def test_missing_folders_are_made_and_nothing_but_the_file_is_left(tmp_path: Path) -> None:
    target = tmp_path / "new" / "deep" / "photo.png"
    assert write_photo(target, a_photo()) == target
    assert files_in(target.parent) == ["photo.png"]


def test_an_existing_file_is_kept_unless_overwriting_is_allowed(tmp_path: Path) -> None:
    target = tmp_path / "photo.png"
    target.write_bytes(b"precious")
    with pytest.raises(TtpoError, match="exists already"):
        write_photo(target, a_photo())
    assert target.read_bytes() == b"precious"
    link = tmp_path / "link.png"
    link.symlink_to(tmp_path / "gone.png")
    with pytest.raises(TtpoError, match="exists already"):
        write_photo(link, a_photo())
    link.unlink()
    write_photo(target, a_photo(), overwrite=True)
    assert read_photo(target).pixels.shape == (1, 3, 6, 8)
    assert files_in(tmp_path) == ["photo.png"]


@pytest.mark.parametrize("disguise", ["itself", "symbolic link", "hard link", "relative path", "linked folder"])
def test_the_source_is_never_overwritten_whatever_path_leads_to_it(disguise: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "photo.png"
    data = bytes_of(a_photo())
    source.write_bytes(data)
    target = {"itself": source, "relative path": Path("sub/../photo.png")}.get(disguise, tmp_path / "other.png")
    if disguise == "symbolic link":
        target.symlink_to(source)
    elif disguise == "hard link":
        os.link(source, target)
    elif disguise == "relative path":
        (tmp_path / "sub").mkdir()
        monkeypatch.chdir(tmp_path)
    elif disguise == "linked folder":
        (tmp_path / "mirror").symlink_to(tmp_path)
        target = tmp_path / "mirror" / "photo.png"
    with pytest.raises(TtpoError, match="source itself"):
        write_photo(target, a_photo(9, 9), overwrite=True, source=source)
    assert source.read_bytes() == data


def test_a_full_disk_is_one_line_and_leaves_neither_a_piece_nor_a_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "photo.png"
    target.write_bytes(b"precious")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TtpoError, match="No space left on device.*free some space"):
        write_photo(target, a_photo(), overwrite=True)
    assert files_in(tmp_path) == ["photo.png"]
    assert target.read_bytes() == b"precious"


def test_an_interrupt_while_writing_leaves_no_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        atomic_write(tmp_path / "report.json", b"{}")
    assert files_in(tmp_path) == []


def test_places_that_cannot_be_written_are_refused_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TtpoError, match="is a folder"):
        check_target(tmp_path)
    with pytest.raises(TtpoError, match="is not a folder"):
        check_target(tmp_path / "file" / "photo.png")
    with pytest.raises(TtpoError, match="File name too long"):
        check_target(tmp_path / ("n" * 300))
    monkeypatch.setattr(os, "access", lambda *_: False)  # the administrator may write everywhere
    with pytest.raises(TtpoError, match="no permission to write in"):
        check_target(tmp_path / "missing" / "photo.png")


def test_a_refusal_by_the_system_while_writing_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(TtpoError, match="Permission denied"):
        write_photo(tmp_path / "photo.png", a_photo())
    assert files_in(tmp_path) == []


def test_a_written_file_has_the_permissions_that_the_user_gives_to_new_files(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        atomic_write(tmp_path / "report.json", b"{}")
    finally:
        os.umask(before)
    assert (tmp_path / "report.json").stat().st_mode & 0o777 == 0o640


# --- other pixels


def test_other_pixels_take_the_alpha_with_them() -> None:
    photo = a_photo(6, 8, alpha=True)
    half = replace(photo, alpha=torch.full((1, 1, 6, 8), 0.5))
    larger = with_pixels(half, torch.rand(1, 3, 24, 32))
    assert larger.alpha is not None
    torch.testing.assert_close(larger.alpha, torch.full((1, 1, 24, 32), 0.5))
    same = with_pixels(photo, photo.pixels * 0)
    assert same.alpha is photo.alpha
    edge = replace(photo, alpha=(torch.arange(8) > 3).float().expand(1, 1, 6, 8))
    grown = with_pixels(edge, torch.rand(1, 3, 24, 32)).alpha
    assert grown is not None
    assert grown.min() == 0
    assert grown.max() == 1
    for shape in ((3, 4, 4), (2, 3, 4, 4), (1, 1, 4, 4)):
        with pytest.raises(ValueError, match="1, 3, H, W"):
            with_pixels(photo, torch.zeros(shape))


def test_the_encoder_is_libvips_which_was_not_asked_to_change_colours() -> None:
    photo = replace(a_photo(), metadata=Metadata(icc=pyvips.Image.profile_load("p3")))
    assert torch.equal(read_photo(bytes_of(photo)).pixels, photo.pixels)


MARK = Mark(GENERATIVE, "ttpo 1")


@pytest.mark.parametrize("format", sorted(FORMATS))
@pytest.mark.parametrize("keep", [frozenset({"exif", "icc", "xmp"}), frozenset()])
def test_the_mark_is_in_the_files_of_every_format_also_where_no_metadata_is_kept(format, keep):
    read = read_photo(encode_photo(None, a_photo(), Encoding(format=format, keep=keep), mark=MARK).data)
    assert read.metadata.xmp is not None and GENERATIVE.encode() in read.metadata.xmp
    assert losses(a_photo(), Encoding(format=format, keep=keep), mark=MARK) == ()


def test_xmp_without_room_for_the_mark_in_a_jpeg_stays_and_that_is_told():
    room = 65533 - len(b"http://ns.adobe.com/xap/1.0/\0")
    head, tail = b'<x xmlns="adobe:ns:meta/"><r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#">', b"</r:RDF></x>"
    xmp = head + b" " * (room - len(head) - len(tail) - 10) + tail
    photo = replace(a_photo(), metadata=Metadata(xmp=xmp))
    assert read_photo(encode_photo(None, photo, Encoding(format="jpeg"), mark=MARK).data).metadata.xmp == xmp
    assert "no mark" in losses(photo, Encoding(format="jpeg"), mark=MARK)[0]
    assert GENERATIVE.encode() in read_photo(encode_photo(None, photo, Encoding(format="png"), mark=MARK).data).metadata.xmp


def test_the_hash_of_the_pixels_depends_on_the_samples_and_on_nothing_else():
    photo = a_photo(bit_depth=16)
    known = encode_photo(None, photo).pixels_sha256
    assert encode_photo(None, photo, Encoding(format="tiff"), mark=MARK).pixels_sha256 == known
    other = photo.pixels.clone()
    other[0, 0, 0, 0] += (1 if other[0, 0, 0, 0] < 0.5 else -1) / 65535
    assert encode_photo(None, replace(photo, pixels=other)).pixels_sha256 != known
    assert encode_photo(None, photo, Encoding(bit_depth=8)).pixels_sha256 != known
    turned = photo.pixels.reshape(1, 3, photo.pixels.shape[3], photo.pixels.shape[2])
    assert encode_photo(None, replace(photo, pixels=turned)).pixels_sha256 != known
