"""`ttpo bench lfc`: what restoring and training with LFC-SR costs on this machine."""

from dataclasses import replace
from typing import Annotated, Any

import typer

from ttpo_cli.cli.options import shared as options
from ttpo_cli.cli.terminal.console import SCHEMA_VERSION, NoColor, Quiet, Terminal, write_json


def bench_lfc(
    side: Annotated[int, typer.Option(min=16, help="Side of the low-resolution image, pixels.")] = 128,
    others: Annotated[list[str] | None, typer.Option("--other", help="Another checkpoint file to measure in the same run; repeat.")] = None,
    former: Annotated[list[str] | None, typer.Option("--beside", hidden=True)] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Crops of a training step; without it the training's default.")] = None,
    crop: Annotated[int | None, typer.Option(min=8, help="Side of a low-resolution training crop, pixels; the training's.")] = None,
    preset: Annotated[str | None, typer.Option(help="The preset whose training is measured; the training's.")] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Runs of which the median counts.")] = 3,
    device: options.Device = "auto",
    quiet: Quiet = False,
    no_color: NoColor = False,
) -> None:
    """Seconds, GMAC and parameters of both presets; seconds of a training step in each phase. JSON on stdout, tables on stderr."""
    from ttpo_cli.benchmarks.lfc import inference_rows, training_rows
    from ttpo_cli.device.device import choose_device
    from ttpo_cli.training.lfc.admm import AdmmOptions
    from ttpo_cli.training.lfc.train import LfcOptions

    terminal, chosen = Terminal(quiet, no_color=no_color), choose_device(device)
    if former:
        terminal.warn("--beside is now called --other")
    inference: list[dict[str, Any]] = list(inference_rows(side, [*(others or []), *(former or [])], chosen, repeats))
    cells = [[row["network"], f"{row['parameters']:,}", f"{row['gmac']:.1f}", f"{row['seconds']:.3f}"] for row in inference]
    terminal.table(f"one image of {side}x{side}, seconds", ["network", "parameters", "GMAC", "seconds"], cells)
    given = {name: value for name, value in {"preset": preset, "batch": batch, "crop": crop}.items() if value is not None}
    trained = replace(LfcOptions(), **given)
    trained = replace(trained, admm=AdmmOptions(crops=4 * trained.batch))
    training = list(training_rows(trained, chosen, repeats))
    title = f"a training step of {trained.preset}, batch {trained.batch}, crop {trained.crop}"
    terminal.table(title, ["phase", "seconds"], [[row["phase"], f"{row['seconds']:.3f}"] for row in training])
    write_json({"schema_version": SCHEMA_VERSION, "device": str(chosen), "inference": inference, "training": training})
