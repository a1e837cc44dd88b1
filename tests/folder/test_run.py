"""A folder over its life: interrupted, changed, tampered with; nothing is done twice, nothing is lost, nothing of others is touched."""

import errno
import os
import sqlite3
from pathlib import Path

import pytest
from album_runs import AlbumRuns, make_album
from fakes import tiny_photo

from ttpo_cli.errors import TtpoError, UsageError
from ttpo_cli.folder import journal as folder_journal
from ttpo_cli.folder.journal import JournalError, open_folder_journal, read_rows
from ttpo_cli.imaging.writing import write_photo


@pytest.fixture
def life(tmp_path):
    make_album(tmp_path / "album", 4)
    return AlbumRuns(tmp_path / "album", tmp_path / "out")


def outcomes(run):
    return [run[f"{index}.png"] for index in range(len(run))]


def test_what_is_done_is_done_once(life):
    assert outcomes(life.run()) == ["restored"] * 4
    written = life.written()
    assert outcomes(life.run()) == ["unchanged"] * 4
    assert life.restored == ["0.png", "1.png", "2.png", "3.png"] and life.written() == written


def test_a_photo_that_is_added_is_the_only_one_restored(life):
    life.run()
    write_photo(life.album / "deep" / "new.png", tiny_photo(seed=9))
    assert {name for name, outcome in life.run().items() if outcome == "restored"} == {"deep/new.png"}


def test_changed_settings_redo_everything_and_the_old_pictures_are_replaced(life):
    life.run()
    assert outcomes(life.run("second")) == ["restored"] * 4
    assert all(data.endswith(b"second") for name, data in life.written().items() if name.endswith(".png"))


def test_a_photo_whose_content_changed_is_redone_and_one_that_was_only_touched_is_not(life):
    life.run()
    write_photo(life.album / "1.png", tiny_photo(seed=7), overwrite=True)
    os.utime(life.album / "2.png", (1, 1))
    assert outcomes(life.run()) == ["unchanged", "restored", "unchanged", "unchanged"]


def test_a_picture_that_was_deleted_is_made_again(life):
    life.run()
    (life.out / "2.png").unlink()
    assert outcomes(life.run()) == ["unchanged", "unchanged", "restored", "unchanged"]


@pytest.mark.parametrize("settings", ["first", "second"])
def test_a_picture_that_somebody_edited_stays_until_overwriting_is_allowed(life, settings):
    life.run()
    (life.out / "1.png").write_bytes(b"edited by hand")
    assert life.run(settings)["1.png"] == "kept"
    assert life.written()["1.png"] == b"edited by hand"
    assert life.run(settings, overwrite=True)["1.png"] == "restored"


def test_an_edit_that_keeps_the_size_and_the_time_is_noticed(life):
    life.run()
    path = life.out / "1.png"
    facts, data = path.stat(), path.read_bytes()
    path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert life.run()["1.png"] == "kept"


def test_a_file_of_others_is_passed_over_unless_overwriting_is_allowed(life):
    life.out.mkdir()
    (life.out / "0.png").write_bytes(b"not ours")
    assert outcomes(life.run()) == ["kept", "restored", "restored", "restored"]
    assert life.written()["0.png"] == b"not ours"
    assert outcomes(life.run(overwrite=True)) == ["restored", "unchanged", "unchanged", "unchanged"]


def test_unchanged_work_is_redone_where_that_is_asked(life):
    life.run()
    assert outcomes(life.run(redo=True)) == ["restored"] * 4


def test_a_sidecar_that_was_deleted_comes_back_without_the_network(life):
    life.run()
    before = life.written()
    (life.out / "3.png.json").unlink()
    assert outcomes(life.run()) == ["unchanged", "unchanged", "unchanged", "completed"]
    assert life.written() == before and len(life.restored) == 4
    assert outcomes(life.run()) == ["unchanged"] * 4


