"""`ttpo eval`: a backbone, alone or with all of TTPO, over a dataset: each photo, the means, and how to get the same again."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ttpo_cli.cli.options import shared as options
from ttpo_cli.cli.options.pipeline import Asked, with_pipeline
from ttpo_cli.cli.score import title
from ttpo_cli.cli.terminal.command_line import command_line
from ttpo_cli.cli.terminal.console import Json, NoColor, Quiet, Terminal, write_json
from ttpo_cli.cli.terminal.downloads import opened_store, warn_of_licences
from ttpo_cli.cli.terminal.table import Cell, Csv, write_sheet
from ttpo_cli.errors import UsageError
from ttpo_cli.settings.option import recorded_values

if TYPE_CHECKING:
    import torch

    from ttpo_cli.evaluation.dataset import Item
    from ttpo_cli.evaluation.evaluation import Record, Restorer
    from ttpo_cli.imaging.photo import Photo
    from ttpo_cli.metrics.metric import Metric
    from ttpo_cli.settings.engine import EngineOptions
    from ttpo_cli.settings.settings import Settings
    from ttpo_cli.weights.store import Store

EVALUATION_SCHEMA = 1
OF_PAIRS = "psnr_y,ssim_y,high_band_smooth,high_band_textured,niqe,piqe"
OF_PHOTOS = "niqe,piqe"
SELECTING = "ranker,niqe"


@dataclass(frozen=True)
class Run:
    """What is evaluated and how, loaded."""

    restorer: "Restorer"
    scale: int
    device: "torch.device"
    weights: list[dict[str, Any]]
    settings: dict[str, Any]


@with_pipeline("metrics", "ttpo")
def evaluate(
    context: typer.Context,
    dataset: Annotated[Path, typer.Argument(help="A folder of HR/LR pairs (..._HR.png and ..._LR.png, or HR/ and LR/), or of photos.")],
    ttpo: Annotated[bool, typer.Option("--ttpo/--no-ttpo", help="All three stages, or the backbone alone.")] = False,
    metrics: Annotated[
        str | None, typer.Option(help=f"Judges, by commas; {OF_PHOTOS}, for pairs {OF_PAIRS}.", metavar="A,B,..", show_default=False)
    ] = None,
    select: Annotated[str, typer.Option(help="With --ttpo: metrics that select, by commas.", metavar="A,B,..")] = SELECTING,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first photos.")] = None,
    resume: Annotated[
        Path | None, typer.Option(help="A .jsonl of finished photos: written as they finish, passed over when it is there.")
    ] = None,
    save: Annotated[Path | None, typer.Option(help="Folder for every image of every row, as PNG.")] = None,
    sheet: Annotated[
        Path | None, typer.Option(help="One picture: input and every row of each photo restored now, at 100 %, where the rows differ most.")
    ] = None,
    json: Json = False,
    csv: Csv = False,
    quiet: Quiet = False,
    no_color: NoColor = False,
    *,
    asked: Asked,
) -> None:
    """Evaluate over a dataset. Comparisons: output on the 8-bit grid, border of `scale` pixels left out, PSNR and SSIM on Y of BT.601."""
    from ttpo_cli.evaluation.dataset import find_items
    from ttpo_cli.imaging.atomic import check_target
    from ttpo_cli.imaging.formats import output_format
    from ttpo_cli.metrics.catalog import load_metrics

    if json and csv:
        raise UsageError("--json and --csv: choose one")
    if sheet is not None:
        output_format(sheet, "keep", "png")
        check_target(sheet, overwrite=True)
    terminal = Terminal(quiet, no_color=no_color)
    items = find_items(dataset)[:limit]
    made_of, asked_settings = asked.build(terminal, ttpo=ttpo, metrics=select)
    with opened_store(terminal) as store:
        run = _load(made_of, asked_settings, store)
        names = options.metric_names(metrics or (OF_PAIRS if items[0].hq is not None else OF_PHOTOS), terminal)
        judges = list(load_metrics(names, run.device, dict(made_of.metric_files), store.find))
    warn_of_licences(run.weights, terminal)
    what = {"dataset": str(dataset), "weights": run.weights, "settings": run.settings, "metrics": names}
    records = _follow(items, run, judges, what, resume, save, sheet, terminal)
    if json:
        report = {
            "schema_version": EVALUATION_SCHEMA,
            "command": command_line(context, frozenset({"resume", "save", "sheet"})),
            "dataset": str(dataset),
        }
        write_json(_report(report, records, run, judges))
    else:
        _write_table(records, judges, csv)
    failed = [record for record in records if "error" in record]
    if failed:
        raise typer.Exit(failed[0]["exit_code"])


def _load(made_of: "EngineOptions", settings: "Settings", store: "Store") -> Run:
    """What restores: the three stages, or the backbone alone."""
    from ttpo_cli.evaluation.evaluation import backbone_restorer, ttpo_restorer
    from ttpo_cli.pipeline import load_engine
    from ttpo_cli.report.record import weights_of

    engine = load_engine(made_of, settings, store)
    recorded = recorded_values(settings)
    if settings.ttpo:
        restorer, facts = ttpo_restorer(engine, settings), {**recorded, "select": list(made_of.metrics)}
    else:
        restorer, facts = backbone_restorer(engine.backbone, engine.device, settings.restore), {"restore": recorded["restore"]}
    return Run(restorer, engine.backbone.scale, engine.device, weights_of(engine, made_of.metric_files), facts)


def _follow(
    items: "tuple[Item, ...]",
    run: Run,
    judges: "list[Metric]",
    what: dict[str, Any],
    resume: Path | None,
    save: Path | None,
    sheet: Path | None,
    terminal: Terminal,
) -> "list[Record]":
    """Evaluate photo by photo: a line or a bar for people, a line in the journal of `what` is evaluated, images where asked."""
    from ttpo_cli.evaluation.evaluation import evaluate as records_of
    from ttpo_cli.evaluation.resume_log import append_record, open_journal
    from ttpo_cli.report.record import jsonable

    finished = {} if resume is None else open_journal(resume, jsonable(what))
    crops: list[torch.Tensor] = []

    def on_images(item: "Item", photo: "Photo", images: "dict[str, torch.Tensor]") -> None:
        if save is not None:
            _save_images(save, item, photo, images)
        if sheet is not None:
            crops.append(_crops(item, photo, images))

    records: list[Record] = []
    with terminal.progress("eval") as on_step:
        for record in records_of(items, run.restorer, judges, run.scale, run.device, finished, on_step, on_images):
            records.append(jsonable(record))
            on_step("photos", len(records), len(items))
            if "error" in record:
                terminal.error(f"{record['name']}: {record['error']}")
            elif record["name"] not in finished:
                terminal.say(f"{record['name']}: {_one_line(record, judges)}")
                if resume is not None:
                    append_record(resume, records[-1])
    if sheet is not None and crops:
        _write_sheet_of_crops(sheet, crops)
    return records


def _one_line(record: "Record", judges: "list[Metric]") -> str:
    """The last row of a record: what the photo became."""
    row, scores = list(record["rows"].items())[-1]
    values = [f"{judge.name} {scores[judge.name]:.3f}" for judge in judges if scores[judge.name] is not None]
    return f"{row} {', '.join(values)} ({record['seconds']:.1f} s)"


def _save_images(folder: Path, item: "Item", photo: "Photo", images: "dict[str, torch.Tensor]") -> None:
    """Write every row's image as `<name>_<row>.png`."""
    from ttpo_cli.imaging.photo import with_pixels
    from ttpo_cli.imaging.writing import write_photo
    from ttpo_cli.settings.output import Encoding

    for row, image in images.items():
        path = folder / f"{item.name}_{row.replace(' ', '_')}.png"
        write_photo(path, with_pixels(photo, image.cpu()), Encoding(format="png", bit_depth="8"), overwrite=True)


