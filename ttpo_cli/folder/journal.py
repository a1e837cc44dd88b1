"""What became of each photo of an output folder: one row a photo in an SQLite file, true at every moment a run may be killed.

A row goes begun -> writing -> done, or ends as failed, or as proposed until a person has picked. `writing` is committed before the
picture is renamed into its place, with the sha256 that the file will have, so that the next run can distinguish one that arrived from one
that did not.
"""

import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints

from filelock import FileLock, Timeout

from ttpo_cli.errors import TtpoError, UsageError
from ttpo_cli.settings.value_type import fits

FOLDER = ".ttpo"
NAME = "journal.sqlite"
_VERSION = 1
_TABLES = """
CREATE TABLE journal (version INTEGER NOT NULL, mark TEXT NOT NULL);
CREATE TABLE photo (
    target TEXT PRIMARY KEY, source TEXT NOT NULL, state TEXT NOT NULL CHECK (state IN ('begun', 'writing', 'done', 'failed', 'proposed')),
    source_stamp TEXT, content_sha256 TEXT, settings_sha256 TEXT,
    output_sha256 TEXT, output_stamp TEXT, next_sha256 TEXT,
    error TEXT, exit_code INTEGER, scores TEXT, seconds REAL, record TEXT, ended REAL
) WITHOUT ROWID;
"""


class JournalError(TtpoError):
    """The journal cannot be read or written: no photo can go on."""


@dataclass(frozen=True)
class Row:
    """One photo. target: its path in the output folder, with slashes. stamp: what `stamp` says of the file when its hash was taken.

    output_sha256: of the picture that a run finished last; next_sha256: of the one being written. scores, record: JSON. ended: Unix time.
    """

    target: str
    source: str
    state: str
    source_stamp: str | None = None
    content_sha256: str | None = None
    settings_sha256: str | None = None
    output_sha256: str | None = None
    output_stamp: str | None = None
    next_sha256: str | None = None
    error: str | None = None
    exit_code: int | None = None
    scores: str | None = None
    seconds: float | None = None
    record: str | None = None
    ended: float | None = None


_COLUMNS = ", ".join(field.name for field in fields(Row))
_HINTS = get_type_hints(Row)


def stamp(path: Path) -> str:
    """What changes whenever a file's content does, without reading it: size, times of content and of the inode, and its number."""
    facts = path.stat()
    return f"{facts.st_size}-{facts.st_mtime_ns}-{facts.st_ctime_ns}-{facts.st_ino}"


class FolderJournal:
    """The rows of one output folder; every method that changes one is a transaction of its own, and any thread may call it.

    mark: a word that the names of this folder's temporary files contain, so that those of a killed run can be recognised and removed.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection, self._path, self._turn = connection, path, threading.Lock()
        self.mark = self._ask("SELECT mark FROM journal")[0][0]

    @property
    def root(self) -> Path:
        """The output folder."""
        return self._path.parent.parent

    def row(self, target: str) -> Row | None:
        """What is known of a photo, None for one that no run has begun."""
        found = self._ask(f"SELECT {_COLUMNS} FROM photo WHERE target = ?", target)
        return self._checked(found[0]) if found else None

    def rows(self) -> list[Row]:
        """Every photo that a run has begun, by target."""
        return [self._checked(values) for values in self._ask(f"SELECT {_COLUMNS} FROM photo ORDER BY target")]

    def proposals(self) -> list[tuple[str, str, bool]]:
        """(target, content, True) of every photo whose candidates wait for a person, by target, and (.., .., False) of those that a run
        has begun anew or failed at, whose earlier candidates may still stand."""
        states = "state = 'proposed' FROM photo WHERE state IN ('proposed', 'begun', 'failed') AND content_sha256 IS NOT NULL"
        return [
            (target, content, bool(waits))
            for target, content, waits in self._ask(f"SELECT target, content_sha256, {states} ORDER BY target")
        ]

    def begin(self, target: str, source: Path, source_stamp: str | None, standing: str | None) -> None:
        """The photo is about to be read. standing: sha256 of the picture that an earlier run left in its place, which stays known."""
        self._ask(
            "INSERT INTO photo (target, source, state, source_stamp, output_sha256) VALUES (?, ?, 'begun', ?, ?) ON CONFLICT (target) DO"
            " UPDATE SET source = excluded.source, state = 'begun', source_stamp = excluded.source_stamp,"
            " output_sha256 = excluded.output_sha256, next_sha256 = NULL, error = NULL, exit_code = NULL",
            *(target, str(source.resolve()), source_stamp, standing),
        )

    def writing(
        self, target: str, content_sha256: str, settings_sha256: str, output_sha256: str, scores: str, seconds: float, record: str
    ) -> None:
        """The picture, with this hash, is about to take its place; `record` is what its sidecar will say."""
        self._ask(
            "UPDATE photo SET state = 'writing', content_sha256 = ?, settings_sha256 = ?, next_sha256 = ?, scores = ?, seconds = ?,"
            " record = ? WHERE target = ?",
            *(content_sha256, settings_sha256, output_sha256, scores, seconds, record, target),
        )

    def done(self, target: str, output_stamp: str) -> None:
        """The picture that was being written, and what belongs to it, are in their places."""
        self._ask(
            "UPDATE photo SET state = 'done', output_sha256 = COALESCE(next_sha256, output_sha256), next_sha256 = NULL,"
            " output_stamp = ?, ended = ? WHERE target = ?",
            *(output_stamp, time.time(), target),
        )

    def proposed(self, target: str, content_sha256: str, settings_sha256: str) -> None:
        """The photo's candidates are made, with these settings, and wait for a person."""
        self._ask(
            "UPDATE photo SET state = 'proposed', content_sha256 = ?, settings_sha256 = ?, ended = ? WHERE target = ?",
            *(content_sha256, settings_sha256, time.time(), target),
        )

    def failed(self, target: str, error: str, exit_code: int) -> None:
        """The photo could not be restored; an older picture of it, where there is one, is still ours."""
        self._ask(
            "UPDATE photo SET state = 'failed', error = ?, exit_code = ?, ended = ? WHERE target = ?",
            *(error, exit_code, time.time(), target),
        )

    def not_read(self, target: str, source: Path, reason: str) -> None:
        """A file that looks like a photo is not read: it stands among the failures, without an exit code. What was done before stays."""
        self._ask(
            "INSERT INTO photo (target, source, state, error, exit_code, ended) VALUES (?, ?, 'failed', ?, 0, ?) ON CONFLICT (target) DO"
            " UPDATE SET source = excluded.source, state = 'failed', error = excluded.error, exit_code = 0, ended = excluded.ended"
            " WHERE state IN ('begun', 'failed')",
            *(target, str(source.resolve()), f"not read: it is {reason.removeprefix('is ')}", time.time()),
        )

    def seen_again(self, target: str, source: str, source_stamp: str, output_stamp: str) -> None:
        """Photo and picture are what they were, though they moved or were copied: spare the next run the hashing."""
        self._ask(
            "UPDATE photo SET source = ?, source_stamp = ?, output_stamp = ? WHERE target = ?", source, source_stamp, output_stamp, target
        )

    def _checked(self, values: tuple) -> Row:
        """The row, if it is one: SQLite holds anything in any column, and a bit that a disk turned is not noticed by it."""
        wrong = [name for (name, hint), value in zip(_HINTS.items(), values, strict=True) if not fits(value, hint)]
        if wrong:
            raise JournalError(f"'{self._path}' is damaged (a row's {wrong[0]}): move it away to begin anew")
        return Row(*values)

    def _ask(self, statement: str, *values: object) -> list[tuple]:
        if not self._path.exists():  # SQLite would go on writing into a file that has another name, or none
            raise JournalError(f"'{self.root}' was renamed or removed while this run was at work: run it again, with its new name")
        try:
            with self._turn, self._connection:
                return self._connection.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise JournalError(
                f"'{self._path}' cannot be used ({_words(error)}): free some space, or move it away to begin anew"
            ) from error


