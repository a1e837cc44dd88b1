"""What a training shows while it runs: a progress bar with the time left on a terminal, one plain line a record elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

if TYPE_CHECKING:
    import torch

    from ttpo_cli.training.run import Record


def choose_training_device(name: str) -> torch.device:
    """`auto` is CUDA where there is one; a CUDA device that is not there is a TtpoError."""
    import torch

    from ttpo_cli.errors import UsageError

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise UsageError(f"--device {name}: PyTorch sees no CUDA device here; use --device cpu")
    return torch.device(name)


def show_training(records: Iterator[Record], steps: int, folder: Path) -> None:
    """Consume a training's records, showing each; the last line says where the result lies."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("training", total=steps)
        for record in records:
            progress.update(task, completed=float(record["step"]))
            console.print(describe(record), highlight=False)
    console.print(f"finished: {folder}", highlight=False)


def describe(record: Record) -> str:
    """One record as one line: `step 250  loss 0.0312  ...`."""
    values = (f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in record.items())
    return "  ".join(values)
