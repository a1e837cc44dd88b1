"""`ttpo train`: one command a method, each in its own file, and what is done with their runs."""

import typer

from ttpo_cli.cli.train_embed import embed
from ttpo_cli.cli.train_lfc import lfc
from ttpo_cli.cli.train_lrpo import lrpo
from ttpo_cli.cli.train_niqe import niqe
from ttpo_cli.cli.train_plane import plane
from ttpo_cli.cli.train_plot import plot
from ttpo_cli.cli.train_policies import policies
from ttpo_cli.cli.train_prior import prior
from ttpo_cli.cli.train_ranker import ranker

train = typer.Typer(no_args_is_help=True, help="Train the embedded networks again, or on photos of your own.")
for _command in (lfc, lrpo, prior, ranker, niqe, plot, plane, policies, embed):
    train.command()(_command)
