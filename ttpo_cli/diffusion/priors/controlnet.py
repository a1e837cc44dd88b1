"""A tile ControlNet next to a UNet: whether a model takes it, and its weights (arXiv 2302.05543: a copy of the UNet's encoder)."""

from pathlib import Path
from typing import Any

import torch

from ttpo_cli.diffusion.priors.diffusers_models import Layout, from_config, load_part, model_config, part_config
from ttpo_cli.errors import UsageError, WeightsError
from ttpo_cli.weights.pickled import load_pickled

# What its maker published before there were safetensors, the tile ControlNet of SD 1.5 among them.
PICKLED = "diffusion_pytorch_model.bin"

# What decides the shapes that pass between a ControlNet and its UNet; a configuration may leave out what is as always.
_SHARED = ("in_channels", "block_out_channels", "layers_per_block", "cross_attention_dim", "projection_class_embeddings_input_dim")


def refuse_controlnet(layout: Layout) -> None:
    """Raises UsageError for a model whose network takes no ControlNet here."""
    if layout.network_class != "UNet2DConditionModel":
        raise UsageError(f"--prior-controlnet: {layout.name} is a {layout.network_class}, and only UNets take one here; leave it out")


def load_controlnet(layout: Layout, folder: Path, dtype: torch.dtype) -> Any:
    """The ControlNet of a folder for the UNet of a model, on the CPU: safetensors, else PICKLED, of which no code is run.

    Raises UsageError for one of another UNet, WeightsError for one that cannot be read.
    """
    config, unet = model_config(folder), part_config(layout, layout.network)
    for key in _SHARED:
        if key in config and key in unet and config[key] != unet[key]:
            raise UsageError(
                f"--prior-controlnet: '{folder}' was made for another UNet than {layout.name}'s ({key} {config[key]}, not {unet[key]}): "
                "give one of the same family"
            )
    if any(folder.glob("*.safetensors")) or not (folder / PICKLED).is_file():
        return load_part(folder, "ControlNetModel", dtype)
    state = load_pickled(folder / PICKLED)
    model = from_config("ControlNetModel", config, dtype, torch.device("cpu"))
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise WeightsError(f"'{folder / PICKLED}' holds other weights than its config.json says: fetch both again") from error
    return model
