"""The photo formats ttpo reads, and those it writes, recognised by content, and what each can hold."""

from dataclasses import dataclass
from pathlib import Path

from ttpo_cli.errors import TtpoError, UsageError, unknown_name


@dataclass(frozen=True)
class Format:
    """suffixes: of file names, the usual one first; largest_side: in pixels, what the encoder accepts; media_type: RFC 6838's name."""

    title: str
    suffixes: tuple[str, ...]
    signatures: tuple[bytes, ...]
    largest_side: int
    sixteen_bit: bool
    alpha: bool
    grey: bool
    media_type: str


FORMATS = {
    "png": Format(
        title="PNG",
        suffixes=(".png",),
        signatures=(b"\x89PNG\r\n\x1a\n",),
        largest_side=2**31 - 1,
        sixteen_bit=True,
        alpha=True,
        grey=True,
        media_type="image/png",
    ),
    "jpeg": Format(
        title="JPEG",
        suffixes=(".jpg", ".jpeg", ".jpe", ".jfif"),
        signatures=(b"\xff\xd8\xff",),
        largest_side=65500,
        sixteen_bit=False,
        alpha=False,
        grey=True,
        media_type="image/jpeg",
    ),
    "tiff": Format(
        title="TIFF",
        suffixes=(".tif", ".tiff"),
        signatures=(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
        largest_side=2**31 - 1,
        sixteen_bit=True,
        alpha=True,
        grey=True,
        media_type="image/tiff",
    ),
    "webp": Format(
        title="WebP",
        suffixes=(".webp",),
        signatures=(b"RIFF",),
        largest_side=16383,
        sixteen_bit=False,
        alpha=True,
        grey=False,
        media_type="image/webp",
    ),
}


@dataclass(frozen=True)
class InputFormat:
    """A format that is read and not written. signatures: (offset, bytes there); written_as: what its photos are written as."""

    title: str
    suffixes: tuple[str, ...]
    signatures: tuple[tuple[int, bytes], ...]
    written_as: str = "png"


INPUT_FORMATS = {
    "gif": InputFormat(title="GIF", suffixes=(".gif",), signatures=((0, b"GIF8"),)),
    "bmp": InputFormat(title="BMP", suffixes=(".bmp", ".dib"), signatures=((0, b"BM"),)),
    "jpeg2000": InputFormat(
        title="JPEG 2000",
        suffixes=(".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx"),
        signatures=((4, b"jP  "), (0, b"\xff\x4f\xff\x51")),
    ),
    "avif": InputFormat(title="AVIF", suffixes=(".avif",), signatures=((4, b"ftypavif"), (4, b"ftypavis"))),
}
# Camera raw files, some of which are TIFFs inside.
RAW_SUFFIXES = frozenset(
    (".3fr", ".arw", ".cr2", ".cr3", ".dcr", ".dng", ".erf", ".iiq", ".kdc", ".mef", ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef")
    + (".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f")
)
_LOOKED_AT = 64
# A stereo pair or a series: a JPEG file with further ones behind it.
_MULTI_PICTURE = ".mpo"

# Kinds a user may well give, which ttpo does not read: (offset, bytes there, title). Camera raw files that are TIFFs inside come last.
_FOREIGN = (
    (0, b"8BPS", "a Photoshop document"),
    (0, b"%PDF", "a PDF"),
    (0, b"<svg", "an SVG drawing"),
    (0, b"v/1\x01", "an OpenEXR image"),
    (0, b"\xff\x0a", "a JPEG XL image"),
    (4, b"JXL ", "a JPEG XL image"),
    (4, b"ftyphei", "an HEIC photo"),
    (4, b"ftyphev", "an HEIC photo"),
    (4, b"ftypmif1", "an HEIC photo"),
    (4, b"ftypmsf1", "an HEIC photo"),
    (4, b"ftypcrx", "a camera raw file"),
    (0, b"FUJIFILMCCD-RAW", "a camera raw file"),
    (0, b"IIRO", "a camera raw file"),
    (0, b"IIRS", "a camera raw file"),
    (0, b"MMOR", "a camera raw file"),
    (0, b"IIU\0", "a camera raw file"),
    (8, b"CR\x02", "a camera raw file"),
)


def sniff_format(head: bytes, label: str) -> str:
    """The format that a file's first bytes (16 are enough) show, whatever its name. Raises TtpoError for anything ttpo cannot read."""
    if not head:
        raise TtpoError(f"'{label}' is empty (0 bytes): copy it again from where it came")
    for offset, signature, title in _FOREIGN:
        if head[offset:].startswith(signature):
            raise foreign_kind(label, title)
    for name, readable in INPUT_FORMATS.items():
        if any(head[offset:].startswith(signature) for offset, signature in readable.signatures):
            return name
    for name, entry in FORMATS.items():
        if head.startswith(entry.signatures) and (name != "webp" or head[8:12] == b"WEBP"):
            return name
    known = ", ".join(entry.title for entry in (*FORMATS.values(), *INPUT_FORMATS.values()))
    raise TtpoError(f"'{label}' does not hold a photo that ttpo reads ({known}): its first bytes belong to none of them")


def foreign_kind(label: str, title: str) -> TtpoError:
    """The error for a kind of image that ttpo does not read."""
    return TtpoError(f"'{label}' is {title}, which ttpo does not read: convert it to TIFF, PNG or JPEG first")


def format_of_file(path: Path) -> str:
    """The format that a file's first bytes show. Raises TtpoError for anything ttpo cannot read, OSError where it cannot be opened."""
    with path.open("rb") as stream:
        return sniff_format(stream.read(_LOOKED_AT), str(path))


def format_of_name(name: str) -> str | None:
    """The format a file name's suffix promises, or None where the suffix belongs to no format."""
    suffix = Path(name).suffix.lower()
    return next((format for format, entry in FORMATS.items() if suffix in entry.suffixes), None)


def input_format_of_name(name: str) -> str | None:
    """The format that a suffix promises which ttpo reads and does not write as it is; None for any other."""
    suffix = Path(name).suffix.lower()
    if suffix == _MULTI_PICTURE:
        return "jpeg"
    return next((format for format, entry in INPUT_FORMATS.items() if suffix in entry.suffixes), None)


def written_format(format: str) -> str:
    """The format in which a photo of this one is written unless something else is asked for."""
    return INPUT_FORMATS[format].written_as if format in INPUT_FORMATS else format


def output_format(path: Path | None, format: str, photo_format: str) -> str:
    """The format to write: `format` itself; for "keep" the one the path's suffix names; without a suffix the photo's own.

    Raises UsageError where the suffix belongs to no format, or contradicts a format that was asked for.
    """
    if format != "keep" and format not in FORMATS:
        raise unknown_name("format", format, [*FORMATS, "keep"])
    promised = None if path is None else format_of_name(path.name)
    if format == "keep" and path is not None and path.suffix and promised is None:
        known = ", ".join(suffix for entry in FORMATS.values() for suffix in entry.suffixes)
        raise UsageError(f"'{path.name}' does not end in a format that ttpo writes: choose a name ending in one of {known}")
    if format != "keep" and promised is not None and promised != format:
        raise UsageError(f"'{path}' is named as {FORMATS[promised].title} but {FORMATS[format].title} was asked for: change one of them")
    return (promised or photo_format) if format == "keep" else format
