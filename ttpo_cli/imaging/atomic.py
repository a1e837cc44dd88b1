"""Files written whole or not at all, and only where they may be."""

import errno
import os
import secrets
from pathlib import Path

from ttpo_cli.errors import TtpoError

_REMEDIES = {
    errno.ENOENT: "its folder was renamed or removed meanwhile, name it as it is called now",
    errno.ENAMETOOLONG: "choose a shorter name with -o",
    errno.ENOSPC: "free some space, or choose another disk",
    errno.EDQUOT: "free some space of your quota, or choose another disk",
    errno.EROFS: "choose a folder on a disk that can be written",
    errno.EACCES: "choose a folder that you may write to",
    errno.EPERM: "choose a folder that you may write to",
    errno.EIO: "check the disk, and choose another one meanwhile",
}


def check_target(path: Path, *, source: Path | None = None, overwrite: bool = False) -> None:
    """Refuse a place that must not or cannot be written, before any work is done for it. Raises TtpoError."""
    try:
        if path.is_dir():
            raise TtpoError(f"'{path}' is a folder: give the name of a file in it")
        if source is not None and path.exists() and source.exists() and path.samefile(source):
            raise TtpoError(f"'{path}' is the source itself, which is never overwritten: choose another name")
        if os.path.lexists(path) and not overwrite:
            raise TtpoError(f"'{path}' exists already: choose another name, or allow overwriting")
        folder = next(parent for parent in path.absolute().parents if parent.exists())
        if not folder.is_dir():
            raise TtpoError(f"'{path}' cannot be written: '{folder}' is not a folder; choose another place")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise TtpoError(f"'{path}' cannot be written: no permission to write in '{folder}'; choose another folder")
    except OSError as error:
        raise _unwritable(path, error) from error


def atomic_write(path: Path, data: bytes, overwrite: bool = False, mark: str = "", root: Path | None = None) -> Path:
    """Write a file whole or not at all: a temporary file in the same folder, flushed to disk, then renamed. Missing folders are made.

    mark: a word for the temporary file's name, by which what a killed process left can be found.
    root: a folder that is there since the work began. Only folders below it are made: where somebody renames it meanwhile, it is not made
    again under its old name.
    Raises TtpoError where it exists and `overwrite` is not given, or where the system refuses; nothing is left behind then.
    """
    check_target(path, overwrite=overwrite)
    temporary = path.with_name(f".ttpo-{f'{mark}-' if mark else ''}{secrets.token_hex(8)}.part")
    try:
        _make_folder(path.parent, root)
        with temporary.open("xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)
    return path


def _make_folder(folder: Path, root: Path | None) -> None:
    """The folder and those that lead to it, as far as they lie below the root. Raises FileNotFoundError where the root is gone."""
    if root is None or not folder.is_relative_to(root):
        folder.mkdir(parents=True, exist_ok=True)
        return
    for part in reversed([folder, *folder.parents]):
        if part.is_relative_to(root) and part != root:
            part.mkdir(exist_ok=True)


def _unwritable(path: Path, error: OSError) -> TtpoError:
    remedy = _REMEDIES.get(error.errno or 0, "free some space, or choose a folder that can be written")
    return TtpoError(f"'{path}' cannot be written ({error.strerror}): {remedy}")
