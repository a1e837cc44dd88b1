"""Stage II of TTPO: scores of N candidates under M metrics fused into one, then a preferred and a dispreferred (arXiv 2511.19169)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ttpo_cli.errors import UsageError, unknown_name
from ttpo_cli.metrics.metric import Metric, batched_scores
from ttpo_cli.settings.selection import SelectionOptions


@dataclass(frozen=True)
class Panel:
    """The metrics that can score an image of this size, and the names of those that cannot."""

    metrics: tuple[Metric, ...]
    left_out: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(metric.name for metric in self.metrics)


def panel_for(metrics: Sequence[Metric], height: int, width: int) -> Panel:
    """Leave out the metrics that an image of height x width is too small for."""
    able = tuple(metric for metric in metrics if min(height, width) >= metric.minimum_size)
    return Panel(able, tuple(metric.name for metric in metrics if metric not in able))


def score_images(images: Tensor, panel: Panel, notes: list[str] | None = None) -> Tensor:
    """(N, 3, H, W) -> (N, M) float64, in batches that each metric takes. A score that is not finite is the worst of its column.

    notes: gains a line for every batch that memory did not allow.
    """
    columns = [batched_scores(metric, images, notes=notes) for metric in panel.metrics]
    scores = torch.stack(columns, dim=1) if columns else torch.zeros(len(images), 0, dtype=torch.float64)
    for column, metric in enumerate(panel.metrics):
        finite = torch.isfinite(scores[:, column])
        known = scores[finite, column]
        worst = 0.0 if not len(known) else float(known.max() if metric.lower_is_better else known.min())
        scores[~finite, column] = worst
    return scores


def fused_scores(scores: Tensor, panel: Panel, options: SelectionOptions) -> Tensor:
    """One score a row, relative to the other rows: (N, M) -> (N,). Without a metric that can score, all rows count 0."""
    if not panel.metrics:
        return torch.zeros(len(scores), dtype=torch.float64)
    lower = [metric.lower_is_better for metric in panel.metrics]
    if options.weights and panel.left_out:  # those that can score keep their weights; where none of them has one, they count alike
        weights = {name: weight for name, weight in options.weights.items() if name not in panel.left_out}
        options = replace(options, weights=weights, fusion=options.fusion if any(weights.values()) else "mean")
    return fuse(scores, panel.names, lower, [metric.pristine for metric in panel.metrics], options)


def oriented(scores: Tensor, lower_is_better: Sequence[bool]) -> Tensor:
    """Flip the sign of the columns where lower is better: (N, M), higher is better everywhere."""
    signs = torch.tensor([-1.0 if lower else 1.0 for lower in lower_is_better], dtype=scores.dtype, device=scores.device)
    return scores * signs


def cap_at_pristine(scores: Tensor, pristine: Sequence[float | None], lower_is_better: Sequence[bool]) -> Tensor:
    """A score better than its metric's pristine level counts as that level: no-reference metrics can be hacked, photos cannot.

    scores: (N, M) in the metrics' own directions; a metric without a known level is left as it is.
    """
    capped = scores.clone()
    for column, (level, lower) in enumerate(zip(pristine, lower_is_better, strict=True)):
        if level is not None:
            capped[:, column] = capped[:, column].clamp(min=level) if lower else capped[:, column].clamp(max=level)
    return capped


def z_scores(scores: Tensor) -> Tensor:
    """Column-wise z-scores (population deviation); a column without variance counts 0. (N, M) -> (N, M)."""
    centred = scores - scores.mean(dim=0, keepdim=True)
    deviation = centred.square().mean(dim=0, keepdim=True).sqrt()
    flat = deviation <= 1e-6 * scores.abs().mean(dim=0, keepdim=True).clamp(min=1e-12)
    return torch.where(flat, torch.zeros_like(centred), centred / torch.where(flat, torch.ones_like(deviation), deviation))


def mean_fusion(scores: Tensor, weights: Tensor) -> Tensor:
    """The paper's: the plain mean of the z-scores."""
    return z_scores(scores).mean(dim=1)


def weighted_fusion(scores: Tensor, weights: Tensor) -> Tensor:
    """The mean of the z-scores under named weights."""
    return (z_scores(scores) * weights).sum(dim=1) / weights.sum().clamp(min=1e-12)


