"""LRPO: likelihood-regularised policy optimisation of a diffusion restorer (arXiv 2509.23339), as functions of tensors.

A policy draws x_s ~ N(mean_theta(x_t, condition), d^2) at each denoising step (diffusion/ancestral.py). Log-probabilities are means over
the elements of an image, not sums, so that nothing here depends on its size.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ttpo_cli.diffusion.ancestral import mean_log_prob
from ttpo_cli.errors import UsageError, unknown_name

TRUTHS = ("direct", "cumulative")


@dataclass(frozen=True)
class LrpoOptions:
    """clip: eps of the ratio. bound: largest |advantage times weight|. noise_levels: weigh steps by their deviation; off: all alike.

    truth_weight: of the regulariser, 0 leaves it out. truth_scale: the 40 of its exponent. truth_steps: how many of the last steps have it.
    truth: `direct`, the ground truth noised from x0 to each level; `cumulative`, as released: noised from level to level.
    """

    clip: float = 1e-4
    bound: float = 5.0
    noise_levels: bool = True
    truth_weight: float = 1e-3
    truth_scale: float = 40.0
    truth_steps: int = 5
    truth: str = "direct"


def check(options: LrpoOptions) -> None:
    """Raises UsageError for values that cannot be meant."""
    if options.truth not in TRUTHS:
        raise unknown_name("way to noise the ground truth", options.truth, TRUTHS)
    for name in ("clip", "bound", "truth_scale"):
        if getattr(options, name) <= 0:
            raise UsageError(f"lrpo.{name} must be above 0, got {getattr(options, name)}")
    if options.truth_weight < 0 or options.truth_steps < 0:
        raise UsageError("lrpo.truth_weight and lrpo.truth_steps must not be negative: 0 leaves the term out")


def noise_level_weights(deviations: Tensor, sigmas: Tensor) -> Tensor:
    """w_j = d_j / mean_k d_k of the steps that are trained, with the deviations as DDIM has them, d_j sqrt(abar): mean one.

    deviations (steps,) in variance-exploding form; sigmas (steps,) the levels the steps lead to; abar = 1 / (1 + sigma^2).
    """
    preserving = deviations / (1 + sigmas**2).sqrt()
    return preserving / preserving.mean()


def clipped_surrogate(ratio: Tensor, advantage: Tensor, clip: float) -> Tensor:
    """max(-A ratio, -A clip(ratio, 1 - eps, 1 + eps)) to be minimised: (N,) twice -> (N,) (PPO, arXiv 1707.06347, Eq. 7)."""
    return torch.maximum(-advantage * ratio, -advantage * ratio.clamp(1 - clip, 1 + clip))


def bounded(advantage: Tensor, weight: float, bound: float) -> Tensor:
    """The advantage of a step, A w clipped to [-bound, bound]."""
    return (advantage * weight).clamp(-bound, bound)


def noised_truths(truth: Tensor, sigmas: Tensor, noises: Tensor, cumulative: bool) -> Tensor:
    """The ground truth at each of K descending levels: truth (N, C, h, w), sigmas (K,), noises (K, N, C, h, w) -> (K, N, C, h, w).

    Directly, x0 + sigma n. Cumulatively, what was noised to one level is noised again to the next, so that variances add up.
    """
    added = sigmas.to(truth)[:, None, None, None, None] * noises
    return truth + (added.cumsum(dim=0) if cumulative else added)


def truth_regulariser(truth: Tensor, mean: Tensor, deviation: float, scale: float) -> Tensor:
    """1 - exp(mean log N(x_truth; mean_theta, d^2) / scale) of each sample: how unlikely the policy makes the ground truth. (N,)."""
    return 1 - torch.exp(mean_log_prob(truth, mean, deviation) / scale)