def test_a_bad_photo_does_not_stop_the_others_and_is_tried_again(life):
    (life.album / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    assert outcomes(life.run()) == ["restored", "failed", "restored", "restored"]
    assert life.run()["1.png"] == "failed"
    (row,) = [row for row in read_rows(life.out) if row.state == "failed"]
    assert row.target == "1.png" and "1.png" in (row.error or "") and row.exit_code == 1
    write_photo(life.album / "1.png", tiny_photo(seed=1), overwrite=True)
    assert outcomes(life.run()) == ["unchanged", "restored", "unchanged", "unchanged"]


def test_an_error_nobody_foresaw_ends_its_photo_only(life):
    def work(name):
        if name == "2.png":
            raise ZeroDivisionError

    assert outcomes(life.run(work=work)) == ["restored", "restored", "failed", "restored"]


def test_options_that_cannot_be_meant_stop_at_the_first_photo(life):
    def work(name):
        raise UsageError("this cannot be meant")

    with pytest.raises(UsageError, match="cannot be meant"):
        life.run(work=work)
    assert life.restored == ["0.png"]


def test_a_full_disk_stops_the_run_and_the_next_one_goes_on(life, monkeypatch):
    synchronise, pictures = os.fsync, []

    def full(descriptor):
        if len(pictures) >= 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        pictures.append(descriptor)
        synchronise(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TtpoError, match="make room"):
        life.run()
    monkeypatch.undo()
    assert outcomes(life.run()) == ["unchanged", "restored", "restored", "restored"]
    assert not list(life.out.rglob("*.part"))


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
def test_ctrl_c_keeps_what_is_finished_and_leaves_nothing_half_written(life, interruption):
    def work(name):
        if name == "2.png":
            raise interruption

    with pytest.raises(interruption):
        life.run(work=work)
    assert sorted(life.written()) == ["0.png", "0.png.json", "1.png", "1.png.json"]
    assert outcomes(life.run()) == ["unchanged", "unchanged", "restored", "restored"]


def test_the_photo_under_way_when_a_run_ended_comes_last(life):
    with pytest.raises(KeyboardInterrupt):
        life.run(work=lambda name: (_ for _ in ()).throw(KeyboardInterrupt))
    # The reader had begun the next ones as well, so what was never begun comes first.
    begun = {row.target for row in read_rows(life.out) if row.state == "begun"}
    life.restored.clear()
    life.run()
    assert "0.png" in begun and set(life.restored[-len(begun) :]) == begun


class Killed(BaseException):
    pass


@pytest.mark.parametrize("moment", ["begin", "writing", "replace", "sidecar", "done"])
@pytest.mark.parametrize("then", ["first", "second"])
def test_killed_at_any_step_of_a_photo_under_changing_settings_the_next_run_is_right(life, monkeypatch, moment, then):
    """A kill leaves what was committed and renamed until then: here the step itself fails, and so does everything after it."""
    life.run("zero")
    (life.out / "3.png").unlink()

    def killed(*arguments):
        raise Killed

    def replace(source, target):
        if moment == "replace" or (moment == "sidecar" and str(target).endswith(".json")):
            raise Killed
        Path(source).rename(target)

    with monkeypatch.context() as patch:
        patch.setattr("ttpo_cli.folder.run.overlapped", one_after_the_other)
        patch.setattr(os, "replace", replace)
        if moment in ("begin", "writing", "done"):
            patch.setattr(folder_journal.FolderJournal, moment, killed)
        with pytest.raises(Killed):
            life.run("first")
    life.restored.clear()
    stands = moment in ("sidecar", "done")
    run = life.run(then)
    assert outcomes(run) == ["completed" if stands and then == "first" else "restored"] + ["restored"] * 3
    assert sorted(life.written()) == sorted(f"{index}.png{ending}" for index in range(4) for ending in ("", ".json"))
    assert all(data.endswith(then.encode()) for name, data in life.written().items() if name.endswith(".png"))
    assert outcomes(life.run(then)) == ["unchanged"] * 4


def one_after_the_other(items, read, work, write):
    for item in items:
        write(item, work(item, read(item)))
    yield from ()


def test_two_runs_in_one_folder_are_refused(life):
    with open_folder_journal(life.out), pytest.raises(UsageError, match="another run"):
        life.run()
    assert outcomes(life.run()) == ["restored"] * 4


@pytest.mark.parametrize("content", [b"no database at all, but long enough to be looked at", "other"])
def test_a_file_that_is_no_journal_is_said_and_left_alone(life, content):
    path = life.out / ".ttpo" / "journal.sqlite"
    path.parent.mkdir(parents=True)
    if content == "other":
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE something (else_)")
        connection.commit()
        connection.close()
    else:
        path.write_bytes(content)
    before = path.read_bytes()
    with pytest.raises(JournalError, match="is not a journal"):
        life.run()
    assert path.read_bytes() == before


def test_an_album_that_moved_is_known_again(life, tmp_path):
    life.run()
    life.album = life.album.rename(tmp_path / "moved")
    assert outcomes(life.run()) == ["unchanged"] * 4
    assert {Path(row.source).parent for row in read_rows(life.out)} == {tmp_path / "moved"}


def test_a_folder_without_a_journal_says_how_to_make_one(tmp_path):
    with pytest.raises(TtpoError, match="ttpo restore"):
        read_rows(tmp_path)


def test_a_picture_left_by_a_killed_run_is_still_known_as_ours_after_the_next_run_was_killed_too(life, monkeypatch):
    def killed(*arguments):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("ttpo_cli.folder.run.overlapped", one_after_the_other)
        patch.setattr(folder_journal.FolderJournal, "done", killed)
        with pytest.raises(Killed):
            life.run("first")
        patch.setattr(os, "replace", killed)
        with pytest.raises(Killed):
            life.run("second")
    assert outcomes(life.run("third")) == ["restored"] * 4
