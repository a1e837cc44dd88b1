"""The segments of a JPEG file, and what lies behind its end (ITU-T T.81, annex B)."""

import struct
from collections.abc import Iterator

from ttpo_cli.imaging.containers.part import Part

BEHIND = "behind the end"
_SCAN, _END = 0xDA, 0xD9
_ALONE = frozenset((0x01, *range(0xD0, 0xD8)))  # markers without a length
_NAMES = {0xC4: "DHT", 0xC8: "JPG", 0xCC: "DAC", _SCAN: "SOS", 0xDB: "DQT", 0xDD: "DRI", 0xFE: "COM"}
_NAMES |= {0xE0 + index: f"APP{index}" for index in range(16)}


def jpeg_segments(data: bytes) -> Iterator[Part]:
    """Every segment up to the end marker, and last, as BEHIND, the bytes after it where there are any."""
    at = 2
    while at + 2 <= len(data):
        marker = data[at + 1]
        if data[at] != 0xFF:
            return
        if marker == 0xFF or marker in _ALONE:
            at += 1 if marker == 0xFF else 2
            continue
        if marker == _END:
            if data[at + 2 :].strip(b"\0"):
                yield Part(BEHIND, at + 2, data[at + 2 :])
            return
        if at + 4 > len(data):
            return
        (length,) = struct.unpack_from(">H", data, at + 2)
        yield Part(
            _NAMES.get(marker, f"SOF{marker - 0xC0}" if 0xC0 <= marker < 0xD0 else f"FF{marker:02X}"), at, data[at + 4 : at + 2 + length]
        )
        at += 2 + max(length, 2)
        if marker == _SCAN:
            at = _scan_end(data, at)


def _scan_end(data: bytes, at: int) -> int:
    """Where the marker after compressed pixels stands: neither a stuffed byte nor a restart."""
    while (at := data.find(b"\xff", at)) >= 0 and at + 1 < len(data):
        if data[at + 1] != 0 and data[at + 1] not in _ALONE:
            return at
        at += 1
    return len(data)
