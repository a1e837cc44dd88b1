"""The preference a guided denoising follows: L_TTPO = -log sigmoid(beta (d_l - d_w)) over high bands (TTPO, arXiv 2511.19169, Eq. 11)."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from ttpo_cli.diffusion.guidance import Preference, masked_mean
from ttpo_cli.errors import unknown_name

# (high band, reference's high band, mask) -> a distance an image (N,)
Distance = Callable[[Tensor, Tensor, Tensor], Tensor]


def l1_distance(high: Tensor, reference: Tensor, mask: Tensor) -> Tensor:
    """The paper's mean |HP(x0_hat) - HP(w)|. Its preference gradient vanishes wherever x0_hat lies outside the interval (w, l)."""
    return masked_mean((high - reference).abs(), mask)


def l2_distance(high: Tensor, reference: Tensor, mask: Tensor) -> Tensor:
    """Mean squared difference: with it the gradient of d_l - d_w is w - l everywhere, and never vanishes where they differ."""
    return masked_mean((high - reference).square(), mask)


def log_distance(high: Tensor, reference: Tensor, mask: Tensor) -> Tensor:
    """log of the mean squared difference: L_TTPO becomes log(1 + (d_w / d_l)^beta), least at the preferred image itself.

    A plain difference of squares is linear in x0_hat and so pushes on, away from the dispreferred, past the preferred image.
    """
    return torch.log(l2_distance(high, reference, mask) + 1e-8)


def energy_distance(high: Tensor, reference: Tensor, mask: Tensor, window: int = 9) -> Tensor:
    """Mean squared difference of local log energies: how much texture there is, not where its crests lie."""
    return masked_mean((local_log_energy(high, window) - local_log_energy(reference, window)).square(), mask)


def local_log_energy(high: Tensor, window: int, floor: float = 1e-5) -> Tensor:
    """log(floor + mean of squares over window x window) of each channel: (N, C, h, w) -> (N, C, h, w)."""
    reach = min(window // 2, min(high.shape[-2:]) - 1)
    padded = functional.pad(high.square(), (reach,) * 4, mode="reflect") if reach else high.square()
    return torch.log(floor + functional.avg_pool2d(padded, 2 * reach + 1, stride=1))


DISTANCES: dict[str, Distance] = {"l1": l1_distance, "l2": l2_distance, "log": log_distance, "energy": energy_distance}


def pair_preference(
    preferred: Tensor,
    dispreferred: Tensor,
    high: Callable[[Tensor], Tensor],
    mask: Tensor,
    distance: str,
    beta: float,
    repulsion: float = 1.0,
) -> Preference:
    """L_TTPO towards one image and away from another.

    preferred, dispreferred: (1, C, h, w) latents; high: the high-pass filter; mask (1, 1, h, w). Returns x0_hat -> (N,) losses.
    repulsion: how much of the gradient away from the dispreferred image acts; the paper's is 1, and 0 leaves its weight but not its push.
    Raises UsageError for an unknown distance.
    """
    if distance not in DISTANCES:
        raise unknown_name("distance", distance, DISTANCES)
    measure = DISTANCES[distance]
    high_preferred, high_dispreferred = high(preferred), high(dispreferred)

    def loss(x0_hat: Tensor) -> Tensor:
        high_band = high(x0_hat)
        towards, away = measure(high_band, high_preferred, mask), measure(high_band, high_dispreferred, mask)
        away = repulsion * away + (1 - repulsion) * away.detach()
        return -functional.logsigmoid(beta * (away - towards))

    return loss


def with_reward(preference: Preference, reward: Callable[[Tensor], Tensor], weight: float) -> Preference:
    """The preference loss less `weight` times a differentiable reward of x0_hat (the ranker's score of the decoded image)."""

    def loss(x0_hat: Tensor) -> Tensor:
        return preference(x0_hat) - weight * reward(x0_hat)

    return loss