def _crops(item: "Item", photo: "Photo", images: "dict[str, torch.Tensor]", side: int = 256) -> "torch.Tensor":
    """A row of the sheet: where the rows differ most, the input (enlarged bicubically), every row, and the reference where there is one."""
    import torch

    from ttpo_cli.imaging.reading import read_photo
    from ttpo_cli.imaging.resize import imresize
    from ttpo_cli.report.contact_sheet import contact_sheet, most_different

    rows = {row: image.cpu() for row, image in images.items()}
    height, width = next(iter(rows.values())).shape[-2:]
    shown = {f"{item.name}: input": imresize(photo.pixels, size=(height, width)).clamp(0, 1), **rows}
    if item.hq is not None:
        shown["reference"] = read_photo(item.hq).pixels
    top, left = most_different(torch.cat(list(rows.values())), side)
    crops = torch.cat([image[..., top : top + side, left : left + side] for image in shown.values()])
    return contact_sheet(crops, list(shown), columns=len(shown), cell=side)


def _write_sheet_of_crops(path: Path, crops: "list[torch.Tensor]") -> None:
    from ttpo_cli.imaging.photo import Metadata, Photo
    from ttpo_cli.imaging.writing import write_photo
    from ttpo_cli.report.contact_sheet import stacked
    from ttpo_cli.settings.output import Encoding

    write_photo(path, Photo(stacked(crops), None, False, 8, "png", Metadata(), "", path.name), Encoding(quality=90), overwrite=True)


