"""--include and --exclude: what a photographer writes means what it says."""

from pathlib import PurePath

import pytest

from ttpo_cli.folder.plan import Globs


@pytest.mark.parametrize(
    ("include", "exclude", "path", "chosen"),
    [
        ((), (), "a.jpg", True),
        (("*.jpg",), (), "A.JPG", True),
        (("*.jpg",), (), "deep/down/a.jpg", True),
        (("*.jpg",), (), "a.png", False),
        (("*.jpg", "*.png"), (), "a.png", True),
        ((), ("drafts",), "drafts/deep/a.jpg", False),
        ((), ("drafts",), "drafts.jpg", True),
        (("*.jpg",), ("*_edit*",), "a_edit2.jpg", False),
        (("2019/*",), (), "2019/may/a.jpg", True),
        (("2019/*",), (), "old/2019/a.jpg", False),
        (("./2019/*",), (), "2019/a.jpg", True),
        (("IMG_00[12].jpg",), (), "img_002.jpg", True),
        (("IMG_00[12].jpg",), (), "img_003.jpg", False),
    ],
)
def test_a_photo_is_chosen_by_name_by_folder_or_by_path(include, exclude, path, chosen):
    assert Globs(include, exclude).choose(PurePath(path)) is chosen
