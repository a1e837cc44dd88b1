"""`ttpo picks fit`: the metric weights that best explain a person's picks, with error bars, as a table and a file."""

import json as json_text
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ttpo_cli.cli.options import shared as options
from ttpo_cli.cli.terminal.console import Json, NoColor, Quiet, Terminal, write_json, write_line

if TYPE_CHECKING:
    from ttpo_cli.preference.learned_weights import Learned


def fit(
    folders: Annotated[list[Path], typer.Argument(metavar="OUT", help="Output folders of `ttpo restore`.", show_default=False)],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File.json for --selection-weights; without it only a table.")
    ] = None,
    metrics: Annotated[str | None, typer.Option(help="Metrics to weigh, by commas; without it: all that scored.", metavar="A,B,..")] = None,
    ceiling: Annotated[bool, typer.Option("--ceiling/--no-ceiling", help="As --selection-ceiling is to be.")] = True,
    overwrite: options.Overwrite = False,
    json: Json = False,
    quiet: Quiet = False,
    no_color: NoColor = False,
) -> None:
    """Weigh the metrics as a person's picks do (Bradley-Terry), and say how well that foretells picks that took no part."""
    from ttpo_cli.folder.pick_store import picked_pairs
    from ttpo_cli.imaging.atomic import atomic_write
    from ttpo_cli.preference.learned_weights import learn, learned_record, metrics_of

    pairs = [pair for folder in folders for pair in picked_pairs(folder)]
    learned = learn(pairs, metrics_of(pairs) if metrics is None else options.names(metrics), ceiling)
    record = learned_record(learned)
    tell_learned(learned, Terminal(quiet, no_color=no_color))
    if output is not None:
        atomic_write(output, (json_text.dumps(record, indent=2) + "\n").encode(), overwrite)
    if json:
        write_json(record)
    elif output is not None:
        write_line(str(output.resolve()))


def tell_learned(learned: "Learned", terminal: Terminal) -> None:
    """Two tables: each weight with its error bars, and who agrees with the picks how often."""
    weights = []
    for name, weight in learned.weights.items():
        low, high = learned.intervals[name]
        weights.append([name, f"{weight:+.2f}", f"{learned.standard_errors[name]:.2f}", f"{low:+.2f} to {high:+.2f}"])
    terminal.table(f"weights learned from {learned.picks} picks", ["metric", "weight", "standard error", "95 % (bootstrap)"], weights)
    alone = [[name, f"{share:.0%}"] for name, share in learned.agreement.items()]
    rows = [["learned weights, picks held out", f"{learned.held_out:.0%}"], ["equal weights", f"{learned.equal:.0%}"], *alone]
    terminal.table("agrees with the picks", ["", "share"], rows)
