"""Three stages of work on many items at once: the next are read, one or several are worked on, finished ones are written.

Reading and writing have a thread each; the work stays in the caller's, where Ctrl-C arrives and where a GPU context belongs, or is done in
other processes, each of which a thread waits for. Queues of one bound what is held: at most two items read, two finished, and what is
worked on.
"""

import queue
import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

Item = TypeVar("Item")
_AHEAD = 1
_PATIENCE = 0.1  # seconds after which a thread that waits looks whether it is to stop

Stage = Literal["read", "work", "write"]


@dataclass(frozen=True)
class Ended(Generic[Item]):
    """One item's end: what writing it returned, or the error that ended it and the stage that raised it."""

    item: Item
    value: Any = None
    error: Exception | None = None
    stage: Stage = "write"


class _Threads(Generic[Item]):
    """The reader, the writer, and the queues between them and the caller."""

    def __init__(self, read: Callable[[Item], Any], write: Callable[[Item, Any], Any]) -> None:
        self.read, self.write = read, write
        self.to_work: queue.Queue = queue.Queue(_AHEAD)
        self.to_write: queue.Queue = queue.Queue(_AHEAD)
        self.ended: queue.SimpleQueue = queue.SimpleQueue()
        self.stop = threading.Event()

    def reader(self, items: Sequence[Item]) -> None:
        for item in items:
            if self.stop.is_set() or not self._put((item, *_attempt(self.read, item))):
                return
        self._put(None)

    def worker(self, work: Callable[[Item, Any], Any]) -> None:
        """One of several that work at once, until nothing is left or the run ended."""
        while not self.stop.is_set():
            try:
                queued = self.to_work.get(timeout=_PATIENCE)
            except queue.Empty:
                continue
            if queued is None:
                self._put(None)  # for the next worker
                return
            item, value, error = queued
            worked, failure = (None, error) if error is not None else _attempt(work, item, value)
            if failure is None:
                self.to_write.put((item, worked))
            else:
                self.ended.put(Ended(item, error=failure, stage="read" if error is not None else "work"))
            del queued, value, worked  # as below

    def writer(self) -> None:
        while (queued := self.to_write.get()) is not None:
            item, worked = queued
            value, error = _attempt(self.write, item, worked)
            del worked, queued  # a large image is not to wait here for the next
            self.ended.put(Ended(item, value=value, error=error))

    def _put(self, queued: Any) -> bool:
        """Into the queue to the work, as soon as there is room; False where the run ended meanwhile."""
        while not self.stop.is_set():
            try:
                self.to_work.put(queued, timeout=_PATIENCE)
                return True
            except queue.Full:
                continue
        return False


def overlapped(
    items: Sequence[Item], read: Callable[[Item], Any], work: Callable[[Item, Any], Any], write: Callable[[Item, Any], Any]
) -> Generator[Ended[Item], None, None]:
    """Every item through read(item), work(item, what was read) and write(item, what work returned); an Ended for each, as they end.

    An Exception ends its item only. Whatever else comes (Ctrl-C, the caller closing this generator) stops reading at once; what is worked
    on is given up, what is finished is still written, and only then does this return.
    """
    threads = _Threads(read, write)
    running = [threading.Thread(target=threads.reader, args=(items,)), threading.Thread(target=threads.writer)]
    for thread in running:
        thread.start()
    try:
        while (queued := threads.to_work.get()) is not None:
            item, value, error = queued
            if error is None:
                worked, failure = _attempt(work, item, value)
                if failure is None:
                    threads.to_write.put((item, worked))
                else:
                    yield Ended(item, error=failure, stage="work")
            else:
                yield Ended(item, error=error, stage="read")
            queued = value = worked = None  # as above
            yield from _waiting(threads.ended)
    finally:
        threads.stop.set()
        threads.to_write.put(None)
        for thread in running:
            thread.join()
    yield from _waiting(threads.ended)


def spread(
    items: Sequence[Item],
    read: Callable[[Item], Any],
    work: Callable[[Item, Any], Any],
    write: Callable[[Item, Any], Any],
    workers: int,
    give_up: Callable[[], None],
) -> Generator[Ended[Item], None, None]:
    """As `overlapped`, with as many items as `workers` worked on at once, each by a thread that waits for another process.

    They end in any order.

    give_up: makes the work that is under way raise; called where the run is interrupted.
    """
    threads = _Threads(read, write)
    started = [threading.Thread(target=threads.worker, args=(work,)) for _ in range(workers)]
    running = [threading.Thread(target=threads.reader, args=(items,)), *started, writer := threading.Thread(target=threads.writer)]
    for thread in running:
        thread.start()
    finished = False
    try:
        for _ in items:
            yield threads.ended.get()
        finished = True
    finally:
        threads.stop.set()
        if not finished:
            give_up()
        for thread in running:
            if thread is writer:  # the last, once nobody hands over to it any more
                threads.to_write.put(None)
            thread.join()


def _attempt(call: Callable[..., Any], *arguments: Any) -> tuple[Any, Exception | None]:
    try:
        return call(*arguments), None
    except Exception as error:  # noqa: BLE001 - queued on as a value: the caller decides what one item's error means for the others
        return None, error


def _waiting(ended: "queue.SimpleQueue[Ended[Item]]") -> Generator[Ended[Item], None, None]:
    while True:
        try:
            yield ended.get_nowait()
        except queue.Empty:
            return
