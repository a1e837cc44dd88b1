"""`ttpo restore`, the main command: photos in, the three stages, better photos out, with a record of how they came about."""

import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ttpo_cli.cli.options import shared as options
from ttpo_cli.cli.options.pipeline import Asked, with_pipeline
from ttpo_cli.cli.report import write_folder_report
from ttpo_cli.cli.restore.ask import Person, check_person
from ttpo_cli.cli.restore.checks import check_outputs, write_page
from ttpo_cli.cli.restore.dry_run import foretell_photo
from ttpo_cli.cli.restore.folder import FolderOptions, restore_folder
from ttpo_cli.cli.restore.summary import RunSummary
from ttpo_cli.cli.restore.workers import Executor, first_device, hired
from ttpo_cli.cli.terminal.console import Json, NoColor, Quiet, Terminal, Verbose, write_bytes, write_json, write_line
from ttpo_cli.cli.terminal.downloads import opened_store, warn_of_licences
from ttpo_cli.errors import TtpoError, UsageError
from ttpo_cli.folder.remote import Recipe
from ttpo_cli.preference.chooser import UNASKED
from ttpo_cli.report.output import Outputs, Work, write_result

if TYPE_CHECKING:
    from ttpo_cli.folder.plan import Job
    from ttpo_cli.imaging.photo import Photo

RESTORE_SCHEMA = 1


@with_pipeline("device")
def restore(
    photos: Annotated[list[str] | None, typer.Argument(metavar="PHOTO", help="Files, folders, or - for stdin.", show_default=False)] = None,
    output: options.Output = None,
    recursive: options.Recursive = False,
    include: options.Include = None,
    exclude: options.Exclude = None,
    files_from: options.FilesFrom = None,
    format: options.Format = "keep",
    bit_depth: options.BitDepth = "keep",
    quality: options.Quality = 95,
    keep: options.Keep = "all",
    overwrite: options.Overwrite = False,
    skip_existing: options.SkipExisting = True,
    redo: options.Redo = False,
    select: options.Select = "metrics",
    dry_run: options.DryRun = False,
    report: options.Report = None,
    keep_candidates: options.KeepCandidates = None,
    latents: options.Latents = True,
    sidecar: options.Sidecar = True,
    mark: options.Mark = True,
    strict: options.Strict = False,
    device: options.Devices = "auto",
    workers: options.Workers = None,
    threads: options.Threads = None,
    executor: options.ExecutorName = "local",
    address: options.Address = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    no_color: NoColor = False,
    *,
    asked: Asked,
) -> None:
    """Restore photos: a backbone restores, a diffusion prior proposes candidates, preferences choose and guide, a guard keeps it true.

    Prints the path of each file written, or with --json one object. A photo is never overwritten.
    """
    from ttpo_cli.folder.plan import Globs, plan

    terminal = Terminal(quiet, verbose, no_color)
    globs = Globs(tuple(include or ()), tuple(exclude or ()))
    summary = RunSummary(terminal)
    jobs = plan([*(photos or ()), *options.listed(files_from)], output, format=format, recursive=recursive, globs=globs)
    jobs = [job for job in jobs if _can_be_named(job, summary)]
    kept = options.metadata_kinds(keep)
    outputs = Outputs(format, bit_depth, quality, kept, overwrite, sidecar, keep_candidates, report, mark, strict, latents)
    alone = [job for job in jobs if job.root is None]
    roots = list(dict.fromkeys(job.root for job in jobs if job.root is not None))
    check_outputs(jobs, outputs, json, bool(roots))
    if select == "later" and alone:
        raise UsageError("--select later keeps candidates in an output folder: give folders, or several photos with -o FOLDER")
    place = Executor(executor, address, workers)
    place.check(device, bool(alone), select == "ask")
    if report is not None and alone and roots:
        raise UsageError("--report is for folders or for single photos, not for both at once: give all of them one -o FOLDER")
    asks = select == "ask" and not dry_run
    if asks:
        check_person(asked.values["ttpo"])

    from ttpo_cli.pipeline import load_engine
    from ttpo_cli.report.record import weights_of

    made_of, settings = asked.build(terminal, roots, device=device)
    elsewhere = place.elsewhere(device) and not dry_run

    @cache
    def load() -> Work:
        with opened_store(terminal) as store:
            engine = load_engine(replace(made_of, device=first_device(device)), settings, store)
        weights = weights_of(engine, made_of.metric_files)
        warn_of_licences(weights, terminal)
        return Work(made_of, engine, weights, settings, outputs, Person(terminal).ask if asks else None)

    for job in alone:
        _restore_alone(job, load, summary, outputs, skip_existing, dry_run, json)
    folder = FolderOptions(overwrite, skip_existing, redo, dry_run, json, select == "later")
    with (
        hired(place, Recipe(load_engine, made_of, settings, outputs), len(jobs), terminal) if elsewhere and jobs else nullcontext() as hands
    ):
        for root in roots:
            pool, work = hands or (None, load())
            restore_folder(root, [job for job in jobs if job.root == root], work, folder, summary, pool)
    if report is not None and alone and not dry_run:
        with summary.attempt(str(report)):
            write_page(summary.pages, report, overwrite)
            terminal.say(f"report: {report.resolve()}")
    if report is not None and roots and not dry_run:
        write_folder_report(roots, report, overwrite, terminal)
        terminal.say(f"report: {report.resolve()}")
    if json:
        write_json({"schema_version": RESTORE_SCHEMA, "results": summary.records, "skipped": summary.skipped, "failures": summary.failures})
    raise typer.Exit(summary.exit_code())


