"""Records of a long run, one JSON line each, so that an interrupted run goes on where it stopped (jsonlines.org)."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ttpo_cli.errors import TtpoError, UsageError


def open_journal(path: Path, settings: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The records of an earlier run, by name; a new journal begins with `settings`, and an old one must have begun with the same.

    A last line cut short by a kill is dropped from the file. Raises UsageError where the settings differ or the file is not a journal.
    """
    wanted = json.loads(json.dumps(settings))
    try:
        lines = path.read_text("utf-8").splitlines(keepends=True) if path.exists() else []
        whole = [line for line in lines if line.endswith("\n")]
        entries = [json.loads(line) for line in whole]
        if not entries:
            path.write_text(json.dumps({"settings": wanted}, ensure_ascii=False) + "\n", "utf-8")
            return {}
        if len(whole) < len(lines):
            path.write_text("".join(whole), "utf-8")
    except OSError as error:
        raise TtpoError(f"--resume '{path}' cannot be used ({error.strerror}): give a file in a folder you may write to") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"--resume '{path}' is not a journal of an evaluation: give another file name") from error
    _compare(path, entries[0], wanted)
    if not all(isinstance(entry, dict) and isinstance(entry.get("name"), str) for entry in entries[1:]):
        raise UsageError(f"--resume '{path}' holds a line that is no record: take it out, or give another file name")
    return {entry["name"]: entry for entry in entries[1:]}


def append_record(path: Path, record: Mapping[str, Any]) -> None:
    """Add one record. It must be JSON as it is."""
    with path.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n")


def _compare(path: Path, first: Any, wanted: dict[str, Any]) -> None:
    if not isinstance(first, dict) or not isinstance(first.get("settings"), dict):
        raise UsageError(f"--resume '{path}' is not a journal of an evaluation: give another file name")
    before = first["settings"]
    changed = sorted(name for name in before.keys() | wanted.keys() if before.get(name) != wanted.get(name))
    if changed:
        raise UsageError(f"--resume '{path}' was begun with other settings ({', '.join(changed)}): repeat them, or give another file")
