"""`ttpo train niqe`: NIQE's pristine model from photos of your own."""

from pathlib import Path
from typing import Annotated

import typer

from ttpo_cli.cli.terminal.console import Terminal, counted
from ttpo_cli.errors import UsageError


def niqe(
    photos: Annotated[list[Path], typer.Argument(help="Good photos, or folders of them; every fourth only measures the pristine level.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The model, a .safetensors file.")],
    sharpness: Annotated[
        float, typer.Option(min=0, max=1, help="Blocks less sharp than this share of a photo's sharpest are left out.")
    ] = 0.75,
    shrink: Annotated[
        float, typer.Option(min=1, help="Photos are reduced by this first, which takes camera noise away; 1 in the paper.")
    ] = 2,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")] = False,
) -> None:
    """Fit NIQE's pristine Gaussian to sharp blocks of good photos; use it with --metric-weights niqe=FILE."""
    from ttpo_cli.training.data import find_photos
    from ttpo_cli.training.niqe import train_niqe
    from ttpo_cli.weights.checkpoint import save_checkpoint

    if output.suffix != ".safetensors":
        raise UsageError(f"--output {output}: the model is a safetensors file, give a name that ends in .safetensors")
    if output.exists() and not overwrite:
        raise UsageError(f"{output} exists: give another name, or --overwrite")
    terminal = Terminal()
    with terminal.progress("niqe") as on_step:
        state, metadata = train_niqe(find_photos(photos), sharpness, shrink, on_step=on_step)
    save_checkpoint(output, state, metadata)
    level = f"pristine level {metadata['pristine']:.2f} on {counted(metadata['held_back'], 'held-back photo')}"
    terminal.say(f"{output}: {metadata['blocks']} sharp blocks of {counted(metadata['photos'], 'photo')}, {level}")
