"""`ttpo train policies`: priors before and after reinforcement learning, on held-back photos, compared with the best of N samples."""

from pathlib import Path
from typing import Annotated

import typer

from ttpo_cli.cli.options.shared import Offline
from ttpo_cli.cli.terminal.console import NoColor, Quiet, Terminal
from ttpo_cli.cli.train.options import Device
from ttpo_cli.errors import UsageError


def policies(
    photos: Annotated[list[Path], typer.Argument(help="The folders the priors were trained on; the held-back photos are measured.")],
    prior: Annotated[list[str], typer.Option(metavar="NAME=FILE", help="A prior to measure; repeat, the untrained one first.")],
    config: Annotated[Path | None, typer.Option(help="Options of `ttpo train lrpo` that the priors were trained with.")] = None,
    settings: Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Any option of `ttpo train lrpo`.")] = None,
    unseen: Annotated[bool, typer.Option("--unseen", help="The folders are others than trained on: measure every photo.")] = False,
    best_of: Annotated[int, typer.Option(min=0, help="Samples of the first prior of which the best are shown too; 0 for none.")] = 8,
    images: Annotated[Path | None, typer.Option(help="Folder for a strip of each photo: every row next to the ground truth.")] = None,
    device: Device = "auto",
    offline: Offline = False,
    quiet: Quiet = False,
    no_color: NoColor = False,
) -> None:
    """Reward, held-out metrics, fidelity and spread over seeds of each prior on the same inputs and noise. JSON on stdout."""
    from ttpo_cli.cli.train.policies_run import measure_policies, show
    from ttpo_cli.cli.train.progress import choose_training_device, read_options
    from ttpo_cli.training.rl.on_policy_options import OnPolicyOptions

    priors = _named(prior)
    options = read_options(OnPolicyOptions(), config, settings or [], {})
    measured = measure_policies(photos, priors, options, unseen, best_of, choose_training_device(device))
    show(measured, images, Terminal(quiet, no_color=no_color))


def _named(given: list[str]) -> dict[str, str]:
    """NAME=FILE as name -> file; a bare FILE is named by itself. Raises UsageError for a name given twice."""
    priors: dict[str, str] = {}
    for text in given:
        name, equals, file = text.partition("=")
        if name in priors:
            raise UsageError(f"--prior {text}: the name {name} is given twice")
        priors[name] = file if equals else text
    return priors
