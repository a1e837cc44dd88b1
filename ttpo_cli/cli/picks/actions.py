"""What the commands of `ttpo picks` do: add and take back a pick, write the pairs for a trainer, and show what the picks say."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ttpo_cli.cli.terminal.console import SCHEMA_VERSION, Terminal, counted
from ttpo_cli.errors import TtpoError
from ttpo_cli.folder.pick_store import add_pick, candidates_folder, picked_pairs, read_proposal
from ttpo_cli.preference.learned_weights import Learned, learn, learned_record, metrics_of, minimum_picks
from ttpo_cli.preference.pick import Pick, agreement
from ttpo_cli.preference.selection import checked_pick


def add_one(folder: Path, target: str, preferred: int, dispreferred: int) -> None:
    """Pick one photo's preferred and dispreferred candidate. Raises TtpoError for a photo without candidates."""
    proposal = read_proposal(folder, target)
    if proposal is None:
        raise TtpoError(f"'{target}' has no candidates in '{folder}': `ttpo restore --select later` makes them")
    pair = checked_pick((preferred, dispreferred), len(proposal.images))
    add_pick(folder, Pick(target, proposal.content_sha256, proposal.made_with, preferred=pair[0], dispreferred=pair[1]))


def take_back(folder: Path, target: str) -> None:
    """Take the pick of one photo back. Raises TtpoError where it has none."""
    held = [pick for pick, _ in picked_pairs(folder) if pick.target == target]
    if not held:
        raise TtpoError(f"'{target}' has no pick in '{folder}' that could be taken back")
    add_pick(folder, Pick(*held[0].key, preferred=None, dispreferred=None))


def exported_lines(folder: Path) -> Iterator[str]:
    """Every pick as a line of JSON: the files of the pair, their labels, and what they were made of."""
    for pick, proposal in picked_pairs(folder):
        assert pick.preferred is not None and pick.dispreferred is not None  # those taken back are left out
        place, rows = candidates_folder(folder, pick.target).resolve(), (pick.preferred, pick.dispreferred)
        images = dict(zip(("preferred", "dispreferred"), (str(place / proposal.images[row]) for row in rows), strict=True))
        labels = {f"{name}_label": proposal.labels[row] for name, row in zip(images, rows, strict=True)}
        facts = {"target": pick.target, "content_sha256": pick.content_sha256, "made_with": pick.made_with}
        yield json.dumps({"schema_version": SCHEMA_VERSION, **images, **labels, **facts}, ensure_ascii=False)


def show_agreement(folder: Path, terminal: Terminal) -> dict[str, Any]:
    """Show how often each metric agrees with the picks, and the learned weights where there are enough picks; return both as a record."""
    pairs = list(picked_pairs(folder))
    counts = agreement(pairs)
    rows = {metric: {"agreed": agreed, "asked": asked, "interval": wilson(agreed, asked)} for metric, (agreed, asked) in counts.items()}
    cells = []
    for metric, row in sorted(rows.items()):
        low, high = row["interval"]
        cells.append([metric, f"{row['agreed']} of {row['asked']}", f"{row['agreed'] / row['asked']:.0%}", f"{low:.0%} to {high:.0%}"])
    terminal.table(counted(len(pairs), "pick"), ["metric", "agrees", "share", "95 %"], cells)
    record = {"schema_version": SCHEMA_VERSION, "picks": len(pairs), "metrics": rows}
    names = metrics_of(pairs)
    if not names or len(pairs) < minimum_picks(len(names)):
        return record
    learned = learn(pairs, names, ceiling=True)
    show_learned(learned, terminal)
    return {**record, "learned": learned_record(learned)}


def learn_weights(folders: list[Path], metrics: tuple[str, ...] | None, ceiling: bool, terminal: Terminal) -> dict[str, Any]:
    """Fit the weights of these metrics, or of all that scored, to the picks of the folders; show them, and return their record."""
    pairs = [pair for folder in folders for pair in picked_pairs(folder)]
    learned = learn(pairs, metrics_of(pairs) if metrics is None else metrics, ceiling)
    record = learned_record(learned)
    show_learned(learned, terminal)
    return record


def show_learned(learned: Learned, terminal: Terminal) -> None:
    """Two tables: each weight with its error bars, and how often each score agrees with the picks."""
    weights = []
    for name, weight in learned.weights.items():
        low, high = learned.intervals[name]
        weights.append([name, f"{weight:+.2f}", f"{learned.standard_errors[name]:.2f}", f"{low:+.2f} to {high:+.2f}"])
    terminal.table(
        f"weights learned from {counted(learned.picks, 'pick')}", ["metric", "weight", "standard error", "95 % (bootstrap)"], weights
    )
    alone = [[name, f"{share:.0%}"] for name, share in learned.agreement.items()]
    rows = [["learned weights, picks held out", f"{learned.held_out:.0%}"], ["equal weights", f"{learned.equal:.0%}"], *alone]
    terminal.table("agrees with the picks", ["", "share"], rows)


def wilson(successes: int, trials: int, z: float = 1.959964) -> tuple[float, float]:
    """The score interval of a share (Wilson 1927); trials at least 1."""
    share, spread = successes / trials, z * z / trials
    middle = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(share * (1 - share) / trials + spread / (4 * trials))
    return max(0.0, middle - half), min(1.0, middle + half)
