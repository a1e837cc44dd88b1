"""`ttpo bench lfc`: what restoring and training with LFC-SR costs on this machine."""

from typing import Annotated, Any

import typer

from ttpo_cli.cli.options import shared as options
from ttpo_cli.cli.terminal.console import SCHEMA_VERSION, NoColor, Quiet, Terminal, write_json


def bench_lfc(
    side: Annotated[int, typer.Option(min=16, help="Side of the low-resolution image, pixels.")] = 128,
    others: Annotated[
        list[str] | None, typer.Option("--beside", help="Another checkpoint file to measure in the same run; repeat.")
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Crops of a training step.")] = 8,
    crop: Annotated[int, typer.Option(min=8, help="Side of a low-resolution training crop, pixels.")] = 24,
    preset: Annotated[str, typer.Option(help="The preset whose training is measured.")] = "lfc-sr-small",
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
    inference: list[dict[str, Any]] = list(inference_rows(side, others or [], chosen, repeats))
    cells = [[row["network"], f"{row['parameters']:,}", f"{row['gmac']:.1f}", f"{row['seconds']:.3f}"] for row in inference]
    terminal.table(f"one image of {side}x{side}, seconds", ["network", "parameters", "GMAC", "seconds"], cells)
    training = list(training_rows(LfcOptions(preset=preset, batch=batch, crop=crop, admm=AdmmOptions(crops=4 * batch)), chosen, repeats))
    title = f"a training step of {preset}, batch {batch}, crop {crop}"
    terminal.table(title, ["phase", "seconds"], [[row["phase"], f"{row['seconds']:.3f}"] for row in training])
    write_json({"schema_version": SCHEMA_VERSION, "device": str(chosen), "inference": inference, "training": training})
