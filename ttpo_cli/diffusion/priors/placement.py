"""Where the parts of a latent prior live: on the device, or in the computer's memory while they wait their turn."""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from ttpo_cli.diffusion.priors.diffusers_models import offload_layers
from ttpo_cli.errors import unknown_name

OFFLOADS = ("none", "model", "sequential")
Before = Callable[[], None]


def place(networks: Sequence[Any], vae: Any, device: torch.device, offload: str) -> tuple[Before, Before]:
    """Put the parts where `offload` says; returns what to call before the networks compute, and before the autoencoder does.

    none: all on the device. model: networks and autoencoder take turns on it. sequential: each layer comes for its own call alone.
    Raises UsageError for another word.
    """
    if offload not in OFFLOADS:
        raise unknown_name("--prior-offload", offload, OFFLOADS)
    if offload == "sequential":
        for module in (*networks, vae):
            offload_layers(module, device)
        return _nothing, _nothing
    if offload == "none":
        _move((*networks, vae), device)
        return _nothing, _nothing
    return _turn(networks, [vae], device), _turn([vae], networks, device)


def _turn(here: Sequence[Any], away: Sequence[Any], device: torch.device) -> Before:
    """Bring these in and send those out; nothing where that has been done."""

    def before() -> None:
        _move(away, torch.device("cpu"))
        _move(here, device)

    return before


def _move(modules: Sequence[Any], device: torch.device) -> None:
    for module in modules:
        module.to(device)


def _nothing() -> None:
    pass
