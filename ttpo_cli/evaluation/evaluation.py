"""Evaluation over a dataset: restore each photo, score what came out against its reference and without one, photo by photo.

Protocol of super-resolution papers: the output on the 8-bit grid; comparisons leave out a border of `scale` pixels.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from ttpo_cli.errors import TtpoError, UsageError
from ttpo_cli.evaluation.dataset import Item
from ttpo_cli.imaging.photo import Photo
from ttpo_cli.imaging.reading import read_photo
from ttpo_cli.metrics.metric import Metric, score
from ttpo_cli.metrics.psnr import cropped, on_8_bit_grid
from ttpo_cli.pipeline import Engine, restore_photo
from ttpo_cli.preference.outcome import BEST_OF_N
from ttpo_cli.progress import OnStep
from ttpo_cli.settings.settings import Settings

Record = dict[str, Any]
Scores = dict[str, float | None]


@dataclass(frozen=True)
class Restoration:
    """What a restorer made of one photo: images (1, 3, H, W) by row of the table, and what else is worth a record."""

    images: dict[str, Tensor]
    facts: dict[str, Any]


Restorer = Callable[[Photo, OnStep | None], Restoration]


def backbone_restorer(engine: Engine, settings: Settings) -> Restorer:
    """A backbone alone, as `ttpo restore --no-ttpo` has it: one row, `restored`."""

    def run(photo: Photo, on_step: OnStep | None) -> Restoration:
        outcome = restore_photo(photo, engine, replace(settings, ttpo=False), on_step).outcome
        return Restoration({"restored": outcome.restored}, {"notes": [*photo.notes, *outcome.notes]})

    return run


def several_restorers(engines: Mapping[str, Engine], settings: Settings) -> Restorer:
    """Several backbones alone: a row each, by its name, with its seconds in `row_seconds`."""
    alone = {name: backbone_restorer(engine, settings) for name, engine in engines.items()}

    def run(photo: Photo, on_step: OnStep | None) -> Restoration:
        images: dict[str, Tensor] = {}
        seconds: dict[str, float] = {}
        notes = list(photo.notes)
        for name, restorer in alone.items():
            began = perf_counter()
            made = restorer(photo, on_step)
            images[name], seconds[name] = made.images["restored"], round(perf_counter() - began, 3)
            notes += [f"{name}: {note}" for note in made.facts["notes"] if note not in photo.notes]
        return Restoration(images, {"row_seconds": seconds, "notes": notes})

    return run


def ttpo_restorer(engine: Engine, settings: Settings) -> Restorer:
    """All three stages: the rows restored, best candidate, guided, result, and with `compare` the best of N at equal network calls."""

    def run(photo: Photo, on_step: OnStep | None) -> Restoration:
        result = restore_photo(photo, engine, settings, on_step)
        outcome = result.outcome
        rows = {
            row: found for row in ("restored", "best candidate", "guided", BEST_OF_N, "result") if (found := outcome.row(row)) is not None
        }
        facts = {
            "chosen": outcome.chosen,
            "reason": outcome.reason,
            "fused": {row: found.scores.get("fused") for row, found in rows.items()},
            "fused_jointly": {row: found.scores.get("fused_jointly") for row, found in rows.items()},
            "fidelity_db": {row: found.verdict.fidelity for row, found in rows.items()},
            "consistency_db": {row: found.verdict.consistency for row, found in rows.items()},
            "guard": {row: found.verdict.refused or "kept" for row, found in rows.items()},
            "network_calls": outcome.calls,
            "stage_seconds": {stage: round(seconds, 3) for stage, seconds in result.timings.seconds.items()},
            "notes": [*photo.notes, *outcome.notes],
        }
        images = {row: found.image for row, found in rows.items()}
        return Restoration(images, facts)

    return run


def evaluate(
    items: Sequence[Item],
    restorer: Restorer,
    metrics: Sequence[Metric],
    scale: int,
    device: torch.device,
    finished: Mapping[str, Record] | None = None,
    on_step: OnStep | None = None,
    on_images: Callable[[Item, Photo, dict[str, Tensor]], None] | None = None,
) -> Iterator[Record]:
    """One record a photo, in order: name, size, seconds, `rows` (row -> metric -> value), facts of the restorer.

    finished: records of an earlier run, by name, given back as they are. A photo that fails with a TtpoError gives a record with
    `error`. on_images sees what was restored. Metrics that compare need every item to have a reference, else UsageError.
    """
    comparing = [metric.name for metric in metrics if metric.needs_reference]
    if comparing and any(item.hq is None for item in items):
        raise UsageError(f"{', '.join(comparing)} need references, and this dataset has none: choose no-reference metrics with --metrics")
    for item in items:
        if finished and item.name in finished:
            yield finished[item.name]
            continue
        try:
            yield _record(item, restorer, metrics, scale, device, on_step, on_images)
        except TtpoError as error:
            yield {"name": item.name, "error": str(error), "exit_code": error.exit_code}


def _record(
    item: Item,
    restorer: Restorer,
    metrics: Sequence[Metric],
    scale: int,
    device: torch.device,
    on_step: OnStep | None,
    on_images: Callable[[Item, Photo, dict[str, Tensor]], None] | None,
) -> Record:
    photo = read_photo(item.lq)
    reference = None if item.hq is None else read_photo(item.hq).pixels
    began = perf_counter()
    restoration = restorer(photo, on_step)
    seconds = perf_counter() - began
    if on_images is not None:
        on_images(item, photo, restoration.images)
    rows = {}
    for row, image in restoration.images.items():
        _check_size(item, image, reference)
        rows[row] = score_image(on_8_bit_grid(image).to(device), None if reference is None else reference.to(device), metrics, scale)
    height, width = next(iter(restoration.images.values())).shape[-2:]
    return {"name": item.name, "width": width, "height": height, "seconds": round(seconds, 3), "rows": rows, **restoration.facts}


def score_image(image: Tensor, reference: Tensor | None, metrics: Sequence[Metric], border: int = 0) -> Scores:
    """The score of one image (1, 3, H, W) under each metric; None where the metric cannot score an image so small or is undefined.

    Comparisons leave out `border` pixels at each side, if the photo has so many.
    """
    scores: Scores = {}
    for metric in metrics:
        shown, against = image, reference
        if metric.needs_reference and reference is not None and 2 * border < min(image.shape[-2:]):
            shown, against = cropped(image, border), cropped(reference, border)
        able = min(shown.shape[-2:]) >= metric.minimum_size
        with torch.no_grad():
            value = float(score(metric, shown, against)) if able else math.nan
        scores[metric.name] = value if math.isfinite(value) else None
    return scores


def mean_rows(records: Sequence[Record]) -> dict[str, Scores]:
    """The mean of each row and metric over the photos that have the value; failed photos left out."""
    rows: dict[str, dict[str, list[float]]] = {}
    for record in records:
        for row, scores in record.get("rows", {}).items():
            for metric, value in scores.items():
                rows.setdefault(row, {}).setdefault(metric, []).extend([] if value is None else [value])
    return {row: {metric: fmean(values) if values else None for metric, values in scores.items()} for row, scores in rows.items()}


def _check_size(item: Item, image: Tensor, reference: Tensor | None) -> None:
    if reference is None or reference.shape == image.shape:
        return
    made, wanted = ("x".join(str(side) for side in size.shape[:1:-1]) for size in (image, reference))
    raise UsageError(f"{item.name}: restored to {made} px, but its reference has {wanted}: use a backbone of the dataset's scale")
