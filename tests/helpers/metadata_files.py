"""PNG and JPEG files with pieces of one's own: chunks, segments, multi-picture indexes, IPTC datasets."""

import io
import struct
import zlib
from collections.abc import Sequence

import numpy as np
from PIL import Image

SAMPLES = np.random.default_rng(5).integers(0, 256, (24, 32, 3), dtype=np.uint8)


def _saved(samples: np.ndarray, format: str, **options) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(samples).save(stream, format, **options)
    return stream.getvalue()


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png_with(*chunks: tuple[bytes, bytes], samples: np.ndarray = SAMPLES, behind_pixels: bool = False) -> bytes:
    """A PNG with further chunks after its header, or before its end."""
    plain = _saved(samples, "PNG")
    at = plain.index(b"IEND") - 4 if behind_pixels else 33
    return plain[:at] + b"".join(chunk(*each) for each in chunks) + plain[at:]


def png16_with(samples: np.ndarray, *chunks: tuple[bytes, bytes]) -> bytes:
    """A 16-bit PNG of (H, W, 3) or (H, W)."""
    grey = samples.ndim == 2
    header = struct.pack(">IIBBBBB", samples.shape[1], samples.shape[0], 16, 0 if grey else 2, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    every = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in every)


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def jpeg_with(*segments: tuple[int, bytes], samples: np.ndarray = SAMPLES, behind: bytes = b"", **options) -> bytes:
    """A JPEG with further segments after its start, and bytes behind its end."""
    plain = _saved(samples, "JPEG", quality=90, **options)
    return plain[:2] + b"".join(segment(*each) for each in segments) + plain[2:] + behind


def with_index(first: bytes, *pictures: bytes, types: Sequence[int] = ()) -> bytes:
    """A multi-picture file: an APP2 index in the first JPEG, the others behind it."""
    count = 1 + len(pictures)
    size = 4 + 4 + 8 + 2 + 3 * 12 + 4 + 16 * count  # segment head, marker, header, directory, entries
    total, base = len(first) + size, 2 + 8
    entries, at = struct.pack("<IIIHH", 0x030000, total, 0, 0, 0), total
    for index, picture in enumerate(pictures):
        entries += struct.pack("<IIIHH", types[index] if types else 0, len(picture), at - base, 0, 0)
        at += len(picture)
    directory = struct.pack("<H", 3) + struct.pack("<HHI4s", 0xB000, 7, 4, b"0100") + struct.pack("<HHII", 0xB001, 4, 1, count)
    directory += struct.pack("<HHII", 0xB002, 7, 16 * count, 8 + 2 + 36 + 4) + bytes(4)
    block = b"MPF\0" + b"II*\0" + struct.pack("<I", 8) + directory + entries
    return first[:2] + segment(0xE2, block) + first[2:] + b"".join(pictures)


def dataset(record: int, number: int, content: bytes) -> bytes:
    """One of IPTC-IIM, as an extended one where it is long."""
    if len(content) < 0x8000:
        return struct.pack(">BBBH", 0x1C, record, number, len(content)) + content
    return struct.pack(">BBBHI", 0x1C, record, number, 0x8004, len(content)) + content


def resource(number: int, content: bytes, name: bytes = b"") -> bytes:
    padded = bytes((len(name),)) + name + bytes((len(name) + 1) % 2)
    return b"8BIM" + struct.pack(">H", number) + padded + struct.pack(">I", len(content)) + content + bytes(len(content) % 2)


CAPTION = dataset(2, 120, "Anna an der Größe".encode()) + dataset(2, 25, b"holiday") + dataset(2, 25, b"Roma")