def _restore_alone(
    job: "Job", load: Callable[[], Work], summary: RunSummary, outputs: Outputs, pass_over: bool, dry_run: bool, json: bool
) -> None:
    """One photo that has no journal. The engine is loaded at the first that can be read; what goes wrong there concerns all of them."""
    if pass_over and not outputs.overwrite and _skip(job, summary):
        return
    photo, label = None, "standard input" if job.source is None else str(job.source)
    with summary.attempt(label):
        photo = _read(job, outputs.overwrite)
    if photo is None:
        return
    work = load()
    with summary.attempt(label):
        if dry_run:
            foretell_photo(photo, job, work, summary)
        else:
            _restore_one(photo, job, work, summary, json)


def _can_be_named(job: "Job", summary: RunSummary) -> bool:
    """Whether its name is UTF-8; of one that is not, it is told that it failed."""
    from ttpo_cli.folder.plan import unspeakable

    shown = unspeakable(job)
    if shown is not None:
        summary.fail(shown, f"'{shown}' has a name that is not UTF-8: rename the file", TtpoError.exit_code)
    return shown is None


def _skip(job: "Job", summary: RunSummary) -> bool:
    """Pass over a photo whose output is there already, and say so."""
    if job.target is None or not job.target.exists():
        return False
    summary.terminal.say(f"{job.target} exists: passed over (--overwrite replaces it)")
    summary.skipped.append({"source": str(job.source), "output": str(job.target.resolve())})
    return True


def _read(job: "Job", overwrite: bool) -> "Photo":
    """The photo, if it can be read and its result can be written."""
    from ttpo_cli.imaging.atomic import check_target
    from ttpo_cli.imaging.reading import read_photo

    photo = read_photo(sys.stdin.buffer.read() if job.source is None else job.source)
    if job.target is not None:
        check_target(job.target, source=job.source, overwrite=overwrite)
    return photo


def _restore_one(photo: "Photo", job: "Job", work: Work, summary: RunSummary, json: bool) -> None:
    """Restore, write, tell. Raises GuardRejected, with --strict, before anything is written."""
    from ttpo_cli.pipeline import restore_photo
    from ttpo_cli.preference.chooser import METRICS_CHOOSE, Chooser

    began = time.perf_counter()
    with summary.terminal.progress(photo.name) as on_step:
        chooser = METRICS_CHOOSE if work.ask is None else Chooser(partial(work.ask, photo.name, None))
        result = restore_photo(photo.pixels, photo.content_hash, work.engine, work.settings, on_step, chooser)
    if work.ask is not None and "asking" not in result.timings.seconds:
        result = replace(result, outcome=replace(result.outcome, notes=(*result.outcome.notes, UNASKED)))
    written = write_result(result, photo, job.source, job.target, work)
    summary.records.append(written.record)
    if written.page is not None:
        summary.pages.append(written.page)
    _tell(written.record, time.perf_counter() - began, summary.terminal)
    if written.encoded is not None:
        write_bytes(written.encoded)
    elif not json:
        write_line(written.record["output"])


def _tell(record: dict[str, Any], seconds: float, terminal: Terminal) -> None:
    """The comparison a person reads: a table, the choice and why, notes."""
    from ttpo_cli.report.table import candidates, comparison, memory_line, refusals

    name = record["source"]["name"]
    columns, rows = comparison(record)
    terminal.table(name, columns, rows, emphasis=len(rows) - 1)
    terminal.say(f"{name}: kept {record['chosen']} - {record['reason']} ({seconds:.1f} s, {memory_line(record)})")
    for note in (*refusals(record), *record["notes"]):
        terminal.say(f"{name}: {note}")
    if terminal.verbose:
        terminal.table("candidates", *candidates(record))
        terminal.detail(", ".join(f"{stage} {spent:.2f} s" for stage, spent in record["seconds"].items()))
