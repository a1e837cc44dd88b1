"""What LFC-SR has learned, on photos it never saw: fidelity, naturalness, and the low band between its stages (Fig. 6)."""

import math
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from ttpo_cli.imaging.wavelets import low_band
from ttpo_cli.metrics.catalog import load_metric
from ttpo_cli.metrics.metric import score
from ttpo_cli.metrics.psnr import cropped, psnr_y
from ttpo_cli.metrics.ssim import ssim_y
from ttpo_cli.training.data import Pair, to_float
from ttpo_cli.training.run import Images, Record

SIDE = 48  # px of a low-resolution centre crop
STAGES = ("objective", "perceptual")


@torch.no_grad()
def validate(network: nn.Module, pairs: Sequence[Pair], scale: int, device: torch.device, order: str = "op") -> tuple[Record, Images]:
    """PSNR-Y, SSIM-Y (border of `scale` cut), NIQE and PIQE of both stages, and the mean |LF_P - LF_O| in grey levels.

    order: which image the network's first output is, `op` the objective one, `po` the perceptual one.
    Over centre crops of at most 12 photos. The first four as images: both stages and the truth side by side. NIQE needs crops of 96 px.
    Raises FloatingPointError for outputs that are not finite.
    """
    blind = {name: load_metric(name, device) for name in ("niqe", "piqe")}
    rows: list[dict[str, float]] = []
    images: Images = {}
    for pair in pairs[:12]:
        lq, hq = centre(pair, scale, device)
        names = STAGES if order == "op" else STAGES[::-1]
        outputs = dict(zip(names, network(lq), strict=True))
        if not all(bool(image.isfinite().all()) for image in outputs.values()):
            raise FloatingPointError("the restored images are NaN or infinite")
        stages = {name: outputs[name].clamp(0, 1) for name in STAGES}
        rows.append({"low_mae_held": float(low_difference(*stages.values()))})
        for name, image in stages.items():
            rows[-1][f"psnr_y_{name}"] = float(psnr_y(image, hq, border=scale))
            rows[-1][f"ssim_y_{name}"] = float(ssim_y(cropped(image, scale), cropped(hq, scale)))
            rows[-1] |= {f"{key}_{name}": float(score(metric, image)) for key, metric in blind.items() if min(image.shape[-2:]) >= 96}
        if len(images) < 4:
            images[Path(pair.name).stem] = torch.cat((*stages.values(), hq), dim=-1)[0]
    return mean_values(rows), images


def mean_values(rows: Sequence[dict[str, float]]) -> Record:
    """The mean of each value over the rows that have it and in which it is a number."""
    names = dict.fromkeys(name for row in rows for name in row)
    found = {name: [row[name] for row in rows if math.isfinite(row.get(name, math.nan))] for name in names}
    return {name: sum(values) / len(values) for name, values in found.items() if values}


def low_difference(first: Tensor, second: Tensor) -> Tensor:
    """Mean |LL(second) - LL(first)| of (N, 3, H, W) in [0, 1], in grey levels of 255 (LL's gain of 2 taken out).

    An odd row or column is left out.
    """
    height, width = (side // 2 * 2 for side in first.shape[-2:])
    return 255 * low_band((second - first)[..., :height, :width]).abs().mean() / 2


def centre(pair: Pair, scale: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """The middle of a pair, at most SIDE pixels a side of the small one: float (1, 3, h, w) and (1, 3, scale h, scale w)."""
    height, width = (min(SIDE, size) for size in pair.lq.shape[1:])
    top, left = ((size - side) // 2 for size, side in zip(pair.lq.shape[1:], (height, width), strict=True))
    lq = pair.lq[None, :, top : top + height, left : left + width]
    hq = pair.hq[None, :, top * scale : (top + height) * scale, left * scale : (left + width) * scale]
    return to_float(lq).to(device), to_float(hq).to(device)
