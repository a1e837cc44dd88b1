"""The run of `ttpo restore`: photos by themselves, then folder by folder, then the report and the JSON."""

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from ttpo_cli import pipeline
from ttpo_cli.cli.options.pipeline import Asked
from ttpo_cli.cli.report import write_folder_report
from ttpo_cli.cli.restore.ask import Person
from ttpo_cli.cli.restore.dry_run import describe_photo, time_for
from ttpo_cli.cli.restore.folder import restore_folder
from ttpo_cli.cli.restore.request import RestoreRequest
from ttpo_cli.cli.restore.summary import RunSummary
from ttpo_cli.cli.restore.workers import worker_pool
from ttpo_cli.cli.terminal.console import SCHEMA_VERSION, Terminal, write_bytes, write_json, write_line
from ttpo_cli.cli.terminal.downloads import opened_store, warn_of_licences
from ttpo_cli.errors import TtpoError, UsageError
from ttpo_cli.folder.plan import Job
from ttpo_cli.folder.remote import SessionLoader
from ttpo_cli.imaging.atomic import atomic_write, check_target
from ttpo_cli.imaging.photo import Photo
from ttpo_cli.imaging.reading import read_photo
from ttpo_cli.imaging.result_size import ResultTooLarge
from ttpo_cli.preference.chooser import METRICS_CHOOSE, UNASKED, Chooser
from ttpo_cli.report.output import Session, write_result
from ttpo_cli.report.page import PagePhoto, page
from ttpo_cli.report.record import weights_of
from ttpo_cli.report.table import candidates, comparison, memory_line, refusals
from ttpo_cli.settings.engine import EngineOptions
from ttpo_cli.settings.settings import Settings


def restore_photos(request: RestoreRequest, asked: Asked, summary: RunSummary) -> None:
    """Do what was requested; the summary says what became of each photo. Raises TtpoError for what concerns all of them."""
    options, settings = asked.build(summary.terminal, request.roots)

    @cache
    def load() -> Session:
        return _load(request, options, settings, summary.terminal)

    for job in request.single_photos:
        _restore_single(job, load, request, summary)
    with ExitStack() as stack:
        pool, session = None, None
        if request.run.executor.remote and request.roots and not request.run.dry_run:
            loader = SessionLoader(load=pipeline.load_engine, options=options, settings=settings, outputs=request.run.outputs)
            pool, session = stack.enter_context(worker_pool(request.run.executor, loader, len(request.jobs), summary.terminal))
        for root in request.roots:
            jobs = [job for job in request.jobs if job.root == root]
            restore_folder(root, jobs, session or load(), request, summary, pool)
    if request.run.outputs.report is not None and not request.run.dry_run:
        _write_report(request.run.outputs.report, request, summary)
    if request.json:
        told = {"results": summary.records, "skipped": summary.skipped, "not_read": summary.not_read, "failures": summary.failures}
        write_json({"schema_version": SCHEMA_VERSION, **told})


def _load(request: RestoreRequest, options: EngineOptions, settings: Settings, terminal: Terminal) -> Session:
    """What all photos are restored with in this process."""
    with opened_store(terminal) as store:
        engine = pipeline.load_engine(replace(options, device=request.run.executor.first_device), settings, store)
    weights = weights_of(engine, options.metric_files)
    warn_of_licences(weights, terminal)
    ask = Person(terminal).ask if request.asks else None
    return Session(options=options, loaded=engine, weights=weights, settings=settings, outputs=request.run.outputs, ask=ask)


def _restore_single(job: Job, load: Callable[[], Session], request: RestoreRequest, summary: RunSummary) -> None:
    """One photo that has no journal. The engine is loaded at the first that can be read; what goes wrong there concerns all of them."""
    if request.run.skip_existing and not request.run.outputs.overwrite and _skip(job, summary):
        return
    photo, label = None, "standard input" if job.source is None else str(job.source)
    with summary.attempt(label):
        photo = _read(job, request.run.outputs.overwrite, request.run.damaged)
    if photo is None:
        return
    session = load()
    with summary.attempt(label):
        if request.run.dry_run:
            describe_photo(photo, job, session, summary)
        else:
            _restore_one(photo, job, session, summary, request.json)


def _skip(job: Job, summary: RunSummary) -> bool:
    """Pass over a photo whose output is there already, and say so."""
    if job.target is None or not job.target.exists():
        return False
    summary.terminal.say(f"{job.target} exists: passed over (--overwrite replaces it)")
    summary.skipped.append({"source": str(job.source), "output": str(job.target.resolve())})
    return True


def _read(job: Job, overwrite: bool, damaged: bool) -> Photo:
    """The photo, if it can be read and its result can be written."""
    photo = read_photo(sys.stdin.buffer.read() if job.source is None else job.source, damaged=damaged)
    if job.target is not None:
        check_target(job.target, source=job.source, overwrite=overwrite)
    return photo


def _restore_one(photo: Photo, job: Job, session: Session, summary: RunSummary, json: bool) -> None:
    """Restore, write, and say so. Raises GuardRejected, with --strict, before anything is written."""
    began = time.perf_counter()
    with summary.terminal.progress(photo.name) as on_step:
        chooser = METRICS_CHOOSE if session.ask is None else Chooser(partial(session.ask, photo.name, None))
        try:
            result = pipeline.restore_photo(photo, session.engine, session.settings, on_step, chooser)
        except ResultTooLarge as error:
            raise UsageError(f"{error}; it would take {time_for(photo, job, session)}") from error
    if session.ask is not None and "asking" not in result.timings.seconds:
        result = replace(result, outcome=replace(result.outcome, notes=(*result.outcome.notes, UNASKED)))
    written = write_result(result, photo, job.source, job.target, session)
    summary.records.append(written.record)
    if written.page is not None:
        summary.pages.append(written.page)
    _describe(written.record, time.perf_counter() - began, summary.terminal)
    if written.encoded is not None:
        write_bytes(written.encoded)
    elif not json:
        write_line(written.record["output"])


def _describe(record: dict[str, Any], seconds: float, terminal: Terminal) -> None:
    """The comparison a person reads: a table, the choice and why, notes."""
    name = record["source"]["name"]
    columns, rows = comparison(record)
    terminal.table(name, columns, rows, emphasis=len(rows) - 1)
    terminal.say(f"{name}: kept {record['chosen']} - {record['reason']} ({seconds:.1f} s, {memory_line(record)})")
    for note in (*refusals(record), *record["notes"]):
        terminal.say(f"{name}: {note}")
    if terminal.verbose:
        terminal.table("candidates", *candidates(record))
        terminal.detail(", ".join(f"{stage} {spent:.2f} s" for stage, spent in record["seconds"].items()))


def _write_report(path: Path, request: RestoreRequest, summary: RunSummary) -> None:
    """The HTML page about the photos by themselves, or the one about the folders."""
    overwrite, terminal = request.run.outputs.overwrite, summary.terminal
    if request.single_photos:
        with summary.attempt(str(path)):
            _write_page(summary.pages, path, overwrite)
            terminal.say(f"report: {path.resolve()}")
    if request.roots:
        write_folder_report(request.roots, path, overwrite, terminal)
        terminal.say(f"report: {path.resolve()}")


def _write_page(pages: Sequence[PagePhoto], path: Path, overwrite: bool) -> None:
    """The HTML page of all photos that were restored. Raises TtpoError where none was."""
    if not pages:
        raise TtpoError(f"no photo was restored, so there is nothing to report in '{path}'")
    atomic_write(path, page(pages, "ttpo: before and after").encode(), overwrite)
