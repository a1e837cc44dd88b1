"""A worker as a process of this machine: tasks go in and answers come out as pickles through pipes that nobody else holds.

It is started afresh, not forked, so that a GPU may be used and threads be counted. It has the parent's sys.path and environment, and ends
by itself when the parent does.
"""

import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Any, BinaryIO

from ttpo_cli.workers.pool import WorkerLost
from ttpo_cli.workers.runtime import Loader, Runtime, identity, unpacked

_BEGIN = "import sys; sys.path[:] = {path!r}; from ttpo_cli.workers.process import serve; serve()"


class ProcessWorker:
    """See pool.Worker. environment: variables that the process has in addition to, or in place of, those of this one."""

    def __init__(self, name: str, loader: Loader, environment: Mapping[str, str]) -> None:
        self.name = name
        self._loader, self._environment = loader, environment
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False

    def start(self) -> Mapping[str, Any]:
        if self._stopped:
            raise WorkerLost("stopped")
        self._process = subprocess.Popen(
            [sys.executable, "-c", _BEGIN.format(path=sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **self._environment},
            start_new_session=True,  # Ctrl-C is for the parent, which ends its workers itself
        )
        if self._stopped:  # meanwhile
            self.stop()
        return self._ask("load", identity(), pickle.dumps(self._loader))

    def work(self, task: Any) -> Any:
        return self._ask("work", task)

    def stop(self) -> None:
        self._stopped = True
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _ask(self, method: str, *arguments: Any) -> Any:
        process = self._process
        assert process is not None and process.stdin is not None and process.stdout is not None  # `start` made them
        request = pickle.dumps((method, arguments))
        try:
            process.stdin.write(request)
            process.stdin.flush()
            answer = pickle.load(process.stdout)
        except (EOFError, OSError, pickle.UnpicklingError) as error:  # the last: killed in the middle of an answer
            process.kill()
            raise WorkerLost(_ending(process.wait())) from error
        return unpacked(answer)


def _ending(status: int) -> str:
    """How a process ended, from its exit status."""
    if status == -signal.SIGKILL:
        return "killed by SIGKILL, as the system does where memory runs out"
    return f"killed by signal {-status}" if status < 0 else f"ended with status {status}"


def serve() -> None:
    """The process of a worker, from its first line to its last."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    with open(os.devnull) as nothing:  # noqa: PTH123 - a device, not a path
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)  # what libraries print must not get among the answers
    requests: queue.SimpleQueue[tuple[str, tuple[Any, ...]]] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(source, requests), daemon=True).start()
    runtime = Runtime({})
    while True:
        method, arguments = requests.get()
        pickle.dump(getattr(runtime, method)(*arguments), sink)
        sink.flush()


def _receive(source: BinaryIO, requests: "queue.SimpleQueue[tuple[str, tuple[Any, ...]]]") -> None:
    """Where the parent has gone, nobody wants what is under way: end at once."""
    try:
        while True:
            requests.put(pickle.load(source))
    except EOFError:
        os._exit(0)
    finally:
        os._exit(1)  # what cannot be read: the parent notices that this worker is lost
