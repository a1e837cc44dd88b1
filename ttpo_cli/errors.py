"""What a user can repair: every error `ttpo` reports in one line, with its exit code."""

import difflib
from collections.abc import Iterable


class TtpoError(Exception):
    """Something the user can repair. The message says what is wrong with the values, then what to do."""

    exit_code = 1


class UsageError(TtpoError):
    """Invalid arguments or an invalid configuration."""

    exit_code = 2


class WeightsError(TtpoError):
    """A weight file that is missing, unreadable, of an unknown architecture, or not to be trusted."""

    exit_code = 3


class MemoryExhausted(TtpoError):
    """Out of memory even at the smallest tile."""

    exit_code = 4


class GuardRejected(TtpoError):
    """With --strict: no result but the restored image passed the fidelity guard."""

    exit_code = 5


MANY = 30
_LONGEST_VALUE = 80


def shown(value: object) -> str:
    """A value out of a file, for a message: as Python writes it, at most 80 letters of it."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a whole number of thousands of digits, a list in a list in a list
        return f"a value of type {type(value).__name__} that is too large to be shown"
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 3]}..."


def unknown_name(kind: str, name: str, known: Iterable[str], listed_by: str = "ttpo models list") -> UsageError:
    """The error for an unknown name: the nearest names first, then all of them, or how many where that would fill a screen.

    listed_by: the command that shows them all.
    A tool's own candidates are compared without regard to case, since `--backbone SwinIR` and `swinir` mean the same.
    """
    names = sorted(known)
    by_lower = {entry.lower(): entry for entry in names}
    near = [by_lower[match] for match in difflib.get_close_matches(name.lower(), by_lower, n=3, cutoff=0.5)]
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    listed = ", ".join(names) if len(names) <= MANY else f"{len(names)} names, which `{listed_by}` shows"
    asked = name if len(name) <= _LONGEST_VALUE else f"{name[: _LONGEST_VALUE - 3]}..."
    return UsageError(f"unknown {kind} '{asked}': {hint}known: {listed}")
