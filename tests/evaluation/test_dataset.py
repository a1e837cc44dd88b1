"""Folders as datasets: the three ways to lay out pairs, photos without references, and what is wrong with the rest."""

import pytest

from ttpo_cli.errors import TtpoError
from ttpo_cli.evaluation.dataset import find_items, find_reference


def fill(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def test_names_of_selfexsr_make_pairs(tmp_path):
    items = find_items(fill(tmp_path, "img_002_SRF_4_HR.png", "img_002_SRF_4_LR.png", "img_001_SRF_4_LR.png", "img_001_SRF_4_HR.png"))
    assert [item.name for item in items] == ["img_001_SRF_4", "img_002_SRF_4"]
    assert items[0].lq.name == "img_001_SRF_4_LR.png" and items[0].hq is not None and items[0].hq.name == "img_001_SRF_4_HR.png"


@pytest.mark.parametrize("sides", [("HR", "LR"), ("hr", "lr")])
def test_sub_folders_of_equal_names_make_pairs(tmp_path, sides):
    high, low = sides
    items = find_items(fill(tmp_path, f"{high}/a.png", f"{high}/b.png", f"{low}/a.jpg", f"{low}/bx4.png"))
    assert [(item.name, item.lq.name) for item in items] == [("a", "a.jpg"), ("b", "bx4.png")]


def test_other_photos_have_no_reference(tmp_path):
    items = find_items(fill(tmp_path, "b.jpg", "a.png", "notes.txt", ".hidden.png"))
    assert [(item.name, item.hq) for item in items] == [("a", None), ("b", None)]


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        (("a_HR.png", "a_LR.png", "b_HR.png"), "b has its HR photo but no LR photo"),
        (("HR/a.png", "LR/a.png", "LR/c.png"), "c has its LR photo but no HR photo"),
        (("a_HR.png", "a_LR.png", "holiday.png"), "mixes HR/LR pairs with other photos \\(holiday.png\\)"),
        ((), "no photo"),
    ],
)
def test_an_incomplete_dataset_is_told_what_is_missing(tmp_path, names, complaint):
    with pytest.raises(TtpoError, match=complaint):
        find_items(fill(tmp_path, *names))


def test_a_dataset_that_is_no_folder_is_an_error(tmp_path):
    with pytest.raises(TtpoError, match="is not a folder"):
        find_items(tmp_path / "absent")


def test_a_reference_is_found_by_name_then_by_stem(tmp_path):
    references = fill(tmp_path / "ref", "a.png", "b.png")
    assert find_reference(tmp_path / "a.png", references).name == "a.png"
    assert find_reference(tmp_path / "b.jpg", references).name == "b.png"
    assert find_reference(tmp_path / "anything.png", references / "a.png") == references / "a.png"
    for photo, place in (("c.png", references), ("a.png", tmp_path / "nowhere")):
        with pytest.raises(TtpoError):
            find_reference(tmp_path / photo, place)
