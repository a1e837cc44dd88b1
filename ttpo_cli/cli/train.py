"""`ttpo train`: one command a method, each in its own file `train_<name>.py`."""

from importlib import import_module
from importlib.util import find_spec

import typer

METHODS = ("lfc", "prior", "ranker", "niqe")

train = typer.Typer(no_args_is_help=True, help="Train the embedded networks again, or on photos of your own.")

for _method in METHODS:
    if find_spec(f"ttpo_cli.cli.train_{_method}") is not None:
        train.command(_method)(getattr(import_module(f"ttpo_cli.cli.train_{_method}"), _method))
