"""What a file carries besides pixels, found in its segments, chunks, blocks, boxes or tags."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pyvips

from ttpo_cli.imaging.containers.boxes import boxes
from ttpo_cli.imaging.containers.gif import COMMENT as GIF_COMMENT
from ttpo_cli.imaging.containers.gif import gif_blocks
from ttpo_cli.imaging.containers.jpeg import jpeg_segments
from ttpo_cli.imaging.containers.png import png_chunks
from ttpo_cli.imaging.containers.webp import webp_chunks
from ttpo_cli.imaging.embedding import EXIF_MARKER
from ttpo_cli.imaging.exif import Exif, read_exif
from ttpo_cli.imaging.metadata import iptc as iim
from ttpo_cli.imaging.metadata.extended_xmp import EXTENSION, STANDARD, joined
from ttpo_cli.imaging.metadata.jpeg_extras import THUMBNAIL, jpeg_extras
from ttpo_cli.imaging.metadata.text import CHUNKS, COMMENT, LONGEST, RAW_PROFILE, XMP_KEYWORD, Text, decoded, png_texts, raw_profile
from ttpo_cli.imaging.metadata.tiff_tags import tiff_exif, tiff_extras, tiff_iptc

_XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_LONGEST_EXIF = 2**26
_XMP_TAG = 700  # some programs put copies of XMP and IPTC into EXIF
# PNG's chunks that are carried on or that say how the pixels are stored; of WebP the same.
_PNG_KNOWN = frozenset(("IHDR", "PLTE", "IDAT", "IEND", "tRNS", "sBIT", "hIST", "pHYs", "eXIf", "iCCP", "sRGB", "gAMA", "cHRM", "cICP"))
_HDR_CHUNKS = frozenset(("mDCV", "cLLI"))  # carried with the cICP of HDR
_PNG_KNOWN |= CHUNKS | {"acTL", "fcTL", "fdAT"}  # frames are counted with the pages
_WEBP_KNOWN = frozenset(("VP8 ", "VP8L", "VP8X", "ALPH", "ANIM", "ANMF", "EXIF", "XMP ", "ICCP"))
_CREDENTIALS = {"caBX": "its content credentials (C2PA)", "C2PA": "its content credentials (C2PA)"}


@dataclass
class Found:
    """What one file carries; dropped: what is not carried on, in words; notes: what of it is damaged."""

    exif: Exif | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    texts: list[Text] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def take_exif(self, blob: bytes | None) -> None:
        """The EXIF, unless one was found before."""
        if blob is None or self.exif is not None:
            return
        try:
            self.exif = read_exif(blob.removeprefix(EXIF_MARKER)[:_LONGEST_EXIF])
        except ValueError as error:
            self.notes.append(f"its EXIF is damaged ({error}) and was left out")
            return
        if self.exif.damaged:
            self.notes.append(f"{self.exif.damaged} damaged entries of its EXIF were left out")
        if self.exif.has_thumbnail:
            self.dropped.append(THUMBNAIL)
        copies = self.exif.root.entries
        self.xmp = self.xmp or (copies[_XMP_TAG].data if _XMP_TAG in copies else None)
        self.iptc = self.iptc or (copies[iim.IPTC_TAG].data if iim.IPTC_TAG in copies else None)

    def take_resources(self, block: bytes) -> None:
        """What Photoshop's image resources hold."""
        self.iptc = self.iptc or iim.iptc_of(block)
        self.dropped += iim.not_carried(block)
        if any(number in iim.THUMBNAILS for number, _ in iim.resources(block)):
            self.dropped.append(THUMBNAIL)


def find_metadata(data: bytes, kind: str, label: str, image: pyvips.Image) -> Found:
    """All that the file says besides pixels; image: the picture as libvips opened it. Raises TtpoError for a camera raw file as TIFF."""
    if kind == "tiff":
        found = _in_tiff(data, label, image)
    else:
        found = Found()
        _FINDERS.get(kind, _in_boxes)(data, found)
        if kind in ("avif", "bmp", "jpeg2000"):
            found.take_exif(_blob(image, "exif-data"))
            found.xmp = found.xmp or _blob(image, "xmp-data")
    if found.iptc is not None and iim.has_preview(found.iptc):
        found.dropped.append(THUMBNAIL)
    found.dropped = list(dict.fromkeys(found.dropped))
    return found


def _in_tiff(data: bytes, label: str, image: pyvips.Image) -> Found:
    """EXIF is spread over the file itself; XMP and IPTC are tags."""
    exif, notes = tiff_exif(data, label, Path(label).suffix)
    found = Found(exif=exif, xmp=_blob(image, "xmp-data"), notes=list(notes))
    found.iptc, block = tiff_iptc(data)
    if block:
        found.take_resources(block)
    found.dropped += tiff_extras(data)
    return found


