"""Weights that a network can have been trained to: before anything is built from their names and shapes, and after."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ttpo_cli.errors import WeightsError

# A network's blocks are counted by the numbers in its weights' names; containers leave some numbers out, but not most of them.
_LEAVES_OUT = 2
_FIRST = 32
_LONGEST_NAME = 512


def check_plausible(file: str, state: Mapping[str, Any]) -> None:
    """Refuse names and shapes that would have a network built far larger than the weights that are there. Raises WeightsError."""
    tensors = list(named_tensors(state))
    largest = _LEAVES_OUT * len(tensors) + _FIRST
    for name, tensor in tensors:
        if tensor.layout is not torch.strided or tensor.is_meta or tensor.is_quantized:
            raise WeightsError(f"{file} holds sparse, quantised or absent weights ('{name[:60]}'): give plain ones")
        if tensor.numel() == 0 and max(tensor.shape) > 1:
            raise WeightsError(f"{file} holds weights of shape {tuple(tensor.shape)} without a value: do not trust this file")
        if len(name) > _LONGEST_NAME or any(len(number) > 9 or int(number) > largest for number in re.findall(r"\d+", name)):
            raise WeightsError(f"{file} names more layers ('{name[:60]}') than it has weights: do not trust this file")


def check_finite(file: str, network: nn.Module) -> None:
    """Refuse a network that would turn every photo to nothing: a weight that is infinite, or one or a statistic that is not a number.

    Raises WeightsError.
    """
    spoilt = [name for name, tensor in network.named_parameters() if not bool(tensor.isfinite().all())]
    spoilt += [name for name, tensor in network.named_buffers() if bool(tensor.isnan().any())]
    if spoilt:
        raise WeightsError(f"{file} has NaN or infinite weights ('{spoilt[0]}'): its training broke; give another checkpoint")


def named_tensors(content: Any) -> Iterator[tuple[str, Tensor]]:
    """Every tensor within dicts at any depth, once each, by its key; a dict that holds itself does no harm."""
    seen: set[int] = set()
    waiting: list[tuple[str, Any]] = [("", content)]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, Tensor):
            yield name, value
        elif isinstance(value, Mapping) and id(value) not in seen:
            seen.add(id(value))
            waiting += [(str(key), entry) for key, entry in value.items()]
