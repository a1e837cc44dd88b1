"""Untrained latent priors of published size: they take the time and memory that real weights take, and need no download."""

from typing import Any

import torch

from ttpo_cli.diffusion.priors.diffusers_models import from_config
from ttpo_cli.diffusion.priors.latent import Parts
from ttpo_cli.diffusion.priors.prompts import Prompt
from ttpo_cli.errors import unknown_name

_VP = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "num_train_timesteps": 1000, "steps_offset": 1}
_VAE: dict[str, Any] = {
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "latent_channels": 4,
    "layers_per_block": 2,
}
# Configurations as published with the weights, of network, autoencoder and noise schedule, and the width of a pooled text.
SIZES: dict[str, dict[str, Any]] = {
    "sd21": {
        "network": {
            "sample_size": 96,
            "block_out_channels": (320, 640, 1280, 1280),
            "attention_head_dim": (5, 10, 20, 20),
            "cross_attention_dim": 1024,
            "use_linear_projection": True,
        },
        "vae": {**_VAE, "sample_size": 768, "scaling_factor": 0.18215},
        "scheduler": {**_VP, "prediction_type": "v_prediction"},
    },
    "sdxl": {
        "network": {
            "sample_size": 128,
            "block_out_channels": (320, 640, 1280),
            "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            "transformer_layers_per_block": (1, 2, 10),
            "attention_head_dim": (5, 10, 20),
            "cross_attention_dim": 2048,
            "use_linear_projection": True,
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 256,
            "projection_class_embeddings_input_dim": 2816,
        },
        "vae": {**_VAE, "sample_size": 1024, "scaling_factor": 0.13025},
        "scheduler": {**_VP, "prediction_type": "epsilon"},
        "pooled": 1280,
    },
}
# The same kinds of blocks, small enough for a CPU.
_SMALL_NETWORK = {
    "block_out_channels": (32, 64),
    "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
    "transformer_layers_per_block": 1,
    "layers_per_block": 1,
    "attention_head_dim": 4,
    "norm_num_groups": 8,
    "cross_attention_dim": 64,
}
_SMALL_VAE = {"block_out_channels": (8, 8, 16, 16), "layers_per_block": 1, "norm_num_groups": 8}
TOKENS = 77


def random_parts(name: str, small: bool, device: torch.device, dtype: torch.dtype) -> Parts:
    """Untrained network and autoencoder of a model's published size (or small ones of its kind), and texts of random numbers.

    The same numbers each time on one device. Raises UsageError for a model whose configuration is not known here.
    """
    if name not in SIZES:
        raise unknown_name("model for random weights", name, SIZES)
    sizes = SIZES[name]
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(0)
        network = from_config("UNet2DConditionModel", {**sizes["network"], **(_SMALL_NETWORK if small else {})}, dtype, device)
        vae = from_config("AutoencoderKL", {**sizes["vae"], **(_SMALL_VAE if small else {})}, dtype, device)
        prompts = tuple(_text(network.config.cross_attention_dim, sizes.get("pooled")) for _ in range(2))
    vae = vae.float() if vae.config.force_upcast else vae
    return Parts(
        name=f"{name} with random weights",
        network_class="UNet2DConditionModel",
        network=network,
        vae=vae,
        prompts=(prompts[0], prompts[1]),
        scheduler=sizes["scheduler"],
    )


def _text(width: int, pooled: int | None) -> Prompt:
    return Prompt(torch.randn(1, TOKENS, width), None if pooled is None else torch.randn(1, pooled))
