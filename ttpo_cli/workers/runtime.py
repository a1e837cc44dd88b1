"""What runs inside a worker: it loads once, then does one task after the other. Errors are answers, so that they travel."""

import os
import pickle
import platform
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from ttpo_cli import __version__
from ttpo_cli.errors import UsageError

# Called in the worker: (facts about it by name, the function that does a task).
Loader = Callable[[], tuple[Mapping[str, Any], Callable[[Any], Any]]]
Answer = tuple[Any, Exception | None]


def identity() -> str:
    """What two processes must have in common before one can read what the other pickled."""
    return f"ttpo {__version__}, Python {'.'.join(platform.python_version_tuple()[:2])}"


class Runtime:
    """The inside of one worker.

    Args:
        environment: set before anything that reads it on import is imported.
        folder: to work in, where it exists, so that relative paths mean the same as to the process that sends the work.
    """

    def __init__(self, environment: Mapping[str, str], folder: str = ".") -> None:
        os.environ.update(environment)
        with suppress(OSError):
            os.chdir(folder)
        self._run: Callable[[Any], Any] | None = None

    def where(self) -> tuple[str, int]:
        """The machine's name and the process."""
        return socket.gethostname(), os.getpid()

    def load(self, sender: str, loader: bytes) -> Answer:
        """Call a pickled Loader; the answer is what it says of this worker. sender: the `identity` of the process that sent it."""
        if sender != identity():
            return None, UsageError(f"a worker has {identity()}, and this is {sender}: install the same on all machines")
        try:
            facts, self._run = pickle.loads(loader)()
        except Exception as error:  # noqa: BLE001 - returned as a value: the process that sent the task decides
            return None, portable(error)
        return dict(facts), None

    def work(self, task: Any) -> Answer:
        """Do a task. Only after `load`."""
        assert self._run is not None
        try:
            return self._run(task), None
        except Exception as error:  # noqa: BLE001 - as above
            return None, portable(error)


def portable(error: Exception) -> Exception:
    """The error as it can be pickled: itself where that works, otherwise its words."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001 - an exception's own __reduce__ may raise anything
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def unpacked(answer: Answer) -> Any:
    """The value of an answer. Raises the error it may be."""
    value, error = answer
    if error is not None:
        raise error
    return value