def _report(report: dict[str, Any], records: "list[Record]", run: Run, judges: "list[Metric]") -> dict[str, Any]:
    from ttpo_cli.evaluation.comparison import compare_rows, mean_facts
    from ttpo_cli.evaluation.evaluation import mean_rows
    from ttpo_cli.metrics.metric import describe
    from ttpo_cli.report.provenance import describe_machine
    from ttpo_cli.report.record import jsonable, versions

    return jsonable(
        {
            **report,
            "machine": describe_machine(),
            "versions": versions(),
            "device": str(run.device),
            "weights": run.weights,
            "settings": run.settings,
            "scale": run.scale,
            "metrics": [describe(judge) for judge in judges],
            "photos": records,
            "mean": mean_rows(records),
            "mean_facts": mean_facts(records),
            "comparisons": [vars(comparison) for comparison in compare_rows(records, judges)],
            "seconds": round(sum(record.get("seconds", 0.0) for record in records), 3),
        }
    )


def _write_table(records: "list[Record]", judges: "list[Metric]", csv: bool) -> None:
    """A line a photo and row, then the means; for people, then what the stages cost and who wins against whom."""
    from ttpo_cli.evaluation.comparison import FACTS, compare_rows, mean_facts
    from ttpo_cli.evaluation.evaluation import mean_rows

    names = [judge.name for judge in judges]
    tables = [(record["name"], record["rows"]) for record in records if "rows" in record]
    rows: list[list[Cell]] = []
    for photo, table in [*tables, ("mean", mean_rows(records))]:
        rows += [[photo, row, *(scores[name] for name in names)] for row, scores in table.items()]
    write_sheet(["photo", "row", *(names if csv else map(title, judges))], rows, as_csv=csv)
    comparisons = compare_rows(records, judges)
    if csv or not comparisons:
        return
    facts = mean_facts(records)
    write_sheet(["row", *FACTS, "refused"], [[row, *(told.get(name) for name in (*FACTS, "refused"))] for row, told in facts.items()])
    lines: list[list[Cell]] = [
        [f"{one.row} over {one.other}", one.metric, f"{one.won}-{one.lost}-{one.drawn}", one.difference, one.low, one.high]
        for one in comparisons
    ]
    write_sheet(["pair", "metric", "won-lost-drawn", "mean difference", "95 % from", "to"], lines)
