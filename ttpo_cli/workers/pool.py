"""Workers in other processes: a task whose worker is lost goes to another, and one that ends three of them is a failure."""

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any, Protocol

from ttpo_cli.errors import TtpoError

ATTEMPTS = 3


class WorkerLost(Exception):
    """The process that had a photo ended without an answer; the message says how."""


class WorkersLost(TtpoError):
    """No worker is left, and none can be started: no photo can go on."""


class NoRoom(TtpoError):
    """There is nowhere to start a worker at present."""


class Worker(Protocol):
    """A process of its own, here or on another machine, that loads once and serves many photos."""

    name: str

    def start(self) -> Mapping[str, Any]:
        """Returns facts about the worker by name. May be called again after the process was lost."""
        ...

    def work(self, task: Any) -> Any:
        """The answer to a task. Raises the error it ended with, WorkerLost where no answer will come."""
        ...

    def stop(self) -> None:
        """May be called from any thread; a task under way raises WorkerLost."""
        ...


class WorkerPool:
    """Workers whose facts agree with each other and with `expected`. warn: called with a line about each worker that was lost.

    `work` may be called by as many threads as there are workers.
    """

    def __init__(self, workers: Sequence[Worker], expected: Mapping[str, Any], warn: Callable[[str], None]) -> None:
        self.facts: dict[str, Any] = dict(expected)
        self._workers, self._warn = list(workers), warn
        self._free: queue.SimpleQueue[Worker | None] = queue.SimpleQueue()
        self._lost: set[str] = set()
        self._turn, self._stopped = threading.Lock(), threading.Event()

    @property
    def size(self) -> int:
        """How many photos are worked on at once."""
        return len(self._workers)

    def start(self) -> None:
        """Start all at once. Workers without room are left out with a warning. Raises NoRoom where there is room for none.

        Raises TtpoError where a worker ends while it loads, what it raised itself, or where two of them disagree.
        """
        full: list[NoRoom] = []
        with ThreadPoolExecutor(len(self._workers)) as executor:
            try:
                starting = {executor.submit(worker.start): worker for worker in self._workers}
                for done in as_completed(starting):
                    try:
                        self._admit(starting[done], done.result())
                    except NoRoom as error:
                        self._workers.remove(starting[done])
                        full.append(error)
            except WorkerLost as error:
                self.stop()
                raise TtpoError(f"a worker ended while it loaded ({error}): is there memory for all of them?") from error
            except BaseException:
                self.stop()
                raise
        if not self._workers:
            raise full[0]
        if full:
            self._warn(f"only {len(self._workers)} of {len(self._workers) + len(full)} workers: {full[0]}")

    def work(self, task: Any, label: str) -> Any:
        """The answer of the next free worker; a task whose worker is lost is repeated, ATTEMPTS times in all.

        Raises what the work raised; TtpoError for a task that ended every worker that had it; WorkersLost where none is left.
        """
        endings = []
        for _ in range(ATTEMPTS):
            worker = self._take()
            try:
                answer = worker.work(task)
            except WorkerLost as error:
                if self._stopped.is_set():
                    raise
                self._lost.add(worker.name)
                self._free.put(worker)
                self._warn(f"{worker.name} was lost at {label} ({error})")
                endings.append(str(error))
            except BaseException:
                self._free.put(worker)
                raise
            else:
                self._free.put(worker)
                return answer
        raise TtpoError(f"{label} ended {ATTEMPTS} workers ({'; '.join(dict.fromkeys(endings))}): try it alone, in smaller regions")

    def stop(self) -> None:
        """End every worker, and with it what it works on."""
        self._stopped.set()
        self._free.put(None)
        for worker in tuple(self._workers):
            worker.stop()

    def _take(self) -> Worker:
        """A free worker; a lost one is started again, and left out for good where that fails."""
        while True:
            worker = self._free.get()
            if worker is None:
                self._free.put(None)  # for the other threads that wait
                raise WorkersLost("no worker is left, and none can be started: see the warnings about each; the next run goes on from here")
            if worker.name not in self._lost:
                return worker
            try:
                self._admit(worker, worker.start(), again=True)
                return worker
            except (TtpoError, WorkerLost) as error:
                self._dismiss(worker, error)

    def _admit(self, worker: Worker, facts: Mapping[str, Any], again: bool = False) -> None:
        with self._turn:
            for name, value in facts.items():
                if self.facts.setdefault(name, value) != value:
                    raise TtpoError(f"{worker.name} has another {name} ({value}, not {self.facts[name]}): all must have the same")
            self._lost.discard(worker.name)
        if not again:
            self._free.put(worker)

    def _dismiss(self, worker: Worker, error: Exception) -> None:
        worker.stop()
        with self._turn:
            self._workers.remove(worker)
            nobody = not self._workers
        if self._stopped.is_set():
            raise error
        self._warn(f"{worker.name} could not be started again: {error}")
        if nobody:
            self._free.put(None)
