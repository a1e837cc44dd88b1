"""What a TIFF carries besides pixels: EXIF in its directories, IPTC and Photoshop's resources in tags, and what nothing carries on."""

import struct

from ttpo_cli.errors import TtpoError
from ttpo_cli.imaging.embedding import DESCRIPTIVE_TAGS
from ttpo_cli.imaging.exif import Exif, read_exif
from ttpo_cli.imaging.formats import RAW_SUFFIXES, foreign_kind
from ttpo_cli.imaging.metadata.iptc import IPTC_TAG
from ttpo_cli.imaging.tiff_directory import Directory, read_directory

_PHOTOSHOP, _SUBFILE_TYPE, _SUB_DIRECTORIES = 34377, 254, 330
# Tags of the storage (TIFF 6.0), and those that are carried on in another way.
_STORAGE = frozenset((*range(254, 270), *range(273, 305), *range(317, 348), 512, 513, 514, 515, 517, 518, 519, 520, 521, *range(529, 532)))
_STORAGE -= {301, 318, 319}
_CARRIED = DESCRIPTIVE_TAGS | {700, IPTC_TAG, _PHOTOSHOP, 34665, 34853, 34675, 40965, 274, 32995, 32996, 32997, 32998}
_NAMED = {
    37724: "Photoshop's layers",
    330: "its further pictures (SubIFDs)",
    **dict.fromkeys((33550, 33920, 33922, 34264, 34735, 34736, 34737, 42112, 42113), "its GeoTIFF tags"),
    **dict.fromkeys((301, 318, 319, 532), "its colorimetry tags"),
    **dict.fromkeys((50838, 50839), "ImageJ's metadata"),
}


def tiff_exif(data: bytes, label: str, suffix: str) -> tuple[Exif | None, tuple[str, ...]]:
    """The EXIF of a TIFF, which is spread over the file itself, and notes. Raises TtpoError for a camera raw file stored as TIFF."""
    if data[2:4] in (b"+\0", b"\0+"):
        return None, ("it is a BigTIFF, whose EXIF is not kept",)
    try:
        exif = read_exif(data, DESCRIPTIVE_TAGS | {_SUBFILE_TYPE, _SUB_DIRECTORIES})
    except ValueError as error:
        raise TtpoError(f"'{label}' is cut short or damaged ({error}): copy it again from where it came") from error
    exif.note_offset = None
    exif.has_thumbnail = False  # what follows its first directory is a page
    reduced = exif.root.entries.pop(_SUBFILE_TYPE, None)
    has_more = exif.root.entries.pop(_SUB_DIRECTORIES, None) is not None
    if suffix.lower() in RAW_SUFFIXES or (has_more and reduced is not None and any(reduced.data)):
        raise foreign_kind(label, "a camera raw file")
    return exif, ()


def tiff_iptc(data: bytes) -> tuple[bytes | None, bytes]:
    """(IPTC-IIM of its own tag, Photoshop's image resources), each empty where there are none."""
    directory = read_directory(data)
    if directory is None:
        return None, b""
    return _bytes(directory, IPTC_TAG) or None, _bytes(directory, _PHOTOSHOP)


def _bytes(directory: Directory, tag: int) -> bytes:
    """A tag's bytes; many programs store bytes as 32-bit numbers."""
    values = directory.values.get(tag, ())
    if any(not isinstance(value, int) or value > 255 for value in values):
        try:
            return struct.pack(f"{directory.order}{len(values)}I", *values)
        except struct.error:
            return b""
    return bytes(int(value) for value in values)


def tiff_extras(data: bytes) -> list[str]:
    """What its first directory holds and nothing carries on, in words."""
    directory = read_directory(data)
    tags = sorted(set(directory.values) - _STORAGE - _CARRIED | (set(directory.values) & {330})) if directory is not None else []
    named = list(dict.fromkeys(_NAMED[tag] for tag in tags if tag in _NAMED))
    others = [str(tag) for tag in tags if tag not in _NAMED]
    return named + ([f"the TIFF tags {', '.join(others)}" if len(others) > 1 else f"the TIFF tag {others[0]}"] if others else [])
