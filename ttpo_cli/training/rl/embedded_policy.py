"""The embedded prior as a policy: all weights of its network, or LoRA next to its convolutions."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ttpo_cli.diffusion.priors.embedded import HaarDenoiser, haar_denoise, haar_prior, prior_metadata
from ttpo_cli.errors import UsageError
from ttpo_cli.training.rl.lora import inject, merged
from ttpo_cli.training.rl.policy import Policy, PolicyOptions
from ttpo_cli.training.run import channels_last
from ttpo_cli.weights.checkpoint import save_checkpoint

# The convolutions and time projections inside the UNet's residual blocks.
EMBEDDED_TARGETS = ("conv1", "conv2", "conv_shortcut", "time_emb_proj")


def embedded_policy(denoiser: HaarDenoiser, options: PolicyOptions, device: torch.device) -> Policy:
    """All weights of the embedded prior's network, or LoRA next to its convolutions."""
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

    return Policy(haar_prior("haar", denoise, denoiser.size), network, write)
