"""What `ttpo eval` does: load what restores, follow it photo by photo, and write the report or the tables."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from ttpo_cli.backbones.automatic import AUTO
from ttpo_cli.backbones.catalog import backbone_names
from ttpo_cli.cli.score_run import title
from ttpo_cli.cli.terminal.console import SCHEMA_VERSION, Terminal
from ttpo_cli.cli.terminal.table import Cell, write_sheet
from ttpo_cli.errors import UsageError
from ttpo_cli.evaluation.comparison import FACTS, compare_rows, mean_facts
from ttpo_cli.evaluation.dataset import Item
from ttpo_cli.evaluation.evaluation import Record, Restorer, backbone_restorer, evaluate, mean_rows, several_restorers, ttpo_restorer
from ttpo_cli.evaluation.resume_log import append_record, open_journal
from ttpo_cli.imaging.atomic import atomic_write, check_target
from ttpo_cli.imaging.formats import output_format
from ttpo_cli.imaging.photo import Metadata, Photo, with_pixels
from ttpo_cli.imaging.reading import read_photo
from ttpo_cli.imaging.resize import imresize
from ttpo_cli.imaging.writing import write_photo
from ttpo_cli.metrics.catalog import load_metrics
from ttpo_cli.metrics.metric import Metric, describe
from ttpo_cli.pipeline import Engine, load_engine
from ttpo_cli.preference.candidates import derive_seed
from ttpo_cli.report.contact_sheet import contact_sheet, most_different, stacked
from ttpo_cli.report.provenance import describe_machine
from ttpo_cli.report.record import jsonable, versions, weights_of
from ttpo_cli.settings.engine import EngineOptions
from ttpo_cli.settings.option import recorded_values
from ttpo_cli.settings.output import Encoding
from ttpo_cli.settings.settings import Settings, of_backbone
from ttpo_cli.weights.store import Store


@dataclass(frozen=True)
class Evaluated:
    """What is evaluated and how, loaded.

    Attributes:
        items: The photos of the dataset.
        metrics: What every image is measured by.
        requested: The names these metrics were requested by.
        scale: Of the restorer: the border that comparisons leave out, in pixels.
        weights: The weight files, as a report records them.
        settings: Of the restorer, as a report records them.
    """

    items: tuple[Item, ...]
    restorer: Restorer
    metrics: list[Metric]
    requested: tuple[str, ...]
    scale: int
    device: torch.device
    weights: list[dict[str, Any]]
    settings: dict[str, Any]


@dataclass(frozen=True)
class Outputs:
    """Files an evaluation writes as it goes, None for each that is not wanted.

    Attributes:
        resume: Journal of finished photos.
        save: Folder for every image.
        sheet: Picture of a crop of every image.
        blind: Seed of the order of each photo's images on the sheet, which then bear letters; a file next to it holds the key.
    """

    resume: Path | None
    save: Path | None
    sheet: Path | None
    blind: int | None = None

    def check(self) -> None:
        """Raises UsageError or TtpoError for a sheet that could not be written at the end."""
        if self.blind is not None and self.sheet is None:
            raise UsageError("--blind shuffles the images of --sheet: give that as well")
        if self.sheet is not None:
            output_format(self.sheet, "keep", "png")
            check_target(self.sheet, overwrite=True)


def load(items: tuple[Item, ...], engine_options: EngineOptions, settings: Settings, metrics: Sequence[str], store: Store) -> Evaluated:
    """Load what restores (the three stages, the backbone alone, or each of several) and the named metrics."""
    engines = _engines(engine_options, settings, store)
    engine = next(iter(engines.values()))
    recorded = recorded_values(settings)
    if len(engines) > 1:
        restorer, facts = several_restorers(engines, settings), of_backbone(recorded)
    elif settings.ttpo:
        restorer, facts = ttpo_restorer(engine, settings), {**recorded, "select": list(engine_options.metrics)}
    else:
        restorer, facts = backbone_restorer(engine, settings), of_backbone(recorded)
    loaded = list(load_metrics(metrics, engine.device, dict(engine_options.metric_files), store.find))
    weights = [entry for one in engines.values() for entry in weights_of(one, engine_options.metric_files)]
    weights = list({(entry["role"], entry["name"]): entry for entry in weights}.values())
    return Evaluated(
        items=items,
        restorer=restorer,
        metrics=loaded,
        requested=tuple(metrics),
        scale=engine_options.scale or engine.backbone.scale,
        device=engine.device,
        weights=weights,
        settings=facts,
    )


def _engines(options: EngineOptions, settings: Settings, store: Store) -> dict[str, Engine]:
    """Without the stages, an engine for each backbone that is named; with them one for all."""
    names = (options.backbone,) if settings.ttpo or options.backbone == AUTO else backbone_names(options.backbone)
    return {
        Path(name).stem if Path(name).exists() else name: load_engine(replace(options, backbone=name), settings, store) for name in names
    }


def follow(evaluated: Evaluated, dataset: Path, outputs: Outputs, terminal: Terminal) -> list[Record]:
    """Evaluate photo by photo: a line or a bar for people, a line in the journal, images where requested."""
    what = {
        "dataset": str(dataset),
        "weights": evaluated.weights,
        "settings": evaluated.settings,
        "metrics": evaluated.requested,
    }
    finished = {} if outputs.resume is None else open_journal(outputs.resume, jsonable(what))
    crops: list[torch.Tensor] = []
    key: dict[str, dict[str, str]] = {}

    def on_images(item: Item, photo: Photo, images: dict[str, torch.Tensor]) -> None:
        if outputs.save is not None:
            _save_images(outputs.save, item, photo, images)
        if outputs.sheet is not None:
            names = list(images) if outputs.blind is None else shuffled(list(images), outputs.blind, item.name)
            labels = names if outputs.blind is None else [chr(ord("A") + place) for place in range(len(names))]
            key[item.name] = dict(zip(labels, names, strict=True))
            crops.append(_crops(item, photo, {label: images[name] for label, name in key[item.name].items()}))

    records: list[Record] = []
    with terminal.progress("eval") as on_step:
        run = evaluate(
            evaluated.items,
            evaluated.restorer,
            evaluated.metrics,
            evaluated.scale,
            evaluated.device,
            finished=finished,
            on_step=on_step,
            on_images=on_images,
        )
        for record in run:
            records.append(jsonable(record))
            on_step("photos", len(records), len(evaluated.items))
            if "error" in record:
                terminal.error(f"{record['name']}: {record['error']}")
            elif record["name"] not in finished:
                terminal.say(f"{record['name']}: {_one_line(record, evaluated.metrics)}")
                if outputs.resume is not None:
                    append_record(outputs.resume, records[-1])
    if outputs.sheet is not None and crops:
        _write_sheet_of_crops(outputs.sheet, crops)
        if outputs.blind is not None:
            atomic_write(key_path(outputs.sheet), (json.dumps(key, indent=2, ensure_ascii=False) + "\n").encode(), overwrite=True)
    return records


def shuffled(names: list[str], seed: int, photo: str) -> list[str]:
    """The names in an order that follows from the seed and the photo."""
    order = torch.randperm(len(names), generator=torch.Generator().manual_seed(derive_seed(photo, seed, "blind")))
    return [names[place] for place in order.tolist()]


def key_path(sheet: Path) -> Path:
    """The file that says which letter is which row on a sheet in blind order."""
    return sheet.with_name(f"{sheet.name}.key.json")


def _one_line(record: Record, metrics: list[Metric]) -> str:
    """The last row of a record: what the photo became."""
    row, scores = list(record["rows"].items())[-1]
    values = [f"{metric.name} {scores[metric.name]:.3f}" for metric in metrics if scores[metric.name] is not None]
    return f"{row} {', '.join(values)} ({record['seconds']:.1f} s)"


def _save_images(folder: Path, item: Item, photo: Photo, images: dict[str, torch.Tensor]) -> None:
    """Write every row's image as `<name>_<row>.png`."""
    for row, image in images.items():
        path = folder / f"{item.name}_{row.replace(' ', '_')}.png"
        write_photo(path, with_pixels(photo, image.cpu()), Encoding(format="png", bit_depth="8"), overwrite=True)


