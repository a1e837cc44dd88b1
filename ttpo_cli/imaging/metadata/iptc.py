"""IPTC-IIM, and Photoshop's image resources that hold it in JPEG and TIFF (IPTC-NAA IIM 4.2; Adobe Photoshop File Formats, 2013)."""

import struct
from collections.abc import Iterator, Sequence

PHOTOSHOP = b"Photoshop 3.0\0"
IPTC_RESOURCE = 0x0404
IPTC_TAG = 33723  # of TIFF
THUMBNAILS = frozenset({0x0409, 0x040C})
# Resources that describe the file's storage, repeat what stands elsewhere, or the digest of the IPTC, which is made again by who edits it.
_TRIVIAL = frozenset({0x03E9, 0x03ED, 0x03F3, 0x0406, 0x040A, 0x040F, 0x0414, 0x0421, 0x0422, 0x0423, 0x0424, 0x0425, 0x0426, 0x2710})
_TRIVIAL |= {0x0404, *THUMBNAILS}
_PATHS = range(2000, 2998)
# Records of IIM that describe how pixels are stored (3) or hold an object's data (7, 8, 9); 2:131 is the layout, 2:200 to 2:202 a preview.
_STORAGE_RECORDS = frozenset({3, 7, 8, 9})
_LAYOUT, _PREVIEW = (2, 131), frozenset({(2, 200), (2, 201), (2, 202)})
_SEGMENT = 65533 - len(PHOTOSHOP)


def resources(block: bytes) -> Iterator[tuple[int, bytes]]:
    """(number, data) of every image resource that lies within the block."""
    at = 0
    while at + 12 <= len(block) and block[at : at + 4] in (b"8BIM", b"PHUT", b"AgHg", b"DCSR", b"MeSa"):
        (number,), name_length = struct.unpack_from(">H", block, at + 4), block[at + 6]
        at += 7 + name_length + (name_length + 1) % 2
        if at + 4 > len(block):
            return
        (length,) = struct.unpack_from(">I", block, at)
        if at + 4 + length > len(block):
            return
        yield number, block[at + 4 : at + 4 + length]
        at += 4 + length + length % 2


def iptc_of(block: bytes) -> bytes | None:
    """The IPTC-IIM of image resources; of several, joined, as readers do."""
    found = [data for number, data in resources(block) if number == IPTC_RESOURCE]
    return b"".join(found) or None


def not_carried(block: bytes) -> list[str]:
    """What image resources hold and nothing here carries on, in words."""
    numbers = {number for number, _ in resources(block)} - _TRIVIAL
    paths = {number for number in numbers if number in _PATHS}
    said = ["a clipping path"] if paths else []
    others = sorted(numbers - paths)
    return said + ([f"Photoshop's resources {', '.join(map(str, others))}"] if others else [])


def app13(iptc: bytes) -> Sequence[bytes]:
    """The payloads of JPEG's APP13 segments that hold this IPTC, in order; readers join them."""
    block = b"8BIM" + struct.pack(">HHI", IPTC_RESOURCE, 0, len(iptc)) + iptc + bytes(len(iptc) % 2)
    return [PHOTOSHOP + block[at : at + _SEGMENT] for at in range(0, len(block), _SEGMENT)]


def true_iptc(iptc: bytes, width: int, height: int) -> bytes | None:
    """The datasets without previews and descriptions of stored pixels, the layout that of the size; None where nothing is left.

    Data that is not IIM throughout is kept as far as it is.
    """
    kept = []
    for record, number, whole, head in _datasets(iptc):
        if record in _STORAGE_RECORDS or (record, number) in _PREVIEW:
            continue
        if (record, number) == _LAYOUT and len(whole) == head + 1:
            whole = whole[:head] + (b"L" if width > height else b"P" if height > width else b"S")
        kept.append(whole)
    return b"".join(kept) if any(piece[1] == 2 for piece in kept) else None


def has_preview(iptc: bytes) -> bool:
    """Whether it holds a small picture."""
    return any((record, number) in _PREVIEW for record, number, _, _ in _datasets(iptc))


def _datasets(iptc: bytes) -> Iterator[tuple[int, int, bytes, int]]:
    """(record, number, the dataset's bytes, how many of them are its head)."""
    at = 0
    while at + 5 <= len(iptc) and iptc[at] == 0x1C:
        (length,), head = struct.unpack_from(">H", iptc, at + 3), 5
        if length & 0x8000:  # the length of the length
            size = length & 0x7FFF
            if size > 4 or at + 5 + size > len(iptc):
                return
            length, head = int.from_bytes(iptc[at + 5 : at + 5 + size], "big"), 5 + size
        if at + head + length > len(iptc):
            return
        yield iptc[at + 1], iptc[at + 2], iptc[at : at + head + length], head
        at += head + length
