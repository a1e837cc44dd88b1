"""`ttpo picks`: what people chose among candidates: add a pick, write the pairs for a trainer, say whether the metrics agree."""

import json as json_text
import math
from pathlib import Path
from typing import Annotated

import typer

from ttpo_cli.cli.options import shared as options
from ttpo_cli.cli.picks.fit import fit, tell_learned
from ttpo_cli.cli.terminal.console import Json, NoColor, Quiet, Terminal, write_json, write_line
from ttpo_cli.errors import TtpoError

picks = typer.Typer(no_args_is_help=True, help="What people chose among the candidates of `ttpo restore --select later` or `ask`.")
picks.command("fit")(fit)
Out = Annotated[Path, typer.Argument(metavar="OUT", help="Output folder of `ttpo restore`.", show_default=False)]


@picks.command("add")
def add(
    folder: Out,
    target: Annotated[str, typer.Argument(help="The photo's name in the output folder.", show_default=False)],
    preferred: Annotated[int, typer.Argument(help="Number of the candidate; 0 is the restored image.", show_default=False)],
    dispreferred: Annotated[int, typer.Argument(help="Number of another one.", show_default=False)],
) -> None:
    """Pick one photo's preferred and dispreferred candidate. A later pick of the same photo takes its place."""
    from ttpo_cli.folder.pick_store import add_pick, read_proposal
    from ttpo_cli.preference.pick import Pick
    from ttpo_cli.preference.selection import checked_pick

    proposal = read_proposal(folder, target)
    if proposal is None:
        raise TtpoError(f"'{target}' has no candidates in '{folder}': `ttpo restore --select later` makes them")
    pair = checked_pick((preferred, dispreferred), len(proposal.images))
    add_pick(folder, Pick(target, proposal.content_sha256, proposal.made_with, *pair))


@picks.command("undo")
def undo(folder: Out, target: Annotated[str, typer.Argument(help="The photo's name in the output folder.", show_default=False)]) -> None:
    """Take the pick of one photo back."""
    from ttpo_cli.folder.pick_store import add_pick, picked_pairs
    from ttpo_cli.preference.pick import Pick

    held = [pick for pick, _ in picked_pairs(folder) if pick.target == target]
    if not held:
        raise TtpoError(f"'{target}' has no pick in '{folder}' that could be taken back")
    add_pick(folder, Pick(*held[0].key, None, None))


@picks.command("export")
def export(
    folder: Out,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A file; without it: standard output.")] = None,
    overwrite: options.Overwrite = False,
) -> None:
    """Every pick as a pair of image files, one JSON object a line, for a trainer of preferences."""
    from ttpo_cli.folder.pick_store import candidates_folder, picked_pairs
    from ttpo_cli.imaging.atomic import atomic_write

    lines = []
    for pick, proposal in picked_pairs(folder):
        assert pick.preferred is not None and pick.dispreferred is not None  # those taken back are left out
        place, rows = candidates_folder(folder, pick.target).resolve(), (pick.preferred, pick.dispreferred)
        images = dict(zip(("preferred", "dispreferred"), (str(place / proposal.images[row]) for row in rows), strict=True))
        labels = {f"{name}_label": proposal.labels[row] for name, row in zip(images, rows, strict=True)}
        facts = {"target": pick.target, "content_sha256": pick.content_sha256, "made_with": pick.made_with}
        lines.append(json_text.dumps({"schema_version": 1, **images, **labels, **facts}, ensure_ascii=False))
    if output is None:
        for line in lines:
            write_line(line)
    else:
        atomic_write(output, "".join(f"{line}\n" for line in lines).encode(), overwrite)


@picks.command("stats")
def stats(folder: Out, json: Json = False, quiet: Quiet = False, no_color: NoColor = False) -> None:
    """How often people agree with each metric on which of the two is better, with a 95 % interval (Wilson); and, from enough picks on, the
    weights they speak for, as `ttpo picks fit` has them."""
    from ttpo_cli.folder.pick_store import picked_pairs
    from ttpo_cli.preference.learned_weights import learn, learned_record, metrics_of, minimum_picks
    from ttpo_cli.preference.pick import agreement

    terminal, pairs = Terminal(quiet, no_color=no_color), list(picked_pairs(folder))
    counts = agreement(pairs)
    rows = {metric: {"agreed": agreed, "asked": asked, "interval": wilson(agreed, asked)} for metric, (agreed, asked) in counts.items()}
    cells = []
    for metric, row in sorted(rows.items()):
        low, high = row["interval"]
        cells.append([metric, f"{row['agreed']} of {row['asked']}", f"{row['agreed'] / row['asked']:.0%}", f"{low:.0%} to {high:.0%}"])
    terminal.table(f"{len(pairs)} picks", ["metric", "agrees", "share", "95 %"], cells)
    names = metrics_of(pairs)
    learned = learn(pairs, names, ceiling=True) if names and len(pairs) >= minimum_picks(len(names)) else None
    if learned is not None:
        tell_learned(learned, terminal)
    if json:
        fitted = {} if learned is None else {"learned": learned_record(learned)}
        write_json({"schema_version": 1, "picks": len(pairs), "metrics": rows, **fitted})


def wilson(successes: int, trials: int, z: float = 1.959964) -> tuple[float, float]:
    """The score interval of a share (Wilson 1927); trials at least 1."""
    share, spread = successes / trials, z * z / trials
    middle = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(share * (1 - share) / trials + spread / (4 * trials))
    return max(0.0, middle - half), min(1.0, middle + half)
