"""`ttpo degrade`: make a low-quality version of a good photo, to try and to test restoration on."""

from pathlib import Path
from typing import Annotated

import typer

from ttpo_cli.cli.options.dataclass_flags import with_flags
from ttpo_cli.cli.terminal.console import Quiet, Terminal, write_line
from ttpo_cli.errors import UsageError
from ttpo_cli.settings.degradation import DegradeOptions
from ttpo_cli.settings.output import Encoding


def degrade_with(
    photo: Annotated[Path, typer.Argument(metavar="IN", help="The good photo.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write; its ending chooses the format.")],
    options: DegradeOptions,
    second_order: Annotated[
        float,
        typer.Option(min=0, max=1, help="In place of these a random second-order degradation: 1 as strong as Real-ESRGAN's, or a share."),
    ] = 0.0,
    crop: Annotated[int, typer.Option(min=0, help="Of IN only a square of this side in the middle, pixels; 0: all of it.")] = 0,
    seed: Annotated[int, typer.Option(help="Seed of the noise, and of a degradation of second order.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT if it exists.")] = False,
    quiet: Quiet = False,
) -> None:
    """Blur, shrink, add noise and compress a good photo, in this order. Prints the path of the file written."""
    from dataclasses import replace

    import torch

    from ttpo_cli.imaging.formats import output_format
    from ttpo_cli.imaging.photo import with_pixels
    from ttpo_cli.imaging.reading import read_photo
    from ttpo_cli.imaging.resize import middle
    from ttpo_cli.imaging.writing import write_photo
    from ttpo_cli.training.degradation.bicubic import degrade as degrade_pixels
    from ttpo_cli.training.degradation.real_world import degrade_twice

    source = read_photo(photo)
    source = replace(source, pixels=middle(source.pixels, crop), alpha=None) if crop else source
    height, width = source.pixels.shape[-2:]
    if min(height, width) < options.scale:
        raise UsageError(f"{photo} is {width}x{height}: nothing is left of it at --scale {options.scale}; give a smaller scale")
    if second_order and (options.blur or options.noise or options.jpeg is not None):
        raise UsageError("--second-order draws blur, noise and JPEG itself: leave --blur, --noise and --jpeg out")
    # A JPEG file is compressed once, by the writer; any other format carries the JPEG's marks in its pixels.
    once = output_format(output, "keep", source.format) == "jpeg"
    generator = torch.Generator().manual_seed(seed)
    if second_order > 0:
        low = degrade_twice(source.pixels, options.scale, generator, second_order)
    else:
        low = degrade_pixels(source.pixels, replace(options, jpeg=None) if once else options, generator)
    encoding = Encoding(bit_depth="8", quality=options.jpeg or 95, keep=frozenset({"icc"}))
    written = write_photo(output, with_pixels(source, low), encoding, overwrite=overwrite, source=photo)
    Terminal(quiet=quiet).say(f"{photo.name} {width}x{height} -> {low.shape[-1]}x{low.shape[-2]}")
    write_line(str(Path(str(written)).resolve()))


degrade = with_flags(degrade_with, DegradeOptions, "degrade")
