"""What a folder run does with a photo, from its row in the journal and the files as they are: nothing is done twice, nothing lost."""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ttpo_cli.errors import TtpoError
from ttpo_cli.folder.journal import Row, stamp
from ttpo_cli.folder.plan import Job
from ttpo_cli.weights.sha256 import file_sha256

# restore: go through the stages. finish: the picture stands, but a kill or a person left it without what belongs to it. unchanged: nothing.
# keep: the file in its place is not what a run wrote, and stays. wait: candidates are made, and a person has not picked yet.
Act = Literal["restore", "finish", "unchanged", "keep", "wait"]


@dataclass(frozen=True)
class Decision:
    """What to do with one photo and why.

    Attributes:
        job: the photo and where its result goes.
        target: its key in the journal.
        act: what to do.
        why: in words for people.
        replace: a file in its place may be written over.
        last: after all others, since it may have ended the last run.
        standing: sha256 of the picture in its place, where a run wrote that.
        moved: source and stamps of an unchanged photo that the journal does not know yet.
    """

    job: Job
    target: str
    act: Act
    why: str
    replace: bool = False
    last: bool = False
    standing: str | None = None
    moved: tuple[str, str, str] | None = None


@dataclass(frozen=True)
class FolderRequest:
    """What a run was asked to make of a folder.

    Attributes:
        settings: the hash of all that a picture with this ending depends on.
        sidecar: where the sidecar of a picture lies, None where there is to be none.
        overwrite: files of others may be replaced.
        redo: unchanged photos are restored again.
        with_pick: (target, content, settings) -> the hash of the settings with a person's pick, the same where there is none.
        later: a photo without a pick waits, as long as has_candidates(target).
        has_candidates: whether those of a target are still there.
    """

    settings: Mapping[str, str]
    sidecar: Callable[[Path], Path] | None = None
    overwrite: bool = False
    redo: bool = False
    with_pick: Callable[[str, str, str], str] = lambda target, content, settings: settings
    later: bool = False
    has_candidates: Callable[[str], bool] = lambda target: True


def settings_hash(facts: Mapping[str, Any]) -> str:
    """sha256 over JSON-able facts, whatever their order."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def decide(jobs: Sequence[Job], root: Path, rows: Mapping[str, Row], request: FolderRequest) -> list[Decision]:
    """A decision a photo, in the order of the plan except that those under way when a run ended come last. Changes nothing."""
    decisions = [_decide(job, name, rows.get(name), request) for job, name in ((job, target_name(job, root)) for job in jobs)]
    return sorted(decisions, key=lambda decision: decision.last)


def target_name(job: Job, root: Path) -> str:
    """The key of a photo in the journal."""
    assert job.target is not None  # a folder run has no standard output
    return job.target.relative_to(root).as_posix()


def left_behind(folders: Iterable[Path], mark: str) -> Iterator[Path]:
    """The temporary files that killed runs of the journal with this mark left in the folders they wrote to."""
    for folder in set(folders):
        if folder.is_dir():
            yield from folder.glob(f".ttpo-{mark}-*.part")


def _decide(job: Job, target: str, row: Row | None, request: FolderRequest) -> Decision:
    assert job.source is not None and job.target is not None  # only files go into folders
    there = os.path.lexists(job.target)
    if row is None:
        return _about_foreign(job, target, "exists, and no run here wrote it", request) if there else _restore(job, target, "new")
    standing = _output_hash(job.target, row) if there else None
    if there and (standing is None or standing not in (row.output_sha256, row.next_sha256)):
        return _about_foreign(job, target, "was changed since ttpo wrote it", request)
    why = _why_again(job, row, standing, request)
    if why is not None:
        return _restore(job, target, why, there, row.state == "begun", standing)
    if row.state == "proposed":
        return Decision(job, target, act="wait", why="waits for a pick")
    if row.state == "writing":
        return Decision(job, target, act="finish", why="a run was killed after writing it")
    if request.sidecar is not None and not request.sidecar(job.target).exists():
        return Decision(job, target, act="finish", why="its sidecar was missing")
    now = (str(job.source.resolve()), stamp(job.source), stamp(job.target))
    moved = None if now == (row.source, row.source_stamp, row.output_stamp) else now
    return Decision(job, target, act="unchanged", why="done before", moved=moved)


def _why_again(job: Job, row: Row, standing: str | None, request: FolderRequest) -> str | None:
    """Why a photo that was begun before is to be restored, None where what stands is what it would become."""
    assert job.source is not None and job.target is not None  # _decide looked
    if row.state == "failed":
        return "it failed before"
    made_with = request.settings[job.target.suffix.lower()]
    wanted = request.with_pick(row.target, row.content_sha256 or "", made_with)
    if row.state == "proposed" and not request.redo:
        return _why_no_longer_proposed(job.source, row, made_with, wanted, request)
    if row.state == "done" and standing is None:
        return "its picture is gone"
    if row.state in ("begun", "writing") and (standing is None or row.state == "begun" or standing != row.next_sha256):
        return "a run was killed at it"
    if request.redo:
        return "asked for again"
    if row.settings_sha256 != wanted:
        return "the settings changed" if wanted == made_with else "a person picked"
    return None if _same_source(job.source, row) else "the photo changed"


def _why_no_longer_proposed(source: Path, row: Row, made_with: str, wanted: str, request: FolderRequest) -> str | None:
    """Why a photo whose candidates were made does not wait any more, None where it does."""
    if row.settings_sha256 != made_with or not _same_source(source, row):
        return "the photo or the settings changed"
    if wanted != made_with:
        return "a person picked"
    if not request.later:
        return "nobody picked"
    return None if request.has_candidates(row.target) else "its candidates are gone"


def _restore(job: Job, target: str, why: str, replace: bool = False, last: bool = False, standing: str | None = None) -> Decision:
    return Decision(job, target, act="restore", why=why, replace=replace, last=last, standing=standing)


def _about_foreign(job: Job, target: str, why: str, request: FolderRequest) -> Decision:
    return _restore(job, target, why, replace=True) if request.overwrite else Decision(job, target, act="keep", why=why)


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
