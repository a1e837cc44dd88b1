"""`ttpo train ranker`: the learned metric that orders candidates of one photo."""

from pathlib import Path
from typing import Annotated

import typer

from ttpo_cli.cli.train.options import Device, Resume


def ranker(
    banks: Annotated[Path, typer.Argument(help="Folder of a `ttpo train prior` run: its banks of restored crops are used again.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the run: weights, state, records.")],
    prior: Annotated[Path | None, typer.Option(help="The prior whose candidates are ordered; without it the one of the run.")] = None,
    held_prior: Annotated[Path | None, typer.Option(help="Another prior, whose candidates are only validated on.")] = None,
    width: Annotated[int, typer.Option(help="Width of the first stage.")] = 32,
    crops: Annotated[int, typer.Option(help="Crops of the bank to make candidates for.")] = 400,
    steps: Annotated[int, typer.Option(help="Optimiser steps.")] = 3000,
    batch: Annotated[int, typer.Option(help="Crops a step, each with all its versions.")] = 6,
    learning_rate: Annotated[float, typer.Option(help="AdamW's rate after warm-up; falls by a cosine.")] = 3e-4,
    seed: Annotated[int, typer.Option(help="Seed of everything drawn.")] = 0,
    precision: Annotated[str, typer.Option(help="fp32 or bf16 (autocast).")] = "bf16",
    device: Device = "auto",
    resume: Resume = False,
    every: Annotated[int, typer.Option(min=1, help="Steps between records, checkpoints and validations.")] = 250,
) -> None:
    """Train the ranker: versions of one crop, the truth first, the rest in the order of a full-reference score."""
    from ttpo_cli.cli.train.progress import choose_training_device, show_training
    from ttpo_cli.diffusion.priors.embedded import load_haar_prior
    from ttpo_cli.training.crop_bank import read_bank
    from ttpo_cli.training.ranker import RankerData, RankerOptions, train_ranker

    place = choose_training_device(device)
    options = RankerOptions(width=width, crops=crops, steps=steps, batch=batch, learning_rate=learning_rate, seed=seed, precision=precision)
    main = load_haar_prior(prior or banks / "haar-prior.safetensors", place)
    other = None if held_prior is None else load_haar_prior(held_prior, place)
    bank, held = (read_bank(banks / f"{name}.safetensors") for name in ("bank", "held"))
    data = RankerData(bank=bank, held=held, prior=main, held_prior=other)
    show_training(
        lambda on_step: train_ranker(data, output, options, place, resume=resume, every=every, on_step=on_step),
        steps,
        output,
    )
