"""A preview shows what the photo shows, in sRGB, upright, small."""

import io

import pytest
import pyvips
from PIL import Image

from ttpo_cli.errors import TtpoError
from ttpo_cli.imaging.preview import picture_size, preview


def shown(path, side=64):
    return Image.open(io.BytesIO(preview(path, side)))


def test_it_is_no_larger_than_asked_and_never_enlarged(tmp_path):
    Image.new("RGB", (200, 100), (90, 120, 30)).save(tmp_path / "large.png")
    Image.new("RGB", (20, 10)).save(tmp_path / "small.png")
    assert shown(tmp_path / "large.png").size == (64, 32) and shown(tmp_path / "small.png").size == (20, 10)
    assert all(abs(a - b) <= 2 for a, b in zip(shown(tmp_path / "large.png").getpixel((9, 9)), (90, 120, 30), strict=True))


def test_it_is_upright(tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    Image.new("RGB", (40, 20)).save(tmp_path / "photo.jpg", exif=exif)
    assert shown(tmp_path / "photo.jpg").size == (20, 40)


def test_transparency_lies_over_white_and_16_bits_become_8(tmp_path):
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert shown(tmp_path / "clear.png").getpixel((4, 4)) == (255, 255, 255)
    pyvips.Image.black(8, 8, bands=3).linear(1, 32896).cast("ushort").copy(interpretation="rgb16").write_to_file(str(tmp_path / "deep.png"))
    assert abs(shown(tmp_path / "deep.png").getpixel((4, 4))[0] - 128) <= 2


def test_a_profile_is_applied(tmp_path):
    """Wide primaries: what is pure red in Display P3 is outside sRGB, and a grey stays grey."""
    picture = pyvips.Image.black(8, 8, bands=3).linear(1, [200, 60, 60]).cast("uchar").copy(interpretation="srgb")
    wide = picture.icc_transform("p3", input_profile="srgb")
    wide.write_to_file(str(tmp_path / "wide.png"))
    assert abs(wide(4, 4)[0] - 200) > 5, "the stored values are other ones"
    assert all(abs(a - b) <= 3 for a, b in zip(shown(tmp_path / "wide.png").getpixel((4, 4)), (200, 60, 60), strict=True))


def test_what_is_no_photo_is_said(tmp_path):
    (tmp_path / "x.png").write_bytes(b"no")
    with pytest.raises(TtpoError, match="cannot be shown"):
        preview(tmp_path / "x.png", 64)


def test_its_size_is_known_from_the_header(tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    Image.new("RGB", (40, 20)).save(tmp_path / "photo.jpg", exif=exif)
    assert picture_size(tmp_path / "photo.jpg") == shown(tmp_path / "photo.jpg").size == (20, 40)
    (tmp_path / "x.png").write_bytes(b"no")
    with pytest.raises(TtpoError, match="cannot be shown"):
        picture_size(tmp_path / "x.png")
