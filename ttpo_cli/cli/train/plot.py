"""`ttpo train plot`: the curves of a finished or running training, from its records."""

from pathlib import Path
from typing import Annotated

import typer


def plot(
    run: Annotated[Path, typer.Argument(help="Folder of a training run.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The SVG file to write.")],
    values: Annotated[str, typer.Option(help="Names of recorded values, separated by commas; by default the loss.")] = "loss",
    log: Annotated[bool, typer.Option("--log", help="A logarithmic axis for the values.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")] = False,
) -> None:
    """Draw recorded values against steps as an SVG."""
    from ttpo_cli.cli.train.curves import plot_records

    plot_records(run, output, values.split(","), log, overwrite)
