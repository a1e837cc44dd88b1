"""LRPO's objective over a drawn trajectory: an optimiser step for each denoising step (arXiv 2509.23339; the released order of updates)."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ttpo_cli.diffusion.ancestral import mean_log_prob, step_mean
from ttpo_cli.diffusion.denoiser import Denoise
from ttpo_cli.errors import UsageError, unknown_name
from ttpo_cli.training.rl.rollout import Trajectory
from ttpo_cli.training.rl.update import Updater, mean_values

TRUTHS = ("direct", "cumulative")


@dataclass(frozen=True)
class LrpoOptions:
    """What the loss of LRPO depends on.

    Attributes:
        clip: The eps of the ratio.
        bound: The largest |advantage times weight|.
        noise_levels: Weigh steps by their deviation; off: all alike.
        truth_weight: Of the regulariser; 0 leaves it out.
        truth_scale: The 40 of its exponent.
        truth_steps: How many of the last steps have it.
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
    """Raises UsageError for invalid values."""
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


@dataclass(frozen=True)
class ScoredSamples:
    """Samples with their advantages (N,), NaN for a dropped one. truth: x0 of the ground truth (N, C, h, w), or None without one.

    noises: count -> (count, N, C, h, w), what the truth is noised with.
    """

    trajectory: Trajectory
    advantages: Tensor
    truth: Tensor | None
    noises: Callable[[int], Tensor]


def lrpo_update(
    denoise: Denoise, samples: ScoredSamples, options: LrpoOptions, trained: int, updater: Updater, number: int
) -> dict[str, float]:
    """One pass over the first `trained` steps of the trajectory, noisiest first, each with an optimiser step of its own.

    Old log-probabilities are the roll-out's. A dropped sample has no part in any loss. Returns the means of what was seen.
    """
    path = samples.trajectory
    weights = noise_level_weights(path.deviations[:trained], path.sigmas[1 : trained + 1])
    weights = weights if options.noise_levels else torch.ones_like(weights)
    regularised = min(options.truth_steps, trained) if options.truth_weight and samples.truth is not None else 0
    truths = None
    if regularised and samples.truth is not None:
        at = path.sigmas[trained - regularised + 1 : trained + 1]
        truths = noised_truths(samples.truth, at, samples.noises(regularised), options.truth == "cumulative")
    rows = []
    for step in range(trained):
        last = step - (trained - regularised)
        truth = truths[last] if truths is not None and last >= 0 else None
        rows.append(_step(denoise, samples, step, float(weights[step]), truth, options, updater, number))
    values = mean_values(rows)
    values["regulariser"] *= trained / max(1, regularised)
    return values


def _step(
    denoise: Denoise,
    samples: ScoredSamples,
    step: int,
    weight: float,
    truth: Tensor | None,
    options: LrpoOptions,
    updater: Updater,
    number: int,
) -> dict[str, float]:
    path, kept = samples.trajectory, samples.advantages.isfinite()
    advantages = bounded(samples.advantages.nan_to_num(0.0), weight, options.bound)
    level, following, spread = (float(value) for value in (path.sigmas[step], path.sigmas[step + 1], path.deviations[step]))
    seen: dict[str, list[Tensor]] = {"ratio_moved": [], "clipped": [], "regulariser": []}

    def losses(part: slice) -> Tensor:
        x = path.states[step][part]
        condition = None if path.condition is None else path.condition[part]
        x0_hat = denoise(x, x.new_full((len(x),), level), condition)
        mean = step_mean(x, x0_hat, level, following, spread)
        ratio = torch.exp(mean_log_prob(path.states[step + 1][part], mean, spread) - path.log_probs[step][part])
        loss = clipped_surrogate(ratio, advantages[part], options.clip)
        regulariser = torch.zeros_like(loss) if truth is None else truth_regulariser(truth[part], mean, spread, options.truth_scale)
        moved = (ratio.detach() - 1).abs()
        for name, value in (("ratio_moved", moved), ("clipped", (moved > options.clip).float()), ("regulariser", regulariser.detach())):
            seen[name].append(value)
        return torch.where(kept[part], loss + options.truth_weight * regulariser, torch.zeros_like(loss))

    values = updater.descend(losses, len(path.x0), number)
    return values | {name: float(torch.cat(drawn).mean()) for name, drawn in seen.items()}
