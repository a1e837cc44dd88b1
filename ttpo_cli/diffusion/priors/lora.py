"""A LoRA file (Hu et al. 2021, arXiv 2106.09685) added to the weights of a latent prior's network, once, as it is loaded."""

from pathlib import Path

import torch
from torch import Tensor, nn

from ttpo_cli.errors import WeightsError
from ttpo_cli.weights.checkpoint import load_checkpoint

KIND = "prior-lora"


@torch.no_grad()
def add_lora(network: nn.Module, path: Path) -> None:
    """W <- W + alpha / rank * B A for each layer that the file names. Raises WeightsError for a file of another network."""
    factors, metadata = load_checkpoint(path)
    if metadata.get("ttpo") != KIND:
        raise WeightsError(f"{path} is not a LoRA of ttpo: give a file written by `ttpo train lrpo` with policy.train=lora")
    scale = float(metadata["alpha"]) / float(metadata["rank"])
    layers = {name.removesuffix(".lora_A.weight") for name in factors if name.endswith(".lora_A.weight")}
    known = dict(network.named_modules())
    for layer in sorted(layers):
        module = known.get(layer)
        weight = getattr(module, "weight", None)
        if not isinstance(weight, Tensor):
            raise WeightsError(f"{path.name} changes '{layer}', which {type(network).__name__} does not have: it is of another prior")
        change = scale * product(factors[f"{layer}.lora_A.weight"], factors[f"{layer}.lora_B.weight"])
        if change.shape != weight.shape:
            raise WeightsError(f"{path.name}: '{layer}' has weights of another size here: it is of another prior")
        weight += change.to(weight)


def product(down: Tensor, up: Tensor) -> Tensor:
    """B A of a linear layer (out, r) (r, in), or of a convolution, whose B is 1x1."""
    return (up.flatten(1).float() @ down.flatten(1).float()).reshape(up.shape[0], *down.shape[1:])
