"""`--selection-weights` as numbers: as given, from a file of `ttpo picks fit`, or `learned` from the picks in the output folder."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ttpo_cli.cli.options.flags import names
from ttpo_cli.errors import TtpoError, UsageError
from ttpo_cli.folder.pick_store import picked_pairs
from ttpo_cli.metrics.paper import with_panels
from ttpo_cli.preference.learned_weights import Learned, learn, learned_of

LEARNED = "learned"


def weights_by_picks(given: Mapping[str, Any], picks_in: Sequence[Path]) -> dict[str, Any]:
    """The options that replace --selection-weights learned, or a file there; {} for any other. picks_in: output folders.

    Raises UsageError for another fusion given as well, or no folder to learn from.
    Raises TtpoError for too few picks, or a file that cannot be read.
    """
    text = given.get("selection_weights", "")
    if text != LEARNED and not (text.endswith(".json") and "=" not in text):
        return {}
    if given["selection_fusion"] not in ("mean", LEARNED):
        raise UsageError(f"--selection-weights {text} has a fusion of its own: leave out --selection-fusion {given['selection_fusion']}")
    learned = _from_picks(given, picks_in) if text == LEARNED else _from_file(Path(text), given)
    numbers = ",".join(f"{name}={float(weight)!r}" for name, weight in learned.weights.items())
    return {"selection_weights": numbers, "selection_fusion": LEARNED}


def _from_picks(given: Mapping[str, Any], picks_in: Sequence[Path]) -> Learned:
    if not picks_in:
        raise UsageError(
            "--selection-weights learned uses the picks in an output folder: restore a folder, or give a file of `ttpo picks fit`"
        )
    pairs = [pair for folder in picks_in for pair in picked_pairs(folder)]
    return learn(pairs, with_panels(names(given["metrics"])), given["selection_ceiling"] == "on")


def _from_file(path: Path, given: Mapping[str, Any]) -> Learned:
    try:
        learned = learned_of(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, RecursionError, TtpoError) as error:
        raise TtpoError(f"'{path}' has no weights that can be read ({error}): `ttpo picks fit OUT -o FILE.json` writes them") from error
    if learned.ceiling != (given["selection_ceiling"] == "on"):
        fitted = "on" if learned.ceiling else "off"
        raise UsageError(f"'{path}' was fitted with the ceiling {fitted}: say --selection-ceiling {fitted}")
    return learned
