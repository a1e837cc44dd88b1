"""Reading, work and writing at once: the same outcome as one after the other, bounded, and stopped cleanly."""

import threading

import pytest

from ttpo_cli.folder.overlap import overlapped, spread


def test_every_item_goes_through_all_three_stages_in_order():
    written = []
    ended = list(overlapped(range(20), lambda item: item * 10, lambda item, value: value + 1, lambda item, value: written.append(value)))
    assert written == [item * 10 + 1 for item in range(20)]
    assert [one.item for one in ended] == list(range(20)) and all(one.error is None for one in ended)


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("stage", ["read", "work", "write"])
def test_an_error_ends_its_own_item_and_says_in_which_stage(stage, workers):
    def call(name):
        def run(item, *_):
            if name == stage and item == 2:
                raise ValueError(name)
            return item

        return run

    stages = (range(5), call("read"), call("work"), call("write"))
    ended = {one.item: one for one in (overlapped(*stages) if workers == 1 else spread(*stages, workers, list))}
    whole = [item for item, one in ended.items() if one.error is None]
    assert (whole if workers == 1 else sorted(whole)) == [0, 1, 3, 4]
    assert str(ended[2].error) == stage and ended[2].stage == stage
    assert ended[4].value == 4


def test_the_next_item_is_read_and_the_last_one_written_while_one_is_worked_on():
    reading, written = {item: threading.Event() for item in range(3)}, threading.Event()

    def work(item, value):
        if item == 1:  # only a reader and a writer beside this thread can set these
            assert reading[2].wait(20) and written.wait(20)

    ended = list(overlapped(range(3), lambda item: reading[item].set(), work, lambda item, value: written.set()))
    assert [one.error for one in ended] == [None] * 3


def test_no_more_than_five_items_are_held_whatever_is_slow():
    held, most, turn = set(), [0], threading.Lock()

    def read(item):
        with turn:
            held.add(item)
            most[0] = max(most[0], len(held))

    release = threading.Event()

    def write(item, value):
        release.wait(0.2)
        with turn:
            held.remove(item)

    assert len(list(overlapped(range(12), read, lambda item, value: None, write))) == 12
    assert 3 <= most[0] <= 6  # one more is counted while the reader has begun it


@pytest.mark.parametrize("reason", [KeyboardInterrupt, SystemExit])
def test_an_interruption_still_writes_what_is_finished_and_leaves_no_thread(reason):
    before, written = threading.active_count(), []

    def work(item, value):
        if item == 3:
            raise reason
        return item

    with pytest.raises(reason):
        list(overlapped(range(1000), lambda item: item, work, lambda item, value: written.append(value)))
    assert written == [0, 1, 2] and threading.active_count() == before


def test_closing_early_stops_reading():
    read = []
    outcomes = overlapped(range(1000), read.append, lambda item, value: 1 / 0, lambda item, value: None)
    next(outcomes)
    outcomes.close()
    assert len(read) < 10


def test_several_workers_work_at_once_and_every_item_is_written_once():
    both, written = threading.Barrier(2, timeout=20), []

    def work(item, value):
        both.wait()  # one hand alone would never get past
        return value + 1

    ended = list(spread(range(20), lambda item: item * 10, work, lambda item, value: written.append(value), 2, list))
    assert sorted(written) == [item * 10 + 1 for item in range(20)] and sorted(one.item for one in ended) == list(range(20))


def test_closing_early_gives_up_what_is_under_way_writes_what_is_finished_and_leaves_no_thread():
    before, given_up, written = threading.active_count(), threading.Event(), []

    def work(item, value):
        if item > 0:
            assert given_up.wait(20)
            raise RuntimeError("given up")
        return item

    outcomes = spread(range(1000), lambda item: item, work, lambda item, value: written.append(value), 3, given_up.set)
    assert next(outcomes).item == 0
    outcomes.close()
    assert written == [0] and threading.active_count() == before


def test_nothing_is_given_up_in_a_run_that_comes_to_its_end():
    given_up = []
    assert len(list(spread(range(3), lambda item: item, lambda *_: None, lambda *_: None, 2, lambda: given_up.append(1)))) == 3
    assert given_up == []
