"""Where the parts of a file begin, and the numbers in it that state lengths and sizes: what a structure-aware damage aims at."""

import re
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NamedTuple

_JPEG_BARE = {0x01, *range(0xD0, 0xDA)}
_BOXES_OF_BOXES = {b"meta": 12, b"iprp": 8, b"ipco": 8, b"jp2h": 8}
_NUMBER = re.compile(rb"-?\d+(\.\d+)?(e[+-]?\d+)?")


class Number(NamedTuple):
    """A number in a file: bytes at `at`, `form` as struct has it; size: whether it states a side of the picture."""

    at: int
    form: str
    size: bool = False


def pieces(data: bytes, name: str) -> list[int]:
    """The offsets at which the parts of a file begin, 0 and its length among them. Parts of a rare kind are a sixteenth each."""
    found = set(_places(data, name)[0])
    if len(found) < 3:
        found |= {len(data) * part // 16 for part in range(17)}
    return sorted(place for place in found | {0, len(data)} if 0 <= place <= len(data))


def numbers(data: bytes, name: str) -> list[Number]:
    """The numbers of a binary file that its reader trusts."""
    return [number for number in _places(data, name)[1] if number.at + struct.calcsize(number.form) <= len(data)]


def texts(data: bytes) -> list[tuple[int, int]]:
    """Where numbers are written in digits: (start, end)."""
    return [found.span() for found in _NUMBER.finditer(data)]


def is_text(data: bytes) -> bool:
    """Whether a file is read by people too."""
    return b"\0" not in data[:256]


def _places(data: bytes, name: str) -> tuple[list[int], list[Number]]:
    reader = next((read for start, read in _READERS if data[start[0] :].startswith(start[1])), None)
    if reader is None and name.endswith(".safetensors"):
        reader = _safetensors
    if reader is None and is_text(data):
        return [found.end() for found in re.finditer(rb"[\n,:{\[]", data)], []
    if reader is None:
        return [], []
    found: list[int | Number] = []
    with suppress(struct.error, IndexError):  # of a file that is damaged already, the parts up to there
        found.extend(reader(data))
    return [place for place in found if isinstance(place, int)], [place for place in found if isinstance(place, Number)]


def _jpeg(data: bytes) -> Iterator[int | Number]:
    at = 2
    while 0 <= at < len(data) - 4:
        marker = data[at + 1]
        yield at
        if marker in _JPEG_BARE:
            at += 2
        else:
            yield Number(at + 2, ">H")
            if marker in (0xC0, 0xC1, 0xC2):
                yield from (Number(at + 5, ">H", True), Number(at + 7, ">H", True), Number(at + 9, "B"), Number(at + 11, "B"))
            at += 2 + struct.unpack_from(">H", data, at + 2)[0]
        at = data.find(b"\xff", at)
        while 0 <= at < len(data) - 1 and data[at + 1] in (0, 0xFF):
            at = data.find(b"\xff", at + 2)


def _png(data: bytes) -> Iterator[int | Number]:
    at = 8
    yield from (Number(16, ">I", True), Number(20, ">I", True), Number(24, "B"), Number(25, "B"), Number(28, "B"))
    while at + 8 <= len(data):
        yield at
        yield Number(at, ">I")
        at += 12 + struct.unpack_from(">I", data, at)[0]


def _tiff(data: bytes) -> Iterator[int | Number]:
    order, big = "<" if data[:2] == b"II" else ">", data[2:4] in (b"+\0", b"\0+")
    place = Number(8 if big else 4, order + ("Q" if big else "I"))
    yield place
    at = struct.unpack_from(place.form, data, place.at)[0]
    counter, length = (order + "Q", 20) if big else (order + "H", 12)
    yield at
    yield Number(at, counter)
    if at + struct.calcsize(counter) > len(data):
        return
    for index in range(min(struct.unpack_from(counter, data, at)[0], 60)):
        entry = at + struct.calcsize(counter) + index * length
        if entry + length > len(data):
            return
        (tag,) = struct.unpack_from(order + "H", data, entry)
        yield entry
        wide = order + ("Q" if big else "I")
        yield from (Number(entry, order + "H"), Number(entry + 2, order + "H"), Number(entry + 4, wide))
        yield Number(entry + (12 if big else 8), wide, tag in (256, 257, 278, 322, 323))


def _riff(data: bytes) -> Iterator[int | Number]:
    yield Number(4, "<I")
    at = 12
    while at + 8 <= len(data):
        yield at
        yield Number(at + 4, "<I")
        if data[at : at + 4] == b"VP8 ":
            yield from (Number(at + 14, "<H", True), Number(at + 16, "<H", True))
        if data[at : at + 4] in (b"VP8L", b"VP8X"):
            yield from (Number(at + 9, "<I", True), Number(at + 12, "<I", True))
        length = struct.unpack_from("<I", data, at + 4)[0]
        at += 8 + length + length % 2


def _gif(data: bytes) -> Iterator[int | Number]:
    yield from (Number(6, "<H", True), Number(8, "<H", True), Number(10, "B"))
    for found in re.finditer(rb"\x2c|\x21[\xf9\xfe\xff]", data):
        yield found.start()
        yield from (Number(found.start() + 5, "<H", True), Number(found.start() + 7, "<H", True), Number(found.start() + 2, "B"))


def _bmp(data: bytes) -> Iterator[int | Number]:
    yield from (Number(at, "<I") for at in (2, 10, 14, 30, 34, 46))
    yield from (Number(18, "<I", True), Number(22, "<I", True), Number(26, "<H"), Number(28, "<H"))
    yield from (14, 54, len(data) // 2)


def _boxes(data: bytes, at: int = 0, end: int | None = None) -> Iterator[int | Number]:
    end = len(data) if end is None else end
    while at + 8 <= end:
        length, kind = struct.unpack_from(">I", data, at)[0], data[at + 4 : at + 8]
        yield at
        yield Number(at, ">I")
        if kind in (b"ihdr", b"ispe"):
            first = at + (8 if kind == b"ihdr" else 12)
            yield from (Number(first, ">I", True), Number(first + 4, ">I", True))
        if kind == b"jp2c":
            yield from _codestream(data, at + 8)
        if kind in _BOXES_OF_BOXES:
            yield from _boxes(data, at + _BOXES_OF_BOXES[kind], min(at + length, end))
        at += length if length >= 8 else end


def _codestream(data: bytes, at: int = 0) -> Iterator[int | Number]:
    at += 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0x93:
        yield at
        yield Number(at + 2, ">H")
        if data[at + 1] == 0x51:
            yield from (Number(at + 6 + 4 * index, ">I", True) for index in range(8))
            yield Number(at + 38, ">H")
        at += 2 + struct.unpack_from(">H", data, at + 2)[0]


def _zip(data: bytes) -> Iterator[int | Number]:
    for found in re.finditer(rb"PK(\x01\x02|\x03\x04|\x05\x06)", data):
        yield found.start()
        yield from (Number(found.start() + at, "<I") for at in (12, 18, 20, 22, 24, 42))


def _safetensors(data: bytes) -> Iterator[int | Number]:
    yield Number(0, "<Q")
    length = struct.unpack_from("<Q", data, 0)[0]
    yield from (8, 8 + length)
    yield from (found.end() for found in re.finditer(rb"[,:\[]", data[: 8 + length]))


def _sqlite(data: bytes) -> Iterator[int | Number]:
    yield from range(0, len(data), 4096)
    yield from (Number(16, ">H"), Number(18, "B"), Number(19, "B"), Number(28, ">I"), Number(44, ">I"), Number(56, ">I"), Number(103, ">H"))


_READERS: tuple[tuple[tuple[int, bytes], Callable[[bytes], Iterator[int | Number]]], ...] = (
    ((0, b"\xff\xd8\xff"), _jpeg),
    ((0, b"\x89PNG"), _png),
    ((0, b"II*\0"), _tiff),
    ((0, b"MM\0*"), _tiff),
    ((0, b"II+\0"), _tiff),
    ((0, b"RIFF"), _riff),
    ((0, b"GIF8"), _gif),
    ((0, b"BM"), _bmp),
    ((4, b"jP  "), _boxes),
    ((4, b"ftyp"), _boxes),
    ((0, b"\xff\x4f\xff\x51"), _codestream),
    ((0, b"PK"), _zip),
    ((0, b"SQLite"), _sqlite),
)
