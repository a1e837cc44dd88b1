"""The chunks of a WebP file (RFC 9649, 2.3)."""

import struct
from collections.abc import Iterator

from ttpo_cli.imaging.containers.part import Part


def webp_chunks(data: bytes) -> Iterator[Part]:
    """Every chunk that lies within the file."""
    at = 12
    while at + 8 <= len(data):
        name, (length,) = data[at : at + 4], struct.unpack_from("<I", data, at + 4)
        if at + 8 + length > len(data):
            return
        yield Part(name.decode("latin-1"), at, data[at + 8 : at + 8 + length])
        at += 8 + length + length % 2
