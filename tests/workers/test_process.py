"""A real process as a worker, asked light questions: what comes back, what does not get in the way, and how it ends."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import worker_loaders

from ttpo_cli.errors import UsageError
from ttpo_cli.workers.pool import WorkerLost
from ttpo_cli.workers.process import ProcessWorker

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kills by signals")


@pytest.fixture
def worker():
    made = ProcessWorker("worker", worker_loaders.light, {"OMP_NUM_THREADS": "3"})
    yield made
    made.stop()


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as stream:  # noqa: PTH123 - a zombie is dead
        return stream.read().rpartition(")")[2].split()[0] != "Z"


def gone(pid):
    """Whether it goes within twenty seconds."""
    for _ in range(200):
        if not alive(pid):
            return True
        time.sleep(0.1)
    return False


def test_it_works_in_a_process_of_its_own_with_its_environment(worker):
    assert worker.start()["threads"] == "3"
    assert os.environ.get("OMP_NUM_THREADS") != "3"
    (first, value), (second, _) = worker.work(("echo", b"x" * 3_000_000)), worker.work(("echo", 2))
    assert first == second != os.getpid() and value == b"x" * 3_000_000


def test_errors_come_back_as_they_were_and_the_worker_goes_on(worker):
    worker.start()
    with pytest.raises(UsageError, match="cannot be meant"):
        worker.work(("wrong", "cannot be meant"))
    with pytest.raises(RuntimeError, match="Unpicklable: only words"):
        worker.work(("strange", "only words"))
    assert worker.work(("echo", 5))[1] == 5


def test_an_error_of_loading_comes_back_too():
    worker = ProcessWorker("worker", worker_loaders.failing, {})
    with pytest.raises(UsageError, match="nothing here"):
        worker.start()
    worker.stop()


def test_what_the_work_prints_does_not_get_among_the_answers(worker, capfd):
    worker.start()
    assert worker.work(("print", "a word"))[1] == "a word"
    shown = capfd.readouterr()
    assert shown.out == "" and "a word" in shown.err


def test_a_killed_worker_is_lost_and_can_be_started_again(worker):
    worker.start()
    first, _ = worker.work(("echo", 0))
    with pytest.raises(WorkerLost, match="SIGKILL.*memory"):
        worker.work(("die", signal.SIGKILL))
    with pytest.raises(WorkerLost):
        worker.work(("echo", 0))
    worker.start()
    assert worker.work(("echo", 0))[0] != first


def test_stopping_ends_the_work_under_way_and_the_process(worker):
    worker.start()
    pid, _ = worker.work(("echo", 0))
    threading.Timer(0.3, worker.stop).start()
    with pytest.raises(WorkerLost):
        worker.work(("sleep", 60))
    assert gone(pid)
    with pytest.raises(WorkerLost):
        worker.start()


def test_a_worker_that_restores_photos_never_imports_the_command_line():
    worker = ProcessWorker("worker", worker_loaders.photos, {"OMP_NUM_THREADS": "1"})
    worker.start()
    assert "ttpo_cli.folder.remote" in worker.work(("modules", "ttpo_cli"))
    assert worker.work(("modules", "ttpo_cli.cli")) == []
    worker.stop()


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="looks into /proc")
def test_it_ends_by_itself_in_the_middle_of_its_work_where_its_parent_is_killed():
    parent = f"""
import sys; sys.path[:] = {sys.path!r}
import worker_loaders
from ttpo_cli.workers.process import ProcessWorker
worker = ProcessWorker("worker", worker_loaders.light, {{}})
worker.start()
print(worker.work(("echo", 0))[0], flush=True)
worker.work(("sleep", 60))
"""
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        assert alive(pid)
        process.kill()
        assert gone(pid)
