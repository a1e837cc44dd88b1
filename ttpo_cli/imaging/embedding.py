"""EXIF, IPTC and texts put into an encoded photo byte for byte: segments of JPEG, chunks of PNG and WebP, directories of TIFF.

libvips would send EXIF through libexif, which drops tags it does not know, and writes none into TIFF.
"""

import struct
from collections.abc import Callable

from ttpo_cli.imaging.containers.png import with_chunks
from ttpo_cli.imaging.exif import Directory, Entry, append_directory, in_byte_order, read_exif
from ttpo_cli.imaging.metadata.carried import Metadata
from ttpo_cli.imaging.metadata.extended_xmp import xmp_payloads
from ttpo_cli.imaging.metadata.iptc import IPTC_TAG, app13
from ttpo_cli.imaging.metadata.text import comments, png_chunks_of

# Tags of a TIFF's first directory that describe the photo and not how its pixels are stored: document, description, make, model, page,
# software, date, artist, computer, copyright, rating, and Windows' title, comment, author, keywords, subject.
DESCRIPTIVE_TAGS = frozenset({269, 270, 271, 272, 285, 305, 306, 315, 316, 33432, 0x4746, 0x4749, *range(0x9C9B, 0x9CA0)})
JPEG_SEGMENT = 65533  # bytes of payload that one JPEG segment holds
_UNDEFINED = 7
EXIF_MARKER = b"Exif\0\0"


def jpeg_header(encoded: bytes, metadata: Metadata, resolution: tuple[float, float]) -> bytes:
    """A bare JPEG with the segments that open a file: JFIF with the resolution (pixels a millimetre), EXIF, XMP, IPTC, comments.

    Raises ValueError where a piece is longer than a segment.
    """
    density = [min(round(value * 25.4), 65535) for value in resolution]
    segments = [(0xE0, b"JFIF\0" + struct.pack(">HBHHBB", 0x0101, 1, *density, 0, 0))]
    if metadata.exif is not None:
        segments.append((0xE1, EXIF_MARKER + metadata.exif))
    segments += [(0xE1, payload) for payload in (() if metadata.xmp is None else xmp_payloads(metadata.xmp) or ())]
    segments += [(0xED, payload) for payload in (() if metadata.iptc is None else app13(metadata.iptc))]
    segments += [(0xFE, comment) for comment in comments(metadata.text)]
    if any(len(payload) > JPEG_SEGMENT for _, payload in segments):
        raise ValueError(f"a JPEG segment holds {JPEG_SEGMENT} bytes")
    packed = (struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload for marker, payload in segments)
    return encoded[:2] + b"".join(packed) + encoded[2:]


def _embed_in_png(encoded: bytes, metadata: Metadata) -> bytes:
    """An eXIf chunk after IHDR (PNG third edition, 11.3.4.6), colours by numbers, and texts."""
    chunks = [] if metadata.exif is None else [("eXIf", metadata.exif)]
    return with_chunks(encoded, [*metadata.colour_chunks, *chunks, *png_chunks_of(metadata.text)])


def _embed_in_webp(encoded: bytes, metadata: Metadata) -> bytes:
    """An EXIF chunk at the end, and its flag in the VP8X chunk at the start (RFC 9649, 2.7)."""
    exif = metadata.exif
    if exif is None:
        return encoded
    chunks = bytearray(encoded[12:] if encoded[12:16] == b"VP8X" else _extended_header(encoded) + encoded[12:])
    chunks[8] |= 0b1000
    chunks += b"EXIF" + struct.pack("<I", len(exif)) + exif + bytes(len(exif) % 2)
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + bytes(chunks)


def _extended_header(encoded: bytes) -> bytes:
    """The VP8X chunk that a simple WebP, which holds no metadata, lacks: alpha flag, width - 1 and height - 1 (RFC 9649, 2.5 to 2.7)."""
    if encoded[12:16] == b"VP8L":  # after the chunk's head and a signature byte: 14 bits, 14 bits, and whether there is alpha
        (bits,) = struct.unpack_from("<I", encoded, 21)
        flags, width, height = (bits >> 28 & 1) << 4, bits & 0x3FFF, bits >> 14 & 0x3FFF
    else:  # after the chunk's head, a frame tag and a start code: width and height in 14 bits of 16 each
        flags, (width, height) = 0, (side % 0x4000 - 1 for side in struct.unpack_from("<HH", encoded, 26))
    return b"VP8X" + struct.pack("<IB3x", 10, flags) + struct.pack("<I", width)[:3] + struct.pack("<I", height)[:3]


def _embed_in_tiff(encoded: bytes, metadata: Metadata) -> bytes:
    """A new first directory at the end of the file, which adds the descriptive tags, IPTC, and the EXIF and GPS directories."""
    if metadata.exif is None and metadata.iptc is None:
        return encoded
    tiff, root = read_exif(encoded), Directory()
    if metadata.exif is not None:
        photo = read_exif(metadata.exif)
        root = in_byte_order(photo.root, photo.order, tiff.order)
    described = {tag: entry for tag, entry in root.entries.items() if tag in DESCRIPTIVE_TAGS}
    if metadata.iptc is not None:
        described[IPTC_TAG] = Entry(_UNDEFINED, len(metadata.iptc), metadata.iptc)
    output = bytearray(encoded)
    start = append_directory(output, Directory(tiff.root.entries | described, root.children), tiff.order, range(0))
    struct.pack_into(tiff.order + "I", output, 4, start)
    return bytes(output)


EMBED: dict[str, Callable[[bytes, Metadata], bytes]] = {"png": _embed_in_png, "webp": _embed_in_webp, "tiff": _embed_in_tiff}
