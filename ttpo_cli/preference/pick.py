"""A person's pick as one line of JSON: which of the candidates of one photo is preferred, which dispreferred, and what the metrics thought.

A pick holds for a photo's content and for the settings that made its candidates; repeated under both it gives the same result.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from ttpo_cli.errors import TtpoError

PICK_SCHEMA = 1


@dataclass(frozen=True)
class Proposal:
    """The candidates of one photo, to be picked from. images: their files' names, row 0 the restored image; scores: metric -> one a row;
    lower_is_better, pristine: of each metric, its direction and the level of pristine photos, if known. target: the photo's name in its
    folder; made_with: hash of the settings."""

    target: str
    content_sha256: str
    made_with: str
    labels: tuple[str, ...]
    images: tuple[str, ...]
    scores: Mapping[str, Sequence[float | None]]
    lower_is_better: Mapping[str, bool]
    pristine: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Pick:
    """preferred, dispreferred: rows of the candidates, 0 the restored image; None where the person took the pick back."""

    target: str
    content_sha256: str
    made_with: str
    preferred: int | None
    dispreferred: int | None

    @property
    def key(self) -> tuple[str, str, str]:
        """What the pick holds for."""
        return (self.target, self.content_sha256, self.made_with)


def pick_line(pick: Pick) -> str:
    """The line, with its end."""
    return json.dumps({"schema_version": PICK_SCHEMA, **asdict(pick)}, ensure_ascii=False) + "\n"


def read_picks(lines: Iterable[str | bytes], name: str) -> dict[tuple[str, str, str], Pick]:
    """The picks that hold, by what they hold for: the last line counts. A last line cut short by a kill is left out.

    Raises TtpoError, naming the line, for one that is not a pick.
    """
    picks: dict[tuple[str, str, str], Pick] = {}
    for number, line in enumerate((line for line in lines if line[-1:] in ("\n", b"\n")), 1):
        try:
            pick = _pick(json.loads(line))
        except (ValueError, TypeError, AttributeError, LookupError, RecursionError) as error:
            reason = " ".join(str(error).split())[:80]
            raise TtpoError(f"'{name}', line {number}, is not a pick ({reason}): take the line out, or move the file away") from error
        picks.pop(pick.key, None)
        if pick.preferred is not None:
            picks[pick.key] = pick
    return picks


def agreement(pairs: Iterable[tuple[Pick, Proposal]]) -> dict[str, tuple[int, int]]:
    """Metric -> (how often it scored the preferred better than the dispreferred, how often it scored both and not the same)."""
    counts: dict[str, tuple[int, int]] = {}
    for pick, proposal in pairs:
        assert pick.preferred is not None and pick.dispreferred is not None  # `read_picks` leaves out what was taken back
        for metric, scores in proposal.scores.items():
            better, worse = scores[pick.preferred], scores[pick.dispreferred]
            if better is None or worse is None or better == worse:
                continue
            agreed, asked = counts.get(metric, (0, 0))
            counts[metric] = (agreed + ((better < worse) == proposal.lower_is_better[metric]), asked + 1)
    return counts


def proposal_of(values: Mapping[str, Any]) -> Proposal:
    """From what JSON made of one. Raises TypeError, ValueError or KeyError for another shape."""
    known = {entry.name: values[entry.name] for entry in fields(Proposal) if entry.name in values}
    proposal = Proposal(**{**known, "labels": tuple(known["labels"]), "images": tuple(known["images"])})
    texts = (proposal.target, proposal.content_sha256, proposal.made_with, *proposal.labels, *proposal.images)
    if not all(isinstance(text, str) for text in texts) or len(proposal.images) != len(proposal.labels):
        raise ValueError("its labels and images are not those of one list")
    if not set(proposal.scores) <= set(proposal.lower_is_better) or not isinstance(proposal.pristine, Mapping):
        raise ValueError("a metric has no direction")
    for scores in proposal.scores.values():
        if len(scores) != len(proposal.labels) or not all(score is None or isinstance(score, (int, float)) for score in scores):
            raise ValueError("a metric has not one score for each candidate")
    return proposal


def _pick(values: Any) -> Pick:
    if values.pop("schema_version") != PICK_SCHEMA:
        raise ValueError(f"its schema_version is not {PICK_SCHEMA}")
    pick = Pick(**values)
    rows = (pick.preferred, pick.dispreferred)
    whole = all(isinstance(row, int) and not isinstance(row, bool) and row >= 0 for row in rows) and rows[0] != rows[1]
    if not (whole or rows == (None, None)) or not all(isinstance(part, str) for part in pick.key):
        raise ValueError("it does not name two different candidates")
    return pick
