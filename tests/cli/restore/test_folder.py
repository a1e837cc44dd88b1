"""`ttpo restore FOLDER` from the command line: what is told, what is skipped, what is redone, with the real pipeline on tiny parts."""

import json
import sys
from dataclasses import replace

import pytest
from fakes import tiny_engine, tiny_photo

from ttpo_cli import pipeline
from ttpo_cli.cli.app import program
from ttpo_cli.folder.journal import open_folder_journal, read_rows
from ttpo_cli.imaging.reading import read_photo
from ttpo_cli.imaging.writing import write_photo


@pytest.fixture(autouse=True)
def engine(monkeypatch):
    """Every command gets the tiny engine, or the one put here."""
    box = [tiny_engine()]
    monkeypatch.setattr(pipeline, "load_engine", lambda *arguments, **named: box[0])
    return box


@pytest.fixture
def album(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_photo(tmp_path / "album" / "one.png", tiny_photo(seed=1))
    write_photo(tmp_path / "album" / "deep" / "two.jpg", tiny_photo(seed=2))
    return tmp_path / "album"


def restored(capsys, *flags, code=0):
    """The names that one run restores, and the others with why they were not."""
    assert program(["restore", "album", "-r", "-o", "out", "--json", "-q", *flags]) == code
    data = json.loads(capsys.readouterr().out)
    done = {record["source"]["name"] for record in data["results"]}
    return done, {entry["output"].rpartition("/")[2]: entry["why"] for entry in data["skipped"]}


def test_the_next_run_skips_what_is_unchanged_and_says_so(album, capsys):
    assert restored(capsys) == ({"one.png", "two.jpg"}, {})
    assert restored(capsys) == (set(), {"one.png": "done before", "two.jpg": "done before"})


@pytest.mark.parametrize(
    ("flags", "again"),
    [
        (["--quality", "80"], {"two.jpg"}),
        (["--seed", "4"], {"one.png", "two.jpg"}),
        (["--guidance-steps", "3"], {"one.png", "two.jpg"}),
        (["--no-ttpo"], {"one.png", "two.jpg"}),
        (["--keep", "icc"], {"one.png", "two.jpg"}),
        (["--no-mark"], {"one.png", "two.jpg"}),
        (["--no-sidecar"], set()),
        (["--device", "cpu"], set()),
        (["--overwrite"], set()),
        (["--redo"], {"one.png", "two.jpg"}),
    ],
)
def test_changed_settings_redo_exactly_what_they_change(flags, again, album, capsys):
    restored(capsys)
    assert restored(capsys, *flags)[0] == again


def test_without_the_preference_stages_their_settings_change_nothing(album, capsys):
    restored(capsys, "--no-ttpo")
    assert restored(capsys, "--no-ttpo", "--seed", "3", "--guidance-steps", "2", "--metrics", "piqe")[0] == set()


def test_other_weights_redo_everything_even_under_the_same_name(album, capsys, engine):
    restored(capsys)
    engine[0] = replace(engine[0], backbones=(replace(engine[0].backbone, sha256="f" * 64),))
    assert restored(capsys)[0] == {"one.png", "two.jpg"}


def test_a_bad_photo_ends_in_a_list_at_the_end_and_exit_code_1(album, capsys):
    (album / "bad.png").write_bytes(b"no photo")
    assert program(["restore", "album", "-r", "-o", "out"]) == 1
    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) == 2
    assert "2 restored, 1 failed" in shown.err and shown.err.rstrip().endswith("bad.png")
    assert [row.state for row in read_rows(album.parent / "out")] == ["failed", "done", "done"]


def test_a_picture_of_somebody_else_is_a_failure_where_that_is_asked(album, capsys):
    write_photo(album.parent / "out" / "one.png", tiny_photo(seed=5))
    assert restored(capsys)[1] == {"one.png": "exists, and no run here wrote it"}
    restored(capsys, "--fail-existing", code=1)


def test_the_journal_says_what_the_sidecar_says(album, capsys):
    restored(capsys)
    (row, _) = read_rows(album.parent / "out")
    sidecar = json.loads((album.parent / "out" / "deep" / "two.jpg.ttpo.json").read_text())
    assert row.record is not None and json.loads(row.record) == sidecar
    assert (row.content_sha256, row.output_sha256) == (sidecar["source"]["sha256"], sidecar["output_sha256"])
    assert row.scores is not None and json.loads(row.scores)["result"] == sidecar["rows"]["result"]["scores"]


def test_a_photo_of_a_folder_has_the_pixels_it_has_alone(album, capsys):
    restored(capsys)
    assert program(["restore", "album/one.png", "-o", "alone.png", "-q"]) == 0
    assert (album.parent / "alone.png").read_bytes() == (album.parent / "out" / "one.png").read_bytes()
    assert not (album / ".ttpo").exists()


