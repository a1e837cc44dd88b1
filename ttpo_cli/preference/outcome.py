"""What the three stages leave: every image that competed, with its scores and its verdict, which one was chosen, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from ttpo_cli.preference.guard import Guard, Verdict

# The rows of every comparison, as records name them.
ROWS: tuple[str, ...] = ("restored", "best candidate", "guided", "result")
BEST_OF_N = "best of N at equal calls"


@dataclass(frozen=True)
class Contender:
    """An image that competes to be the result.

    Attributes:
        label: What it is called; no two of an outcome have the same.
        image: (1, 3, H, W) in [0, 1].
        scores: Metric -> score, `fused` among them.
        verdict: The guard's.
    """

    label: str
    image: Tensor
    verdict: Verdict
    scores: Mapping[str, float] = field(default_factory=dict)

    @property
    def kept(self) -> bool:
        """Whether the guard would let it be returned."""
        return self.verdict.refused is None


@dataclass(frozen=True)
class Outcome:
    """The contenders of one photo, and the choice among them.

    Attributes:
        contenders: The restored image first, then the candidates, then what was made of them.
        rows: Row of the comparison -> index of its contender; `ROWS`, and `BEST_OF_N` where it was made.
        reason: Why the result was chosen.
        candidate_count: How many contenders, from the first, a pair is chosen among.
        preferred, dispreferred: The pair, indices of contenders; the same where there is none.
        metric_names: The metrics that scored.
        calls: Stage -> network calls.
        seeds: Label -> seed, of each candidate.
        notes: What a reader should know.
        pick: (preferred, dispreferred) where a person chose them, else ().
    """

    contenders: tuple[Contender, ...]
    rows: Mapping[str, int]
    reason: str
    candidate_count: int = 1
    preferred: int = 0
    dispreferred: int = 0
    metric_names: tuple[str, ...] = ()
    calls: Mapping[str, int] = field(default_factory=dict)
    seeds: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    pick: tuple[int, ...] = ()

    def row(self, name: str) -> Contender | None:
        """The contender of a row; None where there is none."""
        return self.contenders[self.rows[name]] if name in self.rows else None

    def image(self, name: str) -> Tensor | None:
        """The image of a row, (1, 3, H, W)."""
        found = self.row(name)
        return None if found is None else found.image

    @property
    def restored(self) -> Tensor:
        """(1, 3, H, W)."""
        return self.contenders[self.rows["restored"]].image

    @property
    def final(self) -> Tensor:
        """The result, (1, 3, H, W)."""
        return self.contenders[self.rows["result"]].image

    @property
    def chosen(self) -> str:
        """The label of the result."""
        return self.contenders[self.rows["result"]].label

    @property
    def candidates(self) -> Tensor:
        """What a pair is chosen among, (N, 3, H, W), row 0 the restored image."""
        return torch.cat([contender.image for contender in self.contenders[: self.candidate_count]])

    @property
    def candidate_labels(self) -> tuple[str, ...]:
        """The labels of `candidates`."""
        return tuple(contender.label for contender in self.contenders[: self.candidate_count])

    def on_cpu(self) -> "Outcome":
        """The same with every image in the memory of the CPU."""
        return replace(self, contenders=tuple(replace(contender, image=contender.image.cpu()) for contender in self.contenders))

    def without_images(self) -> "Outcome":
        """The same with the images dropped: what is kept of a region once its part of the photo is blended in."""
        nothing = self.restored[..., :0, :0]
        return replace(self, contenders=tuple(replace(contender, image=nothing) for contender in self.contenders))


def of_restored(restored: Tensor, guard: Guard) -> Outcome:
    """The outcome of stopping at the restored image."""
    only = Contender(label="restored", image=restored, verdict=guard.judge(restored))
    return Outcome(contenders=(only,), rows={"restored": 0, "result": 0}, reason="preference optimisation was switched off")


def of_regions(regions: Sequence[Outcome], images: Mapping[str, Tensor], guard: Guard) -> Outcome:
    """One outcome of a photo done in regions: blended images, mean scores, summed costs, and verdicts on the whole images.

    images: of each of `ROWS`, (1, 3, H, W).
    """
    kinds = [outcome.chosen.split(" ")[0] for outcome in regions]
    counts = {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}
    chosen = next(iter(counts)) if len(counts) == 1 else "regional mixture"
    described = ", ".join(f"{kind} in {count}" for kind, count in counts.items())
    labels = {"restored": "restored", "best candidate": "best candidate of each region", "guided": "guided", "result": chosen}
    contenders = [
        Contender(label=labels[row], image=images[row], verdict=guard.judge(images[row]), scores=_mean_scores(regions, row)) for row in ROWS
    ]
    return Outcome(
        contenders=tuple(contenders),
        rows={row: index for index, row in enumerate(ROWS)},
        reason=f"each of {len(regions)} regions chose by itself: {described}",
        candidate_count=2,
        metric_names=regions[0].metric_names,
        calls=_summed([outcome.calls for outcome in regions]),
        notes=tuple(dict.fromkeys(note for outcome in regions for note in outcome.notes)),
    )


def _mean_scores(regions: Sequence[Outcome], row: str) -> dict[str, float]:
    rows = [found.scores for outcome in regions if (found := outcome.row(row)) is not None]
    names = dict.fromkeys(name for scores in rows for name in scores)
    known = {name: [scores[name] for scores in rows if name in scores] for name in names}
    return {name: sum(values) / len(values) for name, values in known.items()}


def _summed(parts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: sum(part.get(name, 0) for part in parts) for name in names}
