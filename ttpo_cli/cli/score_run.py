"""What `ttpo score` does: load metrics, score photos, and write the scores, the levels of metrics, or the list of them."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from ttpo_cli.cli.terminal.console import SCHEMA_VERSION, Terminal, write_json, write_line
from ttpo_cli.cli.terminal.downloads import opened_store
from ttpo_cli.cli.terminal.table import Cell, write_sheet
from ttpo_cli.errors import TtpoError, UsageError
from ttpo_cli.evaluation.dataset import find_reference
from ttpo_cli.evaluation.evaluation import mean_rows
from ttpo_cli.imaging.reading import read_photo
from ttpo_cli.metrics.catalog import FACE_IDENTITY, load_metrics
from ttpo_cli.metrics.listing import COLUMNS, list_metrics
from ttpo_cli.metrics.metric import Metric, describe
from ttpo_cli.metrics.metric import score as score_of
from ttpo_cli.metrics.pristine import pristine_level
from ttpo_cli.metrics.psnr import cropped
from ttpo_cli.report.record import jsonable


def load(names: Sequence[str], device: torch.device, files: Mapping[str, Path], terminal: Terminal) -> tuple[Metric, ...]:
    """The metrics, with the files given in place of their own."""
    with opened_store(terminal) as store:
        return load_metrics(names, device, files, store.find)


def score_photos(
    paths: Sequence[Path], ref: Path | None, loaded: Sequence[Metric], border: int, device: torch.device, terminal: Terminal
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(entries, failures) of the photos; each failure is reported."""
    entries: list[dict[str, Any]] = []
    failures: list[dict[str, Any]] = []
    with terminal.progress("score") as on_step:
        for done, path in enumerate(paths):
            try:
                entries.append(_score_one(path, ref, loaded, border, device))
            except TtpoError as error:
                terminal.error(f"{path}: {error}")
                failures.append({"photo": str(path), "error": str(error), "exit_code": error.exit_code})
            on_step("photos", done + 1, len(paths))
    return entries, failures


def _score_one(path: Path, ref: Path | None, loaded: Sequence[Metric], border: int, device: torch.device) -> dict[str, Any]:
    image = read_photo(path).pixels.to(device)
    reference = None if ref is None else find_reference(path, ref)
    compared = None if reference is None else read_photo(reference).pixels.to(device)
    scores = {}
    for metric in loaded:
        if metric.needs_reference and compared is not None and border:
            if 2 * border >= min(*image.shape[-2:], *compared.shape[-2:]):
                raise UsageError(f"--border {border} leaves nothing of the photo: give a smaller one")
            value = score_of(metric, cropped(image, border), cropped(compared, border))
        else:
            value = score_of(metric, image, compared)
        scores[metric.name] = float(value)
    undefined = {metric.name: _why_undefined(metric, scores[metric.name]) for metric in loaded if not math.isfinite(scores[metric.name])}
    facts = {"photo": str(path), "reference": None if reference is None else str(reference)}
    return {**facts, "scores": scores, "undefined": undefined}


def _why_undefined(metric: Metric, value: float) -> str:
    """Why a metric has no number for a photo."""
    if math.isinf(value):
        return f"as good as {metric.name} can say: the photo is its reference"
    if metric.name == FACE_IDENTITY:
        return "no face was found in the reference"
    flat = "the reference" if metric.needs_reference else "the photo"
    return f"{flat} is too flat for {metric.name}, which measures texture"


def write_scores(
    entries: list[dict[str, Any]], failures: list[dict[str, Any]], loaded: Sequence[Metric], json: bool, csv: bool, terminal: Terminal
) -> None:
    """The scores of each photo and their mean, on stdout; on the terminal, why a score is missing, and of how many photos a mean is."""
    counts = {metric.name: sum(metric.name not in entry["undefined"] for entry in entries) for metric in loaded}
    mean = mean_rows([{"rows": {"mean": jsonable(entry["scores"])}} for entry in entries]).get("mean", {})
    if json:
        facts = [describe(metric) for metric in loaded]
        found = {"photos": entries, "mean": mean, "mean_of": counts, "failures": failures}
        write_json(jsonable({"schema_version": SCHEMA_VERSION, "metrics": facts, **found}))
        return
    names = [metric.name for metric in loaded]
    rows: list[list[Cell]] = [
        [entry["photo"], *(None if name in entry["undefined"] else entry["scores"][name] for name in names)] for entry in entries
    ]
    if len(rows) > 1:
        rows.append(["mean", *(mean[name] for name in names)])
    write_sheet(["photo", *(names if csv else map(title, loaded))], rows, as_csv=csv, emphasis=len(rows) - 1 if len(rows) > 1 else None)
    for entry in entries:
        for reason in entry["undefined"].values():
            terminal.say(f"{entry['photo']}: {reason}")
    for name, count in counts.items():
        if len(entries) > 1 and count < len(entries):
            terminal.say(f"mean of {name}: over {count} of {len(entries)} photos, since it has no number for the others")


def title(metric: Metric) -> str:
    """A metric's name with the way that is better."""
    return f"{metric.name} {'→' + format(metric.target, 'g') if metric.target is not None else '↓' if metric.lower_is_better else '↑'}"


def write_levels(loaded: Sequence[Metric], paths: list[Path], json: bool, csv: bool) -> None:
    """The pristine level of each metric over these photos."""
    measured = {metric.name: pristine_level(metric, paths) for metric in loaded}
    if json:
        write_json(
            {"schema_version": SCHEMA_VERSION, "photos": len(paths), "levels": {name: vars(level) for name, level in measured.items()}}
        )
        return
    write_sheet(["metric", "pristine", "scale"], [[name, level.pristine, level.scale] for name, level in measured.items()], as_csv=csv)


def write_metrics(json: bool, csv: bool, markdown: bool) -> None:
    """All metrics on stdout."""
    listed = list_metrics()
    if json:
        write_json({"schema_version": SCHEMA_VERSION, "metrics": [vars(metric) for metric in listed]})
    elif markdown:
        for row in (COLUMNS, ["---"] * len(COLUMNS), *(metric.cells() for metric in listed)):
            write_line(f"| {' | '.join(row)} |")
    else:
        write_sheet(COLUMNS, [metric.cells() for metric in listed], as_csv=csv)
