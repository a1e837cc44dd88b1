"""TIFF kinds that libvips does not decode: every one comes back to the value that was written."""

import lzma
import zlib

import numpy as np
import pytest
import zstandard
from tiff_files import packed, plain_tags, tiff

from ttpo_cli.errors import TtpoError
from ttpo_cli.imaging.reading import read_photo

DOUBLE = np.random.default_rng(0).random((10, 13, 3))
COMPRESSORS = {1: bytes, 8: zlib.compress, 34925: lzma.compress, 50000: zstandard.ZstdCompressor().compress}


def read(data):
    photo = read_photo(data)
    return photo, photo.pixels[0].permute(1, 2, 0).numpy()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", COMPRESSORS)
@pytest.mark.parametrize("depth", ["f8", "f4", "u1", "u2"])
def test_every_depth_is_read_with_every_compression_that_is_ours(order, compression, depth):
    peak = 1 if depth[0] == "f" else 2 ** (8 * int(depth[1])) - 1
    samples = (DOUBLE * peak).astype(f"{order}{depth}")
    data = COMPRESSORS[compression](samples.tobytes())
    _, values = read(tiff([data], plain_tags(samples, sample_format=3 if depth[0] == "f" else 1, compression=compression), order))
    np.testing.assert_allclose(values, samples.astype(float) / peak, atol=1e-6)


@pytest.mark.parametrize("bits", [10, 12, 14, 24])
@pytest.mark.parametrize("bands", [1, 3])
def test_odd_depths_are_read(bits, bands):
    samples = (DOUBLE[..., :bands] * (2**bits - 1)).astype(np.uint32)
    photo, values = read(tiff([packed(samples, bits)], plain_tags(samples, bits=bits, photometric=2 if bands == 3 else 1)))
    np.testing.assert_allclose(values, np.broadcast_to(samples / (2**bits - 1), (10, 13, 3)), atol=1 / 65535)
    assert photo.bit_depth == 16
    assert any(f"{bits}-bit samples" in note for note in photo.notes)


def test_differences_planes_tiles_and_inverted_grey_are_undone():
    samples = (DOUBLE * 4095).astype(np.uint32)
    differences = samples.copy()
    differences[:, 1:] -= samples[:, :-1]
    data = tiff([packed(differences % 4096, 12)], plain_tags(samples, bits=12) | {317: (3, [2])})
    np.testing.assert_allclose(read(data)[1], samples / 4095, atol=1e-4)
    planes = [packed(samples[..., band : band + 1], 12) for band in range(3)]
    np.testing.assert_allclose(read(tiff(planes, plain_tags(samples, bits=12) | {284: (3, [2])}))[1], samples / 4095, atol=1e-4)
    padded = np.zeros((16, 16, 3))
    padded[:10, :13] = DOUBLE
    tags = plain_tags(DOUBLE, sample_format=3) | {322: (3, [16]), 323: (3, [16])}
    np.testing.assert_allclose(read(tiff([padded.tobytes()], tags))[1], DOUBLE, atol=1e-6)
    grey = samples[..., :1]
    inverted = read(tiff([packed(grey, 12)], plain_tags(grey, bits=12, photometric=0)))[1]
    np.testing.assert_allclose(inverted[..., :1], 1 - grey / 4095, atol=1e-4)


def test_the_float_predictor_is_undone():
    rows = DOUBLE.reshape(10, -1).astype(">f8").view(np.uint8).reshape(10, -1, 8).transpose(0, 2, 1).reshape(10, -1, 3)
    differences = rows.copy()
    differences[:, 1:] -= rows[:, :-1]
    tags = plain_tags(DOUBLE, sample_format=3, compression=8) | {317: (3, [3])}
    np.testing.assert_allclose(read(tiff([zlib.compress(differences.tobytes())], tags))[1], DOUBLE, atol=1e-6)


@pytest.mark.parametrize("compression", [8, 34925, 50000])
def test_damage_is_refused_in_words(compression):
    data = bytearray(COMPRESSORS[compression](DOUBLE.tobytes()))
    data[len(data) // 3] ^= 0xFF
    for pieces in ([bytes(data[: len(data) // 2])], [b"\xff" * 50]):
        with pytest.raises(TtpoError, match="cut short or damaged"):
            read_photo(tiff(pieces, plain_tags(DOUBLE, sample_format=3, compression=compression)))
    with pytest.raises(TtpoError, match="pieces are missing|damaged"):
        read_photo(tiff([], plain_tags(DOUBLE, sample_format=3)))


def test_what_is_still_not_read_is_named_with_a_way_out():
    samples = (DOUBLE * 255).astype(np.uint8)
    with pytest.raises(TtpoError, match="WebP compression, which is not read here: save it with 8 or 16 bits, and LZW or Deflate"):
        read_photo(tiff([samples.tobytes()], plain_tags(samples, compression=50001)))
    with pytest.raises(TtpoError, match="64-bit float samples with LZW compression"):
        read_photo(tiff([DOUBLE.tobytes()], plain_tags(DOUBLE, sample_format=3, compression=5)))
