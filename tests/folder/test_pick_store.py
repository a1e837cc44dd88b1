"""A pick reaches the disk whole or not at all, whoever else writes one at the same time."""

import errno
import resource
import threading
from contextlib import contextmanager

import pytest
from filelock import FileLock

from ttpo_cli.errors import TtpoError
from ttpo_cli.folder import pick_store as backlog
from ttpo_cli.folder.pick_store import add_pick, picks_path, read_folder_picks
from ttpo_cli.preference.pick import Pick


@contextmanager
def files_no_longer_than(size):
    """What a full disk does: a write ends where there is no room."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_where_there_is_no_room_the_picks_stay_what_they_were(tmp_path):
    one, two = Pick("a", "b", "c", 1, 2), Pick("d", "e", "f", 3, 4)
    add_pick(tmp_path, one)
    before = picks_path(tmp_path).read_bytes()
    with files_no_longer_than(len(before) + 10), pytest.raises(TtpoError, match="was not written") as refused:
        add_pick(tmp_path, two)
    assert refused.value.__cause__.errno == errno.EFBIG and "\n" not in str(refused.value)
    assert picks_path(tmp_path).read_bytes() == before
    add_pick(tmp_path, two)
    assert list(read_folder_picks(tmp_path).values()) == [one, two]


def test_picks_of_many_at_once_all_arrive(tmp_path):
    picks = [Pick(f"{number}.png", "b" * 64, "c" * 64, 1, 2) for number in range(40)]
    together = threading.Barrier(8)

    def work(mine):
        together.wait()
        for pick in mine:
            add_pick(tmp_path, pick)

    threads = [threading.Thread(target=work, args=(picks[start::8],)) for start in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(read_folder_picks(tmp_path).values()) == set(picks)


def test_a_pick_waits_for_another_program_and_then_says_so(tmp_path, monkeypatch):
    add_pick(tmp_path, Pick("a", "b", "c", 1, 2))
    monkeypatch.setattr(backlog, "_PATIENCE", 0.05)
    with FileLock(picks_path(tmp_path).with_suffix(".lock")), pytest.raises(TtpoError, match="another program holds"):
        add_pick(tmp_path, Pick("a", "b", "c", 2, 1))
    assert [pick.preferred for pick in read_folder_picks(tmp_path).values()] == [1]


def test_a_check_sees_the_pick_that_holds_and_can_keep_it(tmp_path):
    one = Pick("a", "b", "c", 1, 2)
    seen = []
    add_pick(tmp_path, one, seen.append)
    add_pick(tmp_path, Pick("a", "b", "c", None, None), seen.append)
    add_pick(tmp_path, one, seen.append)
    assert seen == [None, one, None]

    def keep(held):
        raise TtpoError("stays")

    with pytest.raises(TtpoError, match="stays"):
        add_pick(tmp_path, Pick("a", "b", "c", 2, 1), keep)
    assert list(read_folder_picks(tmp_path).values()) == [one]
