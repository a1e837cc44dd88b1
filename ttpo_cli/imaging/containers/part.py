"""One piece of a file, as its format divides it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """name: as its format calls it; start: its offset in the file; data: its content, without head and checksum."""

    name: str
    start: int
    data: bytes