@contextmanager
def open_folder_journal(root: Path) -> Iterator[FolderJournal]:
    """The journal of an output folder, made where there is none, for this process alone while the context lasts.

    Raises UsageError where another run is at work in the folder, JournalError where the file is not a journal or cannot be made.
    """
    folder = root / FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / "lock", timeout=0)
        lock.acquire()
    except Timeout as error:
        raise UsageError(f"another run of ttpo is at work in '{root}': wait for it, or choose another -o") from error
    except OSError as error:
        raise JournalError(f"'{folder}' cannot be made ({error.strerror}): choose an -o where you may write") from error
    try:
        connection = _connect(folder / NAME)
        try:
            yield FolderJournal(connection, folder / NAME)
        finally:
            connection.close()
    finally:
        lock.release()


def record_of(row: Row) -> dict[str, Any]:
    """What the sidecar of a photo that is done says. Raises JournalError for a damaged row."""
    try:
        record = json.loads(row.record or "")
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict):
        raise JournalError(f"the journal holds a damaged record of '{row.target}': remove that picture, and run `ttpo restore` again")
    return record


def has_journal(root: Path) -> bool:
    """Whether a run has begun in this output folder."""
    return (root / FOLDER / NAME).is_file()


def read_rows(root: Path) -> list[Row]:
    """The rows of an output folder, also while a run is at work in it. Raises TtpoError where there is no journal."""
    with _reading(root) as journal:
        return journal.rows()


def read_proposed(root: Path) -> list[tuple[str, str, bool]]:
    """(target, sha256 of the content, whether they wait) of photos that may have candidates, by target, also while a run is at work.

    Raises TtpoError where there is no journal.
    """
    with _reading(root) as journal:
        return journal.proposals()


@contextmanager
def _reading(root: Path) -> Iterator[FolderJournal]:
    path = root / FOLDER / NAME
    if not has_journal(root):
        raise TtpoError(f"'{root}' has no journal: `ttpo restore FOLDER -o {root}` makes one")
    connection = _connect(path)
    try:
        yield FolderJournal(connection, path)
    finally:
        connection.close()


def _words(error: Exception) -> str:
    """What SQLite says, which may quote what a damaged file holds."""
    return "".join(letter for letter in str(error) if letter.isprintable() and letter != "\ufffd")[:120]


def _connect(path: Path) -> sqlite3.Connection:
    """The open file with its tables; half-made tables cannot be, since they come in one transaction."""
    connection = sqlite3.connect(path, timeout=30, isolation_level="IMMEDIATE", check_same_thread=False)
    try:
        if not connection.execute("SELECT name FROM sqlite_master").fetchall():
            mark = secrets.token_hex(4)
            connection.executescript(f"BEGIN IMMEDIATE; {_TABLES} INSERT INTO journal VALUES ({_VERSION}, '{mark}'); COMMIT;")
        (version,) = connection.execute("SELECT version FROM journal").fetchone()
    except (sqlite3.Error, TypeError) as error:
        connection.close()
        raise JournalError(f"'{path}' is not a journal of ttpo ({_words(error)}): move it away to begin anew") from error
    if version != _VERSION:
        connection.close()
        raise JournalError(
            f"'{path}' was written by another version of ttpo (format {version}, not {_VERSION}): move it away to begin anew"
        )
    return connection
