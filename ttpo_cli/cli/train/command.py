"""`ttpo train`: one command a method, each in its own file, and what is done with their runs."""

import typer

from ttpo_cli.cli.train.lfc import lfc
from ttpo_cli.cli.train.lrpo import lrpo
from ttpo_cli.cli.train.niqe import niqe
from ttpo_cli.cli.train.plane import plane
from ttpo_cli.cli.train.plot import plot
from ttpo_cli.cli.train.policies import policies
from ttpo_cli.cli.train.prior import prior
from ttpo_cli.cli.train.ranker import ranker
from ttpo_cli.cli.train_embed import embed

train = typer.Typer(no_args_is_help=True, help="Train the embedded networks again, or on photos of your own.")
for _command in (lfc, lrpo, prior, ranker, niqe, plot, plane, policies, embed):
    train.command()(_command)
