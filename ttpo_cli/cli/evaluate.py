"""`ttpo eval`: a backbone, alone or with all of TTPO, over a dataset: each photo, the means, and how to get the same again."""

from pathlib import Path
from typing import Annotated

import typer

from ttpo_cli.cli.options import shared as options
from ttpo_cli.cli.options.pipeline import Asked, with_pipeline
from ttpo_cli.cli.terminal.command_line import command_line
from ttpo_cli.cli.terminal.console import Json, NoColor, Quiet, Terminal, write_json
from ttpo_cli.cli.terminal.downloads import opened_store, warn_of_licences
from ttpo_cli.cli.terminal.table import Csv, choose_format

OF_PAIRS = "psnr_y,ssim_y,high_band_smooth,high_band_textured,niqe,piqe"
OF_PHOTOS = "niqe,piqe"
SELECTING = "ranker,niqe"


@with_pipeline("metrics", "ttpo")
def evaluate(
    context: typer.Context,
    dataset: Annotated[Path, typer.Argument(help="A folder of HR/LR pairs (..._HR.png and ..._LR.png, or HR/ and LR/), or of photos.")],
    ttpo: Annotated[bool, typer.Option("--ttpo/--no-ttpo", help="All three stages, or the backbone alone.")] = False,
    metrics: Annotated[
        str | None, typer.Option(help=f"By commas; {OF_PHOTOS}, for pairs {OF_PAIRS}.", metavar="A,B,..", show_default=False)
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
    blind: Annotated[
        int | None,
        typer.Option(metavar="SEED", help="Shuffle the rows of each photo on --sheet, lettered; SHEET.key.json says which is which."),
    ] = None,
    json: Json = False,
    csv: Csv = False,
    quiet: Quiet = False,
    no_color: NoColor = False,
    *,
    asked: Asked,
) -> None:
    """Evaluate over a dataset. Comparisons: output on the 8-bit grid, border of `scale` pixels left out, PSNR and SSIM on Y of BT.601."""
    from ttpo_cli.cli.evaluation_run import Outputs, follow, load, report_of, write_tables
    from ttpo_cli.evaluation.dataset import find_items

    choose_format(json, csv)
    outputs = Outputs(resume=resume, save=save, sheet=sheet, blind=blind)
    outputs.check()
    terminal = Terminal(quiet, no_color=no_color)
    items = find_items(dataset)[:limit]
    engine, settings = asked.build(terminal, ttpo=ttpo, metrics=select)
    with opened_store(terminal) as store:
        names = options.metric_names(metrics or (OF_PAIRS if items[0].hq is not None else OF_PHOTOS), terminal)
        evaluated = load(items, engine, settings, names, store)
    warn_of_licences(evaluated.weights, terminal)
    records = follow(evaluated, dataset, outputs, terminal)
    if json:
        write_json(report_of(evaluated, dataset, command_line(context, frozenset({"resume", "save", "sheet", "blind"})), records))
    else:
        write_tables(records, evaluated.metrics, csv)
    failed = [record for record in records if "error" in record]
    if failed:
        raise typer.Exit(failed[0]["exit_code"])
