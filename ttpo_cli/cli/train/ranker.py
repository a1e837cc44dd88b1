"""`ttpo train ranker`: the learned metric that orders candidates of one photo."""

from pathlib import Path
from typing import Annotated

import typer

from ttpo_cli.cli.options.dataclass_flags import with_flags
from ttpo_cli.cli.train.options import Device, Every, Output, Resume
from ttpo_cli.settings.training import RankerOptions


def train_with(
    banks: Annotated[Path, typer.Argument(help="Folder of a `ttpo train prior` run: its banks of restored crops are used again.")],
    output: Output,
    options: RankerOptions,
    prior: Annotated[Path | None, typer.Option(help="The prior whose candidates are ordered; without it the one of the run.")] = None,
    held_prior: Annotated[Path | None, typer.Option(help="Another prior, whose candidates are only validated on.")] = None,
    device: Device = "auto",
    resume: Resume = False,
    every: Every = 250,
) -> None:
    """Train the ranker: versions of one crop, the truth first, the rest in the order of a full-reference score."""
    from ttpo_cli.cli.train.progress import choose_training_device, show_training
    from ttpo_cli.diffusion.priors.embedded import load_haar_prior
    from ttpo_cli.training.crop_bank import read_bank
    from ttpo_cli.training.ranker import RankerData, check, train_ranker

    check(options)
    place = choose_training_device(device)
    main = load_haar_prior(prior or banks / "haar-prior.safetensors", place)
    other = None if held_prior is None else load_haar_prior(held_prior, place)
    bank, held = (read_bank(banks / f"{name}.safetensors") for name in ("bank", "held"))
    data = RankerData(bank=bank, held=held, prior=main, held_prior=other)
    show_training(
        lambda on_step: train_ranker(data, output, options, place, resume=resume, every=every, on_step=on_step),
        options.steps,
        output,
    )


ranker = with_flags(train_with, RankerOptions, "ranker")
