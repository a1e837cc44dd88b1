"""How exactly inversion returns an image: the error of up-and-down along the ODE, by solver and number of steps (EDM, algorithm 1)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

from ttpo_cli.diffusion.denoiser import Prior
from ttpo_cli.diffusion.sampler import SOLVERS, integrate, invert
from ttpo_cli.diffusion.schedule import flow_to_sigma, karras_sigmas
from ttpo_cli.imaging.tiles import pad_reflect


@dataclass(frozen=True)
class RoundTrip:
    """rms: root mean square difference between the image and what came back, in 1 / 255; calls: network calls up and down."""

    solver: str
    steps: int
    calls: int
    rms: float


def round_trips(prior: Prior, restored: Tensor, strength: float, steps: Sequence[int], sigma_min: float = 0.01) -> Iterator[RoundTrip]:
    """Invert `restored` (1, 3, H, W) to `strength` and denoise it again without fresh noise (eta = 0), for each solver and step count."""
    padded, (height, width) = pad_reflect(restored, prior.multiple)
    latent = prior.encode(padded)
    for solver in SOLVERS:
        for count in steps:
            sigmas = karras_sigmas(flow_to_sigma(strength), sigma_min, count)
            inverted = invert(prior.denoise, latent, sigmas, latent, solver=solver)
            returned = prior.decode(integrate(prior.denoise, inverted, sigmas, latent, solver=solver))
            error = (returned - padded)[..., :height, :width].square().mean().sqrt()
            yield RoundTrip(solver=solver, steps=count, calls=2 * count * (2 if solver == "heun" else 1), rms=255 * float(error))
