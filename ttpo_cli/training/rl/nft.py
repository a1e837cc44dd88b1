"""DiffusionNFT's objective: a policy learns from its own samples by noising them again (Zheng et al. 2025, arXiv 2509.16117).

The denoiser D and the one that drew the samples, D_old, span two implicit policies:
    D+ = D_old + beta (D - D_old),    D- = D_old - beta (D - D_old).
A sample x0 of optimality r in [0, 1] is noised to x = x0 + sigma n, and
    L = (bound / beta) [r |D+ - x0|^2 / w+ + (1 - r) |D- - x0|^2 / w-] + reference |D - D_ref|^2 / s^2,    s = sigma / (1 + sigma),
where w is the mean of |D+- - x0| without its gradient. This is the published form in v: with x_s = (1 - s) x0 + s n, x = x_s / (1 - s) and
D = x_s - s v. D_ref is the policy at the start of the training.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ttpo_cli.diffusion.ancestral import Noise
from ttpo_cli.errors import UsageError, unknown_name
from ttpo_cli.training.rl.policy import Policy, with_weights
from ttpo_cli.training.rl.update import Updater, mean_values

MODES = ("all", "positive", "negative", "binary")
SMALLEST_ERROR = 1e-5


@dataclass(frozen=True)
class NftOptions:
    """What the loss of DiffusionNFT depends on.

    Attributes:
        beta: How far the implicit policies lie from the one that drew: small learns faster and less steadily.
        bound: The largest |advantage|, of which r makes 0 and 1.
        reference: Weight of the distance to the start of the training.
        levels: Noise levels of each sample in an update, drawn from the roll-out's (released: 29 of 30).
        updates: Optimiser steps of a roll-out.
        normalised: Divide each error by its own mean; off: by s^2, the published loss in v.
        mode: `all` advantages, `positive` or `negative` ones alone (the others count as 0), or `binary`: their sign.
        antithetic: Levels come in pairs of opposite noise.
        eta: How stochastic the roll-out is; 0: the ODE, as published.
        decay_rate: D_old keeps min(decay_rate times optimiser steps, decay_most) of itself at each roll-out.
        decay_most: See decay_rate.
    """

    beta: float = 0.1
    bound: float = 5.0
    reference: float = 1e-4
    levels: int = 2
    updates: int = 1
    normalised: bool = True
    mode: str = "all"
    antithetic: bool = False
    eta: float = 0.0
    decay_rate: float = 0.001
    decay_most: float = 0.5


def check(options: NftOptions, steps: int) -> None:
    """Raises UsageError for invalid values; steps: of a roll-out."""
    if options.mode not in MODES:
        raise unknown_name("nft.mode", options.mode, MODES)
    if options.beta <= 0 or options.bound <= 0:
        raise UsageError("nft.beta and nft.bound must be above 0")
    if options.reference < 0 or not 0 <= options.eta <= 1:
        raise UsageError(f"nft.reference must not be negative and nft.eta must lie in [0, 1], got {options.reference} and {options.eta}")
    if not 0 <= options.decay_most < 1 or options.decay_rate < 0:
        raise UsageError("nft.decay_most is a share from 0 to below 1, and nft.decay_rate must not be negative")
    drawn = options.levels // 2 if options.antithetic else options.levels
    if options.updates < 1 or not 1 <= drawn <= steps:
        raise UsageError(f"nft.updates must be 1 or more, and nft.levels draw from 1 to rollout.steps ({steps}) levels")
    if options.antithetic and options.levels % 2:
        raise UsageError(f"nft.antithetic pairs levels: nft.levels must be even, got {options.levels}")


def optimality(advantages: Tensor, options: NftOptions) -> Tensor:
    """r in [0, 1] of advantages (N,): 1/2 + clip(A / bound, -1, 1) / 2."""
    counted = {
        "all": advantages,
        "positive": advantages.clamp(min=0),
        "negative": advantages.clamp(max=0),
        "binary": advantages.sign(),
    }[options.mode]
    return 0.5 + (counted / options.bound).clamp(-1, 1) / 2


def implicit(x0_hat: Tensor, old: Tensor, beta: float) -> tuple[Tensor, Tensor]:
    """(D+, D-) from D and D_old."""
    step = beta * (x0_hat - old)
    return old + step, old - step


def nft_loss(x0_hat: Tensor, old: Tensor, x0: Tensor, sigma: Tensor, optimal: Tensor, options: NftOptions) -> Tensor:
    """The loss of each sample without the reference's part, (N,). x0_hat, old, x0: (N, C, h, w); sigma, optimal: (N,)."""
    terms = []
    for denoised in implicit(x0_hat, old, options.beta):
        error = denoised - x0
        weight = _mean(error.detach().abs().double()).clamp(min=SMALLEST_ERROR) if options.normalised else flow_time(sigma) ** 2
        terms.append(_mean(error.square()) / weight)
    return (options.bound / options.beta) * (optimal * terms[0] + (1 - optimal) * terms[1])


