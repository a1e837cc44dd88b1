"""How right `ttpo inspect` is: photos degraded by known amounts, and what is found in them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ttpo_cli.imaging.reading import read_photo
from ttpo_cli.imaging.resize import imresize
from ttpo_cli.inspection.inspection import Inspection, inspect_pixels
from ttpo_cli.training.degradation.bicubic import DegradeOptions, degrade, jpeg

ENLARGED = 0.49  # pixels of Gaussian blur that an enlargement by 1 stands for: see inspection.resolution
SEEN_NOISE = 3.0
QUALITY_ERROR, NOISE_RATIO, RESOLUTION_RATIO = 8.0, 1.2, 1.3


@dataclass(frozen=True)
class Case:
    """How a photo is degraded, after it was shrunk by 2 so that it is sharp: all deviations in pixels and of 255.

    Attributes:
        group: What it is a case of; accuracy is reported by group.
        blur: Deviation of a Gaussian blur.
        enlarge: Shrunk and enlarged again by this factor.
        noise: Deviation of the noise.
        quality: JPEG quality, None for none.
        again: Quality of a second compression, after a crop that moves the grid; None for none.
    """

    group: str
    blur: float = 0.0
    enlarge: float = 1.0
    noise: float = 0.0
    quality: int | None = None
    again: int | None = None

    @property
    def resolution(self) -> float:
        """The true effective resolution."""
        return min(1.0, 1 / self.enlarge, ENLARGED / self.blur if self.blur else 1.0)


CASES = (
    Case("clean"),
    *(Case("JPEG", quality=quality) for quality in (10, 20, 30, 40, 50, 60, 70, 80, 90, 95)),
    *(Case("JPEG, cropped, JPEG 95", quality=quality, again=95) for quality in (15, 30, 50, 70)),
    *(Case("noise", noise=noise) for noise in (3.0, 5.0, 10.0, 15.0, 25.0)),
    *(Case("blur", blur=blur) for blur in (0.6, 0.8, 1.0, 1.5, 2.0, 2.5)),
    *(Case("enlarged", enlarge=factor) for factor in (1.5, 2.0, 3.0, 4.0)),
    *(Case("blur, noise", blur=blur, noise=noise) for blur, noise in ((1.0, 5.0), (2.0, 10.0))),
    *(Case("enlarged, noise", enlarge=factor, noise=noise) for factor, noise in ((2.0, 5.0), (3.0, 10.0))),
    *(Case("noise, JPEG", noise=noise, quality=quality) for noise, quality in ((5.0, 85), (10.0, 75), (10.0, 50), (20.0, 30))),
    *(Case("blur, JPEG", blur=blur, quality=quality) for blur, quality in ((1.0, 85), (2.0, 75), (1.5, 50), (1.0, 30))),
    *(Case("blur, noise, JPEG", blur=blur, noise=noise, quality=q) for blur, noise, q in ((1.0, 5.0, 85), (1.5, 8.0, 60), (2.0, 10.0, 40))),
)


def degraded(photo: Tensor, case: Case, generator: torch.Generator) -> Tensor:
    """(1, 3, H, W) shrunk by 2, then degraded as the case says."""
    low = degrade(photo, DegradeOptions(scale=2), generator)
    if case.enlarge != 1:
        low = imresize(imresize(low, 1 / case.enlarge), size=(low.shape[-2], low.shape[-1])).clamp(0, 1)
    options = DegradeOptions(scale=1, blur=case.blur, noise=case.noise, jpeg=case.quality)
    low = degrade(low, options, generator)
    return low if case.again is None else jpeg(low[..., 3:, 5:], case.again)


def rows(photos: Sequence[Path], cases: Sequence[Case] = CASES) -> Iterator[dict[str, Any]]:
    """Every case of every photo: what is true and what was found in the pixels; noise is seeded by the photo's place in the list."""
    for place, path in enumerate(photos):
        pixels = read_photo(path).pixels
        for case in cases:
            found = inspect_pixels(degraded(pixels, case, torch.Generator().manual_seed(place)))
            yield {"photo": path.name, "case": vars(case), "true": _truth(case), "found": _found(found)}


def _truth(case: Case) -> dict[str, float | None]:
    return {"quality": case.quality, "noise": case.noise, "resolution": case.resolution}


def _found(inspection: Inspection) -> dict[str, Any]:
    return {
        "quality": inspection.jpeg_quality_estimated,
        "noise": 255 * inspection.noise_sigma,
        "resolution": inspection.effective_resolution,
        "degradations": list(inspection.degradations),
    }


def accuracy(measured: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row a group: median, 90 % and worst error of quality (points), noise and resolution (factors), and the share within bounds."""
    table = []
    for group in dict.fromkeys(row["case"]["group"] for row in measured):
        chosen = [row for row in measured if row["case"]["group"] == group]
        qualities = [_quality_error(row) for row in chosen if row["true"]["quality"] is not None]
        noises = [_ratio(row, "noise") for row in chosen if row["true"]["noise"] >= SEEN_NOISE]
        resolutions = [_ratio(row, "resolution") for row in chosen]
        table.append(
            {
                "group": group,
                "photos": len(chosen),
                "quality": summary(qualities, QUALITY_ERROR),
                "noise": summary(noises, NOISE_RATIO),
                "resolution": summary(resolutions, RESOLUTION_RATIO),
                "called_clean": sum(not row["found"]["degradations"] for row in chosen) / len(chosen),
            }
        )
    return table


def summary(errors: Sequence[float], bound: float) -> dict[str, float] | None:
    """median, 90 % quantile, worst, and the share that is within the bound; None of no errors."""
    if not errors:
        return None
    values = np.array(errors)
    quantiles = {"median": float(np.median(values)), "p90": float(np.quantile(values, 0.9)), "worst": float(values.max())}
    return {**quantiles, "within": float((values <= bound).mean())}


def _quality_error(row: dict[str, Any]) -> float:
    """Points; no trace counts as 100."""
    found = row["found"]["quality"]
    return abs((100.0 if found is None else found) - row["true"]["quality"])


def _ratio(row: dict[str, Any], value: str) -> float:
    """The factor, 1 or more, between found and true."""
    found, true = max(row["found"][value], 1e-3), row["true"][value]
    return max(found / true, true / found)
