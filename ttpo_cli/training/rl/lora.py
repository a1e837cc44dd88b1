"""LoRA (Hu et al. 2021, arXiv 2106.09685) through peft, the only importer of it: small trained factors next to weights that stay."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ttpo_cli.errors import TtpoError


class Adapter(nn.Module):
    """The factors inside another network as a module of their own: what is trained, averaged and saved while the network stays."""

    def __init__(self, factors: dict[str, nn.Parameter]) -> None:
        super().__init__()
        for name, factor in factors.items():
            self.register_parameter(name.replace(".", "/"), factor)

    def tensors(self) -> dict[str, Tensor]:
        """The factors by the names they bear in the network."""
        return {name.replace("/", "."): factor.detach() for name, factor in self.named_parameters()}


def inject(network: nn.Module, targets: Sequence[str], rank: int, alpha: float) -> Adapter:
    """Put factors next to the network's layers whose names end so, in place; all else is frozen. They begin without effect.

    Raises TtpoError where peft is not installed or no layer bears such a name.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise TtpoError("training LoRA needs the package peft: pip install 'ttpo[lrpo]', or policy.train=all") from error
    network.requires_grad_(False)
    try:
        inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=int(alpha), target_modules=list(targets)), network)
    except ValueError as error:
        raise TtpoError(f"no layer of {type(network).__name__} takes LoRA ({str(error).splitlines()[0][:120]})") from error
    return Adapter({name: parameter for name, parameter in network.named_parameters() if ".lora_" in name})


@torch.no_grad()
def merged(network: nn.Module) -> dict[str, Tensor]:
    """The state dict the network would have without adapters, each factor added to the weight it belongs to."""
    state = {name.replace(".base_layer.", "."): value.clone() for name, value in network.state_dict().items() if ".lora_" not in name}
    for name, module in network.named_modules():
        layer: Any = module
        if hasattr(module, "lora_A") and hasattr(module, "base_layer"):
            state[f"{name}.weight"] += layer.get_delta_weight("default").to(state[f"{name}.weight"])
    return state
