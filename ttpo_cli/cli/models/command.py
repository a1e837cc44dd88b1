"""`ttpo models`: what ttpo knows by name, and what of it is on this machine."""

import typer

from ttpo_cli.cli.models.convert import convert
from ttpo_cli.cli.models.fetch import bundle, fetch, remove, verify
from ttpo_cli.cli.models.list import info, list_models

models = typer.Typer(no_args_is_help=True, help="Checkpoints, priors and metric weights by name: list, fetch, verify, carry, convert.")
models.command("list")(list_models)
for _command in (info, fetch, verify, remove, bundle, convert):
    models.command()(_command)
