"""Damage is named in our words, never in a library's."""

import io

import numpy as np
import pytest
from PIL import Image

from ttpo_cli.errors import TtpoError
from ttpo_cli.imaging.decoding_errors import wrong_checksum
from ttpo_cli.imaging.reading import read_photo

PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8))
LIBRARY = ("vips", "lib", "unable to", "out of range", "VipsJpeg", "tiff2", "premature")


def encoded(format):
    stream = io.BytesIO()
    PICTURE.save(stream, format)
    return stream.getvalue()


@pytest.mark.parametrize("chunk", [b"IHDR", b"IDAT"])
def test_a_png_with_a_wrong_checksum_is_named_so(chunk):
    data = bytearray(encoded("PNG"))
    assert wrong_checksum(bytes(data)) is None
    at = data.find(chunk)
    data[at + 4 + int.from_bytes(data[at - 4 : at], "big")] ^= 1
    with pytest.raises(TtpoError, match=rf"the checksum of its {chunk.decode()} chunk is wrong: copy it again"):
        read_photo(bytes(data))


@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP", "JPEG2000"])
def test_no_word_of_a_library_reaches_a_person(format):
    whole = encoded(format)
    random = np.random.default_rng(1)
    refused = 0
    for attempt in range(60):
        data = bytearray(whole[: len(whole) if attempt % 2 else random.integers(12, len(whole))])
        data[random.integers(8, len(data))] ^= random.integers(1, 256)
        try:
            read_photo(bytes(data), max_pixels=10**6)
        except TtpoError as error:
            refused += 1
            assert not any(word in str(error) for word in LIBRARY)
            assert "\n" not in str(error)
    assert refused > 20
