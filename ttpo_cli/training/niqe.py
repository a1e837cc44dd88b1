"""NIQE's pristine model: the Gaussian of natural-scene features in the sharp blocks of good photos (Mittal et al., IEEE SPL 2013)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ttpo_cli.errors import TtpoError
from ttpo_cli.imaging.reading import read_photo
from ttpo_cli.imaging.resize import imresize
from ttpo_cli.metrics.metric import Metric
from ttpo_cli.metrics.natural_scene import into_blocks, local_deviation
from ttpo_cli.metrics.niqe import BLOCK, NiqeModel, feature_covariance, niqe, niqe_features, rounded_luma
from ttpo_cli.metrics.pristine import pristine_level
from ttpo_cli.metrics.psnr import on_8_bit_grid
from ttpo_cli.progress import OnStep
from ttpo_cli.training.data import hold_back

SHARPNESS = 0.75  # of the sharpest block of the same photo, section II.B of the paper
SHRINK = 2  # photos out of a camera hold noise and interpolated colour; at half size they do not, and the model minds noise
HELD_BACK = 4  # every fourth photo only measures the pristine level
FEATURES = 36
FEWEST_BLOCKS = 2 * FEATURES


def train_niqe(
    photos: Sequence[Path],
    sharpness: float = SHARPNESS,
    shrink: float = SHRINK,
    every: int = HELD_BACK,
    on_step: OnStep | None = None,
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """(state, metadata) for save_checkpoint: mean (36,) and covariance (36, 36) float64, and the level of the held-back photos.

    Only blocks whose mean local deviation exceeds `sharpness` times that of the photo's sharpest block count: a photo's blurred
    background is not a measure of sharpness. shrink: photos are reduced by this first; the paper's is 1. every: each `every`-th photo is
    held back. Raises TtpoError for fewer photos than `every`, or where fewer than 72 blocks are left to fit 36 features.
    """
    kept, held = hold_back(photos, every)
    if not held:
        raise TtpoError(f"too few photos ({len(photos)}): one in {every} only measures the pristine level, so give at least {every}")
    rows = []
    for done, path in enumerate(kept):
        image = on_8_bit_grid(imresize(read_photo(path).pixels, 1 / shrink))
        if min(image.shape[-2:]) >= BLOCK:
            rows.append(sharp_features(image, sharpness))
        if on_step is not None:
            on_step("features", done + 1, len(kept))
    features = torch.cat(rows) if rows else torch.zeros(0, FEATURES)
    if len(features) < FEWEST_BLOCKS:
        raise TtpoError(
            f"photos used: {len(kept)}; sharp blocks found: {len(features)}, needed: {FEWEST_BLOCKS}. Give more or larger photos"
        )
    state = {"mean": features.nanmean(dim=0), "covariance": feature_covariance(features)}
    model = NiqeModel(state["mean"], state["covariance"])
    metric = Metric(
        name="niqe",
        function=lambda image: niqe(image, model),
        lower_is_better=True,
        needs_reference=False,
        minimum_size=BLOCK,
        pristine=None,
        scale=None,
        licence="",
        source="",
        differentiable=False,
    )
    level = pristine_level(metric, held)
    metadata = {
        "architecture": "niqe",
        "paper": "Mittal, Soundararajan, Bovik: Making a completely blind image quality analyzer, IEEE SPL 2013",
        "licence": "Apache-2.0",
        "pristine": level.pristine,
        "scale": level.scale,
        "photos": len(kept),
        "held_back": len(held),
        "blocks": len(features),
        "sharpness": sharpness,
        "shrink": shrink,
    }
    return state, metadata


def sharp_features(image: Tensor, sharpness: float = SHARPNESS) -> Tensor:
    """Features (blocks, 36) of one image's (1, 3, H, W) blocks sharper than `sharpness` times its sharpest, without undefined ones."""
    rows, columns = image.shape[-2] // BLOCK, image.shape[-1] // BLOCK
    grey = rounded_luma(image)[..., : rows * BLOCK, : columns * BLOCK]
    deviation = into_blocks(local_deviation(grey)[1], BLOCK).mean(dim=(-2, -1))[0]
    features = niqe_features(image)[0]
    chosen = (deviation > sharpness * deviation.max()) & ~features.isnan().any(dim=1)
    return features[chosen]