def test_candidates_of_photos_with_one_name_in_two_folders_stay_apart(album, capsys):
    write_photo(album / "deep" / "one.png", tiny_photo(seed=3))
    restored(capsys, "--keep-candidates", "made")
    assert (album.parent / "made" / "one.png_03.png").exists() and (album.parent / "made" / "deep" / "one.png_03.png").exists()


def test_include_exclude_and_lists_choose_the_photos(album, capsys, tmp_path):
    assert restored(capsys, "--include", "*.jpg")[0] == {"two.jpg"}
    assert restored(capsys, "--exclude", "deep")[0] == {"one.png"}
    (tmp_path / "list").write_text("album/one.png\nalbum/deep/two.jpg\n")
    assert program(["restore", "--files-from", "list", "-o", "listed", "-q"]) == 0
    assert {row.target for row in read_rows(tmp_path / "listed")} == {"one.png", "two.jpg"}


@pytest.mark.skipif(sys.platform != "linux", reason="names there are Unicode")
@pytest.mark.parametrize("sources", [["album", "-o", "out"], ["album/a\udce9.png"], ["album/a\udce9.png", "album/one.png", "-o", "out"]])
def test_a_name_that_is_not_utf_8_fails_and_the_others_are_restored(album, capsys, sources):
    write_photo(album / "b.png", tiny_photo(seed=9))
    (album / "b.png").rename(album / "a\udce9.png")
    assert program(["restore", *sources, "-q", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (
        len(told["failures"]) == 1 and "not UTF-8: rename" in told["failures"][0]["error"] and "a\\xe9.png" in told["failures"][0]["source"]
    )
    assert (album.parent / "out" / "one.png").exists() == ("out" in sources)


def test_ctrl_c_is_exit_code_130_and_the_next_run_goes_on(album, capsys, monkeypatch):
    restore = pipeline.restore_photo

    def interrupted(photo, *arguments):
        if photo.content_hash == read_photo(album / "one.png").content_hash:
            raise KeyboardInterrupt
        return restore(photo, *arguments)

    monkeypatch.setattr(pipeline, "restore_photo", interrupted)
    assert program(["restore", "album", "-r", "-o", "out", "-q"]) == 130
    out = album.parent / "out"
    assert sorted(path.name for path in out.iterdir()) == [".ttpo", "deep"] and not list(out.rglob("*.part"))
    capsys.readouterr()
    monkeypatch.setattr(pipeline, "restore_photo", restore)
    assert restored(capsys) == ({"one.png"}, {"two.jpg": "done before"})


def test_a_second_run_in_the_same_folder_is_refused(album, capsys):
    with open_folder_journal(album.parent / "out"):
        assert program(["restore", "album", "-r", "-o", "out", "-q"]) == 2
    assert "another run" in capsys.readouterr().err


def test_each_folder_has_a_journal_of_its_own_where_no_output_is_named(album, capsys):
    write_photo(album.parent / "other" / "three.png", tiny_photo(seed=3))
    assert program(["restore", "album", "other", "-q"]) == 0
    assert [row.target for row in read_rows(album.parent / "album_ttpo")] == ["one.png"]
    assert [row.target for row in read_rows(album.parent / "other_ttpo")] == ["three.png"]


def test_a_dry_run_counts_and_estimates_but_writes_nothing(album, capsys):
    before = sorted(album.parent.rglob("*"))
    assert program(["restore", "album", "-r", "-o", "out", "--dry-run", "--json"]) == 0
    shown = capsys.readouterr()
    (told,) = json.loads(shown.out)["results"]
    assert sorted(album.parent.rglob("*")) == before
    assert told["photos"] == 2 and told["decisions"] == {"restore: new": 2}
    assert 0 < told["estimate"]["seconds"][0] < told["estimate"]["seconds"][1] and told["estimate"]["disk"][0] > 0
    for word in ("2 to restore: new", "time:", "pieces", "memory: about", "free"):
        assert word in shown.err


def test_a_dry_run_of_a_folder_that_was_begun_estimates_from_what_was_done(album, capsys):
    for seed in (3, 4):
        write_photo(album / f"{seed}.png", tiny_photo(seed=seed))
    restored(capsys)
    write_photo(album / "new.png", tiny_photo(height=24, width=32, seed=6))
    (album / "bad.png").write_bytes(b"no photo")
    journal = album.parent / "out" / ".ttpo" / "journal.sqlite"
    before = journal.read_bytes()
    assert program(["restore", "album", "-r", "-o", "out", "--dry-run", "--json"]) == 1
    data = json.loads(capsys.readouterr().out)
    (told,) = data["results"]
    assert told["decisions"] == {"restore: new": 2, "unchanged: done before": 4}
    assert "4 photos of this folder" in told["estimate"]["how"]
    assert [failure["source"] for failure in data["failures"]] == ["album/bad.png"]
    assert journal.read_bytes() == before
