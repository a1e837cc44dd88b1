"""Why a file could not be decoded, in our words and with what to do, in place of a library's."""

import struct
import zlib

from ttpo_cli.errors import TtpoError
from ttpo_cli.imaging.formats import FORMATS, INPUT_FORMATS


def undecodable(label: str, data: bytes, format: str) -> TtpoError:
    """The error for a file that begins like a photo and cannot be decoded."""
    title = FORMATS[format].title if format in FORMATS else INPUT_FORMATS[format].title
    chunk = wrong_checksum(data) if format == "png" else None
    if chunk is not None:
        return TtpoError(f"'{label}' is damaged, since the checksum of its {chunk} chunk is wrong: copy it again from where it came")
    if format == "png" and data.rfind(b"IEND") < 0:
        return TtpoError(f"'{label}' is cut short (no PNG end chunk): copy it again from where it came")
    if format == "jpeg" and not data.rstrip(b"\0").endswith(b"\xff\xd9"):
        return TtpoError(f"'{label}' is cut short (no JPEG end marker): copy it again from where it came")
    return TtpoError(f"'{label}' cannot be decoded: this {title} is cut short, damaged or of a rare kind; copy it again, or convert it")


def too_many_pixels(label: str, width: int, height: int, limit: int) -> TtpoError:
    """The error for a file whose header states more pixels than are read."""
    return TtpoError(f"'{label}' says it has {width}x{height} pixels, over the limit of {limit}: raise the limit if that is right")


def wrong_checksum(data: bytes) -> str | None:
    """The name of the first chunk of a PNG whose CRC is wrong; None where all that are whole are right."""
    at = 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        end = at + 8 + length
        if end + 4 > len(data):
            return None
        if zlib.crc32(data[at + 4 : end]) != struct.unpack_from(">I", data, end)[0]:
            name = data[at + 4 : at + 8]
            return name.decode("ascii") if name.isalpha() else "damaged"
        at = end + 4
    return None
