"""A Photo written as PNG, JPEG, TIFF or WebP: whole or not at all, never over its source, metadata true to the new pixels."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyvips
import torch
from torch import Tensor

from ttpo_cli.errors import TtpoError, UsageError
from ttpo_cli.imaging.atomic import atomic_write, check_target
from ttpo_cli.imaging.embedding import EMBED, jpeg_header
from ttpo_cli.imaging.formats import FORMATS, output_format
from ttpo_cli.imaging.metadata.carried import Metadata
from ttpo_cli.imaging.metadata.kept import kept_metadata
from ttpo_cli.imaging.photo import Photo
from ttpo_cli.imaging.tiff_kinds import LEFT_OUT, mark_extra
from ttpo_cli.imaging.xmp_mark import Mark
from ttpo_cli.settings.output import Encoding

AS_READ = Encoding()  # what it was read as, unless the path says otherwise
_SCREEN = (72 / 25.4, 72 / 25.4)  # the resolution written where a photo states none: 72 dots an inch
_SPACES = {(False, 8): "srgb", (True, 8): "b-w", (False, 16): "rgb16", (True, 16): "grey16"}
# Quality 100 of WebP is lossless. libvips keeps full chroma in JPEG from quality 90 on.
_ENCODERS: dict[str, Callable[[int], dict[str, Any]]] = {
    "png": lambda quality: {"compression": 6, "filter": "sub"},
    "jpeg": lambda quality: {"Q": quality, "optimize_coding": True},
    "tiff": lambda quality: {"compression": "deflate", "predictor": "horizontal"},
    "webp": lambda quality: {"Q": quality, "lossless": quality == 100, "exact": True},
}


@dataclass(frozen=True)
class Encoded:
    """A photo's file, and the sha256 of the samples it was made of, which another encoder's version does not change."""

    data: bytes
    pixels_sha256: str


def write_photo(
    path: Path | None,
    photo: Photo,
    encoding: Encoding = AS_READ,
    *,
    overwrite: bool = False,
    source: Path | None = None,
) -> bytes | Path:
    """Write the photo to `path` and return it, or return the encoded bytes where `path` is None.

    Raises UsageError for options that contradict each other, TtpoError where the file cannot be written or would replace `source`.
    """
    if path is not None:
        check_target(path, source=source, overwrite=overwrite)
    encoded = encode_photo(path, photo, encoding)
    return encoded.data if path is None else atomic_write(path, encoded.data, overwrite)


def encode_photo(path: Path | None, photo: Photo, encoding: Encoding = AS_READ, mark: Mark | None = None) -> Encoded:
    """The bytes of the file that `path` names. mark: what XMP is to say of how the pixels were made.

    Values are clipped to [0, 1] and rounded half to even, not dithered. `losses` names what the format cannot hold.
    Raises UsageError for options that contradict each other.
    """
    chosen = output_format(path, encoding.format, photo.format)
    depth = _depth(photo, chosen, encoding.bit_depth)
    if not 1 <= encoding.quality <= 100:
        raise UsageError(f"quality {encoding.quality} is not between 1 and 100: choose one that is")
    samples = _samples(photo, chosen, depth)
    digest = hashlib.sha256("x".join(map(str, (*samples.shape, depth))).encode())
    digest.update(samples.astype(samples.dtype.newbyteorder("<"), copy=False).data)
    encoded = _encode(samples, photo.grey, chosen, encoding.quality, kept_metadata(photo, chosen, encoding.keep, mark).metadata)
    if chosen == "tiff" and photo.extra is not None:
        encoded = mark_extra(encoded, photo.alpha is not None)
    return Encoded(encoded, digest.hexdigest())


def losses(photo: Photo, encoding: Encoding = AS_READ, path: Path | None = None, mark: Mark | None = None) -> tuple[str, ...]:
    """What `encode_photo` with these arguments will leave out because the format cannot hold it, in words for the user."""
    chosen = output_format(path, encoding.format, photo.format)
    entry, kept = FORMATS[chosen], kept_metadata(photo, chosen, encoding.keep, mark)
    said = list[str]()
    if photo.bit_depth == 16 and str(encoding.bit_depth) == "keep" and not entry.sixteen_bit:
        said.append(f"written with 8 bits a channel instead of 16: {entry.title} holds no more")
    if not entry.alpha and photo.alpha is not None and bool((photo.alpha < 1).any()):
        said.append(f"transparency was laid over white: {entry.title} has none")
    if photo.extra is not None and chosen != "tiff":
        said.append(LEFT_OUT)
    said += kept.left_out(entry.title)
    if not kept.marked:
        said.append("no mark of how it was made: its XMP is damaged or full")
    return tuple(said)


def left_out(photo: Photo, encoding: Encoding = AS_READ, path: Path | None = None) -> tuple[str, ...]:
    """What of the photo's file besides pixels `encode_photo` with these arguments will leave out, a name each."""
    kept = kept_metadata(photo, output_format(path, encoding.format, photo.format), encoding.keep, None)
    return (*kept.metadata.dropped, *kept.too_much)


