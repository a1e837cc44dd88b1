"""What the three stages leave: images, scores, verdicts, and which image was chosen and why."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from ttpo_cli.preference.guard import Verdict, judge
from ttpo_cli.settings.guard import GuardOptions

ROWS = ("restored", "best candidate", "guided", "result")
RIVAL = "best of N at equal calls"


@dataclass(frozen=True)
class Outcome:
    """Images (1, 3, H, W); candidates (N, 3, H, W) with row 0 the restored image; scores by row, then metric, `fused` among them.

    verdicts: of each row and candidate. calls: by stage. seeds: by candidate label. rival: see `preference.rival`.
    pick: (preferred, dispreferred) where a person chose them, else ().
    """

    restored: Tensor
    best: Tensor
    guided: Tensor
    final: Tensor
    chosen: str
    reason: str
    candidates: Tensor
    labels: tuple[str, ...]
    preferred: int = 0
    dispreferred: int = 0
    metric_names: tuple[str, ...] = ()
    scores: dict[str, dict[str, float]] = field(default_factory=dict)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)
    seeds: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    rival: Tensor | None = None
    pick: tuple[int, ...] = ()

    def without_candidates(self) -> "Outcome":
        """The same with the images dropped: what is kept of a region once its part of the photo is blended in."""
        nothing = self.restored[..., :0, :0]
        return replace(self, restored=nothing, best=nothing, guided=nothing, final=nothing, candidates=nothing)


def of_restored(restored: Tensor, lq: Tensor, scale: int, options: GuardOptions) -> Outcome:
    """The outcome of stopping at the restored image."""
    verdict = judge(restored, restored, lq, scale, options)
    return Outcome(
        restored,
        restored,
        restored,
        restored,
        "restored",
        "preference optimisation was switched off",
        restored,
        ("restored",),
        verdicts={"restored": verdict, "result": verdict},
    )


def of_regions(
    regions: Sequence[Outcome], restored: Tensor, best: Tensor, guided: Tensor, final: Tensor, lq: Tensor, scale: int, options: GuardOptions
) -> Outcome:
    """One outcome of a photo done in regions: blended images, mean scores, summed costs, and verdicts on the whole images."""
    images = {"restored": restored, "best candidate": best, "guided": guided, "result": final}
    kinds = [outcome.chosen.split(" ")[0] for outcome in regions]
    counts = {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}
    chosen = next(iter(counts)) if len(counts) == 1 else "regional mixture"
    described = ", ".join(f"{kind} in {count}" for kind, count in counts.items())
    return Outcome(
        restored,
        best,
        guided,
        final,
        chosen,
        f"each of {len(regions)} regions chose by itself: {described}",
        torch.cat((restored, best)),
        ("restored", "best candidate of each region"),
        preferred=1,
        metric_names=regions[0].metric_names,
        scores={row: _mean_scores([outcome.scores[row] for outcome in regions]) for row in ROWS},
        verdicts={row: judge(image, restored, lq, scale, options) for row, image in images.items()},
        calls=_summed([outcome.calls for outcome in regions]),
        notes=tuple(dict.fromkeys(note for outcome in regions for note in outcome.notes)),
    )


def _mean_scores(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for row in rows for name in row)
    known = {name: [row[name] for row in rows if name in row] for name in names}
    return {name: sum(values) / len(values) for name, values in known.items()}


def _summed(parts: Sequence[dict]) -> dict:
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: sum(part.get(name, 0) for part in parts) for name in names}
