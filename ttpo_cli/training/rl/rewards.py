"""The reward of a sample: named metrics, each mapped to a common range and weighted, with or without the ground truth."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from ttpo_cli.errors import UsageError, unknown_name
from ttpo_cli.imaging.dual_tree import dual_tree_low_band
from ttpo_cli.metrics.catalog import load_metric
from ttpo_cli.metrics.metric import Metric, batched_scores
from ttpo_cli.metrics.weight_files import FindWeights, not_stored
from ttpo_cli.training.haar_similarity import haar_similarity

FLOOR = 1e-4
ADVANTAGES = ("common", "decoupled")


def group_advantage(rewards: Tensor, deviation: Tensor) -> Tensor:
    """(R - mean of the group) / (deviation + 1e-4): rewards (groups, samples) -> the same shape, NaN where a reward is NaN.

    deviation: of all rewards of the step, see `common_deviation`. A group's mean is over its finite rewards; one that has fewer than two
    of them teaches nothing, and its advantages are 0.
    """
    known = rewards.isfinite()
    kept = torch.where(known, rewards, torch.zeros_like(rewards))
    count = known.sum(dim=1, keepdim=True)
    mean = kept.sum(dim=1, keepdim=True) / count.clamp(min=1)
    advantage = torch.where(count > 1, (rewards - mean) / (deviation + FLOOR), torch.zeros_like(rewards))
    return torch.where(known, advantage, torch.full_like(rewards, torch.nan))


def decoupled_advantage(earned: Mapping[str, Tensor], weights: Mapping[str, float], group: int) -> Tensor:
    """sum_k w_k (R_k - mean of the group) / (the group's deviation of R_k + 1e-4), after LucidNFT (arXiv 2603.05947): (N,).

    earned: w_k R_k of each term, (N,), `group` samples of an input next to each other. NaN where a term of the sample is NaN; a group of
    fewer than two finite values of a term learns nothing of it.
    """
    parts = []
    for name, values in earned.items():
        scores = values.view(-1, group) / weights[name]
        known = scores.isfinite()
        kept = torch.where(known, scores, torch.zeros_like(scores))
        count = known.sum(dim=1, keepdim=True).clamp(min=1)
        mean = kept.sum(dim=1, keepdim=True) / count
        deviation = ((kept - mean).square() * known).sum(dim=1, keepdim=True).div(count).sqrt()
        advantage = torch.where(known.sum(dim=1, keepdim=True) > 1, (scores - mean) / (deviation + FLOOR), torch.zeros_like(scores))
        parts.append(weights[name] * torch.where(known, advantage, torch.full_like(scores, torch.nan)))
    return torch.stack(parts).sum(dim=0).flatten()


def common_deviation(rewards: Tensor) -> Tensor:
    """The standard deviation of all finite rewards, whatever their group; 0 where there are none."""
    known = rewards[rewards.isfinite()]
    return known.std(correction=0) if len(known) else rewards.new_zeros(())


# name -> weight. paper: 0.3 Face + 0.3 (1 - LPIPS) + 0.1 CLIPIQA + 0.3 low band; its face model is not to be had for one photo without a
# caption, and topiq_nr-face stands in. faces: the same shares without a download, the face term being the distance of identities.
PRESETS: dict[str, dict[str, float]] = {
    "embedded": {"ranker": 0.1, "bands": 0.6, "low_band": 0.3},
    "paper": {"topiq_nr-face": 0.3, "lpips-vgg": 0.3, "clipiqa": 0.1, "low_band": 0.3},
    "faces": {"face_identity": 0.3, "bands": 0.3, "ranker": 0.1, "low_band": 0.3},
}

# Scores that earn 0 and 1, where neither the metric's own range nor its pristine level says it.
RANGES: dict[str, tuple[float, float]] = {
    "bands": (0.5, 1.0),
    "lpips": (1.0, 0.0),
    "lpips-vgg": (1.0, 0.0),
    "clipiqa": (0.0, 1.0),
    "topiq_nr-face": (0.0, 1.0),
    "face_identity": (0.8, 0.0),  # 0.8: the median between two people
    "gmsd": (0.35, 0.0),
    "fsim": (0.0, 1.0),
    "vif": (0.0, 1.0),
    "ms_ssim": (0.0, 1.0),
    "psnr": (15.0, 45.0),
    "psnr_y": (15.0, 45.0),
}

# A pristine photo earns 1, one that is worse by this many interquartile ranges of degraded photos 0.
SPANS = 4


@dataclass(frozen=True)
class RewardOptions:
    """What samples earn.

    Attributes:
        preset: embedded, paper, faces or none.
        weights: Over the preset's, further terms too; 0 leaves a term out.
        only: One term alone.
        worst: The scores of a term that earn 0, in place of the known ones.
        best: The scores that earn 1; beyond them there is nothing more to earn.
        files: The weight file of a metric in place of its own.
        advantage: `common`: over the deviation of all rewards of a step; `decoupled`: each term over its own group's, before they are
            added.
    """

    preset: str = "embedded"
    weights: dict[str, float] = field(default_factory=dict)
    only: str = ""
    worst: dict[str, float] = field(default_factory=dict)
    best: dict[str, float] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    advantage: str = "common"


@dataclass(frozen=True)
class Term:
    """One metric of a reward: weight * min((score - worst) / (best - worst), 1)."""

    metric: Metric
    weight: float
    worst: float
    best: float

    def mapped(self, scores: Tensor) -> Tensor:
        """Scores (N,) as earnings (N,): 1 at best, 0 at the worst, below 0 beyond it."""
        return ((scores - self.worst) / (self.best - self.worst)).clamp(max=1)


@dataclass(frozen=True)
class Rewards:
    """total (N,), NaN where a term is; scores: of each term (N,), as the metric gives them; earned: weighted and mapped. float64, CPU."""

    total: Tensor
    scores: Mapping[str, Tensor]
    earned: Mapping[str, Tensor]


@torch.no_grad()
def rewards(images: Tensor, truth: Tensor | None, terms: Sequence[Term]) -> Rewards:
    """The rewards of images (N, 3, H, W) in [0, 1], truth alike. Raises UsageError for images that are too small for a metric."""
    scores = {term.metric.name: batched_scores(term.metric, images, truth) for term in terms}
    earned = {term.metric.name: term.weight * term.mapped(scores[term.metric.name]) for term in terms}
    return Rewards(torch.stack(list(earned.values())).sum(dim=0), scores, earned)


def load_terms(options: RewardOptions, device: torch.device, has_truth: bool, find: FindWeights = not_stored) -> tuple[Term, ...]:
    """The terms of a reward. Raises UsageError for an unknown name, a term that needs a ground truth where there is none, or one whose
    range is not known; WeightsError for a metric whose weights are missing.
    """
    weights = chosen_weights(options)
    terms = tuple(_term(name, weight, options, device, find) for name, weight in weights.items())
    blind = [term.metric.name for term in terms if term.metric.needs_reference]
    if blind and not has_truth:
        raise UsageError(
            f"there is no ground truth for the reward's {', '.join(blind)}: leave them out, for example reward.weights.{blind[0]}=0"
        )
    return terms


def chosen_weights(options: RewardOptions) -> dict[str, float]:
    """name -> weight of every term that counts. Raises UsageError where none does."""
    if options.preset not in (*PRESETS, "none"):
        raise unknown_name("reward", options.preset, (*PRESETS, "none"))
    if options.advantage not in ADVANTAGES:
        raise unknown_name("reward.advantage", options.advantage, ADVANTAGES)
    weights = {**PRESETS.get(options.preset, {}), **options.weights}
    if options.only:
        if options.only not in weights:
            raise unknown_name("term of the reward", options.only, weights)
        return {options.only: weights[options.only] or 1.0}
    negative = [name for name, weight in weights.items() if weight < 0]
    if negative:
        raise UsageError(f"reward.weights.{negative[0]} must not be negative: which way is better is known of each metric")
    counted = {name: weight for name, weight in weights.items() if weight}
    if not counted:
        raise UsageError("the reward has no term: give reward.weights.NAME, or another reward.preset")
    return counted


def load_reward_metric(name: str, device: torch.device, file: str | None = None, find: FindWeights = not_stored) -> Metric:
    """A metric of the catalog, or one of the two that only trainings use. Raises what `load_metric` does."""
    if name not in OWN:
        return load_metric(name, device, None if file is None else Path(file), find)
    if file is not None:
        raise UsageError(f"the reward's term '{name}' has no weights: leave out reward.files.{name}")
    return OWN[name]


def _term(name: str, weight: float, options: RewardOptions, device: torch.device, find: FindWeights) -> Term:
    metric = load_reward_metric(name, device, options.files.get(name), find)
    known = known_range(metric)
    worst, best = options.worst.get(name, known[0]), options.best.get(name, known[1])
    if worst is None or best is None or worst == best:
        raise UsageError(f"what scores of '{name}' are worth is not known: give reward.worst.{name} and reward.best.{name}")
    return Term(metric=metric, weight=weight, worst=worst, best=best)


def known_range(metric: Metric) -> tuple[float | None, float | None]:
    """(worst, best) of a metric: from the table, its pristine level, or its range."""
    if metric.name in RANGES:
        return RANGES[metric.name]
    if metric.pristine is not None and metric.scale is not None:
        return metric.pristine + (SPANS if metric.lower_is_better else -SPANS) * metric.scale, metric.pristine
    if metric.target is not None:
        return None, None
    least, greatest = metric.range
    return (greatest, least) if metric.lower_is_better else (least, greatest)


def low_band_agreement(image: Tensor, truth: Tensor) -> Tensor:
    """exp(-15 L1) of the three-level dual-tree low bands (LRPO's fidelity term): (N, 3, H, W) twice in [0, 1] -> (N,) in (0, 1]."""
    return torch.exp(-15 * dual_tree_low_band(image - truth).abs().mean(dim=(1, 2, 3)))


def _own(name: str, function: Callable[..., Tensor], minimum: int, source: str) -> Metric:
    return Metric(
        name=name,
        function=function,
        lower_is_better=False,
        needs_reference=True,
        minimum_size=minimum,
        pristine=None,
        scale=None,
        licence="Apache-2.0",
        source=source,
        differentiable=True,
        range=(0, 1),
        batch=16,
    )


OWN: dict[str, Metric] = {
    "low_band": _own("low_band", low_band_agreement, 16, "exp(-15 L1) of dual-tree low bands (arXiv 2509.23339)"),
    "bands": _own("bands", haar_similarity, 32, "texture and structure of Haar bands, after DISTS: one minus a perceptual distance"),
}
