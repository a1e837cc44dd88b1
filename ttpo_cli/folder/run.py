"""A folder of photos restored so that it can be killed at any moment and goes on the next time: decide, then overlap, then the journal."""

import errno
import hashlib
import json
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from ttpo_cli.errors import TtpoError, UsageError
from ttpo_cli.folder.decision import Decision
from ttpo_cli.folder.journal import FolderJournal, JournalError, record_of, stamp
from ttpo_cli.folder.overlap import Ended, overlapped, spread
from ttpo_cli.imaging.atomic import atomic_write, check_target
from ttpo_cli.imaging.photo import Photo
from ttpo_cli.imaging.reading import photo_bytes, read_photo
from ttpo_cli.workers.pool import WorkersLost

_IDLE: dict[str, Literal["unchanged", "kept", "waiting"]] = {"unchanged": "unchanged", "keep": "kept", "wait": "waiting"}
# Errors of the disk that the next photo would meet as well.
_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


@dataclass(frozen=True)
class Finished:
    """What the network's part leaves of one photo, to be encoded and written by another thread.

    Attributes:
        encode: returns the picture's file, and its record as the sidecar will hold it. None where only candidates were made, to be picked.
        extra_files: further files of a record; those that a picture alone cannot bring back are written before it.
        scores: JSON-able, for the journal.
        seconds: of the network's part.
        content_sha256: of the photo's file.
        settings_sha256: of all else that the picture depends on.
    """

    encode: Callable[[], tuple[bytes, dict[str, Any]]] | None
    extra_files: Callable[[dict[str, Any]], Mapping[Path, bytes]]
    scores: Mapping[str, Any]
    seconds: float
    content_sha256: str
    settings_sha256: str


@dataclass(frozen=True)
class Report:
    """What became of one photo in this run. record: of a photo that was restored, or whose writing was completed."""

    decision: Decision
    outcome: Literal["restored", "completed", "proposed", "unchanged", "waiting", "kept", "failed"]
    record: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    error: Exception | None = None


Restore = Callable[[Photo, Decision], Finished]
Describe = Callable[[Exception], tuple[str, int]]
SmallFiles = Callable[[Path, dict[str, Any]], Mapping[Path, bytes]]


@dataclass(frozen=True)
class RemoteRestorer:
    """Other processes that restore as many photos at once as there are `workers`, each from the bytes of its file.

    stop: gives up those that are under way.
    """

    restore: Callable[[bytes, Decision], Finished]
    workers: int
    stop: Callable[[], None]


def with_encoded_files(finished: Finished) -> Finished:
    """The same with every file encoded already, as it comes back from another process.

    An encoder's UsageError is raised where the file would be written, as it is without another process.
    """
    try:
        made = None if finished.encode is None else finished.encode()
    except UsageError as error:
        return replace(finished, encode=partial(_raise, error), extra_files=partial(_made, {}))
    files = dict(finished.extra_files({} if made is None else made[1]))
    return replace(finished, encode=None if made is None else partial(_made, made), extra_files=partial(_made, files))


def _raise(error: Exception) -> Any:
    raise error


def _made(value: Any, *_: object) -> Any:
    return value


def run_folder(
    decisions: Sequence[Decision],
    journal: FolderJournal,
    restore: Restore | RemoteRestorer,
    describe: Describe,
    small_files: SmallFiles,
    damaged: bool = False,
) -> Iterator[Report]:
    """Carry out the decisions: first what costs nothing, then the photos to restore, each reported as it ends.

    An error ends its photo only. One that would end every other photo as well ends the run: a full disk, a broken journal, no worker left,
    invalid options. Raises those as TtpoError.

    Args:
        restore: called in this thread; a RemoteRestorer works in other processes, while files and journal are written here.
        describe: an error as one line and an exit code.
        damaged: what is left of a damaged photo is read; a RemoteRestorer knows that itself.
        small_files: from target and record, the small files of a picture whose writing a kill cut short.
    """
    for decision in decisions:
        if decision.act == "finish":
            yield _complete(decision, journal, small_files)
        elif decision.act != "restore":
            if decision.moved is not None:
                journal.seen_again(decision.target, *decision.moved)
            yield Report(decision, _IDLE[decision.act])
    todo = [decision for decision in decisions if decision.act == "restore"]
    with closing(_stages(todo, journal, restore, small_files, damaged)) as stages:
        for ended in stages:
            if ended.error is None:
                yield ended.value
            else:
                text, exit_code = describe(ended.error)
                journal.failed(ended.item.target, text, exit_code)
                _stop_if_all_would_fail(ended)
                yield Report(ended.item, "failed", error=ended.error)


