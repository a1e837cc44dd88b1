"""The first directory of a TIFF file: its tags as numbers or bytes, and where each value lies (TIFF 6.0, section 2; BigTIFF)."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass

_TYPES = {1: "B", 2: "B", 3: "H", 4: "I", 6: "b", 7: "B", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I", 16: "Q", 17: "q", 18: "Q"}
_RATIONAL = (5, 10)
_MOST_ENTRIES, _LONGEST_VALUE = 4096, 2**26

COMPRESSIONS = {
    1: "no",
    2: "CCITT",
    3: "CCITT",
    4: "CCITT",
    5: "LZW",
    6: "old JPEG",
    7: "JPEG",
    8: "Deflate",
    32773: "PackBits",
    32946: "Deflate",
    33003: "JPEG 2000",
    33005: "JPEG 2000",
    34712: "JPEG 2000",
    34887: "LERC",
    34925: "LZMA",
    50000: "ZSTD",
    50001: "WebP",
    50002: "JPEG XL",
    52546: "JPEG XL",
}


@dataclass(frozen=True)
class Directory:
    """order: `<` or `>`; values: tag -> its numbers (bytes as numbers); places: tag -> offset of its value in the file."""

    order: str
    values: Mapping[int, tuple[int | float, ...]]
    places: Mapping[int, int]

    def number(self, tag: int, default: int) -> int:
        """A tag's first number."""
        return int(self.values[tag][0]) if self.values.get(tag) else default

    def blob(self, tag: int) -> bytes | None:
        """A tag's bytes, None where there are none."""
        found = self.values.get(tag)
        return bytes(int(value) & 0xFF for value in found) if found else None

    @property
    def compression(self) -> str:
        """In words."""
        number = self.number(259, 1)
        return COMPRESSIONS.get(number, f"unknown ({number})")


def read_directory(data: bytes) -> Directory | None:
    """The first directory; None where the file is damaged there."""
    order, big = ("<" if data[:1] == b"I" else ">"), data[2:4] in (b"+\0", b"\0+")
    try:
        (start,) = struct.unpack_from(f"{order}{'Q' if big else 'I'}", data, 8 if big else 4)
        (count,) = struct.unpack_from(f"{order}{'Q' if big else 'H'}", data, start)
        first, step = (start + 8, 20) if big else (start + 2, 12)
        entries = [_entry(data, first + index * step, order, big) for index in range(min(count, _MOST_ENTRIES))]
    except (struct.error, OverflowError):
        return None
    known = [entry for entry in entries if entry is not None]
    return Directory(order=order, values={tag: values for tag, values, _ in known}, places={tag: place for tag, _, place in known})


def _entry(data: bytes, at: int, order: str, big: bool) -> tuple[int, tuple[int | float, ...], int] | None:
    """(tag, values, where they lie); None for a type or a length that is not to be read. Raises struct.error beyond the end."""
    tag, kind = struct.unpack_from(f"{order}HH", data, at)
    (count,) = struct.unpack_from(f"{order}{'Q' if big else 'I'}", data, at + 4)
    letter = "I" if kind in _RATIONAL else _TYPES.get(kind)
    if letter is None or count > _LONGEST_VALUE:
        return None
    numbers = 2 * count if kind in _RATIONAL else count
    size = numbers * struct.calcsize(f"={letter}")
    place = at + (12 if big else 8)
    if size > (8 if big else 4):
        (place,) = struct.unpack_from(f"{order}{'Q' if big else 'I'}", data, place)
    return tag, struct.unpack_from(f"{order}{numbers}{letter}", data, place), place
