"""`ttpo train policies`: priors before and after reinforcement learning, on held-back photos, compared with the best of N samples."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ttpo_cli.cli.options.shared import Offline
from ttpo_cli.cli.terminal.console import SCHEMA_VERSION, NoColor, Quiet, Terminal, write_json
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
    from ttpo_cli.cli.train.progress import choose_training_device, read_options
    from ttpo_cli.report.record import jsonable
    from ttpo_cli.training.data import find_photos
    from ttpo_cli.training.rl.comparison import policy_rows, read_held
    from ttpo_cli.training.rl.train import OnPolicyOptions
    from ttpo_cli.weights.store import open_store

    priors = _named(prior)
    options = read_options(OnPolicyOptions(), config, settings or [], {})
    chosen = choose_training_device(device)
    held, measures = read_held(find_photos(photos), options, chosen, open_store().find, unseen=unseen)
    rows = list(policy_rows(priors, held, measures, options, best_of, chosen))
    names = list(dict.fromkeys(name for _, record, _ in rows for name in record))
    cells = [[row, *(f"{record[name]:.4g}" if name in record else "" for name in names)] for row, record, _ in rows]
    title = f"{len(held.names)} {'unseen' if unseen else 'held-back'} inputs, {options.alarm.seeds} seeds"
    Terminal(quiet, no_color=no_color).table(title, ["", *(name.removeprefix("held_") for name in names)], cells)
    if images is not None:
        _write_strips(images, held.names, [shown for _, _, shown in rows])
    write_json(
        jsonable(
            {"schema_version": SCHEMA_VERSION, "inputs": list(held.names), "rows": [{"name": row, **record} for row, record, _ in rows]}
        )
    )


def _named(given: list[str]) -> dict[str, str]:
    """NAME=FILE as name -> file; a bare FILE is named by itself. Raises UsageError for a name given twice."""
    priors: dict[str, str] = {}
    for text in given:
        name, equals, file = text.partition("=")
        if name in priors:
            raise UsageError(f"--prior {text}: the name {name} is given twice")
        priors[name] = file if equals else text
    return priors


def _write_strips(folder: Path, names: tuple[str, ...], rows: list[Any]) -> None:
    import torch
    from PIL import Image

    from ttpo_cli.training.data import to_uint8

    folder.mkdir(parents=True, exist_ok=True)
    for name, strip in zip(names, torch.cat([row.cpu() for row in rows], dim=-1), strict=True):
        Image.fromarray(to_uint8(strip).permute(1, 2, 0).numpy()).save(folder / f"{name}.png")
