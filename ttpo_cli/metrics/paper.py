"""The metrics that select in the paper (arXiv 2511.19169), under one name: MUSIQ, MANIQA and Q-Align, the last in three precisions."""

from collections.abc import Iterable

PANELS = {
    "paper": ("musiq", "maniqa", "qalign"),
    "paper-8bit": ("musiq", "maniqa", "qalign_8bit"),
    "paper-4bit": ("musiq", "maniqa", "qalign_4bit"),
}


def with_panels(names: Iterable[str]) -> tuple[str, ...]:
    """The names, each panel's in its place, none twice."""
    return tuple(dict.fromkeys(member for name in names for member in PANELS.get(name, (name,))))