def learned_fusion(scores: Tensor, weights: Tensor) -> Tensor:
    """z-scores under weights learned from picks, of any sign, whose sizes sum to 1: a person may like what a metric does not."""
    return (z_scores(scores) * weights).sum(dim=1) / weights.abs().sum().clamp(min=1e-12)


def entropy_fusion(scores: Tensor, weights: Tensor) -> Tensor:
    """z-scores weighted by 1 - e, e = -sum p ln p / ln N of the shifted, column-normalised scores: what separates counts more."""
    if scores.shape[0] < 2:
        return z_scores(scores).mean(dim=1)
    shifted = scores - scores.min(dim=0, keepdim=True).values + 1e-12
    share = shifted / shifted.sum(dim=0, keepdim=True)
    entropy = -(share * share.log()).sum(dim=0) / torch.log(torch.tensor(float(scores.shape[0])))
    return weighted_fusion(scores, (1 - entropy).clamp(min=0))


def rank_fusion(scores: Tensor, weights: Tensor) -> Tensor:
    """The mean rank under each metric, 0 for the worst, ties sharing their mean rank."""
    below = (scores[:, None, :] > scores[None, :, :]).sum(dim=1)
    equal = (scores[:, None, :] == scores[None, :, :]).sum(dim=1)
    return (below + (equal - 1) / 2).to(scores.dtype).mean(dim=1)


FUSIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mean": mean_fusion,
    "entropy": entropy_fusion,
    "rank": rank_fusion,
    "weights": weighted_fusion,
    "learned": learned_fusion,
}


def fuse(
    scores: Tensor, names: Sequence[str], lower_is_better: Sequence[bool], pristine: Sequence[float | None], options: SelectionOptions
) -> Tensor:
    """One score a candidate, higher is better: (N, M) -> (N,), float64.

    Raises UsageError for an unknown fusion, weights that name no chosen metric, weights that sum to 0, or negative ones not learned.
    """
    if options.fusion not in FUSIONS:
        raise unknown_name("fusion", options.fusion, FUSIONS)
    capped = cap_at_pristine(scores.double(), pristine, lower_is_better) if options.ceiling else scores.double()
    return FUSIONS[options.fusion](oriented(capped, lower_is_better), _weight_vector(names, options).to(scores.device))


def _weight_vector(names: Sequence[str], options: SelectionOptions) -> Tensor:
    for name in options.weights:
        if name not in names:
            raise unknown_name("metric to weigh", name, names)
    weights = torch.tensor([float(options.weights.get(name, 0.0 if options.weights else 1.0)) for name in names], dtype=torch.float64)
    if options.fusion == "weights" and (not options.weights or bool((weights < 0).any()) or float(weights.sum()) == 0):
        raise UsageError("the fusion 'weights' needs --selection-weights METRIC=VALUE, none negative and at least one above 0")
    if options.fusion == "learned" and not (options.weights and bool(weights.any())):
        raise UsageError("the fusion 'learned' needs --selection-weights learned, or a file of `ttpo picks fit` there")
    return weights


def choose_pair(fused: Tensor, options: SelectionOptions) -> tuple[int, int]:
    """(preferred, dispreferred): argmax and argmin of the fused scores, row 0 being the restored image.

    The preferred is always a candidate, since the restored image competes again at the end. With `dispreferred` = `candidate`, so is the
    other: pushing away from the restored image only raises the high bands everywhere. Raises UsageError with fewer than two to choose from.
    """
    if options.dispreferred not in ("candidate", "any"):
        raise unknown_name("dispreferred", options.dispreferred, ("candidate", "any"))
    first = 1 if options.dispreferred == "candidate" else 0
    if len(fused) - first < 2:
        raise UsageError("a pair needs at least two candidates: raise --candidates-per-strength or give more --candidates-strengths")
    preferred = 1 + int(fused[1:].argmax())
    others = fused.clone()
    others[preferred] = torch.inf
    return preferred, first + int(others[first:].argmin())


def checked_pick(pick: Sequence[int], count: int) -> tuple[int, int]:
    """A person's (preferred, dispreferred) among `count` images. Raises UsageError for one that is not there, or the same twice."""
    if len(pick) != 2 or pick[0] == pick[1] or not all(0 <= index < count for index in pick):
        raise UsageError(f"the pick {tuple(pick)} does not name two of {count} images, numbered from 0, the restored one")
    return int(pick[0]), int(pick[1])
