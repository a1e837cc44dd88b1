"""Options of the files that are written: how a photo is encoded, and what is written next to it."""

from dataclasses import dataclass
from pathlib import Path

METADATA = frozenset({"exif", "icc", "xmp"})


@dataclass(frozen=True)
class Encoding:
    """How the file of a photo is encoded.

    Attributes:
        format: png, jpeg, tiff, webp, or "keep": what the path's suffix names, else the photo's own.
        bit_depth: 8, 16 or "keep", which is 8 where the format holds no more.
        quality: 1 to 100, of JPEG and WebP; 100 is lossless WebP.
        keep: the kinds of metadata to carry over, of METADATA.
    """

    format: str = "keep"
    bit_depth: str | int = "keep"
    quality: int = 95
    keep: frozenset[str] = METADATA


@dataclass(frozen=True)
class Outputs:
    """How results are written, and what is written as well.

    Attributes:
        overwrite: files that are there already may be replaced.
        sidecar: write the record next to each picture.
        candidates: a folder for every candidate.
        report: an HTML page about all photos.
        mark: say in XMP how the pixels were made.
        strict: no picture where the guard refused every change.
        latents: candidates that wait for a pick are kept to the last bit.
    """

    encoding: Encoding = Encoding()
    overwrite: bool = False
    sidecar: bool = True
    candidates: Path | None = None
    report: Path | None = None
    mark: bool = True
    strict: bool = False
    latents: bool = True
