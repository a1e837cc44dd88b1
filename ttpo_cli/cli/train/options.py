"""The options that several `ttpo train` commands share, each declared once."""

from pathlib import Path
from typing import Annotated

import typer

from ttpo_cli.settings.training import EVERY, OUTPUT, PHOTOS, PRECISION, SEED

Config = Annotated[Path | None, typer.Option(help="TOML or YAML file of options; what is given here as well wins over it.")]
Precision = Annotated[str | None, typer.Option(help=PRECISION)]
Seed = Annotated[int | None, typer.Option(help=SEED)]
Photos = Annotated[list[Path], typer.Argument(help=PHOTOS)]
Output = Annotated[Path, typer.Option("--output", "-o", help=OUTPUT)]
Every = Annotated[int, typer.Option(min=1, help=EVERY)]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run in --output; its options must be the same.")]
Show = Annotated[bool, typer.Option("--show", help="Print the options as YAML and stop.")]
