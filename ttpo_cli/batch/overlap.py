"""Three stages of work on many items at once: the next are read, one is worked on, finished ones are written, each stage in order.

Reading and writing have a thread each; the work stays in the caller's, where Ctrl-C arrives and where a GPU context belongs. Queues of one
bound what is held: at most two items read, one at work, two finished.
"""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
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
            if self.stop.is_set() or not self._hand_over((item, *_attempt(self.read, item))):
                return
        self._hand_over(None)

    def writer(self) -> None:
        while (handed := self.to_write.get()) is not None:
            item, worked = handed
            value, error = _attempt(self.write, item, worked)
            del worked, handed  # a large image is not to wait here for the next
            self.ended.put(Ended(item, value, error))

    def _hand_over(self, handed: Any) -> bool:
        """Into the queue to the work, as soon as there is room; False where the run ended meanwhile."""
        while not self.stop.is_set():
            try:
                self.to_work.put(handed, timeout=_PATIENCE)
                return True
            except queue.Full:
                continue
        return False


def overlapped(
    items: Sequence[Item], read: Callable[[Item], Any], work: Callable[[Item, Any], Any], write: Callable[[Item, Any], Any]
) -> Iterator[Ended[Item]]:
    """Every item through read(item), work(item, what was read) and write(item, what work returned); an Ended for each, as they end.

    An Exception ends its item only. Whatever else comes (Ctrl-C, the caller closing this generator) stops reading at once; what is worked
    on is given up, what is finished is still written, and only then does this return.
    """
    threads = _Threads(read, write)
    running = [threading.Thread(target=threads.reader, args=(items,)), threading.Thread(target=threads.writer)]
    for thread in running:
        thread.start()
    try:
        while (handed := threads.to_work.get()) is not None:
            item, value, error = handed
            if error is None:
                worked, failure = _attempt(work, item, value)
                if failure is None:
                    threads.to_write.put((item, worked))
                else:
                    yield Ended(item, None, failure, "work")
            else:
                yield Ended(item, None, error, "read")
            handed = value = worked = None  # as above
            yield from _waiting(threads.ended)
    finally:
        threads.stop.set()
        threads.to_write.put(None)
        for thread in running:
            thread.join()
    yield from _waiting(threads.ended)


def _attempt(call: Callable[..., Any], *arguments: Any) -> tuple[Any, Exception | None]:
    try:
        return call(*arguments), None
    except Exception as error:  # noqa: BLE001 - handed on as a value: the caller decides what one item's error means for the others
        return None, error


def _waiting(ended: "queue.SimpleQueue[Ended[Item]]") -> Iterator[Ended[Item]]:
    while True:
        try:
            yield ended.get_nowait()
        except queue.Empty:
            return
