"""The colour profile that a file's pixels are to be read with: taken from the file itself, since decoders drop a bad one in silence."""

from collections.abc import Iterable

import pyvips

from ttpo_cli.imaging.containers.boxes import boxes
from ttpo_cli.imaging.containers.gif import gif_blocks
from ttpo_cli.imaging.containers.jpeg import jpeg_segments
from ttpo_cli.imaging.containers.part import Part
from ttpo_cli.imaging.containers.png import inflated, png_chunks
from ttpo_cli.imaging.icc import is_usable
from ttpo_cli.imaging.metadata.colour import Colour, coded_colour, png_colour
from ttpo_cli.imaging.metadata.text import RAW_PROFILE, png_texts, raw_profile

_JPEG_MARKER = b"ICC_PROFILE\0"
_LONGEST = 2**25
DAMAGED = "its colour profile is damaged and was left out"
_UNSPECIFIED = 2  # of H.273


def usable_profile(data: bytes, kind: str, image: pyvips.Image, space: str) -> tuple[bytes | None, tuple[str, ...]]:
    """The profile, and why there is none where the file has one that cannot be used. space: RGB, GRAY or CMYK, as the pixels are."""
    raw = _stated(data, kind, image)
    if raw is None:
        return None, ()
    if not is_usable(raw):
        return None, (DAMAGED,)
    found = raw[16:20].decode("latin-1").strip()
    if found != space:
        return None, (f"its colour profile is for {found} and not for {space}, and was left out",)
    return raw, ()


def stated_colour(data: bytes, kind: str, has_profile: bool, grey: bool) -> Colour:
    """What numbers in the file say of its colours where no profile does; those of cICP go before one."""
    if kind == "png":
        chunks = {part.name: part.data for part in reversed(list(png_chunks(data)))}  # the first of each
        return png_colour(chunks, has_profile, grey) or Colour()
    if kind == "avif" and not has_profile:
        return _of_avif(data, grey)
    return Colour()


def _of_avif(data: bytes, grey: bool) -> Colour:
    """Of the first colour box with numbers, whose matrix and range the decoder has applied (ISO/IEC 23000-22, 7.3.6.4)."""
    for part in boxes(data):
        if part.name == "colr" and part.data[:4] == b"nclx" and len(part.data) >= 10:
            primaries, transfer = part.data[5], part.data[7]
            if _UNSPECIFIED not in (primaries, transfer):
                return coded_colour(primaries, transfer, True, grey)
    return Colour()


def _stated(data: bytes, kind: str, image: pyvips.Image) -> bytes | None:
    """The bytes that the file calls its profile, whole or not."""
    if kind == "png":
        return _of_png(data)
    if kind == "jpeg":
        return _of_jpeg(jpeg_segments(data))
    if kind == "gif":
        return next((part.data for part in gif_blocks(data) if part.name == "ICCRGBG1"), None)
    value = image.get("icc-profile-data") if image.get_typeof("icc-profile-data") else None
    return value if isinstance(value, bytes) else None


def _of_png(data: bytes) -> bytes | None:
    """Of an iCCP chunk, or of a text as ImageMagick writes one; empty where it does not unpack."""
    chunks = list(png_chunks(data))
    for part in chunks:
        if part.name == "iCCP":
            _, _, rest = part.data.partition(b"\0")
            return inflated(rest[1:], _LONGEST) or b""
    for text in png_texts(chunks).texts:
        if text.keyword.lower() in (f"{RAW_PROFILE}icc".lower(), f"{RAW_PROFILE}icm".lower()):
            return raw_profile(text.text) or b""
    return None


def _of_jpeg(segments: Iterable[Part]) -> bytes | None:
    """Joined from its numbered pieces (ICC.1:2022, B.4); empty where one is missing."""
    pieces: dict[int, bytes] = {}
    wanted = 0
    for part in segments:
        if part.name == "APP2" and part.data.startswith(_JPEG_MARKER) and len(part.data) > len(_JPEG_MARKER) + 2:
            number, wanted = part.data[len(_JPEG_MARKER)], part.data[len(_JPEG_MARKER) + 1]
            pieces.setdefault(number, part.data[len(_JPEG_MARKER) + 2 :])
    if not pieces:
        return None
    complete = set(pieces) == set(range(1, wanted + 1))
    return b"".join(pieces[number] for number in sorted(pieces)) if complete else b""
