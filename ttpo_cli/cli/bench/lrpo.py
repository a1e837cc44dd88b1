"""`ttpo bench lrpo`: what reinforcement learning of a prior costs on this machine."""

from pathlib import Path
from typing import Annotated

import typer

from ttpo_cli.cli.options import shared as options
from ttpo_cli.cli.terminal.console import SCHEMA_VERSION, NoColor, Quiet, Terminal, write_json


def bench_lrpo(
    config: Annotated[Path | None, typer.Option(help="Options of `ttpo train lrpo`, a TOML or YAML file.")] = None,
    settings: Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Any option of `ttpo train lrpo`.")] = None,
    random: Annotated[str, typer.Option("--random-weights", help="An untrained latent prior of this model's size: sd21 or sdxl.")] = "",
    small: Annotated[bool, typer.Option("--small", help="With --random-weights: a small one of the same kind.")] = False,
    repeats: Annotated[int, typer.Option(min=1, help="Steps of which the mean counts, after one that warms up.")] = 3,
    device: options.Device = "auto",
    offline: options.Offline = False,
    quiet: Quiet = False,
    no_color: NoColor = False,
) -> None:
    """Samples a second, and the shares of roll-out, reward and update. JSON on stdout, a table on stderr."""
    from ttpo_cli.benchmarks.lrpo import measure_training
    from ttpo_cli.cli.train.progress import read_options
    from ttpo_cli.device.device import choose_device
    from ttpo_cli.training.rl.on_policy_options import OnPolicyOptions
    from ttpo_cli.weights.store import open_store

    terminal, chosen = Terminal(quiet, no_color=no_color), choose_device(device)
    asked = read_options(OnPolicyOptions(), config, settings or [], {})
    measured = measure_training(asked, chosen, repeats, random, small, open_store().find)
    cells = [[part, f"{spent:.3f}", f"{measured['shares'][part]:.0%}"] for part, spent in measured["seconds"].items()]
    title = f"{measured['samples']} samples a step, {measured['samples_a_second']:.2f} a second"
    terminal.table(title, ["part", "seconds", "share"], cells)
    write_json({"schema_version": SCHEMA_VERSION, "device": str(chosen), **measured})
