"""Formats that Pillow reads for us, and those that libvips reads besides the four that are written."""

import io

import numpy as np
import pytest
from photo_files import RGB, by_vips, encoded
from PIL import Image, ImageCms

from ttpo_cli.errors import TtpoError
from ttpo_cli.imaging.reading import photo_size, read_photo

SAMPLES = np.array(RGB)


def values(data):
    photo = read_photo(data, name="x")
    return photo, (photo.pixels[0].permute(1, 2, 0).numpy() * 255).round().astype(int)


@pytest.mark.parametrize("format", ["BMP", "DIB", "JPEG2000", "GIF"])
def test_colours_are_read_as_they_are(format):
    picture = RGB if format != "GIF" else RGB.convert("P", palette=Image.Palette.ADAPTIVE)
    expected = np.array(picture.convert("RGB")).astype(int)
    if format == "DIB":
        pytest.skip("a DIB without its header is not a file that people have")
    photo, read = values(encoded(picture, format))
    assert np.array_equal(read, expected)
    assert photo.format == "png"
    assert "does not write" in photo.notes[0]


def test_grey_palette_and_one_bit_bmp_are_read():
    grey = RGB.convert("L")
    for picture in (grey, RGB.convert("P"), grey.convert("1")):
        photo, read = values(encoded(picture, "BMP"))
        assert np.array_equal(read, np.array(picture.convert("RGB")).astype(int))


def test_a_jpeg_2000_keeps_its_profile_alpha_and_16_bits_of_grey():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    photo, _ = values(encoded(RGB, "JPEG2000", icc_profile=profile))
    assert photo.metadata.icc in (None, profile)  # an OpenJPEG without lcms passes no profile on
    alpha = Image.fromarray(np.dstack([SAMPLES, np.arange(48, dtype=np.uint8).reshape(6, 8)]))
    assert (read_photo(encoded(alpha, "JPEG2000")).alpha * 255).round().flatten().tolist() == list(range(48))
    deep = np.arange(48, dtype=np.uint16).reshape(6, 8) * 1000
    photo = read_photo(encoded(Image.fromarray(deep), "JPEG2000"))
    assert photo.bit_depth == 16
    assert ((photo.pixels[0, 0] * 65535).round().numpy().astype(int) == deep).all()


def test_of_an_animated_gif_the_first_frame_is_read_and_said():
    stream = io.BytesIO()
    first, second = (Image.fromarray(np.full((6, 8, 3), value, np.uint8)) for value in (40, 200))
    first.save(stream, "GIF", save_all=True, append_images=[second])
    photo, read = values(stream.getvalue())
    assert (read == 40).all()
    assert any("first of its 2 pages" in note for note in photo.notes)


def test_an_avif_is_read_by_libvips():
    flat = np.full((64, 64, 3), 120, np.uint8)
    photo, read = values(by_vips(flat, ".avif", "srgb", lossless=True))
    assert np.abs(read - 120).max() <= 2
    assert photo.format == "png"


@pytest.mark.parametrize("format", ["BMP", "JPEG2000", "GIF"])
def test_the_size_is_known_from_the_header_and_damage_is_refused_in_words(tmp_path, format):
    data = encoded(RGB.convert("P") if format == "GIF" else RGB, format)
    (tmp_path / "x").write_bytes(data)
    assert photo_size(tmp_path / "x") == (8, 6)
    with pytest.raises(TtpoError, match="limit of 40"):
        read_photo(data, max_pixels=40)
    for length in (20, len(data) // 2, len(data) - 30):
        with pytest.raises(TtpoError) as caught:
            read_photo(data[:length])
        assert "\n" not in str(caught.value)
