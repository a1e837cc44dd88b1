"""What TIFF channels mean: Lab, transparency, and channels of another meaning, which a TIFF keeps."""

import struct
import tracemalloc

import numpy as np
import pytest
from tiff_files import plain_tags, tiff

from ttpo_cli.imaging.photo import with_pixels
from ttpo_cli.imaging.reading import read_photo
from ttpo_cli.imaging.tiff_directory import read_directory
from ttpo_cli.imaging.writing import encode_photo, losses
from ttpo_cli.settings.output import Encoding

SAMPLES = np.random.default_rng(0).integers(0, 256, (9, 11, 6), dtype=np.uint8)


def made(bands, types, depth=np.uint8, photometric=2):
    samples = np.ascontiguousarray(SAMPLES[..., :bands]).astype(depth) * (1 if depth == np.uint8 else 257)
    tags = plain_tags(samples, photometric=photometric) | ({338: (3, types)} if types else {})
    return tiff([samples.tobytes()], tags)


def levels(tensor):
    return (tensor[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
@pytest.mark.parametrize(
    ("types", "alpha", "extra"),
    [([0], None, [3]), ([2], 3, []), ([], None, [3]), ([0, 2], 4, [3]), ([2, 0, 0], 3, [4, 5]), ([0, 0], None, [3, 4])],
)
def test_only_channels_that_are_called_so_are_transparency(types, alpha, extra, depth):
    photo = read_photo(made(3 + max(len(types), 1), types, depth))
    np.testing.assert_array_equal(levels(photo.pixels), SAMPLES[..., :3])
    assert (photo.alpha is None) == (alpha is None)
    if alpha is not None:
        np.testing.assert_array_equal(levels(photo.alpha)[..., 0], SAMPLES[..., alpha])
    assert (photo.extra is None) == (not extra)
    if extra:
        np.testing.assert_array_equal(levels(photo.extra), SAMPLES[..., extra])


@pytest.mark.parametrize(("bands", "types"), [(2, [0]), (2, [2]), (3, [0, 2])])
def test_grey_has_extra_channels_too(bands, types):
    if bands == 3:
        pytest.skip("three channels of grey are read as colour by libvips")
    photo = read_photo(made(bands, types, photometric=1))
    assert photo.grey
    np.testing.assert_array_equal(levels(photo.extra if types == [0] else photo.alpha)[..., 0], SAMPLES[..., 1])


@pytest.mark.parametrize("types", [[0], [2, 0], [0, 2], [0, 0, 0]])
def test_a_tiff_keeps_extra_channels_and_their_meaning_and_other_formats_say_so(types):
    photo = read_photo(made(3 + len(types), types))
    data = encode_photo(None, photo, Encoding(format="tiff")).data
    again = read_photo(data)
    for one, other in ((photo.extra, again.extra), (photo.alpha, again.alpha), (photo.pixels, again.pixels)):
        assert (one is None) == (other is None)
        assert one is None or np.array_equal(levels(one), levels(other))
    assert sorted(read_directory(data).values[338]) == sorted(types)
    assert losses(photo, Encoding(format="tiff")) == ()
    assert "extra channels" in losses(photo, Encoding(format="png"))[0]
    assert read_photo(encode_photo(None, photo, Encoding(format="png")).data).extra is None
    assert with_pixels(photo, photo.pixels.repeat(1, 1, 2, 2)).extra.shape[-2:] == (18, 22)


def lab(values, photometric, depth):
    samples = np.broadcast_to(np.array(values).astype(depth), (8, 8, 3)).copy()
    return tiff([samples.tobytes()], plain_tags(samples, photometric=photometric, sample_format=3 if depth == np.float32 else 1))


# Published Lab (D50) values of sRGB's colours, as colour management tools give them.
@pytest.mark.parametrize(
    ("colour", "expected"),
    [((100, 0, 0), (255, 255, 255)), ((0, 0, 0), (0, 0, 0)), ((53.39, 0, 0), (127.5,) * 3), ((54.29, 80.81, 69.89), (255, 0, 0)),
     ((87.82, -79.29, 80.99), (0, 255, 0)), ((29.57, 68.30, -112.03), (0, 0, 255))],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["cie 8", "cie 16", "icc 8", "icc 16", "float"])
def test_lab_is_converted_to_srgb(colour, expected, kind):
    lightness, a, b = colour
    data = {
        "cie 8": lambda: lab([round(lightness * 2.55), round(a) % 256, round(b) % 256], 8, np.uint8),
        "cie 16": lambda: lab([round(lightness * 655.35), round(a * 256) % 65536, round(b * 256) % 65536], 8, np.uint16),
        "icc 8": lambda: lab([round(lightness * 2.55), round(a) + 128, round(b) + 128], 9, np.uint8),
        "icc 16": lambda: lab([round(lightness * 655.35), round((a + 128) * 256), round((b + 128) * 256)], 9, np.uint16),
        "float": lambda: lab(colour, 8, np.float32),
    }[kind]()
    photo = read_photo(data)
    np.testing.assert_allclose(photo.pixels[0, :, 4, 4].numpy() * 255, expected, atol=12 if "8" in kind else 4)
    assert any("converted to sRGB" in note for note in photo.notes)


def test_a_tag_that_claims_millions_of_values_takes_no_memory_for_them():
    """A count of 2**26 rationals in a file of some bytes: the format of struct was that long, and struct keeps formats."""
    claimed = struct.pack("<4sIH", b"II*\0", 8, 1) + struct.pack("<HHII", 282, 5, 2**26, 8) + bytes(4)
    tracemalloc.start()
    assert read_directory(claimed) is None
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20
