"""Quantisation tables: the file's own are read as Pillow reads them, and the IJG's qualities come back from them."""

import io

import pytest
from photo_files import RGB, encoded
from PIL import Image

from ttpo_cli.imaging.jpeg_tables import LUMINANCE, luminance_table, quality_table, table_quality


@pytest.mark.parametrize("quality", [1, 5, 25, 49, 50, 75, 95, 100])
def test_the_table_of_a_file_is_the_one_it_was_written_with(quality):
    data = encoded(RGB, "JPEG", quality=quality)
    table = luminance_table(data)
    assert list(table) == Image.open(io.BytesIO(data)).quantization[0]
    assert table == quality_table(quality)


@pytest.mark.parametrize("quality", range(8, 101))
def test_a_quality_comes_back_from_its_table(quality):
    assert table_quality(quality_table(quality)) == quality


def test_a_table_of_another_scale_has_the_quality_of_equal_coarseness():
    assert table_quality(tuple(2 * step + 1 for step in LUMINANCE)) == pytest.approx(25, abs=2)
    assert table_quality((16,) * 64) == pytest.approx(84, abs=4)


def test_bytes_that_hold_no_table_have_none():
    data = encoded(RGB, "JPEG", quality=50)
    at = data.index(b"\xff\xdb")
    assert luminance_table(b"") is None and luminance_table(data[: at + 20]) is None and luminance_table(b"\xff\xd8" + 20 * b"\xff") is None


def test_tables_of_16_bits_are_read():
    data = encoded(RGB, "JPEG", qtables=[[300] + 63 * [2]], quality=1)
    table = luminance_table(data)
    assert table is not None and list(table) == Image.open(io.BytesIO(data)).quantization[0]
