"""Nearly whole files: read with a note where every row is there; else the share is said, and `damaged` reads what is left."""

import io

import numpy as np
import pytest
from PIL import Image

from ttpo_cli.errors import TtpoError
from ttpo_cli.imaging.reading import read_photo
from ttpo_cli.imaging.salvage import salvage

Y, X = np.mgrid[:96, :120]
PICTURE = Image.fromarray((np.dstack([X * 2, Y * 2, X + Y]) + np.random.default_rng(0).integers(0, 20, (96, 120, 3))).astype(np.uint8))
KINDS = {
    "jpeg": {"format": "JPEG", "quality": 90},
    "full chroma": {"format": "JPEG", "quality": 95, "subsampling": 0},
    "progressive": {"format": "JPEG", "progressive": True},
    "png": {"format": "PNG"},
}


def encoded(kind, picture=PICTURE):
    stream = io.BytesIO()
    picture.save(stream, **KINDS[kind])
    return stream.getvalue()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("missing", [1, 2])
def test_a_file_that_lacks_only_its_end_is_read_with_a_note(kind, missing):
    whole = encoded(kind)
    photo = read_photo(whole[:-missing])
    assert np.array_equal(photo.pixels.numpy(), read_photo(whole).pixels.numpy())
    assert "the file is without its end, though every row is there" in photo.notes


@pytest.mark.parametrize("kind", ["jpeg", "full chroma", "png"])
@pytest.mark.parametrize("part", [0.45, 0.6, 0.9])
def test_the_share_of_rows_is_said_and_those_rows_are_right(kind, part):
    whole = encoded(kind)
    cut = whole[: int(len(whole) * part)]
    with pytest.raises(TtpoError, match=r"cut short.*--damaged reads what is left, \d+% of its rows are there"):
        read_photo(cut)
    photo = read_photo(cut, damaged=True)
    share = salvage(cut, "png" if kind == "png" else "jpeg").rows
    assert share == pytest.approx(part, abs=0.2)
    rows = int(share * 96) - 1
    assert np.array_equal(photo.pixels.numpy()[..., :rows, :], read_photo(whole).pixels.numpy()[..., :rows, :])
    assert any(f"cut short: {share:.0%} of its rows are there" in note for note in photo.notes)


def test_of_a_progressive_file_without_its_last_scans_no_row_is_whole():
    whole = encoded("progressive")
    cut = whole[: len(whole) // 2]
    assert salvage(cut, "jpeg").rows == 0
    with pytest.raises(TtpoError, match="cut short"):
        read_photo(cut)
    coarse = read_photo(cut, damaged=True).pixels
    assert float((coarse - read_photo(whole).pixels).abs().mean()) < 0.1


def test_damage_within_is_refused_unless_asked_for():
    data = bytearray(encoded("png"))
    at = data.rfind(b"IDAT")
    data[at + 4 + int.from_bytes(data[at - 4 : at], "big")] ^= 1
    with pytest.raises(TtpoError, match="checksum of its IDAT chunk is wrong.*--damaged reads what is left"):
        read_photo(bytes(data))
    assert np.array_equal(read_photo(bytes(data), damaged=True).pixels.numpy(), read_photo(encoded("png")).pixels.numpy())


@pytest.mark.parametrize("kind", KINDS)
def test_where_nothing_is_left_the_file_is_refused_all_the_same(kind):
    with pytest.raises(TtpoError):
        read_photo(encoded(kind)[:40], damaged=True)
    assert salvage(b"GIF89a", "gif") is None