def _stages(
    todo: Sequence[Decision], journal: FolderJournal, restore: Restore | RemoteRestorer, small_files: SmallFiles, damaged: bool
) -> Generator[Ended[Decision], None, None]:
    if isinstance(restore, RemoteRestorer):
        reading, work = _reader(journal, photo_bytes), _worker(restore.restore)
        return spread(todo, reading, work, _writer(journal, small_files), restore.workers, restore.stop)
    return overlapped(todo, _reader(journal, partial(read_photo, damaged=damaged)), _worker(restore), _writer(journal, small_files))


def _reader(journal: FolderJournal, load: Callable[[Path], Any]) -> Callable[[Decision], Any]:
    def read(decision: Decision) -> Any:
        source, target = decision.job.source, decision.job.target
        assert source is not None and target is not None  # `decide` looked
        journal.begin(decision.target, source, stamp(source) if source.is_file() else None, decision.standing)
        check_target(target, source=source, overwrite=decision.replace)
        return load(source)

    return read


def _worker(restore: Callable[[Any, Decision], Finished]) -> Callable[[Decision, Any], Finished]:
    def work(decision: Decision, photo: Any) -> Finished:
        return restore(photo, decision)

    return work


def _writer(journal: FolderJournal, small_files: SmallFiles) -> Callable[[Decision, Finished], Report]:
    def write(decision: Decision, finished: Finished) -> Report:
        target, name = decision.job.target, decision.target
        assert target is not None  # `decide` looked
        if finished.encode is None:
            for path, data in finished.extra_files({}).items():
                atomic_write(path, data, overwrite=True, mark=journal.mark, root=journal.root)
            journal.proposed(name, finished.content_sha256, finished.settings_sha256)
            return Report(decision, "proposed", seconds=finished.seconds)
        encoded, record = finished.encode()
        facts = (finished.content_sha256, finished.settings_sha256, hashlib.sha256(encoded).hexdigest())
        small, others = small_files(target, record), finished.extra_files(record)
        for path, data in others.items():  # before the picture: what a kill leaves without one is made again, and these with it
            if path not in small:
                atomic_write(path, data, overwrite=True, mark=journal.mark, root=journal.root)
        journal.writing(name, *facts, json.dumps(finished.scores), finished.seconds, json.dumps(record, ensure_ascii=False))
        atomic_write(target, encoded, decision.replace, mark=journal.mark, root=journal.root)
        for path in small.keys() & others.keys():
            atomic_write(path, others[path], overwrite=True, mark=journal.mark, root=journal.root)
        journal.done(name, stamp(target))
        return Report(decision, "restored", record=record, seconds=finished.seconds)

    return write


def _complete(decision: Decision, journal: FolderJournal, small_files: SmallFiles) -> Report:
    """What was left to do when a kill came between the picture and its last word in the journal."""
    row, target = journal.row(decision.target), decision.job.target
    assert row is not None and row.record is not None and target is not None  # `decide` read them
    record = record_of(row)
    for path, data in small_files(target, record).items():
        atomic_write(path, data, overwrite=True, mark=journal.mark, root=journal.root)
    journal.done(decision.target, stamp(target))
    return Report(decision, "completed", record=record, seconds=row.seconds or 0.0)


def _stop_if_all_would_fail(ended: Ended[Decision]) -> None:
    error = ended.error
    cause = error.__cause__ if isinstance(error, TtpoError) else error
    if isinstance(cause, OSError) and cause.errno in _DISK:
        raise TtpoError(f"{error}; the run stopped here, since no other photo could be written: make room, and run it again") from error
    if isinstance(error, (JournalError, WorkersLost)) or (isinstance(error, UsageError) and ended.stage == "work"):
        raise error
