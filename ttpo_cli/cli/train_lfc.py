"""`ttpo train lfc`: the LFC-SR super-resolver, joint L1 pretraining."""

from pathlib import Path
from typing import Annotated

import typer


def lfc(
    photos: Annotated[list[Path], typer.Argument(help="Folders of high-quality photos; every tenth photo is held back for validation.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the run: weights, state, records.")],
    preset: Annotated[str, typer.Option(help="lfc-sr-small (0.7 M parameters) or lfc-sr (18.7 M, the paper's).")] = "lfc-sr-small",
    scale: Annotated[int, typer.Option(help="Super-resolution factor: 2, 3 or 4.")] = 4,
    steps: Annotated[int, typer.Option(help="Optimiser steps.")] = 3500,
    batch: Annotated[int, typer.Option(help="Crops a step.")] = 8,
    crop: Annotated[int, typer.Option(help="Side of a low-resolution crop, pixels.")] = 24,
    learning_rate: Annotated[float, typer.Option(help="Adam's rate after warm-up; falls to --final-learning-rate by a cosine.")] = 3e-4,
    final_learning_rate: Annotated[float, typer.Option(help="Rate at the last step.")] = 1e-5,
    ema: Annotated[float, typer.Option(help="Decay of the moving average of the weights.")] = 0.999,
    seed: Annotated[int, typer.Option(help="Seed of the crops and of the initial weights.")] = 0,
    precision: Annotated[str, typer.Option(help="fp32 or bf16 (autocast).")] = "fp32",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --output; its options must be the same.")] = False,
    every: Annotated[int, typer.Option(help="Steps between records, checkpoints and validations.")] = 250,
) -> None:
    """Train LFC-SR on a folder of photos: both stages together under L1; low-resolution crops are made on the fly."""
    from ttpo_cli.cli.training_progress import choose_training_device, show_training
    from ttpo_cli.training.data import find_photos
    from ttpo_cli.training.lfc import LfcOptions, train_lfc

    options = LfcOptions(preset, scale, steps, batch, crop, learning_rate, final_learning_rate, ema, seed, precision)
    records = train_lfc(find_photos(photos), output, options, choose_training_device(device), resume=resume, every=every)
    show_training(records, steps, output)
