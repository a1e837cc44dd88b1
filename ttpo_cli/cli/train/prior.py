"""`ttpo train prior`: the diffusion prior, conditioned on restored images of many kinds."""

from pathlib import Path
from typing import Annotated

import typer

from ttpo_cli.cli.train.options import Device, Resume


def prior(
    photos: Annotated[list[Path], typer.Argument(help="Folders of high-quality photos; every tenth photo is held back for validation.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the run: weights, state, records.")],
    backbone: Annotated[list[str] | None, typer.Option(help="Backbones the prior learns from; repeat for several.")] = None,
    channels: Annotated[str, typer.Option(help="Width of each level of the UNet.")] = "48,96,128",
    layers: Annotated[int, typer.Option(help="Residual blocks a level.")] = 1,
    steps: Annotated[int, typer.Option(help="Optimiser steps.")] = 9000,
    batch: Annotated[int, typer.Option(help="Crops a step.")] = 16,
    crop: Annotated[int, typer.Option(help="Side of a crop, pixels.")] = 64,
    learning_rate: Annotated[float, typer.Option(help="Adam's rate after warm-up; falls by a cosine.")] = 4e-4,
    final_learning_rate: Annotated[float, typer.Option(help="Rate at the last step.")] = 1e-6,
    ema: Annotated[float, typer.Option(help="Decay of the moving average of the weights.")] = 0.999,
    condition_dropout: Annotated[float, typer.Option(help="How often the condition is dropped.")] = 0.15,
    p_mean: Annotated[float, typer.Option(help="Mean of ln sigma.")] = -2.0,
    p_std: Annotated[float, typer.Option(help="Deviation of ln sigma.")] = 1.2,
    bank: Annotated[int, typer.Option(help="Restored crops made before training.")] = 2400,
    side: Annotated[int, typer.Option(help="Side of a restored crop, pixels.")] = 192,
    transforms: Annotated[int, typer.Option(help="Haar transforms: 1 halves the sides that the UNet sees, 2 quarters them.")] = 1,
    sees_photo: Annotated[
        bool, typer.Option("--sees-photo", help="Condition on the photo and its degradation too; photos are degraded as real ones are.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of everything drawn.")] = 0,
    precision: Annotated[str, typer.Option(help="fp32 or bf16 (autocast).")] = "bf16",
    device: Device = "auto",
    resume: Resume = False,
    every: Annotated[int, typer.Option(min=1, help="Steps between records, checkpoints and validations.")] = 250,
) -> None:
    """Train the embedded diffusion prior: an EDM denoiser in the Haar domain, conditioned on the restored image."""
    from ttpo_cli.backbones.catalog import load_backbone
    from ttpo_cli.cli.train.progress import choose_training_device, show_training
    from ttpo_cli.training.data import find_photos
    from ttpo_cli.training.prior import PriorTrainingOptions, train_prior

    widths = tuple(int(width) for width in channels.split(","))
    options = PriorTrainingOptions(
        channels=widths,
        layers=layers,
        steps=steps,
        batch=batch,
        crop=crop,
        learning_rate=learning_rate,
        final_learning_rate=final_learning_rate,
        ema=ema,
        condition_dropout=condition_dropout,
        p_mean=p_mean,
        p_std=p_std,
        bank=bank,
        side=side,
        seed=seed,
        precision=precision,
        transforms=transforms,
        sees_photo=sees_photo,
    )
    backbones = [load_backbone(name) for name in backbone or ("lfc-sr-small",)]
    found, place = find_photos(photos, without=output), choose_training_device(device)
    show_training(
        lambda on_step: train_prior(found, backbones, output, options, place, resume=resume, every=every, on_step=on_step), steps, output
    )
