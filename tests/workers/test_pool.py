"""Workers that get lost, disagree or find no room, played by objects of this process."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from ttpo_cli.errors import TtpoError, UsageError
from ttpo_cli.workers.pool import ATTEMPTS, NoRoom, WorkerLost, WorkerPool, WorkersLost


class Actor:
    """Plays a worker. do: called with (actor, task). starts: what each start in turn returns or raises, the last one for ever."""

    def __init__(self, name, do=lambda actor, task: (actor.name, task), starts=({"version": 1},)):
        self.name, self.do, self.starts = name, do, list(starts)
        self.begun, self.stopped = 0, threading.Event()

    def start(self):
        self.begun += 1
        said = self.starts.pop(0) if len(self.starts) > 1 else self.starts[0]
        if isinstance(said, Exception):
            raise said
        return said

    def work(self, task):
        return self.do(self, task)

    def stop(self):
        self.stopped.set()


def pool_of(*actors, expected=()):
    told = []
    pool = WorkerPool(actors, dict(expected), told.append)
    return pool, told


def lost(actor, task):
    raise WorkerLost("out of memory")


def test_tasks_go_to_all_workers_at_once():
    both = threading.Barrier(2, timeout=20)

    def meet(actor, task):
        both.wait()
        return actor.name

    pool, _ = pool_of(Actor("a", meet), Actor("b", meet))
    pool.start()
    with ThreadPoolExecutor(2) as executor:
        assert sorted(executor.map(lambda task: pool.work(task, "x"), range(2))) == ["a", "b"]


def test_a_task_whose_worker_is_lost_is_done_by_another_and_that_is_told():
    pool, told = pool_of(Actor("a", lost), Actor("b"))
    pool.start()
    answers = [pool.work(task, f"photo {task}") for task in range(3)]
    assert [task for _, task in answers] == [0, 1, 2] and {name for name, _ in answers} == {"b"}
    assert told and "a was lost at photo" in told[0] and "out of memory" in told[0]


def test_a_lost_worker_is_started_again_before_it_gets_another_task():
    def once(actor, task):
        if actor.begun == 1:
            raise WorkerLost("an accident")
        return task

    actor = Actor("a", once)
    pool, _ = pool_of(actor)
    pool.start()
    assert [pool.work(task, "x") for task in range(3)] == [0, 1, 2] and actor.begun == 2


def test_a_task_that_ends_every_worker_is_given_up_and_the_next_one_is_done():
    tried = []

    def poisoned(actor, task):
        tried.append(task)
        if task == "poison":
            raise WorkerLost("killed by signal 9")
        return task

    pool, _ = pool_of(Actor("a", poisoned), Actor("b", poisoned))
    pool.start()
    with pytest.raises(TtpoError, match=f"bad.png ended {ATTEMPTS} workers .killed by signal 9.") as raised:
        pool.work("poison", "bad.png")
    assert not isinstance(raised.value, WorkersLost) and tried == ["poison"] * ATTEMPTS
    assert pool.work("good", "good.png") == "good" and pool.size == 2


def test_what_the_work_raises_is_raised_and_its_worker_stays():
    def wrong(actor, task):
        if task == 0:
            raise UsageError("cannot be meant")
        return task

    actor = Actor("a", wrong)
    pool, told = pool_of(actor)
    pool.start()
    with pytest.raises(UsageError, match="cannot be meant"):
        pool.work(0, "x")
    assert pool.work(1, "x") == 1 and actor.begun == 1 and told == []


def test_a_worker_that_does_not_come_back_is_left_out_and_the_others_go_on():
    pool, told = pool_of(Actor("a", lost, [{"version": 1}, TtpoError("the device is gone")]), Actor("b"))
    pool.start()
    assert {pool.work(task, "x")[0] for task in range(4)} == {"b"}
    assert pool.size == 1 and any("a could not be started again: the device is gone" in line for line in told)


def test_where_no_worker_is_left_every_thread_that_waits_hears_of_it():
    pool, _ = pool_of(*(Actor(name, lost, [{"version": 1}, WorkerLost("gone")]) for name in "ab"))
    pool.start()
    with ThreadPoolExecutor(4) as executor:
        waiting = [executor.submit(pool.work, task, "x") for task in range(4)]
        errors = [one.exception(timeout=20) for one in waiting]
    assert all(isinstance(error, WorkersLost) for error in errors)


@pytest.mark.parametrize("expected", [{}, {"version": 1}])
def test_workers_that_differ_are_refused_and_ended(expected):
    actors = Actor("a"), Actor("b", starts=[{"version": 2}])
    pool, _ = pool_of(*actors, expected=expected)
    with pytest.raises(TtpoError, match="another version"):
        pool.start()
    assert all(actor.stopped.is_set() for actor in actors)


def test_a_worker_that_comes_back_as_another_is_left_out():
    pool, told = pool_of(Actor("a", lost, [{"version": 1}, {"version": 2}]), Actor("b"))
    pool.start()
    assert [pool.work(task, "x")[0] for task in range(3)] == ["b"] * 3
    assert any("another version" in line for line in told)


def test_some_without_room_are_left_out_and_told():
    pool, told = pool_of(Actor("a"), Actor("b", starts=[NoRoom("the cluster is full")]))
    pool.start()
    assert pool.size == 1 and pool.work(0, "x") == ("a", 0) and pool.work(1, "x") == ("a", 1)
    assert told == ["only 1 of 2 workers: the cluster is full"]


def test_room_for_nobody_is_an_error():
    pool, _ = pool_of(*(Actor(name, starts=[NoRoom("the cluster is full")]) for name in "ab"))
    with pytest.raises(NoRoom, match="full"):
        pool.start()


def test_what_cannot_be_loaded_is_the_error_and_the_others_end():
    actors = Actor("a"), Actor("b", starts=[UsageError("no such metric")])
    pool, _ = pool_of(*actors)
    with pytest.raises(UsageError, match="no such metric"):
        pool.start()
    assert all(actor.stopped.is_set() for actor in actors)


def test_a_worker_lost_while_it_loads_at_first_is_an_error():
    pool, _ = pool_of(Actor("a", starts=[WorkerLost("killed by signal 9")]))
    with pytest.raises(TtpoError, match="while it loaded .killed by signal 9.*memory"):
        pool.start()


def test_stopping_ends_what_is_under_way_without_another_attempt():
    begun = threading.Semaphore(0)

    def until_stopped(actor, task):
        begun.release()
        assert actor.stopped.wait(20)
        raise WorkerLost("stopped")

    actors = Actor("a", until_stopped), Actor("b", until_stopped)
    pool, told = pool_of(*actors)
    pool.start()
    with ThreadPoolExecutor(3) as executor:  # one more than there are workers: it waits for one
        waiting = [executor.submit(pool.work, task, "x") for task in range(3)]
        assert begun.acquire(timeout=20) and begun.acquire(timeout=20)
        pool.stop()
        assert sorted(type(one.exception(timeout=20)).__name__ for one in waiting) == ["WorkerLost", "WorkerLost", "WorkersLost"]
    assert told == []
