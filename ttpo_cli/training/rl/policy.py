"""What reinforcement learning trains: a prior whose network takes gradients, and how its result is written."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ttpo_cli.diffusion.denoiser import Prior
from ttpo_cli.diffusion.priors.catalog import locate
from ttpo_cli.diffusion.priors.embedded import HaarDenoiser, haar_denoise, haar_prior, load_denoiser, prior_metadata
from ttpo_cli.errors import UsageError, unknown_name
from ttpo_cli.training.rl.lora import inject, merged
from ttpo_cli.training.run import channels_last
from ttpo_cli.weights.checkpoint import save_checkpoint
from ttpo_cli.weights.manifest import embedded_path

KINDS = ("all", "lora", "controlnet")


@dataclass(frozen=True)
class PolicyOptions:
    """prior: the embedded one's name, a file of it, or a folder in diffusers layout. train: `all` its weights (the embedded prior),
    `lora`, or a `controlnet` beside a latent prior.

    rank, alpha: of LoRA. controlnet: the folder of the ControlNet to begin with; "": a copy of the UNet's own encoder, without effect yet.
    checkpointing: compute activations again in the backward pass: less memory, a third more time. precision: fp32 or bf16 (autocast).
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

    write: what `ttpo restore` loads, into a folder under a stem, beside facts of the training; returns the path.
    """

    prior: Prior
    network: nn.Module
    write: Callable[[Path, str, Mapping[str, Any]], Path]


@contextmanager
def wearing(network: nn.Module, average: nn.Module) -> Iterator[None]:
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
    """Raises UsageError for values that cannot be meant."""
    if options.train not in KINDS:
        raise unknown_name("way to train", options.train, KINDS)
    if options.precision not in ("fp32", "bf16"):
        raise unknown_name("precision", options.precision, ("fp32", "bf16"))
    if options.rank < 1:
        raise UsageError(f"policy.rank must be 1 or more, got {options.rank}")


def load_policy(options: PolicyOptions, device: torch.device) -> Policy:
    """The policy that the options name. Raises UsageError for a kind of training the prior does not have, WeightsError for its weights."""
    check(options)
    path = locate(options.prior).path
    if path is not None and path.is_dir():
        from ttpo_cli.training.rl.latent_policy import load_latent_policy

        return load_latent_policy(path, options, device)
    return embedded_policy(load_denoiser(path or embedded_path("haar-prior")), options, device)


def embedded_policy(denoiser: HaarDenoiser, options: PolicyOptions, device: torch.device) -> Policy:
    """All weights of the embedded prior's network, or LoRA beside its convolutions."""
    if options.train == "controlnet":
        raise UsageError("policy.train=controlnet needs a latent prior: the embedded one sees the restored image by itself")
    denoiser = channels_last(denoiser.to(device))
    if options.checkpointing:
        denoiser.unet.enable_gradient_checkpointing()  # type: ignore[operator]
    adapted = options.train == "lora"
    network = inject(denoiser, EMBEDDED_TARGETS, options.rank, options.alpha) if adapted else denoiser.requires_grad_(True)
    denoise = haar_denoise(denoiser, device, options.precision == "bf16")
    metadata = prior_metadata(denoiser)

    def write(folder: Path, stem: str, facts: Mapping[str, Any]) -> Path:
        state: Mapping[str, Tensor] = merged(denoiser) if adapted else denoiser.state_dict()
        save_checkpoint(folder / f"{stem}.safetensors", state, {**metadata, **facts})
        return folder / f"{stem}.safetensors"

    return Policy(haar_prior("haar", denoise, denoiser.multiple), network, write)


# The convolutions and time projections inside the UNet's residual blocks.
EMBEDDED_TARGETS = ("conv1", "conv2", "conv_shortcut", "time_emb_proj")
