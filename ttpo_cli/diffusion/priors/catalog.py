"""A prior by name, folder or file."""

from collections.abc import Callable
from pathlib import Path

import torch

from ttpo_cli.diffusion.denoiser import Prior
from ttpo_cli.diffusion.priors.embedded import load_haar_prior
from ttpo_cli.diffusion.priors.latent import PriorOptions, load_latent_prior
from ttpo_cli.errors import WeightsError, unknown_name

EMBEDDED = "haar-prior"
# Short names of models that are known to load; where they are on this machine, `find` says.
LATENT = ("sd15", "sd21", "sd21-base", "sd-turbo", "sdxl", "sd3", "sd35", "flux-dev", "flux-schnell", "flux2")
PRIORS = (EMBEDDED, *LATENT)

# A name -> the folder or file of its weights.
Find = Callable[[str], Path]


def not_on_this_machine(name: str) -> Path:
    """Raises WeightsError for a name that is known, UsageError for another."""
    if name not in LATENT:
        raise unknown_name("prior", name, PRIORS)
    raise WeightsError(f"the weights of the prior '{name}' are not on this machine: give --prior the folder of one in diffusers layout")


def locate(name: str, find: Find = not_on_this_machine) -> Path | None:
    """Where the weights of a prior are: a folder in diffusers layout, a file, what `find` finds for a name; None: embedded in ttpo.

    Raises UsageError for an unknown name, WeightsError for weights that are not there.
    """
    if name == EMBEDDED:
        return None
    path = Path(name)
    return path if path.exists() else find(name)


def load_prior(path: Path | None, device: torch.device, precision: str, options: PriorOptions) -> Prior:
    """The prior of what `locate` says. Raises WeightsError for weights that cannot be loaded."""
    if path is not None and path.is_dir():
        return load_latent_prior(path, device, precision, options)
    return load_haar_prior(path, device, precision, options.scale)
