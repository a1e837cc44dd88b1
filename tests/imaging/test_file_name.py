"""Derived names: as they are while they fit, else shortened so that two never become one."""

import pytest

from ttpo_cli.imaging.file_name import LONGEST_NAME, derived_name


def test_a_name_that_fits_stays():
    assert derived_name("a" * 245, ".ttpo.json") == "a" * 245 + ".ttpo.json"


@pytest.mark.parametrize("letter", ["a", "ü", "写", "🙂"])
@pytest.mark.parametrize("bytes_of_stem", [246, 251, 255])
def test_a_long_name_is_shortened_within_a_letter_boundary(letter, bytes_of_stem):
    width = len(letter.encode())
    stem = letter * (bytes_of_stem // width) + "x" * (bytes_of_stem % width)
    made = derived_name(stem, ".ttpo.json")
    assert made == derived_name(stem, ".ttpo.json")
    assert LONGEST_NAME - width < len(made.encode()) <= LONGEST_NAME
    assert made.endswith(".ttpo.json")
    assert made.startswith(letter * 50)
    assert made.encode().decode() == made


def test_names_with_one_beginning_stay_apart():
    assert len({derived_name("a" * 250 + end, ".ttpo.json") for end in "abcdefgh"}) == 8


def test_a_name_beyond_utf8_is_shortened_too():
    assert len(derived_name("\udcff" * 255, ".json")) == LONGEST_NAME
