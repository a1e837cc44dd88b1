"""The ranker: a small network that orders restorations of one photo (learning from rankings, RankIQA, Liu et al. 2017, arXiv 1707.08347).

It is differentiable and fully convolutional: its map scores neighbourhoods, its mean scores a photo.
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ttpo_cli.errors import WeightsError
from ttpo_cli.imaging.wavelets import haar_dwt
from ttpo_cli.metrics.metric import Metric
from ttpo_cli.weights.checkpoint import load_checkpoint
from ttpo_cli.weights.manifest import embedded_path

STRIDE = 16


class Ranker(nn.Module):
    """(N, 3, H, W) in [0, 1] -> a score map (N, 1, H / 16, W / 16), higher is better. The Haar transform feeds fine bands unblurred."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.width = width
        widths = (width, 2 * width, 3 * width, 4 * width)
        stages: list[nn.Module] = [nn.Conv2d(12, widths[0], 3, padding=1), nn.SiLU()]
        for index, channels in enumerate(widths):
            stages.append(Residual(channels))
            if index + 1 < len(widths):
                stages += [nn.Conv2d(channels, widths[index + 1], 3, stride=2, padding=1), nn.SiLU()]
        self.features = nn.Sequential(*stages)
        self.head = nn.Sequential(nn.Conv2d(widths[-1], width, 1), nn.SiLU(), nn.Conv2d(width, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        return self.head(self.features(haar_dwt(image * 2 - 1) * BAND_GAINS.to(image)))


# The fine bands of a photo are many times weaker than its low band: bring them to one scale.
BAND_GAINS = torch.tensor([0.5] * 3 + [20.0] * 9)[None, :, None, None]


class Residual(nn.Module):
    """Two 3x3 convolutions parallel to the identity, each after a norm over the channels of one place.

    Without a norm the ranker hardly learns; one over the image (group norm) would make a score depend on what else is in the photo.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.gains = nn.Parameter(torch.ones(2, channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.first(functional.silu(channel_norm(x) * self.gains[0]))
        return x + self.second(functional.silu(channel_norm(hidden) * self.gains[1]))


def channel_norm(x: Tensor, floor: float = 1e-2) -> Tensor:
    """x over the root mean square of its channels at each place (RMSNorm, Zhang & Sennrich 2019): (N, C, h, w)."""
    return x * torch.rsqrt(x.float().square().mean(dim=1, keepdim=True) + floor).to(x.dtype)


def score_map(ranker: Ranker, image: Tensor) -> Tensor:
    """The map of a photo of any size, (N, 3, H, W) -> (N, 1, ceil(H / 16), ceil(W / 16)), padded by reflection."""
    height, width = image.shape[-2:]
    bottom, right = (max(32, -(-size // STRIDE) * STRIDE) - size for size in (height, width))
    mode = "reflect" if bottom < height and right < width else "replicate"
    return ranker(functional.pad(image, (0, right, 0, bottom), mode=mode) if bottom or right else image)


def ranker_metadata(ranker: Ranker, **facts: Any) -> dict[str, Any]:
    """What `load_ranker` needs, and the facts of the training."""
    return {"ttpo": "ranker", "width": ranker.width, **facts}


def load_ranker(device: torch.device, path: Path | None = None) -> tuple[Ranker, dict[str, Any]]:
    """The ranker of a checkpoint written by `ttpo train ranker` (None: the embedded one) and its metadata. Raises WeightsError."""
    file = embedded_path("ranker") if path is None else path
    state, metadata = load_checkpoint(file)
    if metadata.get("ttpo") != "ranker":
        raise WeightsError(f"{file} is not a ranker of ttpo: give a file written by `ttpo train ranker`")
    ranker = Ranker(int(metadata["width"]))
    ranker.load_state_dict(state, strict=True)
    return ranker.eval().requires_grad_(False).to(device), metadata


def ranker_metric(device: torch.device, path: Path | None = None) -> Metric:
    """The ranker as a metric: the mean of its map, higher is better, with the pristine level measured when it was trained."""
    ranker, metadata = load_ranker(device, path)

    def score(image: Tensor) -> Tensor:
        return score_map(ranker, image).mean(dim=(1, 2, 3))

    return Metric(
        name="ranker",
        function=score,
        lower_is_better=False,
        needs_reference=False,
        minimum_size=1,
        pristine=float(metadata["pristine"]),
        scale=float(metadata["scale"]),
        licence="Apache-2.0",
        source="ttpo train ranker; after RankIQA (Liu et al. 2017)",
        differentiable=True,
    )
