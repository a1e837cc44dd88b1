"""Plain fine-tuning of a policy at LRPO's budget: the denoising loss at the roll-out's noise levels (EDM, arXiv 2206.00364, Eq. 2)."""

import torch
from torch import Tensor

from ttpo_cli.diffusion.ancestral import Noise
from ttpo_cli.diffusion.denoiser import Prior
from ttpo_cli.training.rl.rollout import RolloutOptions, begin, levels, trained_steps
from ttpo_cli.training.rl.update import Updater, mean_values


def finetune_update(
    prior: Prior, restored: Tensor, truth: Tensor, noise: Noise, options: RolloutOptions, updater: Updater, number: int
) -> dict[str, float]:
    """An optimiser step for each trained level, noisiest first, on truth + sigma noise: restored (N, 3, H, W), truth (N, C, h, w).

    The error of x0_hat counts over sigma^2: that of the predicted noise.
    """
    with torch.no_grad():
        _, condition = begin(prior, restored, noise(0), options)
    rows = []
    for step, level in enumerate(levels(prior, options)[: trained_steps(options)].tolist()):
        x = truth + level * noise(step + 1)

        def losses(part: slice, x: Tensor = x, level: float = level) -> Tensor:
            given = None if condition is None else condition[part]
            x0_hat = prior.denoise(x[part], x.new_full((len(x[part]),), level), given)
            return (x0_hat - truth[part]).square().mean(dim=(1, 2, 3)) / level**2

        rows.append(updater.descend(losses, len(x), number))
    return mean_values(rows)
