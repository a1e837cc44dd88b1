"""The keys by which a person chooses: a number for the best, shift or `d` for the worst, undo, and two digits among many."""

import pytest

from ttpo_cli.cli.restore.ask import Choice, press


def after(keys, count=6):
    """The choice, or the event that ended it, after these keys."""
    choice = Choice(count)
    for key in keys:
        choice = press(choice, key)
    return choice


def rows(keys, count=6):
    choice = after(keys, count)
    return choice.preferred, choice.dispreferred


@pytest.mark.parametrize(("keys", "best", "worst"), [("3!", 3, 1), ("3d1", 3, 1), ("!3", 3, 1), ("d13", 3, 1), ("0%", 0, 5), ("2)", 2, 0)])
def test_a_digit_is_the_best_and_with_shift_or_after_d_the_worst(keys, best, worst):
    assert rows(keys) == (best, worst)
    assert press(after(keys), "\r") == press(after(keys), "\n") == "done"


def test_a_later_key_takes_an_earlier_ones_place():
    assert rows("3!2@") == (2, 2) and rows("3!2@5") == (5, 2)
    assert rows("db3") == (3, None)


@pytest.mark.parametrize(("keys", "said"), [("", "best first"), ("3", "worst too"), ("!", "best first"), ("3#", "same image")])
def test_enter_waits_for_two_different_images_and_says_what_is_missing(keys, said):
    choice = after(keys + "\r")
    assert isinstance(choice, Choice) and said in choice.said
    assert (choice.preferred, choice.dispreferred) == rows(keys)


def test_an_image_that_is_not_there_changes_nothing():
    choice = after("37")
    assert (choice.preferred, choice.dispreferred) == (3, None) and "no image 7" in choice.said
    assert rows("3^") == (3, None)
    assert after("37x").said == choice.said and after("371").said == ""


def test_undo_goes_back_key_by_key_and_then_asks_for_the_photo_before():
    assert rows("3!u") == (3, None) and rows("3!uu") == (None, None)
    assert rows("3!2u") == (3, 1)
    assert after("3!uuu") == "back"
    assert rows("du3") == (3, None) and rows("3du") == (3, None)


@pytest.mark.parametrize(("key", "event"), [("s", "skip"), ("q", "stop"), ("z", "zoom"), ("u", "back")])
def test_the_letters_end_or_change_the_view(key, event):
    assert press(Choice(6), key) == event


def test_other_keys_do_nothing():
    for key in ("x", "é", "²", " ", "S", "\t", ""):
        assert press(after("3!"), key) == after("3!")


def test_digits_join_where_there_are_more_than_ten_images_and_the_number_is_one_of_them():
    assert rows("12", count=16) == (12, None) and rows("12", count=6) == (2, None)
    assert rows("19", count=16) == (9, None), "there is no image 19"
    assert rows("d12", count=16) == (None, 12) and rows("!@", count=16) == (None, 12)
    assert rows("1@", count=16) == (1, 2), "shift begins the other number"
    assert rows("d1b2", count=16) == (2, 1), "b begins the best again"
    assert rows("12u", count=16) == (1, None)
    assert rows("123", count=16) == (3, None)
    assert rows("d03", count=16) == rows("d03") == (3, 0), "no number begins with 0"
    assert rows("12", count=11) == (2, None) and rows("10", count=11) == (10, None) and rows("10", count=10) == (0, None)
