"""Options of the trainings of prior and ranker, and help texts that several trainings share. Imports no torch."""

from dataclasses import dataclass
from typing import Literal

from ttpo_cli.settings.option import option

Precision = Literal["fp32", "bf16"]

EVERY = "Steps between records, checkpoints and validations."
OUTPUT = "Folder of the run: weights, state, records."
PHOTOS = "Folders of high-quality photos; every tenth photo is held back for validation."
PRECISION = "fp32 or bf16 (autocast)."
SEED = "Seed of everything drawn."


@dataclass(frozen=True)
class PriorTrainingOptions:
    """What a training depends on. sigma is drawn log-normally: ln sigma ~ N(p_mean, p_std^2), on images in [-1, 1].

    transforms: Haar transforms of the image. sees_photo: the second generation, whose condition holds the photo and its degradation, and
    whose photos are degraded as real ones are.
    """

    channels: tuple[int, ...] = option((48, 96, 128), "Width of each level of the UNet, multiples of 16.")
    layers: int = option(1, "Residual blocks a level.", limits=(1, None))
    steps: int = option(9000, "Optimiser steps.", limits=(1, None))
    batch: int = option(16, "Crops a step.", limits=(1, None))
    crop: int = option(64, "Side of a crop, pixels.", limits=(1, None))
    learning_rate: float = option(4e-4, "Adam's rate after warm-up; falls by a cosine.")
    final_learning_rate: float = option(1e-6, "Rate at the last step.")
    ema: float = option(0.999, "Decay of the moving average of the weights.")
    condition_dropout: float = option(0.15, "How often the condition is dropped.")
    p_mean: float = option(-2.0, "Mean of ln sigma.")
    p_std: float = option(1.2, "Deviation of ln sigma.")
    bank: int = option(2400, "Restored crops made before training.", limits=(1, None))
    side: int = option(192, "Side of a restored crop, pixels.", limits=(1, None))
    seed: int = option(0, SEED)
    precision: Precision = option("bf16", PRECISION)
    transforms: int = option(1, "Haar transforms: 1 halves the sides that the UNet sees, 2 quarters them.", limits=(1, None))
    sees_photo: bool = option(
        False, "Condition on the photo and its degradation too; photos are degraded as real ones are.", flag="--sees-photo"
    )


@dataclass(frozen=True)
class RankerOptions:
    """What a training depends on. sharpness: the target is sigmoid(sharpness * difference of the reference scores)."""

    width: int = option(32, "Width of the first stage.", limits=(1, None))
    crops: int = option(400, "Crops of the bank to make candidates for.", limits=(1, None))
    strengths: tuple[float, ...] = (0.1, 0.2, 0.3, 0.4)
    denoising_steps: int = 5
    steps: int = option(3000, "Optimiser steps.", limits=(1, None))
    batch: int = option(6, "Crops a step, each with all its versions.", limits=(1, None))
    crop: int = 64
    learning_rate: float = option(3e-4, "AdamW's rate after warm-up; falls by a cosine.")
    final_learning_rate: float = 1e-6
    ema: float = 0.998
    sharpness: float = 25.0
    seed: int = option(0, SEED)
    precision: Precision = option("bf16", PRECISION)
