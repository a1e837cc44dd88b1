"""What a folder run does with a photo, from its row in the journal and the files as they are: nothing is done twice, nothing lost."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ttpo_cli.batch.folder_journal import FolderJournal, Row, stamp
from ttpo_cli.batch.plan import Job
from ttpo_cli.errors import TtpoError
from ttpo_cli.weights.checkpoint import file_sha256

# restore: go through the stages. finish: the picture stands already, killed before the journal could say so. unchanged: nothing to do.
# keep: the file in its place is not what a run wrote, and stays.
Act = Literal["restore", "finish", "unchanged", "keep"]


@dataclass(frozen=True)
class Decision:
    """What to do with one photo and why. replace: a file in its place may be written over. last: after all others, since it may have
    been what ended the last run."""

    job: Job
    target: str
    act: Act
    why: str
    replace: bool = False
    last: bool = False


@dataclass(frozen=True)
class Wish:
    """settings: the hash of what a picture with this ending depends on. overwrite: files of others may go. redo: unchanged work too."""

    settings: Mapping[str, str]
    overwrite: bool = False
    redo: bool = False


def settings_hash(facts: Mapping[str, Any]) -> str:
    """sha256 over JSON-able facts, whatever their order."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def decide(jobs: Sequence[Job], root: Path, journal: FolderJournal, wish: Wish) -> list[Decision]:
    """A decision a photo, in the order of the plan but for those under way when a run ended, which come last."""
    decisions = [_decide(job, target_name(job, root), journal, wish) for job in jobs]
    return sorted(decisions, key=lambda decision: decision.last)


def target_name(job: Job, root: Path) -> str:
    """The key of a photo in the journal."""
    assert job.target is not None  # a folder run has no standard output
    return job.target.relative_to(root).as_posix()


def left_behind(decisions: Sequence[Decision], mark: str) -> Iterator[Path]:
    """The temporary files of killed runs in the folders that this run writes to."""
    for folder in {decision.job.target.parent for decision in decisions if decision.job.target is not None}:
        if folder.is_dir():
            yield from folder.glob(f".ttpo-{mark}-*.part")


def _decide(job: Job, target: str, journal: FolderJournal, wish: Wish) -> Decision:
    assert job.source is not None and job.target is not None  # only files go into folders
    row, wanted = journal.row(target), wish.settings[job.target.suffix.lower()]
    there = os.path.lexists(job.target)
    if row is None:
        return _decide_about_foreign(job, target, "exists, and no run here wrote it", wish) if there else _restore(job, target, "new")
    current = _output_hash(job.target, row) if there else None
    if there and (current is None or current not in (row.output_sha256, row.next_sha256)):
        return _decide_about_foreign(job, target, "was changed since ttpo wrote it", wish)
    finished = row.state == "done" or (row.state == "writing" and current == row.next_sha256)
    if not there:
        why = {"done": "its picture is gone", "failed": "it failed before"}.get(row.state, "a run was killed at it")
        return _restore(job, target, why, last=row.state == "begun")
    if not finished:
        return _restore(job, target, "it failed before" if row.state == "failed" else "a run was killed at it", True, row.state == "begun")
    if wish.redo:
        return _restore(job, target, "asked for again", True)
    if row.settings_sha256 != wanted:
        return _restore(job, target, "the settings changed", True)
    if not _same_source(job.source, row):
        return _restore(job, target, "the photo changed", True)
    _spare_hashing(job, target, row, journal)
    return Decision(job, target, "finish" if row.state == "writing" else "unchanged", "done before")


def _restore(job: Job, target: str, why: str, replace: bool = False, last: bool = False) -> Decision:
    return Decision(job, target, "restore", why, replace, last)


def _decide_about_foreign(job: Job, target: str, why: str, wish: Wish) -> Decision:
    return _restore(job, target, why, replace=True) if wish.overwrite else Decision(job, target, "keep", why)


def _output_hash(path: Path, row: Row) -> str | None:
    """The hash of what stands at a target; known without reading it where its stamp is the one of the journal. None for no file."""
    try:
        if row.state == "done" and stamp(path) == row.output_stamp:
            return row.output_sha256
        return file_sha256(path) if path.is_file() else None
    except (OSError, TtpoError):
        return None  # a broken link, or not ours to read: nothing that a run wrote


def _same_source(source: Path, row: Row) -> bool:
    """Whether the photo is the one that was restored. One that cannot be read is not, so that reading it says why."""
    try:
        return stamp(source) == row.source_stamp or file_sha256(source) == row.content_sha256
    except (OSError, TtpoError):
        return False


def _spare_hashing(job: Job, target: str, row: Row, journal: FolderJournal) -> None:
    assert job.source is not None and job.target is not None  # _decide looked
    now = (str(job.source.resolve()), stamp(job.source), stamp(job.target))
    if row.state == "done" and now != (row.source, row.source_stamp, row.output_stamp):
        journal.seen_again(target, *now)
