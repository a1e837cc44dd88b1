"""Which photos of a folder --include and --exclude mean: shell patterns, compared without regard to case."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePath


@dataclass(frozen=True)
class Globs:
    """include: a photo must match one of them (none: all do). exclude: a photo that matches one is left out, whatever includes it.

    A pattern without a slash is compared with the file's name and with the name of each folder on the way to it; one with a slash, with
    the whole path inside the folder that was given. `*` stands for any characters, slashes among them.
    """

    include: Sequence[str] = ()
    exclude: Sequence[str] = ()

    def choose(self, inside: PurePath) -> bool:
        """Whether the photo at this path, relative to the folder that was given, takes part."""
        return (not self.include or _any_matches(inside, self.include)) and not _any_matches(inside, self.exclude)


EVERY = Globs()


def _any_matches(inside: PurePath, patterns: Sequence[str]) -> bool:
    whole, parts = inside.as_posix().lower(), [part.lower() for part in inside.parts]
    for pattern in (entry.lower() for entry in patterns):
        if "/" in pattern:
            if fnmatchcase(whole, pattern.removeprefix("./")):
                return True
        elif any(fnmatchcase(part, pattern) for part in parts):
            return True
    return False