def _depth(photo: Photo, format: str, bit_depth: str | int) -> int:
    """8 or 16 bits a channel. Raises UsageError where the format does not hold what was asked for."""
    if str(bit_depth) not in ("keep", "8", "16"):
        raise UsageError(f"bit depth '{bit_depth}' is not one of 8, 16, keep: choose one of them")
    if str(bit_depth) == "16" and not FORMATS[format].sixteen_bit:
        deep = " or ".join(entry.title for entry in FORMATS.values() if entry.sixteen_bit)
        raise UsageError(f"{FORMATS[format].title} holds 8 bits a channel, not 16: choose {deep}, or a bit depth of 8")
    wanted = photo.bit_depth if str(bit_depth) == "keep" else int(bit_depth)
    return wanted if FORMATS[format].sixteen_bit else 8


def _encode(samples: np.ndarray, grey: bool, format: str, quality: int, metadata: Metadata) -> bytes:
    """The bytes of a file of (H, W, bands) integers."""
    entry, (height, width) = FORMATS[format], samples.shape[:2]
    if max(height, width) > entry.largest_side:
        raise TtpoError(f"{width}x{height} pixels do not fit {entry.title}, whose sides end at {entry.largest_side}: choose PNG or TIFF")
    resolution = metadata.resolution or _SCREEN
    image = pyvips.Image.new_from_array(samples, interpretation=_SPACES[grey, 8 * samples.itemsize])
    image = image.copy(xres=resolution[0], yres=resolution[1])
    blobs: dict[str, Any] = {"icc-profile-data": metadata.icc, "xmp-data": None if format == "jpeg" else metadata.xmp}
    for name, blob in blobs.items():
        if blob is not None:
            image.set_type(pyvips.GValue.blob_type, name, blob)
    try:
        encoded = image.write_to_buffer(entry.suffixes[0], keep="icc:xmp", **_ENCODERS[format](quality))
    except pyvips.Error as error:
        raise TtpoError(f"{width}x{height} pixels cannot be encoded as {entry.title} ({error.message}): choose another format") from error
    if format == "jpeg":
        return jpeg_header(encoded, metadata, resolution)
    return EMBED[format](encoded, metadata)


def _samples(photo: Photo, format: str, depth: int) -> np.ndarray:
    """(H, W, bands) integers: grey as the mean of the three channels, alpha last."""
    pixels, alpha = photo.pixels[0].detach(), photo.alpha
    if not bool(torch.isfinite(pixels).all()):
        raise ValueError("pixels that are NaN or infinite cannot be written")
    if alpha is not None and not FORMATS[format].alpha:
        pixels, alpha = pixels * alpha[0] + (1 - alpha[0]), None
    planes: list[Tensor] = [pixels.mean(dim=0)] if photo.grey else list(pixels)
    planes += [] if alpha is None else [alpha[0, 0]]
    planes += [] if photo.extra is None or format != "tiff" else list(photo.extra[0])
    peak, dtype = (255, np.uint8) if depth == 8 else (65535, np.uint16)
    samples = np.empty((*pixels.shape[-2:], len(planes)), dtype)
    for band, plane in enumerate(planes):
        samples[..., band] = torch.round(plane.float().cpu().clamp(0, 1) * peak).numpy()
    return samples
