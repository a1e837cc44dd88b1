"""What a training shows while it runs: a progress bar with the time left on a terminal, one plain line a record elsewhere."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from os import environ
from pathlib import Path
from typing import Any, TypeVar

import torch
import typer
import yaml
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ttpo_cli.cli.terminal.console import counted
from ttpo_cli.device.device import choose_device
from ttpo_cli.training.config import read_config, read_setting, with_values
from ttpo_cli.training.run import Record

Options = TypeVar("Options")


def read_options(defaults: Options, config: Path | None, settings: Sequence[str], flags: Mapping[str, Any]) -> Options:
    """A training's options: the defaults, then the file, then --set, then the flags that were given (not None)."""
    options = defaults if config is None else with_values(defaults, read_config(config))
    for setting in settings:
        options = with_values(options, read_setting(setting))
    return with_values(options, {name: value for name, value in flags.items() if value is not None})


def print_options(options: Any) -> None:
    """All options as YAML on standard output: a file for --config."""
    typer.echo(yaml.safe_dump(json.loads(json.dumps(asdict(options))), sort_keys=False), nl=False)


def name_left_out(reasons: Sequence[str]) -> None:
    """Say which photos a training cannot use, and how many they are."""
    console = Console(stderr=True)
    for reason in reasons:
        console.print(f"left out: {reason}", highlight=False, markup=False, soft_wrap=True)
    if reasons:
        console.print(f"{counted(len(reasons), 'photo')} left out", highlight=False)


def choose_training_device(name: str) -> torch.device:
    """`auto` is CUDA where there is one, else the CPU. Raises UsageError for a device that is not there."""
    return choose_device("cpu" if name == "auto" and not torch.cuda.is_available() else name)


def is_reporting() -> bool:
    """Whether this process is the one, of several that train together, that reports and draws."""
    return environ.get("RANK", "0") == "0"


def show_training(training: Callable[[Callable[[int], None]], Iterator[Record]], steps: int, folder: Path) -> None:
    """Run a training, showing each record; it is given the function to call with each step. The last line says where the result lies."""
    console = Console(stderr=True, quiet=not is_reporting())
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("training", total=steps)
        raised = ""
        for record in training(lambda step: progress.update(task, completed=step)):
            alarm = str(record.pop("alarm", ""))
            console.print(describe(record), highlight=False, soft_wrap=True)
            if alarm and alarm != raised:
                console.print(f"alarm: {alarm}; the best prior is that of step {record['best_step']}", highlight=False, soft_wrap=True)
                raised = alarm
    console.print(f"finished: {folder}", highlight=False, soft_wrap=True)


def describe(record: Record) -> str:
    """One record as one line: `step 250  loss 0.0312  ...`."""
    values = (f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in record.items())
    return "  ".join(values)
