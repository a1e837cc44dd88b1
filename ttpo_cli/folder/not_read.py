"""Files in folders that look like photos and are not read: each with the reason, so that no photo is passed over in silence."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ttpo_cli.errors import TtpoError
from ttpo_cli.imaging.formats import RAW_SUFFIXES, foreign_kind, format_of_file, format_of_name, input_format_of_name

# What else people have among their photos, and what its name says it is.
_OTHER_SUFFIXES = {
    ".heic": "an HEIC photo",
    ".heif": "an HEIC photo",
    ".hif": "an HEIC photo",
    ".psd": "a Photoshop document",
    ".psb": "a Photoshop document",
    ".xcf": "a GIMP document",
    ".jxl": "a JPEG XL image",
    ".exr": "an OpenEXR image",
    ".hdr": "a Radiance image",
    ".tga": "a TGA image",
    ".pcx": "a PCX image",
    ".ppm": "a PPM image",
    ".pgm": "a PGM image",
    ".pnm": "a PNM image",
    ".svg": "an SVG drawing",
    ".ico": "an icon",
}


@dataclass(frozen=True)
class NotRead:
    """A file that looks like a photo. inside: its path in the folder that was given; root: the output folder; reason: in words."""

    source: Path
    inside: Path
    root: Path
    reason: str


def looks_like_photo(path: Path) -> bool:
    """Whether a file's name says that it is a photo of any kind, or says nothing while its content is one that is read."""
    suffix = path.suffix.lower()
    if format_of_name(path.name) or input_format_of_name(path.name) or suffix in RAW_SUFFIXES or suffix in _OTHER_SUFFIXES:
        return True
    return not suffix and why_not_read(path) is None


def why_not_read(path: Path) -> str | None:
    """The reason for which a file that looks like a photo is passed over; None where it is read.

    A name that ttpo reads is believed, so that damage is an error of that photo; of other names the content decides.
    """
    if format_of_name(path.name) or input_format_of_name(path.name):
        return None
    suffix = path.suffix.lower()
    if suffix in RAW_SUFFIXES:
        return _reason("a camera raw file")
    try:
        format_of_file(path)
    except OSError as error:
        return f"cannot be opened ({error.strerror})"
    except TtpoError as error:
        named = _OTHER_SUFFIXES.get(suffix)
        return _reason(named) if named else str(error).removeprefix(f"'{path}' ")
    return None


def _reason(title: str) -> str:
    return str(foreign_kind("", title)).removeprefix("'' ")


def in_words(found: Sequence[NotRead]) -> Iterator[str]:
    """One line for each reason: how many files, up to three names, and why."""
    by_reason: dict[str, list[NotRead]] = defaultdict(list)
    for entry in found:
        by_reason[entry.reason].append(entry)
    for reason, entries in by_reason.items():
        names = ", ".join(str(entry.inside) for entry in entries[:3]) + (", ..." if len(entries) > 3 else "")
        yield f"not read: {len(entries)} {'file' if len(entries) == 1 else 'files'} ({names}): {reason}"
