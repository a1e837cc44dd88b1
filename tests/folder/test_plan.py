"""Sources to targets: every photo has one place of its own, and none is its source."""

from pathlib import Path

import pytest

from ttpo_cli.errors import TtpoError, UsageError
from ttpo_cli.folder.plan import Globs, Job, not_read, plan


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("album/b.png", "album/a.JPG", "album/notes.txt", "album/.hidden.png", "album/deep/c.tif", "one.jpg", "other/one.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def targets(*sources, **options):
    return [str(job.target) for job in plan(sources, **options)]


@pytest.mark.parametrize(
    ("output", "format", "target"),
    [
        (None, "keep", "one_ttpo.jpg"),
        (None, "png", "one_ttpo.png"),
        ("new.png", "keep", "new.png"),
        ("album", "keep", "album/one.jpg"),
        ("new/", "keep", "new/one.jpg"),
        ("new", "tiff", "new/one.tif"),
    ],
)
def test_where_one_photo_goes(folder, output, format, target):
    assert targets("one.jpg", output=output, format=format) == [target]


def test_a_folder_goes_to_its_sibling_photos_by_name(folder):
    assert targets("album") == ["album_ttpo/a.JPG", "album_ttpo/b.png"]
    assert targets("album/") == ["album_ttpo/a.JPG", "album_ttpo/b.png"]


def test_the_tree_of_a_folder_is_mirrored(folder):
    assert targets("album", recursive=True) == ["album_ttpo/a.JPG", "album_ttpo/b.png", "album_ttpo/deep/c.tif"]
    assert targets("album", output="out", recursive=True, format="png") == ["out/a.png", "out/b.png", "out/deep/c.png"]


def test_the_current_folder_has_a_sibling_too(folder, monkeypatch):
    monkeypatch.chdir(folder / "album")
    assert Path(targets(".")[0]).resolve() == folder / "album_ttpo" / "a.JPG"


def test_dash_is_standard_input_and_output(folder):
    assert plan(["-"]) == (Job(None, None),)
    assert plan(["-"], "x.png") == (Job(None, Path("x.png")),)
    assert plan(["one.jpg"], "-") == (Job(Path("one.jpg"), None),)


@pytest.mark.parametrize(
    ("sources", "output"),
    [
        ([], None),
        (["one.jpg", "album/b.png"], "-"),
        (["album"], "-"),
        (["-", "one.jpg"], None),
        (["one.jpg", "album/b.png"], "other/one.jpg"),
        (["one.jpg"], "one.jpg"),
        (["one.jpg"], "album/../one.jpg"),
        (["one.jpg", "other/one.jpg"], "out"),
        (["one.jpg", "one.jpg"], None),
    ],
)
def test_what_cannot_be_meant_is_refused(folder, sources, output):
    with pytest.raises(UsageError):
        plan(sources, output)


def test_two_photos_that_would_become_one_file_are_named(folder):
    (folder / "album" / "a.png").touch()
    with pytest.raises(UsageError, match=r"a\.JPG.*a\.png"):
        plan(["album"], format="png")


def test_a_folder_without_photos_says_what_it_looked_for(folder):
    (folder / "empty" / "deep").mkdir(parents=True)
    (folder / "empty" / "deep" / "a.png").touch()
    with pytest.raises(TtpoError, match="--recursive"):
        plan(["empty"])


def test_globs_choose_among_the_photos_of_folders_and_of_lists(folder):
    assert targets("album", recursive=True, globs=Globs(exclude=("deep",))) == ["album_ttpo/a.JPG", "album_ttpo/b.png"]
    assert targets("album/b.png", "one.jpg", output="out", globs=Globs(include=("*.jpg",))) == ["out/one.jpg"]
    with pytest.raises(TtpoError, match="--include"):
        plan(["album"], globs=Globs(include=("*.webp",)))


def test_an_output_folder_inside_the_folder_is_no_source_of_the_next_run(folder):
    (folder / "album" / "out").mkdir()
    (folder / "album" / "out" / "b.png").touch()
    assert targets("album", output="album/out", recursive=True) == [f"album/out/{name}" for name in ("a.JPG", "b.png", "deep/c.tif")]


def test_what_hidden_folders_hold_is_no_photo(folder):
    (folder / "album" / ".ttpo").mkdir()
    (folder / "album" / ".ttpo" / "kept.png").touch()
    assert not any("kept" in target for target in targets("album", recursive=True))


def test_only_photos_that_go_into_a_folder_together_have_a_journal_there(folder):
    assert [job.root for job in plan(["one.jpg"], "out")] == [None]
    assert [job.root for job in plan(["one.jpg", "album/b.png"])] == [None, None]
    assert {job.root for job in plan(["one.jpg", "album/b.png"], "out")} == {Path("out")}
    assert {job.root for job in plan(["album"])} == {Path("album_ttpo")}


def test_a_name_that_would_get_too_long_is_shortened_to_the_same_at_each_run(tmp_path):
    names = ["a" * 251 + ".jpg", "a" * 250 + "b.jpg", "ü" * 125 + "x.jpg"]
    for name in names:
        (tmp_path / name).touch()
        single, again = (plan([str(tmp_path / name)])[0].target for _ in range(2))
        assert single == again
        assert len(single.name.encode()) <= 255
        assert single.name.endswith("_ttpo.jpg")
    planned = [job.target.name for job in plan([str(tmp_path)], str(tmp_path / "out"), format="webp")]
    assert len(set(planned)) == 3
    assert all(len(name.encode()) <= 255 and name.endswith(".webp") for name in planned)


MPO, AVIF = b"\xff\xd8\xff\xe0" + bytes(60), b"\0\0\0\x18ftypavif" + bytes(50)


def test_a_result_takes_an_ending_that_can_be_written(folder):
    for name, content in {"stereo.mpo": MPO, "x.HEIC": MPO, "y.gif": b"GIF89a" + bytes(60), "z.heic": AVIF, "r.tif": MPO}.items():
        (folder / "other" / name).write_bytes(content)
    (folder / "other" / "y.png").touch()
    assert targets("other/stereo.mpo") == ["other/stereo_ttpo.jpg"]
    assert targets("other/x.HEIC", output="out/") == ["out/x.HEIC.jpg"]
    assert targets("other/x.HEIC", output="out.png") == ["out.png"]
    names = ["one.jpg", "r.tif", "stereo.mpo.jpg", "x.HEIC.jpg", "y.gif.png", "y.png", "z.heic.png"]
    assert targets("other") == [f"other_ttpo/{name}" for name in names]
    assert targets("other/y.gif", format="tiff") == ["other/y_ttpo.tif"]


def test_what_looks_like_a_photo_and_is_not_read_is_named_with_the_reason(folder):
    (folder / "album" / "x.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(50))
    (folder / "album" / "deep" / "y.dng").write_bytes(b"II*\0" + bytes(50))
    found = not_read(["album", "one.jpg", "-"], recursive=True)
    assert [(str(entry.inside), str(entry.root)) for entry in found] == [("deep/y.dng", "album_ttpo"), ("x.heic", "album_ttpo")]
    assert "camera raw" in found[0].reason
    assert "HEIC" in found[1].reason
    assert [str(entry.inside) for entry in not_read(["album"], "out")] == ["x.heic"]
    assert not_read(["album"], globs=Globs(exclude=("*.heic",))) == ()
    (folder / "raw").mkdir()
    (folder / "raw" / "z.nef").touch()
    with pytest.raises(TtpoError, match=r"no photo in 'raw'.*1 file \(z\.nef\).*camera raw"):
        plan(["raw"])
