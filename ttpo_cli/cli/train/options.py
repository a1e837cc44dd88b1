"""The options that several `ttpo train` commands share, each declared once."""

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[Path | None, typer.Option(help="TOML or YAML file of options; what is given here as well wins over it.")]
Precision = Annotated[str | None, typer.Option(help="fp32 or bf16 (autocast).")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run in --output; its options must be the same.")]
Show = Annotated[bool, typer.Option("--show", help="Print the options as YAML and stop.")]
