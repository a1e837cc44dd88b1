"""The boxes of AVIF and of JPEG 2000 (ISO/IEC 14496-12, 4.2; ISO/IEC 15444-1, annex I)."""

import struct
from collections.abc import Iterator

from ttpo_cli.imaging.containers.part import Part

_HOLD_BOXES = {"meta": 4, "iprp": 0, "ipco": 0, "jp2h": 0}  # and the bytes before the first box within
_DEEPEST = 6


def boxes(data: bytes, start: int = 0, end: int | None = None, depth: int = 0) -> Iterator[Part]:
    """Every box, those within others after the one that holds them."""
    end = len(data) if end is None else end
    at = start
    while at + 8 <= end:
        (length,), name, head = struct.unpack_from(">I", data, at), data[at + 4 : at + 8].decode("latin-1"), 8
        if length == 1 and at + 16 <= end:
            (length,), head = struct.unpack_from(">Q", data, at + 8), 16
        length = end - at if length == 0 else length
        if length < head or at + length > end:
            return
        yield Part(name, at, data[at + head : at + length])
        if name in _HOLD_BOXES and depth < _DEEPEST:
            yield from boxes(data, at + head + _HOLD_BOXES[name], at + length, depth + 1)
        at += length
