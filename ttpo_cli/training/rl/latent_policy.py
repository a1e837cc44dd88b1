"""A latent prior as a policy: LoRA in its network's attention, or a ControlNet next to it that sees the restored image (DiffBIR's way)."""

from collections.abc import Mapping
from dataclasses import replace
from math import log2
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ttpo_cli.diffusion.denoiser import Denoise
from ttpo_cli.diffusion.priors.autoencoder import cell_size
from ttpo_cli.diffusion.priors.diffusers_models import controlnet_of
from ttpo_cli.diffusion.priors.latent import Parts, build_prior, load_parts
from ttpo_cli.diffusion.priors.lora import KIND
from ttpo_cli.errors import UsageError
from ttpo_cli.settings.prior import PriorOptions
from ttpo_cli.training.precision import autocast
from ttpo_cli.training.rl.lora import Adapter, inject
from ttpo_cli.training.rl.policy import Policy, PolicyOptions
from ttpo_cli.weights.checkpoint import save_checkpoint

TARGETS = ("to_q", "to_k", "to_v", "to_out.0")


def load_latent_policy(folder: Path, options: PolicyOptions, device: torch.device) -> Policy:
    """The policy of a folder in diffusers layout. Raises what `load_parts` raises, UsageError for training all its weights."""
    half = options.precision == "bf16" and device.type == "cuda"
    settings = PriorOptions(prompt=options.prompt, controlnet=options.controlnet)
    parts = load_parts(folder, device, "bf16" if half else "fp32", settings)
    return latent_policy(parts, options, device)


def latent_policy(parts: Parts, options: PolicyOptions, device: torch.device) -> Policy:
    """The policy of loaded parts. What is trained is kept in float32, whatever the network computes in."""
    dtype = parts.network.dtype
    if options.train == "all":
        raise UsageError("a latent prior is trained by policy.train=lora or policy.train=controlnet, not all at once")
    if options.train == "controlnet":
        parts = with_controlnet(parts)
    if options.checkpointing:
        for network in (parts.network, *([] if parts.controlnet is None else [parts.controlnet])):
            network.enable_gradient_checkpointing()
    prior = build_prior(parts, device, dtype, PriorOptions(), gradients=True)
    trained = _trained(parts, options)
    denoise = under_autocast(prior.denoise, device, options.precision)

    def write(run: Path, stem: str, facts: Mapping[str, Any]) -> Path:
        if isinstance(trained, Adapter):
            return _write_lora(run / f"{stem}-lora.safetensors", trained, options, facts)
        parts.controlnet.save_pretrained(run / f"{stem}-controlnet")
        return run / f"{stem}-controlnet"

    return Policy(replace(prior, denoise=denoise), trained, write)


def _trained(parts: Parts, options: PolicyOptions) -> nn.Module:
    if options.train == "controlnet" and parts.controlnet is not None:
        return parts.controlnet.float().requires_grad_(True)
    return inject(parts.network, TARGETS, options.rank, options.alpha).float()


def with_controlnet(parts: Parts) -> Parts:
    """The parts with a ControlNet to train: the one given, or a copy of the UNet's encoder. Raises UsageError for another network."""
    if parts.network_class != "UNet2DConditionModel":
        raise UsageError(f"a ControlNet is trained next to a UNet, and {parts.name} has a {parts.network_class}: use policy.train=lora")
    if parts.controlnet is not None:
        return parts
    halvings = int(log2(cell_size(parts.vae)))
    return replace(parts, controlnet=controlnet_of(parts.network, (16, 32, 96, 256)[: halvings + 1]))


def under_autocast(denoise: Denoise, device: torch.device, precision: str) -> Denoise:
    """The same denoiser in the precision of a training."""

    def called(x: Tensor, sigma: Tensor, condition: Tensor | None) -> Tensor:
        with autocast(device, precision):
            return denoise(x, sigma, condition).float()

    return called


def _write_lora(path: Path, adapter: Adapter, options: PolicyOptions, facts: Mapping[str, Any]) -> Path:
    factors = {name.replace(".default.", "."): factor for name, factor in adapter.tensors().items()}
    save_checkpoint(path, factors, {"ttpo": KIND, "rank": options.rank, "alpha": options.alpha, **facts})
    return path
