"""What reinforcement learning trains: a prior whose network takes gradients, and how its result is written."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from ttpo_cli.diffusion.denoiser import Prior
from ttpo_cli.errors import UsageError, unknown_name
from ttpo_cli.training.precision import check_precision

KINDS = ("all", "lora", "controlnet")


@dataclass(frozen=True)
class PolicyOptions:
    """What is trained, and how.

    Attributes:
        prior: The embedded one's name, a file of it, or a folder in diffusers layout.
        train: `all` its weights (the embedded prior), `lora`, or a `controlnet` next to a latent prior.
        rank: Of LoRA.
        alpha: Of LoRA.
        controlnet: The folder of the ControlNet to begin with; "": a copy of the UNet's own encoder, without effect yet.
        checkpointing: Compute activations again in the backward pass: less memory, a third more time.
        precision: fp32 or bf16 (autocast).
    """

    prior: str = "haar-prior"
    train: str = "all"
    rank: int = 16
    alpha: float = 16.0
    controlnet: str = ""
    prompt: str = ""
    checkpointing: bool = False
    precision: str = "fp32"


@dataclass(frozen=True)
class Policy:
    """prior: its denoise follows gradients to `network`, where they are enabled. network: what is trained, averaged and resumed.

    write: what `ttpo restore` loads, into a folder under a stem, with facts of the training; returns the path.
    """

    prior: Prior
    network: nn.Module
    write: Callable[[Path, str, Mapping[str, Any]], Path]


@contextmanager
def with_weights(network: nn.Module, average: nn.Module) -> Iterator[None]:
    """Inside, the network computes with the average's weights; nothing is copied."""
    pairs = list(zip(network.parameters(), average.parameters(), strict=True))
    _exchange(pairs)
    try:
        yield
    finally:
        _exchange(pairs)


def _exchange(pairs: list[tuple[nn.Parameter, nn.Parameter]]) -> None:
    for own, other in pairs:
        own.data, other.data = other.data, own.data


def check(options: PolicyOptions) -> None:
    """Raises UsageError for invalid values."""
    if options.train not in KINDS:
        raise unknown_name("way to train", options.train, KINDS)
    check_precision(options.precision)
    if options.rank < 1:
        raise UsageError(f"policy.rank must be 1 or more, got {options.rank}")
