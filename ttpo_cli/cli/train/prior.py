"""`ttpo train prior`: the diffusion prior, conditioned on restored images of many kinds."""

from typing import Annotated

import typer

from ttpo_cli.cli.options.dataclass_flags import with_flags
from ttpo_cli.cli.train.options import Device, Every, Output, Photos, Resume
from ttpo_cli.settings.training import PriorTrainingOptions


def train_with(
    photos: Photos,
    output: Output,
    options: PriorTrainingOptions,
    backbone: Annotated[list[str] | None, typer.Option(help="Backbones the prior learns from; repeat for several.")] = None,
    device: Device = "auto",
    resume: Resume = False,
    every: Every = 250,
) -> None:
    """Train the embedded diffusion prior: an EDM denoiser in the Haar domain, conditioned on the restored image."""
    from ttpo_cli.backbones.catalog import load_backbone
    from ttpo_cli.cli.train.progress import choose_training_device, show_training
    from ttpo_cli.training.data import find_photos
    from ttpo_cli.training.prior import check, train_prior

    check(options)
    backbones = [load_backbone(name) for name in backbone or ("lfc-sr-small",)]
    found, place = find_photos(photos, without=output), choose_training_device(device)
    show_training(
        lambda on_step: train_prior(found, backbones, output, options, place, resume=resume, every=every, on_step=on_step),
        options.steps,
        output,
    )


prior = with_flags(train_with, PriorTrainingOptions, "prior")
