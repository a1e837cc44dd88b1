"""What `ttpo train policies` does: measure priors on held-back photos, and show the rows as a table, as JSON and as strips."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from ttpo_cli.cli.terminal.console import SCHEMA_VERSION, Terminal, write_json
from ttpo_cli.report.record import jsonable
from ttpo_cli.training.data import find_photos, to_uint8
from ttpo_cli.training.rl.comparison import Row, policy_rows, read_held
from ttpo_cli.training.rl.on_policy_options import OnPolicyOptions
from ttpo_cli.weights.store import open_store


@dataclass(frozen=True)
class Measured:
    """What was measured.

    Attributes:
        title: of the table.
        inputs: names of the photos.
        rows: name, record and images of each row.
    """

    title: str
    inputs: tuple[str, ...]
    rows: list[Row]


def measure_policies(
    photos: Sequence[Path], priors: Mapping[str, str], options: OnPolicyOptions, unseen: bool, best_of: int, device: torch.device
) -> Measured:
    """Measure each prior, and the best of N samples of the first, on the held-back photos or, where none was trained on, on all."""
    held, measures = read_held(find_photos(photos), options, device, open_store().find, unseen=unseen)
    title = f"{len(held.names)} {'unseen' if unseen else 'held-back'} inputs, {options.alarm.seeds} seeds"
    return Measured(title, tuple(held.names), list(policy_rows(priors, held, measures, options, best_of, device)))


def show(measured: Measured, images: Path | None, terminal: Terminal) -> None:
    """The table on stderr, strips in the folder where one is given, JSON on stdout."""
    names = list(dict.fromkeys(name for _, record, _ in measured.rows for name in record))
    cells = [[row, *(f"{record[name]:.4g}" if name in record else "" for name in names)] for row, record, _ in measured.rows]
    terminal.table(measured.title, ["", *(name.removeprefix("held_") for name in names)], cells)
    if images is not None:
        _write_strips(images, measured.inputs, [shown for _, _, shown in measured.rows])
    rows: list[dict[str, Any]] = [{"name": row, **record} for row, record, _ in measured.rows]
    write_json(jsonable({"schema_version": SCHEMA_VERSION, "inputs": list(measured.inputs), "rows": rows}))


def _write_strips(folder: Path, names: tuple[str, ...], rows: list[Tensor]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, strip in zip(names, torch.cat([row.cpu() for row in rows], dim=-1), strict=True):
        Image.fromarray(to_uint8(strip).permute(1, 2, 0).numpy()).save(folder / f"{name}.png")
