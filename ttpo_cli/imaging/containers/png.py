"""The chunks of a PNG file (PNG, third edition, 5 and 11)."""

import struct
import zlib
from collections.abc import Iterator, Sequence

from ttpo_cli.imaging.containers.part import Part

HEADER_END = 33  # signature 8, then IHDR 25


def png_chunks(data: bytes) -> Iterator[Part]:
    """Every chunk that lies within the file, up to the last one, whatever its checksum."""
    at = 8
    while at + 8 <= len(data):
        (length,), name = struct.unpack_from(">I", data, at), data[at + 4 : at + 8]
        if at + 8 + length > len(data):
            return
        yield Part(name.decode("latin-1"), at, data[at + 8 : at + 8 + length])
        if name == b"IEND":
            return
        at += 12 + length


def with_chunks(encoded: bytes, chunks: Sequence[tuple[str, bytes]]) -> bytes:
    """The PNG with further chunks, after IHDR and before all others."""
    return encoded[:HEADER_END] + b"".join(chunk(name.encode("latin-1"), content) for name, content in chunks) + encoded[HEADER_END:]


def chunk(name: bytes, content: bytes) -> bytes:
    """A chunk with its length and checksum."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def inflated(compressed: bytes, most: int) -> bytes | None:
    """What a zlib stream holds; None where it is damaged or holds more than `most` bytes."""
    stream = zlib.decompressobj()
    try:
        content = stream.decompress(compressed, most)
        return content if stream.eof else None
    except zlib.error:
        return None
