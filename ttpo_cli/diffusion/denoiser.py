"""One interface for every diffusion prior: denoise(x, sigma, condition) -> x0_hat in variance-exploding form (EDM, section 2)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf

from torch import Tensor

Denoise = Callable[[Tensor, Tensor, Tensor | None], Tensor]


# The two numbers of a clean photo, as of `degradation_numbers`.
CLEAN = (0.75, 1.0)


@dataclass(frozen=True)
class Scene:
    """What a prior can be conditioned on.

    Attributes:
        restored: (N, 3, H, W) in [0, 1].
        photo: What it was restored from, enlarged to its size; None where it is not at hand, and the restored image stands for it.
        degradation: Two numbers that say how degraded the photo is, as of `degradation_numbers`; by default it is clean.
    """

    restored: Tensor
    photo: Tensor | None = None
    degradation: tuple[float, float] = CLEAN


@dataclass(frozen=True)
class Prior:
    """A diffusion prior as a value.

    Attributes:
        denoise: x (N, C, h, w) = x0 + sigma n, sigma (N,), condition (N, C', h, w) or None -> x0_hat, the posterior mean of x0.
        encode: Image (N, 3, H, W) in [0, 1], its sides multiples of `multiple` -> x0 (N, C, h, w).
        decode: The way back.
        multiple: Pixels.
        sigma_max: The largest noise level the network knows.
        colour_fix: Whether decoded images want their low band put back to the restored one's.
        condition: What `denoise` is given as its condition; None: x0 of the restored image itself.
        sees_photo: Whether the condition depends on more than the restored image.
    """

    name: str
    denoise: Denoise
    encode: Callable[[Tensor], Tensor]
    decode: Callable[[Tensor], Tensor]
    multiple: int
    sha256: str | None = None
    licence: str | None = None
    commercial_use: bool | None = None
    sigma_max: float = inf
    colour_fix: bool = False
    condition: Callable[[Scene], Tensor] | None = None
    sees_photo: bool = False


@dataclass
class CallCounter:
    """Counts network evaluations, one an image: what 'equal network calls' means."""

    calls: int = 0
    stages: dict[str, int] = field(default_factory=dict)

    def wrap(self, denoise: Denoise, stage: str) -> Denoise:
        """The same denoiser, each call adding its batch size to `calls` and to its stage."""

        def counted(x: Tensor, sigma: Tensor, condition: Tensor | None) -> Tensor:
            self.calls += x.shape[0]
            self.stages[stage] = self.stages.get(stage, 0) + x.shape[0]
            return denoise(x, sigma, condition)

        return counted
