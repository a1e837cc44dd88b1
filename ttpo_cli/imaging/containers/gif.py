"""The blocks of a GIF file (GIF89a): pictures, comments, application extensions."""

from collections.abc import Iterator

from ttpo_cli.imaging.containers.part import Part

PICTURE, COMMENT = "picture", "comment"
_EXTENSION, _IMAGE = 0x21, 0x2C
_XMP_TRAILER = b"\x01\xff\xfe\xfd"  # how the 258 bytes begin that let old readers step over a packet
_EXTENSIONS = {0x01: "plain text", 0xF9: "graphic control", 0xFE: COMMENT}


def gif_blocks(data: bytes) -> Iterator[Part]:
    """Every block that lies within the file; an application extension is named by its identifier, such as `XMP Data`.

    The data of XMP is the packet itself, which is not divided into sub-blocks.
    """
    at = 13 + _table(data[10:11])
    while at + 1 < len(data):
        start = at
        if data[at] == _IMAGE and at + 10 < len(data):
            content, at = _sub_blocks(data, at + 11 + _table(data[at + 9 : at + 10]))
            yield Part(PICTURE, start, content)
        elif data[at] == _EXTENSION and data[at + 1] == 0xFF:
            name = data[at + 3 : at + 11].decode("latin-1")
            content, after = _sub_blocks(data, at + 14)
            raw = data[at + 14 : after]
            yield Part(name, start, raw.partition(_XMP_TRAILER)[0] if name == "XMP Data" else content)
            at = after
        elif data[at] == _EXTENSION:
            content, at = _sub_blocks(data, at + 2)
            yield Part(_EXTENSIONS.get(data[start + 1], f"extension {data[start + 1]:02X}"), start, content)
        else:
            return


def _table(packed: bytes) -> int:
    """Bytes of the colour table that a packed field announces."""
    return 3 << ((packed[0] & 7) + 1) if packed and packed[0] & 0x80 else 0


def _sub_blocks(data: bytes, at: int) -> tuple[bytes, int]:
    pieces = []
    while at < len(data) and data[at]:
        pieces.append(data[at + 1 : at + 1 + data[at]])
        at += 1 + data[at]
    return b"".join(pieces), at + 1
