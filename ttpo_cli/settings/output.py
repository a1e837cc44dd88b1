"""Options of the files that are written: how a photo is encoded, and what is written next to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from ttpo_cli.settings.option import FILES, option

Metadata = Literal["exif", "icc", "iptc", "text", "xmp"]
METADATA: frozenset[Metadata] = frozenset(get_args(Metadata))
# What `keep` knew before IPTC and texts were carried.
_FIRST: frozenset[Metadata] = frozenset(("exif", "icc", "xmp"))


@dataclass(frozen=True)
class Encoding:
    """How the file of a photo is encoded.

    Attributes:
        format: "keep" is what the path's suffix names, else the photo's own.
        bit_depth: "keep" is 8 where the format holds no more.
        quality: 100 is lossless WebP.
    """

    format: Literal["keep", "png", "jpeg", "tiff", "webp"] = option(
        "keep", "Format of the output.", panel=FILES, brief="keep, png, jpeg, tiff or webp."
    )
    bit_depth: Literal["keep", "8", "16"] = option("keep", "Bits per channel of the output.", panel=FILES)
    quality: int = option(95, "Quality of JPEG and WebP.", panel=FILES, limits=(1, 100), brief="Quality of JPEG and WebP, 1 to 100.")
    keep: frozenset[Metadata] = option(METADATA, "Metadata to keep: exif, icc, iptc, text, xmp by commas, all or none.", panel=FILES)


def hashed_encoding(encoding: Mapping[str, Any]) -> dict[str, Any]:
    """An Encoding's fields as a folder's journal hashes them: all that there was to keep before stands for all there is now."""
    keep = encoding.get("keep")
    named = {METADATA: _FIRST, _FIRST: _FIRST | {"no more"}}.get(keep, keep) if isinstance(keep, frozenset) else keep
    return dict(encoding) if named is None else {**encoding, "keep": sorted(named)}


@dataclass(frozen=True)
class Outputs:
    """How results are written, and what is written as well."""

    encoding: Encoding = Encoding()
    overwrite: bool = option(False, "Replace outputs that exist.", flag="--overwrite", panel=FILES, brief="Replace outputs that exist.")
    report: Path | None = option(
        None,
        "One HTML page to look at: before and after, candidates, scores.",
        panel=FILES,
        brief="One page to look at: before and after, candidates, scores.",
    )
    candidates: Path | None = option(None, "Folder for every candidate as PNG, and a contact sheet.", flag="--keep-candidates", panel=FILES)
    latents: bool = option(
        True,
        "Keep candidates that wait for a pick to the last bit (60 bytes a pixel), or make them again.",
        flag="--latents/--no-latents",
        panel=FILES,
    )
    sidecar: bool = option(True, "Write OUTPUT.ttpo.json: versions, settings, scores, choice.", flag="--sidecar/--no-sidecar", panel=FILES)
    mark: bool = option(True, "Say in XMP that software made the pixels (IPTC digital source type).", flag="--mark/--no-mark", panel=FILES)
    strict: bool = option(
        False,
        "Fail where the guard refused every change (exit 5), or a folder holds photos that are not read (exit 1).",
        flag="--strict",
        panel=FILES,
    )
