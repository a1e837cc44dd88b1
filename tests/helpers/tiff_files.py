"""TIFF files of any kind, written tag by tag without a library."""

import struct

import numpy as np

_LETTERS = {1: "B", 3: "H", 4: "I", 7: "B"}


def tiff(pieces, tags, order="<"):
    """A file of these strips or tiles. tags: tag -> (type, numbers); the pieces' places and lengths are filled in."""
    tiled = 322 in tags
    places = [8 + sum(map(len, pieces[:index])) for index in range(len(pieces))]
    tags = {**tags, (324 if tiled else 273): (4, places), (325 if tiled else 279): (4, [len(piece) for piece in pieces])}
    body = b"".join(pieces)
    body += b"\0" * (len(body) % 2)
    start = 8 + len(body)
    beyond = start + 2 + 12 * len(tags) + 4
    entries, values = b"", b""
    for tag, (kind, numbers) in sorted(tags.items()):
        packed = struct.pack(f"{order}{len(numbers)}{_LETTERS[kind]}", *numbers)
        if len(packed) > 4:
            packed, values = struct.pack(f"{order}I", beyond + len(values)), values + packed + b"\0" * (len(packed) % 2)
        entries += struct.pack(f"{order}HHI", tag, kind, len(numbers)) + packed.ljust(4, b"\0")
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", start)
    return head + body + struct.pack(f"{order}H", len(tags)) + entries + b"\0" * 4 + values


def plain_tags(samples, bits=None, photometric=2, sample_format=1, compression=1):
    """The tags of (H, W, bands) in one strip."""
    height, width, bands = samples.shape
    return {
        256: (4, [width]),
        257: (4, [height]),
        258: (3, [bits or 8 * samples.itemsize] * bands),
        259: (3, [compression]),
        262: (3, [photometric]),
        277: (3, [bands]),
        278: (4, [height]),
        339: (3, [sample_format] * bands),
    }


def packed(samples, bits):
    """(H, W, bands) of unsigned integers, `bits` each without gaps, each row on whole bytes."""
    flat = samples.reshape(len(samples), -1).astype(np.uint64)
    digits = (flat[..., None] >> np.arange(bits - 1, -1, -1, dtype=np.uint64)) & np.uint64(1)
    return np.packbits(digits.reshape(len(samples), -1).astype(np.uint8), axis=1).tobytes()
