"""What of a JPEG or PNG that is cut short or damaged can still be read: the file made whole, and the share of rows that are there."""

import struct
import zlib
from dataclasses import dataclass

import numpy as np
import pyvips

from ttpo_cli.errors import TtpoError
from ttpo_cli.imaging.containers.png import chunk
from ttpo_cli.imaging.decoding_errors import undecodable, wrong_checksum

_END = b"\xff\xd9"
# Bits that a decoder may find where a file ends; rows that come out alike whatever follows are there. None of these is a marker.
_ENDINGS = (b"\x00" * 2048, b"\x55" * 2048, b"\xd6\x2b" * 1024)
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


@dataclass(frozen=True)
class Salvaged:
    """data: a file that decodes without an error, as long as errors are not asked for; rows: the share that is there, None if unknown."""

    data: bytes
    rows: float | None

    @property
    def whole(self) -> bool:
        """Whether nothing of the picture is missing."""
        return self.rows == 1

    def in_words(self) -> str:
        """What is there."""
        if self.rows is None:
            return "damaged within"
        return "without its end, though every row is there" if self.whole else f"cut short: {self.rows:.0%} of its rows are there"


def salvage(data: bytes, format: str) -> Salvaged | None:
    """What can be read of a file that is not sound; None where nothing can, or the format is another."""
    try:
        return {"jpeg": _jpeg, "png": _png}[format](data)
    except (KeyError, struct.error, pyvips.Error, zlib.error, ValueError):
        return None


def open_damaged(data: bytes, kind: str, label: str, wanted: bool) -> tuple[pyvips.Image, tuple[str, ...]]:
    """The picture as far as it is there, not decoded yet, and a note.

    wanted: whether less than all is wanted. Raises TtpoError where too little is there, or less than all and it is not wanted.
    """
    found = salvage(data, kind)
    refusal = undecodable(label, data, kind)
    if found is None or (found.rows == 0 and not wanted):
        raise refusal
    if not found.whole and not wanted:
        left = "" if found.rows is None else f", {found.rows:.0%} of its rows are there"
        raise TtpoError(f"{refusal}; --damaged reads what is left{left}")
    return pyvips.Image.new_from_buffer(found.data, "", access="sequential", fail_on="none"), (f"the file is {found.in_words()}",)


def _jpeg(data: bytes) -> Salvaged | None:
    """A JPEG without its end is decoded with several endings: where the pictures differ, its rows are missing."""
    end = data.rfind(_END)
    if end >= 0 and end > data.rfind(b"\xff\xda"):
        return Salvaged(data, None)
    start = data.rstrip(b"\xff")
    if b"\xff\xda" not in start:
        return None
    pictures = [_decoded(start + ending + _END) for ending in _ENDINGS]
    if pictures[0].size == 0:
        return None
    differ = np.zeros(len(pictures[0]), bool)
    for other in pictures[1:]:
        differ |= (other != pictures[0]).reshape(len(differ), -1).any(axis=1)
    rows = float(np.argmax(differ)) / len(differ) if differ.any() else 1.0
    return Salvaged(start + _END, rows if _all_scans(start) else 0.0)


def _decoded(data: bytes) -> np.ndarray:
    return pyvips.Image.new_from_buffer(data, "", access="sequential", fail_on="none").numpy()


def _all_scans(data: bytes) -> bool:
    """Whether a progressive file has begun the last scan of every coefficient (ITU-T T.81, annex G); true of any other file."""
    missing: dict[int, set[int]] = {}
    at = 2
    while 0 <= at < len(data) - 4:
        marker, length = data[at + 1], struct.unpack_from(">H", data, at + 2)[0]
        if marker == 0xC2:
            missing = {data[at + 10 + 3 * index]: set(range(64)) for index in range(data[at + 9])}
        if marker == 0xDA:
            count = data[at + 4]
            first, last, approximation = data[at + 5 + 2 * count : at + 8 + 2 * count]
            for index in range(count if approximation & 15 == 0 else 0):
                missing.get(data[at + 5 + 2 * index], set()).difference_update(range(first, last + 1))
        at = _next_marker(data, at + 2 + length)
    return not any(missing.values())


def _next_marker(data: bytes, at: int) -> int:
    """Where the next marker segment begins: neither a stuffed byte, nor a restart, nor a fill byte. -1: nowhere."""
    while (at := data.find(b"\xff", at)) >= 0 and at + 1 < len(data):
        if data[at + 1] not in (0, 0xFF, *range(0xD0, 0xD8)):
            return at
        at += 1
    return -1


def _png(data: bytes) -> Salvaged | None:
    """A PNG that is not interlaced: as many rows as its compressed data gives, and black ones behind them."""
    width, height, depth, colour, _, _, interlaced = struct.unpack_from(">IIBBBBB", data, 16)
    if interlaced or colour not in _CHANNELS:
        return None
    row = 1 + -(-width * depth * _CHANNELS[colour] // 8)
    chunks, compressed = _chunks(data)
    found = _inflated(compressed, row * height)
    rows = len(found) // row
    if not rows:
        return None
    pixels = found[: rows * row] + bytes(row * (height - rows))
    whole = data[:8] + b"".join(chunk(kind, content) for kind, content in [*chunks, (b"IDAT", zlib.compress(pixels, 1)), (b"IEND", b"")])
    return Salvaged(whole, None if wrong_checksum(data) else rows / height)


def _chunks(data: bytes) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """(every whole chunk before the pixels, the compressed pixels as far as they go)."""
    before: list[tuple[bytes, bytes]] = []
    compressed, at = b"", 8
    while at + 8 <= len(data):
        (length,), kind = struct.unpack_from(">I", data, at), data[at + 4 : at + 8]
        content = data[at + 8 : at + 8 + length]
        if kind == b"IDAT":
            compressed += content
        elif not compressed and len(content) == length:
            before.append((kind, content))
        at += 12 + length
    return before, compressed


def _inflated(compressed: bytes, most: int) -> bytes:
    """What a damaged stream gives before the damage."""
    stream, found = zlib.decompressobj(), bytearray()
    for at in range(0, len(compressed), 256):
        try:
            found += stream.decompress(compressed[at : at + 256])
        except zlib.error:
            break
        if len(found) >= most:
            break
    return bytes(found[:most])
