"""Which of a photo's metadata goes into a file of some format, and what is left out of it, in words."""

from dataclasses import dataclass, replace

from ttpo_cli.errors import unknown_name
from ttpo_cli.imaging.embedding import EXIF_MARKER, JPEG_SEGMENT
from ttpo_cli.imaging.formats import FORMATS
from ttpo_cli.imaging.metadata.carried import Metadata, true_for
from ttpo_cli.imaging.metadata.change import Change
from ttpo_cli.imaging.metadata.extended_xmp import xmp_payloads
from ttpo_cli.imaging.metadata.text import is_comment, keywords
from ttpo_cli.imaging.photo import Photo
from ttpo_cli.imaging.xmp_mark import Mark, mark_xmp
from ttpo_cli.settings.output import METADATA

_HOLD_IPTC = ("jpeg", "tiff")


@dataclass(frozen=True)
class Kept:
    """metadata: what the file will hold; too_much: what the format cannot hold; marked: whether XMP says what was asked for."""

    metadata: Metadata
    too_much: tuple[str, ...]
    marked: bool

    def left_out(self, title: str) -> tuple[str, ...]:
        """One note about all that the input's file held and this one will not; () where there is nothing."""
        said = [", ".join(self.metadata.dropped)] if self.metadata.dropped else []
        said += [f"what {title} cannot hold: {', '.join(self.too_much)}"] if self.too_much else []
        return (f"left out: {'; '.join(said)}",) if said else ()


def kept_metadata(photo: Photo, format: str, keep: frozenset[str], mark: Mark | None) -> Kept:
    """The metadata that is to be kept and that the format can hold, made true for the pixels to be written, XMP with the mark.

    Raises UsageError for a word in `keep` that is none of METADATA.
    """
    for name in keep - METADATA:
        raise unknown_name("metadata", name, METADATA)
    height, width = photo.pixels.shape[-2:]
    before = photo.metadata.size or (width, height)
    wanted = true_for(_wanted(photo.metadata, keep), Change(before=before, after=(width, height)), FORMATS[format].media_type)
    marked = wanted.xmp if mark is None else mark_xmp(wanted.xmp, mark) or wanted.xmp
    fitting, too_much = _fitting(replace(wanted, xmp=marked), format, photo.grey)
    if fitting.xmp is None and wanted.xmp is not None and marked != wanted.xmp:  # without the mark it may fit
        fitting, too_much = _fitting(wanted, format, photo.grey)
    return Kept(metadata=fitting, too_much=too_much, marked=mark is None or (fitting.xmp is not None and fitting.xmp != wanted.xmp))


def _wanted(metadata: Metadata, keep: frozenset[str]) -> Metadata:
    return replace(
        metadata,
        exif=metadata.exif if "exif" in keep else None,
        icc=metadata.icc if "icc" in keep else None,
        colour_chunks=metadata.colour_chunks if "icc" in keep else (),
        xmp=metadata.xmp if "xmp" in keep else None,
        text=metadata.text if "text" in keep else (),
        iptc=metadata.iptc if "iptc" in keep else None,
    )


def _fitting(metadata: Metadata, format: str, grey: bool) -> tuple[Metadata, tuple[str, ...]]:
    """What the format can hold, and what it cannot, in words."""
    without: list[tuple[str, str]] = []
    if format == "jpeg" and metadata.exif is not None and len(EXIF_MARKER + metadata.exif) > JPEG_SEGMENT:
        without.append(("exif", "EXIF of more than 64 KB"))
    if grey and not FORMATS[format].grey and metadata.icc is not None:
        without.append(("icc", "a profile of grey values"))  # means nothing to three channels
    if metadata.iptc is not None and format not in _HOLD_IPTC:
        without.append(("iptc", "IPTC"))
    if format == "jpeg" and metadata.xmp is not None and xmp_payloads(metadata.xmp) is None:
        without.append(("xmp", "XMP of more than 64 KB"))
    held = tuple(text for text in metadata.text if format == "png" or (format == "jpeg" and is_comment(text)))
    others = [text for text in metadata.text if text not in held]
    words = [words for _, words in without] + ([f"texts ({keywords(others)})"] if others else [])
    return replace(metadata, text=held, **dict.fromkeys(name for name, _ in without)), tuple(words)
