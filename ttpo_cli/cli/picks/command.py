"""`ttpo picks`: add or take back a pick, write the pairs for a trainer, compare the metrics with the picks, learn weights from them."""

import json as json_text
from pathlib import Path
from typing import Annotated

import typer

from ttpo_cli.cli.options import shared as options
from ttpo_cli.cli.terminal.console import Json, NoColor, Quiet, Terminal, write_json, write_line

picks = typer.Typer(no_args_is_help=True, help="What people chose among the candidates of `ttpo restore --select later` or `ask`.")
Out = Annotated[Path, typer.Argument(metavar="OUT", help="Output folder of `ttpo restore`.", show_default=False)]
Target = Annotated[str, typer.Argument(help="The photo's name in the output folder.", show_default=False)]


@picks.command("fit")
def fit(
    folders: Annotated[list[Path], typer.Argument(metavar="OUT", help="Output folders of `ttpo restore`.", show_default=False)],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file.json for --selection-weights; without it: only the table.")
    ] = None,
    metrics: Annotated[str | None, typer.Option(help="Metrics to weigh, by commas; without it: all that scored.", metavar="A,B,..")] = None,
    ceiling: Annotated[bool, typer.Option("--ceiling/--no-ceiling", help="Use the same value as for --selection-ceiling.")] = True,
    overwrite: options.Overwrite = False,
    json: Json = False,
    quiet: Quiet = False,
    no_color: NoColor = False,
) -> None:
    """Learn the weights of the metrics from a person's picks (Bradley-Terry), and say how well they predict picks held out."""
    from ttpo_cli.cli.picks.actions import learn_weights
    from ttpo_cli.imaging.atomic import atomic_write

    names = None if metrics is None else options.names(metrics)
    record = learn_weights(folders, names, ceiling, Terminal(quiet, no_color=no_color))
    if output is not None:
        atomic_write(output, (json_text.dumps(record, indent=2) + "\n").encode(), overwrite)
    if json:
        write_json(record)
    elif output is not None:
        write_line(str(output.resolve()))


@picks.command("add")
def add(
    folder: Out,
    target: Target,
    preferred: Annotated[int, typer.Argument(help="Number of the candidate; 0 is the restored image.", show_default=False)],
    dispreferred: Annotated[int, typer.Argument(help="Number of another one.", show_default=False)],
) -> None:
    """Pick one photo's preferred and dispreferred candidate. A later pick of the same photo takes its place."""
    from ttpo_cli.cli.picks.actions import add_one

    add_one(folder, target, preferred, dispreferred)


@picks.command("undo")
def undo(folder: Out, target: Target) -> None:
    """Take the pick of one photo back."""
    from ttpo_cli.cli.picks.actions import take_back

    take_back(folder, target)


@picks.command("export")
def export(
    folder: Out,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A file; without it: standard output.")] = None,
    overwrite: options.Overwrite = False,
) -> None:
    """Every pick as a pair of image files, one JSON object a line, for a trainer of preferences."""
    from ttpo_cli.cli.picks.actions import exported_lines
    from ttpo_cli.imaging.atomic import atomic_write

    lines = list(exported_lines(folder))
    if output is None:
        for line in lines:
            write_line(line)
    else:
        atomic_write(output, "".join(f"{line}\n" for line in lines).encode(), overwrite)


@picks.command("stats")
def stats(folder: Out, json: Json = False, quiet: Quiet = False, no_color: NoColor = False) -> None:
    """How often each metric agrees with the picks, with a 95 % interval (Wilson). From enough picks on, also the weights learned from them,
    as `ttpo picks fit` shows them."""
    from ttpo_cli.cli.picks.actions import show_agreement

    record = show_agreement(folder, Terminal(quiet, no_color=no_color))
    if json:
        write_json(record)
