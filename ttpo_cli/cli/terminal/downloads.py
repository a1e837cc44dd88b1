"""What a person sees while weights arrive: a bar on a terminal, one line elsewhere; and once, what their licence forbids."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from ttpo_cli.cli.terminal.console import Terminal
from ttpo_cli.progress import OnDownload

if TYPE_CHECKING:
    from ttpo_cli.weights.store import Store


@contextmanager
def opened_store(terminal: Terminal) -> "Iterator[Store]":
    """The store of this process, whose downloads the terminal shows while the context lasts."""
    from ttpo_cli.weights.store import open_store

    with _shown(terminal) as on_bytes:
        yield open_store(on_bytes)


@contextmanager
def _shown(terminal: Terminal) -> Iterator[OnDownload]:
    known: dict[str, Any] = {}
    if not terminal.moving:

        def say_once(name: str, done: int, total: int | None) -> None:
            if name not in known:
                known[name] = True
                terminal.say(f"fetching {name}" + (f" ({total / 1e6:.1f} MB)" if total else ""))

        yield say_once
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=terminal.console, transient=True) as bars:

        def on_bytes(name: str, done: int, total: int | None) -> None:
            if name not in known:
                known[name] = bars.add_task(escape(f"fetching {name}"), total=total)
            bars.update(known[name], completed=done, total=total)

        yield on_bytes


def warn_of_licences(weights: Sequence[dict[str, Any]], terminal: Terminal) -> None:
    """One line for each weight file whose licence forbids commercial use."""
    for entry in weights:
        if entry.get("commercial_use") is False:
            terminal.warn(f"{entry['name']} ({entry['role']}) is not for commercial use: {entry['licence']}")
