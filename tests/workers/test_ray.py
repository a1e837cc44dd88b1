"""An actor of a real Ray cluster as a worker, asked light questions: where it runs, how it ends, and when there is no room for it."""

import os
import signal
from pathlib import Path

import pytest
import worker_loaders

from ttpo_cli.errors import TtpoError, UsageError
from ttpo_cli.workers.pool import NoRoom, WorkerLost
from ttpo_cli.workers.runtime import Runtime

ray = pytest.importorskip("ray", reason="Ray comes with the extra `ray`")

from ttpo_cli.workers.ray import RayWorker, Share, cpus_per_gpu, joined_cluster, places  # noqa: E402

ONE = Share(1, 0)


@pytest.fixture(scope="module", autouse=True)
def cluster():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.MonkeyPatch.context() as patch:
        helpers = Path(__file__).resolve().parents[1] / "helpers"
        patch.setenv("PYTHONPATH", os.pathsep.join((str(helpers), str(helpers.parents[1]))))
        with joined_cluster(None, 2):
            assert signal.getsignal(signal.SIGTERM) is before
            yield


@pytest.fixture
def worker():
    made = RayWorker("worker", worker_loaders.light, {"OMP_NUM_THREADS": "7"}, ONE, patience=100)
    yield made
    made.stop()


def test_it_has_its_environment_and_the_senders_folder_and_survives_every_error(worker):
    assert worker.start() == {"threads": "7", "folder": str(Path.cwd())}
    with pytest.raises(UsageError, match="cannot be meant"):
        worker.work(("wrong", "cannot be meant"))
    pid, value = worker.work(("echo", b"x" * 3_000_000))
    assert pid != os.getpid() and value == b"x" * 3_000_000
    with pytest.raises(TtpoError, match="ImportError: not there"):
        worker.work(Absent())
    assert worker.work(("echo", 1)) == (pid, 1)


def test_a_killed_one_is_lost_in_one_line_and_can_be_started_again(worker):
    worker.start()
    first, _ = worker.work(("echo", 0))
    with pytest.raises(WorkerLost, match=f"^it crashed or was killed.*memory.*process {first} on [^\n]*$"):
        worker.work(("die", signal.SIGKILL))
    worker.start()
    assert worker.work(("echo", 0))[0] != first


def test_one_that_restores_photos_never_imports_the_command_line():
    worker = RayWorker("worker", worker_loaders.photos, {"OMP_NUM_THREADS": "1"}, ONE, patience=100)
    worker.start()
    assert "ttpo_cli.folder.remote" in worker.work(("modules", "ttpo_cli"))
    assert worker.work(("modules", "ttpo_cli.cli")) == []
    worker.stop()


class Absent:
    def __reduce__(self):
        return exec, ("raise ImportError('not there')",)


def test_where_the_cluster_is_full_that_is_said_and_later_there_is_room_again(worker):
    both = [RayWorker(name, worker_loaders.light, {}, ONE, patience=100) for name in "ab"]
    for one in both:
        one.start()
    late = RayWorker("late", worker_loaders.light, {}, ONE, patience=2)
    with pytest.raises(NoRoom, match="no room for a worker of 1 CPU within 2 s .free: 0 CPUs"):
        late.start()
    for one in both:
        one.stop()
    worker.start()
    assert worker.work(("echo", 1))[1] == 1


def test_where_no_cluster_answers_that_is_said_at_once():
    with pytest.raises(TtpoError, match="answers at 127.0.0.1:1 "), joined_cluster("127.0.0.1:1", 1):
        pass


def test_places_are_counted_by_machine():
    assert (places(ONE), places(Share(2, 0)), cpus_per_gpu()) == (2, 1, None)
    with pytest.raises(NoRoom, match="no machine of the cluster has 3 CPUs.*they have: 2 CPUs"):
        places(Share(3, 0))
    with pytest.raises(NoRoom, match="1 CPU and 1 GPU"):
        places(Share(1, 1))


def test_another_version_is_refused_before_anything_is_unpickled():
    _, error = Runtime({}).load("ttpo 0.0, Python 2.7", b"not a pickle at all")
    assert isinstance(error, UsageError) and "ttpo 0.0, Python 2.7" in str(error)
