"""`ttpo restore`, the main command: photos in, the three stages, better photos out, with a record of how they came about."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ttpo_cli.cli import options
from ttpo_cli.cli.arrivals import opened_store, warn_of_licences
from ttpo_cli.cli.failures import foreseen
from ttpo_cli.cli.outputs import Outputs, check_outputs, write_page, write_result
from ttpo_cli.cli.pipeline_options import Asked, with_pipeline
from ttpo_cli.cli.terminal import Json, NoColor, Quiet, Terminal, Verbose, write_bytes, write_json, write_line
from ttpo_cli.errors import GuardRejected

if TYPE_CHECKING:
    from ttpo_cli.batch.plan import Job
    from ttpo_cli.imaging.photo import Photo
    from ttpo_cli.pipeline import Engine, Result, Settings
    from ttpo_cli.report.page import PagePhoto

SCHEMA_VERSION = 1


@dataclass
class Tally:
    """What became of the photos of one command."""

    terminal: Terminal
    records: list[dict[str, Any]] = field(default_factory=list)
    skipped: list[dict[str, str]] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)
    pages: "list[PagePhoto]" = field(default_factory=list)

    @contextmanager
    def attempt(self, label: str) -> Iterator[None]:
        """What can be foreseen to go wrong with one photo, or with the report, is told, and does not stop the others."""
        try:
            yield
        except Exception as error:
            failure = foreseen(error)
            if failure is None:
                raise
            self.terminal.error(failure[0] if label in failure[0] else f"{label}: {failure[0]}")
            self.failures.append({"source": label, "error": failure[0], "exit_code": failure[1]})

    def exit_code(self) -> int:
        """0, or the one code that all failures share, or 1."""
        codes = {failure["exit_code"] for failure in self.failures}
        return codes.pop() if len(codes) == 1 else min(len(codes), 1)


@dataclass(frozen=True)
class Work:
    """What every photo of one command is restored with."""

    engine: "Engine"
    weights: list[dict[str, Any]]
    settings: "Settings"
    outputs: Outputs
    strict: bool
    json: bool
    terminal: Terminal


@with_pipeline()
def restore(
    photos: Annotated[list[str] | None, typer.Argument(metavar="PHOTO", help="Files, folders, or - for stdin.", show_default=False)] = None,
    output: options.Output = None,
    recursive: options.Recursive = False,
    files_from: options.FilesFrom = None,
    format: options.Format = "keep",
    bit_depth: options.BitDepth = "keep",
    quality: options.Quality = 95,
    keep: options.Keep = "all",
    overwrite: options.Overwrite = False,
    skip_existing: options.SkipExisting = True,
    dry_run: options.DryRun = False,
    report: options.Report = None,
    keep_candidates: options.KeepCandidates = None,
    sidecar: options.Sidecar = True,
    strict: options.Strict = False,
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
    from ttpo_cli.batch.plan import plan

    terminal = Terminal(quiet, verbose, no_color)
    jobs = plan([*(photos or ()), *options.listed(files_from)], output, format=format, recursive=recursive)
    outputs = Outputs(format, bit_depth, quality, options.metadata_kinds(keep), overwrite, sidecar, keep_candidates, report)
    check_outputs(jobs, outputs, json)

    from ttpo_cli.pipeline import load_engine
    from ttpo_cli.report.record import weights_of

    made_of, settings = asked.build(terminal)

    def load() -> Work:
        with opened_store(terminal) as store:
            engine = load_engine(made_of, settings, store)
        weights = weights_of(engine, made_of.metric_files)
        warn_of_licences(weights, terminal)
        return Work(engine, weights, settings, outputs, strict, json, terminal)

    tally, work = Tally(terminal), None
    for job in jobs:
        if skip_existing and not overwrite and _skip(job, tally):
            continue
        photo, label = None, "standard input" if job.source is None else str(job.source)
        with tally.attempt(label):
            photo = _read(job, overwrite)
        if photo is None:
            continue
        work = work or load()  # at the first photo that can be read; what goes wrong here concerns all of them
        with tally.attempt(label):
            if dry_run:
                _foretell(photo, job, work, tally)
            else:
                _restore_one(photo, job, work, tally)
    if report is not None and not dry_run:
        with tally.attempt(str(report)):
            write_page(tally.pages, report, overwrite)
            terminal.say(f"report: {report.resolve()}")
    if json:
        write_json({"schema_version": SCHEMA_VERSION, "results": tally.records, "skipped": tally.skipped, "failures": tally.failures})
    raise typer.Exit(tally.exit_code())


def _skip(job: "Job", tally: Tally) -> bool:
    """Pass over a photo whose output is there already, and say so."""
    if job.target is None or not job.target.exists():
        return False
    tally.terminal.say(f"{job.target} exists: passed over (--overwrite replaces it)")
    tally.skipped.append({"source": str(job.source), "output": str(job.target.resolve())})
    return True


def _read(job: "Job", overwrite: bool) -> "Photo":
    """The photo, if it can be read and its result can be written."""
    from ttpo_cli.imaging.atomic import check_target
    from ttpo_cli.imaging.reading import read_photo

    photo = read_photo(sys.stdin.buffer.read() if job.source is None else job.source)
    if job.target is not None:
        check_target(job.target, source=job.source, overwrite=overwrite)
    return photo


def _restore_one(photo: "Photo", job: "Job", work: Work, tally: Tally) -> None:
    """Restore, write, tell. Raises GuardRejected, with --strict, before anything is written."""
    from ttpo_cli.pipeline import restore_photo

    began = time.perf_counter()
    with work.terminal.progress(photo.name) as on_step:
        result = restore_photo(photo.pixels, photo.content_hash, work.engine, work.settings, on_step)
    if work.strict and guard_refused_all(result):
        raise GuardRejected("the guard refused every change to the restored image: loosen --guard-..., or leave out --strict")
    written = write_result(result, photo, work.engine, work.weights, job, work.outputs)
    tally.records.append(written.record)
    if written.page is not None:
        tally.pages.append(written.page)
    _tell(written.record, time.perf_counter() - began, work.terminal)
    if written.encoded is not None:
        write_bytes(written.encoded)
    elif not work.json:
        write_line(written.record["output"])


def guard_refused_all(result: "Result") -> bool:
    """Whether there were changes to the restored image, and the guard let none pass."""
    from ttpo_cli.report.table import IDENTICAL

    changes = [row for row, decibel in result.fidelity.items() if decibel < IDENTICAL]
    return bool(changes) and all(result.guard[row] != "kept" for row in changes)


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


def _foretell(photo: "Photo", job: "Job", work: Work, tally: Tally) -> None:
    """What --dry-run says of one photo."""
    from ttpo_cli.imaging.writing import losses

    height, width = photo.pixels.shape[-2:]
    scale = work.engine.backbone.scale
    output = "standard output" if job.target is None else str(job.target.resolve())
    work.terminal.say(f"{photo.name} {width}x{height} -> {output} {width * scale}x{height * scale}")
    how: dict[str, Any] = {"format": work.outputs.format, "bit_depth": work.outputs.bit_depth, "keep": work.outputs.keep}
    notes = [*photo.notes, *losses(photo, path=job.target, **how)]
    for note in notes:
        work.terminal.say(f"{photo.name}: {note}")
    tally.records.append({"source": str(job.source), "output": output, "width": width * scale, "height": height * scale, "notes": notes})
