"""Weights out of a file that dlib's `serialize` wrote, without dlib (dlib 19, `dnn/layers.h` and `cuda/tensor.h`)."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ttpo_cli.errors import WeightsError

# The version of dlib's tensors that is read.
_TENSOR = 2


def read_layers(path: Path, kinds: Mapping[str, int]) -> Iterator[tuple[str, Tensor]]:
    """(kind, parameters (n,)) of each layer of these kinds in the order of the file, which is from input to output.

    dlib writes a layer as its kind's name with a version, some integers of which `kinds` says how many, and its parameters as a tensor of
    little-endian float32. Raises WeightsError for a file that cannot be read, or does not go on as such.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"{path} cannot be read ({error.strerror})") from error
    position = 0
    while (found := _next_layer(content, position, kinds)) is not None:
        kind, start = found
        try:
            parameters, position = _parameters(content, start, kinds[kind])
        except (IndexError, ValueError) as error:
            raise WeightsError(f"{path.name} is damaged, or was written by another version of dlib ({kind} at byte {start})") from error
        yield kind, parameters


def _next_layer(content: bytes, position: int, kinds: Mapping[str, int]) -> tuple[str, int] | None:
    """The next kind that is named from a byte on, and the byte after its name."""
    places = {kind: content.find(bytes((1, len(kind))) + kind.encode(), position) for kind in kinds}
    present = {kind: place for kind, place in places.items() if place >= 0}
    if not present:
        return None
    kind = min(present, key=lambda kind: present[kind])
    return kind, present[kind] + 2 + len(kind)


def _parameters(content: bytes, position: int, before: int) -> tuple[Tensor, int]:
    """A tensor's values, flat, `before` integers from a byte on, and the byte after them. Raises ValueError or IndexError."""
    numbers = []
    for _ in range(before + 5):
        value, position = _integer(content, position)
        numbers.append(value)
    version, *sizes = numbers[before:]
    count = math.prod(sizes)
    if version != _TENSOR or count < 1 or position + 4 * count > len(content):
        raise ValueError
    values = np.frombuffer(content, dtype="<f4", count=count, offset=position)
    return torch.from_numpy(values.astype(np.float32)), position + 4 * count


def _integer(content: bytes, position: int) -> tuple[int, int]:
    """dlib's integers: a byte with their length and sign, then so many bytes, the least first."""
    length = content[position] & 0x0F
    value = int.from_bytes(content[position + 1 : position + 1 + length], "little")
    return (-value if content[position] & 0x80 else value), position + 1 + length
