"""LRPO's objective over a drawn trajectory: an optimiser step for each denoising step (arXiv 2509.23339; the released order of updates)."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ttpo_cli.diffusion.ancestral import mean_log_prob, step_mean
from ttpo_cli.diffusion.denoiser import Denoise
from ttpo_cli.training.lrpo import (
    LrpoOptions,
    bounded,
    clipped_surrogate,
    noise_level_weights,
    noised_truths,
    truth_regulariser,
)
from ttpo_cli.training.rl.rollout import Trajectory
from ttpo_cli.training.rl.update import Updater, mean_values


@dataclass(frozen=True)
class Judged:
    """Samples with their advantages (N,), NaN for a dropped one. truth: x0 of the ground truth (N, C, h, w), or None without one.

    noises: count -> (count, N, C, h, w), what the truth is noised with.
    """

    trajectory: Trajectory
    advantages: Tensor
    truth: Tensor | None
    noises: Callable[[int], Tensor]


def lrpo_update(denoise: Denoise, judged: Judged, options: LrpoOptions, trained: int, updater: Updater, number: int) -> dict[str, float]:
    """One pass over the first `trained` steps of the trajectory, noisiest first, each with an optimiser step of its own.

    Old log-probabilities are the roll-out's. A dropped sample has no part in any loss. Returns the means of what was seen.
    """
    path = judged.trajectory
    weights = noise_level_weights(path.deviations[:trained], path.sigmas[1 : trained + 1])
    weights = weights if options.noise_levels else torch.ones_like(weights)
    regularised = min(options.truth_steps, trained) if options.truth_weight and judged.truth is not None else 0
    truths = None
    if regularised and judged.truth is not None:
        at = path.sigmas[trained - regularised + 1 : trained + 1]
        truths = noised_truths(judged.truth, at, judged.noises(regularised), options.truth == "cumulative")
    rows = []
    for step in range(trained):
        last = step - (trained - regularised)
        truth = truths[last] if truths is not None and last >= 0 else None
        rows.append(_step(denoise, judged, step, float(weights[step]), truth, options, updater, number))
    values = mean_values(rows)
    values["regulariser"] *= trained / max(1, regularised)
    return values


def _step(
    denoise: Denoise,
    judged: Judged,
    step: int,
    weight: float,
    truth: Tensor | None,
    options: LrpoOptions,
    updater: Updater,
    number: int,
) -> dict[str, float]:
    path, kept = judged.trajectory, judged.advantages.isfinite()
    advantages = bounded(judged.advantages.nan_to_num(0.0), weight, options.bound)
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