def _in_jpeg(data: bytes, found: Found) -> None:
    segments = list(jpeg_segments(data))
    found.dropped += jpeg_extras(data, segments)
    resources = b""
    for part in segments:
        if part.name == "APP1" and part.data.startswith(b"Exif\0"):
            found.take_exif(part.data[len(EXIF_MARKER) :])
        elif part.name == "APP1" and part.data.startswith(STANDARD):
            found.xmp = found.xmp or part.data[len(STANDARD) :]
        elif part.name == "APP13" and part.data.startswith(iim.PHOTOSHOP):
            resources += part.data[len(iim.PHOTOSHOP) :]
        elif part.name == "APP13":
            found.dropped.append("APP13 of another program than Photoshop")
        elif part.name == "COM":
            found.texts.append(Text(COMMENT, decoded(part.data)))
    found.take_resources(resources)
    extensions = [part.data[len(EXTENSION) :] for part in segments if part.name == "APP1" and part.data.startswith(EXTENSION)]
    found.xmp, notes = joined(found.xmp, extensions)
    found.notes += notes


def _in_png(data: bytes, found: Found) -> None:
    chunks = list(png_chunks(data))
    texts = png_texts(chunks)
    if texts.unreadable:
        found.notes.append(f"{texts.unreadable} of its texts are damaged, or unpack to more than {LONGEST >> 20} MB, and were left out")
    for part in chunks:
        if part.name == "eXIf":
            found.take_exif(part.data)
        elif part.name not in _PNG_KNOWN and not (part.name in _HDR_CHUNKS and any(other.name == "cICP" for other in chunks)):
            found.dropped.append(_CREDENTIALS.get(part.name, f"the chunk {part.name}"))
    for text in texts.texts:
        if text.keyword == XMP_KEYWORD:
            found.xmp = found.xmp or text.text.encode()
        elif text.keyword.startswith(RAW_PROFILE):
            _take_raw_profile(text, found)
        else:
            found.texts.append(text)


def _take_raw_profile(text: Text, found: Found) -> None:
    """EXIF, XMP or IPTC as ImageMagick wrote it before PNG had a chunk for it."""
    content, kind = raw_profile(text.text), text.keyword.removeprefix(RAW_PROFILE).lower()
    if content is None:
        found.notes.append(f"its raw profile '{kind}' is damaged and was left out")
    elif kind in ("exif", "app1") and content.startswith(EXIF_MARKER):
        found.take_exif(content)
    elif kind == "xmp" or (kind == "app1" and content.startswith(STANDARD)):
        found.xmp = found.xmp or content.removeprefix(STANDARD)
    elif kind in ("iptc", "8bim"):
        found.take_resources(content.removeprefix(iim.PHOTOSHOP))
    elif kind not in ("icc", "icm"):
        found.dropped.append(f"the raw profile '{kind}'")


def _in_webp(data: bytes, found: Found) -> None:
    for part in webp_chunks(data):
        if part.name == "EXIF":
            found.take_exif(part.data)
        elif part.name == "XMP ":
            found.xmp = found.xmp or part.data
        elif part.name not in _WEBP_KNOWN:
            found.dropped.append(_CREDENTIALS.get(part.name, f"the chunk {part.name.strip()}"))


def _in_gif(data: bytes, found: Found) -> None:
    for part in gif_blocks(data):
        if part.name == GIF_COMMENT:
            found.texts.append(Text(COMMENT, decoded(part.data)))
        elif part.name == "XMP Data":
            found.xmp = found.xmp or part.data
        elif part.name == "plain text":
            found.dropped.append("its plain text extension")


def _in_boxes(data: bytes, found: Found) -> None:
    for part in boxes(data):
        if part.name == "uuid" and part.data.startswith(_XMP_UUID):
            found.xmp = found.xmp or part.data[16:]


_FINDERS: dict[str, Callable[[bytes, Found], None]] = {"jpeg": _in_jpeg, "png": _in_png, "webp": _in_webp, "gif": _in_gif}


def _blob(image: pyvips.Image, name: str) -> bytes | None:
    """A piece of metadata as libvips gives it, None where the file has none."""
    value = image.get(name) if image.get_typeof(name) else None
    return value if isinstance(value, bytes) else None


def orientation_of(exif: Exif | None) -> int | None:
    """EXIF's orientation; None where it says nothing that can be meant."""
    number = None if exif is None else exif.orientation
    return number if number in range(1, 9) else None
