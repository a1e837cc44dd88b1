"""What one `ttpo restore` was asked to do, as one value, and what of it is refused before anything is loaded."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ttpo_cli.cli.report import check_report
from ttpo_cli.cli.restore.summary import RunSummary
from ttpo_cli.errors import TtpoError, UsageError
from ttpo_cli.folder.not_read import NotRead
from ttpo_cli.folder.plan import Job, name_beyond_utf8
from ttpo_cli.imaging.atomic import check_target
from ttpo_cli.imaging.formats import format_of_name
from ttpo_cli.settings.run import Executor, RunOptions


@dataclass(frozen=True)
class RestoreRequest:
    """What one `ttpo restore` is to do.

    Attributes:
        jobs: photos and where their results go.
        run: the options.
        json: one object on standard output.
        not_read: what looks like a photo in the folders, and is not read.
    """

    jobs: tuple[Job, ...]
    run: RunOptions
    json: bool
    not_read: tuple[NotRead, ...] = ()

    @property
    def single_photos(self) -> list[Job]:
        """Photos without a journal."""
        return [job for job in self.jobs if job.root is None]

    @property
    def roots(self) -> list[Path]:
        """The output folders that keep a journal."""
        return list(dict.fromkeys(job.root for job in self.jobs if job.root is not None))

    @property
    def asks(self) -> bool:
        """Whether a person at this terminal chooses."""
        return self.run.select == "ask" and not self.run.dry_run

    def check(self, makes_candidates: bool) -> None:
        """Refuse contradictory options, and outputs that cannot be written, before any work is done for it. Raises TtpoError."""
        report, single, roots = self.run.outputs.report, bool(self.single_photos), self.roots
        if self.json and any(job.target is None for job in self.jobs):
            raise UsageError("standard output cannot carry both the photo and --json: give -o FILE")
        if report is not None and roots:
            check_report(report, self.run.outputs.overwrite)
        elif report is not None:
            check_target(report, overwrite=self.run.outputs.overwrite)
        if self.run.select == "later" and single:
            raise UsageError("--select later keeps candidates in an output folder: give folders, or several photos with -o FOLDER")
        _check_executor(self.run.executor, single, self.run.select == "ask")
        if report is not None and single and roots:
            raise UsageError("--report is for folders or for single photos, not for both at once: give all of them one -o FOLDER")
        if self.asks:
            _check_person(makes_candidates)


def _check_executor(executor: Executor, single_photos: bool, asks: bool) -> None:
    """Raises UsageError for an address without a cluster, and for workers that have no folder to share or are to ask a person."""
    if executor.address is not None and executor.name != "ray":
        raise UsageError("--address is that of a Ray cluster: give --executor ray as well")
    if single_photos and executor.remote:
        raise UsageError("several workers share the photos of folders: give folders, or several photos with -o FOLDER")
    if asks and executor.remote:
        raise UsageError("--select ask asks about one photo at a time: leave the workers out, or use --select later and `ttpo pick`")


def _check_person(makes_candidates: bool) -> None:
    """Raises UsageError where nobody can be asked, or there is nothing to ask about."""
    if not makes_candidates:
        raise UsageError("--select ask is about candidates, and --no-ttpo makes none: leave out one of them")
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("--select ask needs a terminal to show candidates and read keys from: use --select later, and `ttpo picks add`")


def say_endings(jobs: Iterable[Job], summary: RunSummary) -> None:
    """One line about the photos whose names end in what ttpo does not write, and which are therefore written under another ending."""
    renamed = [
        (job.source, job.target)
        for job in jobs
        if job.source is not None
        and job.target is not None
        and job.source.suffix != job.target.suffix
        and not format_of_name(job.source.name)
    ]
    if len(renamed) == 1:
        source, target = renamed[0]
        summary.terminal.say(f"{source.name}: ttpo does not write {source.suffix}, so the result is {target.name}")
    elif renamed:
        endings = ", ".join(sorted({source.suffix for source, _ in renamed}))
        summary.terminal.say(f"{len(renamed)} photos are written under another ending, since ttpo does not write {endings}")


def with_utf8_names(jobs: Iterable[Job], summary: RunSummary) -> tuple[Job, ...]:
    """The jobs whose names are UTF-8, as journals and records need them; each of the others has failed."""
    usable = []
    for job in jobs:
        shown = name_beyond_utf8(job)
        if shown is None:
            usable.append(job)
        else:
            summary.fail(shown, f"'{shown}' has a name that is not UTF-8: rename the file", TtpoError.exit_code)
    return tuple(usable)