def reference_distance(x0_hat: Tensor, reference: Tensor, sigma: Tensor) -> Tensor:
    """|v - v_ref|^2, the mean over a sample's elements: (N, C, h, w) twice, sigma (N,) -> (N,)."""
    return _mean((x0_hat - reference).square()) / flow_time(sigma) ** 2


def flow_time(sigma: Tensor) -> Tensor:
    """s of rectified flow for a noise level."""
    return sigma / (1 + sigma)


def _mean(values: Tensor) -> Tensor:
    return values.mean(dim=(1, 2, 3))


class NftNetworks:
    """The two frozen companions of a policy's network. old: draws the samples, and follows; reference: the start, which stays.

    Only `old` is saved: a run that goes on begins from the same start.
    """

    def __init__(self, network: nn.Module) -> None:
        self.old = deepcopy(network).requires_grad_(False)
        self.reference = deepcopy(network).requires_grad_(False)

    @torch.no_grad()
    def follow(self, network: nn.Module, updates: int, options: NftOptions) -> None:
        """theta_old <- kept theta_old + (1 - kept) theta after `updates` optimiser steps in all."""
        kept = min(options.decay_rate * updates, options.decay_most)
        for old, new in zip(self.old.parameters(), network.parameters(), strict=True):
            old.lerp_(new, 1 - kept)

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs."""
        return self.old.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Put a saved state back."""
        self.old.load_state_dict(state)


@dataclass(frozen=True)
class NftSamples:
    """N samples of a roll-out.

    Attributes:
        x0: (N, C, h, w).
        condition: What they were drawn with, one each, or None.
        advantages: (N,), NaN where a sample has no part.
        sigmas: The roll-out's levels above its last, (T,).
        order: (N, updates * T), for each update a permutation of the levels' indices.
        noise: Called in turn, gives standard normal noise of x0's shape.
    """

    x0: Tensor
    condition: Tensor | None
    advantages: Tensor
    sigmas: Tensor
    order: Tensor
    noise: Noise


def draw_order(samples: int, levels: int, updates: int, generator: torch.Generator) -> Tensor:
    """A permutation of the levels for each sample and update: (samples, updates * levels)."""
    return torch.rand(samples, updates, levels, generator=generator).argsort(dim=-1).flatten(1)


def nft_update(
    policy: Policy, networks: NftNetworks, samples: NftSamples, options: NftOptions, updater: Updater, number: int
) -> dict[str, float]:
    """`options.updates` optimiser steps on the samples, each noised to `options.levels` levels. Returns the means of what was seen.

    number: of the roll-out, from 0. `networks.old` follows at the end.
    """
    levels = len(samples.sigmas)
    rows = []
    for update in range(options.updates):
        own = samples.order[:, update * levels : (update + 1) * levels]
        rows.append(_update(policy, networks, samples, own, options, updater, number))
    networks.follow(policy.network, (number + 1) * options.updates, options)
    return mean_values(rows)


def noised_levels(samples: NftSamples, order: Tensor, options: NftOptions) -> tuple[Tensor, Tensor]:
    """The levels (N * levels,) and noise (N * levels, C, h, w) of an update, a sample's next to each other; order: (N, T)."""
    drawn = options.levels // 2 if options.antithetic else options.levels
    noise = torch.stack([samples.noise(index) for index in range(drawn)], dim=1)
    sigma = samples.sigmas.to(samples.x0)[order[:, :drawn]]
    if options.antithetic:
        noise, sigma = torch.cat([noise, -noise], dim=1), torch.cat([sigma, sigma], dim=1)
    return sigma.flatten(), noise.flatten(0, 1).to(samples.x0)


def _update(
    policy: Policy, networks: NftNetworks, samples: NftSamples, order: Tensor, options: NftOptions, updater: Updater, number: int
) -> dict[str, float]:
    sigma, noise = noised_levels(samples, order, options)
    of_sample = torch.arange(len(samples.x0)).repeat_interleave(options.levels)
    kept = samples.advantages.isfinite()
    optimal = optimality(samples.advantages.nan_to_num(0.0), options)
    denoise, seen = policy.prior.denoise, {"moved": [], "from_reference": []}

    def losses(part: slice) -> Tensor:
        which = of_sample[part]
        x0, level = samples.x0[which], sigma[part]
        x = x0 + level[:, None, None, None] * noise[part]
        condition = None if samples.condition is None else samples.condition[which]
        with torch.no_grad(), with_weights(policy.network, networks.old):
            old = denoise(x, level, condition)
        x0_hat = denoise(x, level, condition)
        loss = nft_loss(x0_hat, old, x0, level, optimal[which], options)
        seen["moved"].append(_mean((x0_hat.detach() - old).abs()))
        if options.reference:
            with torch.no_grad(), with_weights(policy.network, networks.reference):
                reference = denoise(x, level, condition)
            away = reference_distance(x0_hat, reference, level)
            loss = loss + options.reference * away
            seen["from_reference"].append(away.detach())
        return torch.where(kept[which], loss, torch.zeros_like(loss)).float()

    values = updater.descend(losses, len(of_sample), number)
    return values | {name: float(torch.cat(drawn).mean()) for name, drawn in seen.items() if drawn}
