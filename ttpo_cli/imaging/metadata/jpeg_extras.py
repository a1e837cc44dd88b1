"""What a JPEG file holds besides its picture and is not carried on: gain map, film, further pictures, thumbnails, other segments.

Multi-picture format: CIPA DC-007, 5.2. Gain maps: ISO 21496-1, and Android's Ultra HDR 1.1. Credentials: ISO 19566-5 (JUMBF) in APP11.
"""

import struct
from collections.abc import Iterable, Sequence

from ttpo_cli.imaging.containers.jpeg import BEHIND
from ttpo_cli.imaging.containers.part import Part
from ttpo_cli.imaging.metadata.extended_xmp import EXTENSION, STANDARD

GAIN_MAP, FILM, THUMBNAIL = "its gain map", "the film of its motion photo", "its thumbnail"
_MPF, _ISO_GAIN_MAP = b"MPF\0", b"urn:iso:std:iso:ts:21496:-1\0"
_GAIN_MAP_NAMES = (_ISO_GAIN_MAP, b"http://ns.adobe.com/hdr-gain-map/1.0/", b"http://ns.apple.com/HDRGainMap/1.0/")
_FILM_BRANDS = (b"ftypmp4", b"ftypisom", b"ftypiso", b"ftypqt", b"ftypavc1", b"ftypM4V", b"ftyp3gp", b"MotionPhoto_Data")
_PREVIEW_TYPES, _TYPE = (0x010001, 0x010002), 0xFFFFFF
# Segments that say how the picture is stored, or that are carried on. By their first bytes: APP1 and APP2 hold many things.
_KNOWN = ("APP0", "APP13", "APP14", "COM", "DHT", "DAC", "DQT", "DRI", "SOS", "DNL")
_KNOWN_BEGINNINGS = (
    b"Exif\0",
    STANDARD,
    EXTENSION,
    b"ICC_PROFILE\0",
    _MPF,
    _ISO_GAIN_MAP,
)


def further_pictures(data: bytes, segments: Sequence[Part]) -> list[tuple[int, bytes]]:
    """(type, bytes) of each picture but the first that the index of a multi-picture file names and that is there, a JPEG of its own."""
    found = []
    for part in segments:
        if part.name == "APP2" and part.data.startswith(_MPF):
            base = part.start + 4 + len(_MPF)  # offsets count from the index's own header
            for kind, size, offset in _index(part.data[len(_MPF) :]):
                picture = data[base + offset : base + offset + size] if offset else b""
                if picture[:2] == b"\xff\xd8":
                    found.append((kind & _TYPE, picture))
    return found


def _index(block: bytes) -> list[tuple[int, int, int]]:
    """(attributes, size, offset) of every picture; as many as are there where it is damaged."""
    order = "<" if block[:2] == b"II" else ">"
    try:
        (at,) = struct.unpack_from(order + "I", block, 4)
        (count,) = struct.unpack_from(order + "H", block, at)
        for position in range(at + 2, at + 2 + 12 * count, 12):
            tag, _, length, place = struct.unpack_from(order + "HHII", block, position)
            if tag == 0xB002:
                whole = min(length, len(block) - place) // 16
                return [struct.unpack_from(order + "III", block, place + 16 * index) for index in range(whole)]
    except struct.error:
        pass
    return []


def jpeg_extras(data: bytes, segments: Sequence[Part]) -> list[str]:
    """What is not carried on, in words, each once."""
    pictures = further_pictures(data, segments)
    gain_maps = [picture for _, picture in pictures if any(name in picture for name in _GAIN_MAP_NAMES)]
    promised = any(name in part.data for part in segments if part.name == "APP1" for name in _GAIN_MAP_NAMES[1:])
    if promised and pictures and not gain_maps:
        gain_maps = [pictures[-1][1]]
    previews = [picture for kind, picture in pictures if kind in _PREVIEW_TYPES and picture not in gain_maps]
    others = len(pictures) - len(gain_maps) - len(previews)
    said = []
    if gain_maps or any(part.name == "APP2" and part.data.startswith(_ISO_GAIN_MAP) for part in segments):
        said.append(GAIN_MAP)
    behind = next((part.data for part in segments if part.name == BEHIND), b"")
    for picture in (picture for _, picture in pictures):
        behind = behind.replace(picture, b"", 1)
    if any(brand in behind for brand in _FILM_BRANDS):
        said.append(FILM)
    elif b"\xff\xd8\xff" in behind[:64] and not pictures:
        said.append("the pictures behind its end")
    elif behind.strip(b"\0"):
        said.append(f"{len(behind)} bytes behind its end")
    if others:
        said.append("the further picture of the file" if others == 1 else f"the {others} further pictures of the file")
    if previews or any(_has_thumbnail(part) for part in segments):
        said.append(THUMBNAIL)
    return said + _other_segments(segments)


def _has_thumbnail(part: Part) -> bool:
    """Of JFIF: a picture in the segment, or in an extension of it."""
    if part.name != "APP0":
        return False
    return part.data.startswith(b"JFXX\0") or (
        part.data.startswith(b"JFIF\0") and len(part.data) > 14 and bool(part.data[12] * part.data[13])
    )


def _other_segments(segments: Iterable[Part]) -> list[str]:
    said: list[str] = []
    for part in segments:
        if part.name == "APP11" and (b"jumb" in part.data[:64] or b"c2pa" in part.data[:128]):
            said.append("its content credentials (C2PA)")
        elif part.name.startswith("APP") and part.name not in _KNOWN and not part.data.startswith(_KNOWN_BEGINNINGS):
            label = part.data.partition(b"\0")[0][:32]
            name = label.decode("ascii") if label.isascii() and label.decode("ascii").isprintable() else ""
            said.append(f"{part.name} {name}".strip())
    return list(dict.fromkeys(said))