def _crops(item: Item, photo: Photo, images: dict[str, torch.Tensor], side: int = 256) -> torch.Tensor:
    """A row of the sheet: the input (enlarged bicubically), every row, and the reference where there is one.

    The place is where the rows differ most, or an only row from the input.
    """
    rows = {row: image.cpu() for row, image in images.items()}
    height, width = next(iter(rows.values())).shape[-2:]
    shown = {f"{item.name}: input": imresize(photo.pixels, size=(height, width)).clamp(0, 1), **rows}
    if item.hq is not None:
        shown["reference"] = read_photo(item.hq).pixels
    top, left = most_different(torch.cat(list(rows.values()) if len(rows) > 1 else list(shown.values())[:2]), side)
    crops = torch.cat([image[..., top : top + side, left : left + side] for image in shown.values()])
    return contact_sheet(crops, list(shown), columns=len(shown), cell=side)


def _write_sheet_of_crops(path: Path, crops: list[torch.Tensor]) -> None:
    write_photo(
        path,
        Photo(
            pixels=stacked(crops), alpha=None, grey=False, bit_depth=8, format="png", metadata=Metadata(), content_hash="", name=path.name
        ),
        Encoding(quality=90),
        overwrite=True,
    )


def report_of(evaluated: Evaluated, dataset: Path, command: str, records: list[Record]) -> dict[str, Any]:
    """The report of --json."""
    return jsonable(
        {
            "schema_version": SCHEMA_VERSION,
            "command": command,
            "dataset": str(dataset),
            "machine": describe_machine(),
            "versions": versions(),
            "device": str(evaluated.device),
            "weights": evaluated.weights,
            "settings": evaluated.settings,
            "scale": evaluated.scale,
            "metrics": [describe(metric) for metric in evaluated.metrics],
            "photos": records,
            "mean": mean_rows(records),
            "mean_facts": mean_facts(records),
            "comparisons": [vars(comparison) for comparison in compare_rows(records, evaluated.metrics)],
            "seconds": round(sum(record.get("seconds", 0.0) for record in records), 3),
        }
    )


def write_tables(records: list[Record], metrics: list[Metric], csv: bool) -> None:
    """A line a photo and row, then the means; for people, then what the stages cost and who wins against whom."""
    names = [metric.name for metric in metrics]
    tables = [(record["name"], record["rows"]) for record in records if "rows" in record]
    rows: list[list[Cell]] = []
    for photo, table in [*tables, ("mean", mean_rows(records))]:
        rows += [[photo, row, *(scores[name] for name in names)] for row, scores in table.items()]
    write_sheet(["photo", "row", *(names if csv else map(title, metrics))], rows, as_csv=csv)
    comparisons = compare_rows(records, metrics)
    if csv or not comparisons:
        return
    facts = mean_facts(records)
    shown = [name for name in (*FACTS, "refused", "seconds") if any(name in means for means in facts.values())]
    write_sheet(["row", *shown], [[row, *(means.get(name) for name in shown)] for row, means in facts.items()])
    lines: list[list[Cell]] = [
        [f"{one.row} over {one.other}", one.metric, f"{one.won}-{one.lost}-{one.drawn}", one.difference, one.low, one.high]
        for one in comparisons
    ]
    write_sheet(["pair", "metric", "won-lost-drawn", "mean difference", "95 % from", "to"], lines)
