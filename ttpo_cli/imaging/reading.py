"""A photo file, or its bytes, read into a Photo: recognised by content, checked from the header, decoded, turned upright."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyvips
import torch
from torch import Tensor

from ttpo_cli.errors import TtpoError
from ttpo_cli.imaging.avif_size import check_stated_size
from ttpo_cli.imaging.decoding_errors import too_many_pixels, undecodable
from ttpo_cli.imaging.exif import exif_bytes
from ttpo_cli.imaging.float_range import to_unit_range
from ttpo_cli.imaging.formats import FORMATS, INPUT_FORMATS, format_of_name, sniff_format, written_format
from ttpo_cli.imaging.jpeg_tables import luminance_table
from ttpo_cli.imaging.metadata.carried import Metadata, true_for
from ttpo_cli.imaging.metadata.change import Change
from ttpo_cli.imaging.metadata.colour import Colour
from ttpo_cli.imaging.metadata.finding import Found, find_metadata, orientation_of
from ttpo_cli.imaging.metadata.profile import stated_colour, usable_profile
from ttpo_cli.imaging.photo import Photo
from ttpo_cli.imaging.pillow_decoding import as_png, header_size
from ttpo_cli.imaging.salvage import open_damaged
from ttpo_cli.imaging.tiff_kinds import LEFT_OUT, channel_order, open_tiff

_PNG_END = b"IEND\xae\x42\x60\x82"
_BY_PILLOW = ("bmp", "jpeg2000")  # the libvips of the wheel has no reader for them
MAX_PIXELS = 200_000_000
_DEPTHS = {"uchar": 8, "ushort": 16, "float": 16, "uint": 16}
# EXIF orientation -> the upright picture of a stored one, both (H, W, bands).
_UPRIGHT: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.transpose(1, 0, 2),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: stored.transpose(1, 0, 2)[::-1, ::-1],
    8: lambda stored: np.rot90(stored, 1),
}


@dataclass(frozen=True)
class _Samples:
    """(H, W, bands) as decoded: 1 or 3 colours, perhaps alpha, and so many extra channels; the profile they are to be read with, notes."""

    values: np.ndarray
    icc: bytes | None
    extra: int
    notes: tuple[str, ...]


def read_photo(
    source: Path | bytes, *, name: str | None = None, label: str | None = None, max_pixels: int = MAX_PIXELS, damaged: bool = False
) -> Photo:
    """Read PNG, JPEG, TIFF, WebP, GIF, BMP, JPEG 2000 or AVIF, from a path or from bytes (stdin), 8 or 16 bit (float TIFF becomes 16 bit).

    name: what to call the photo instead of the path's name; label: what errors call it. damaged: read what is left of a JPEG or PNG that
    is cut short or damaged; without it, only one of which every row is there is read. EXIF orientation is applied, once. RGB and grey
    keep their profile and values; CMYK and Lab are converted to sRGB.
    Raises TtpoError, one line, for whatever is not a sound photo: missing, empty, truncated, of another kind, over `max_pixels` by its
    header, of values that make no picture.
    """
    label = label or (str(source) if isinstance(source, Path) else name or "standard input")
    data = photo_bytes(source) if isinstance(source, Path) else source
    kind = sniff_format(data[:64], label)
    format, content_hash = written_format(kind), hashlib.sha256(data).hexdigest()
    given = data
    if kind in _BY_PILLOW:
        data = as_png(data, label, max_pixels)
    try:
        image, kind_notes = _opened(data, kind, label, max_pixels)
        _check_header(image, label, max_pixels)
        if kind == "png" and data.rfind(_PNG_END) < 0:  # libpng does not ask for the end chunk
            image, kind_notes = open_damaged(data, kind, label, damaged)
        found = find_metadata(given, kind, label, image)
        try:
            samples = _decode(image, data, kind, label)
        except pyvips.Error:
            image, kind_notes = open_damaged(data, kind, label, damaged)
            samples = _decode(image, data, kind, label)
    except pyvips.Error as error:
        raise undecodable(label, data, kind) from error
    orientation = _orientation(image, found, kind)
    upright = _UPRIGHT[orientation](samples.values)
    tensor, float_notes = _tensor(upright, label)
    planes, extra = tensor.split([tensor.shape[1] - samples.extra, samples.extra], dim=1)
    colours = 3 if planes.shape[1] >= 3 else 1
    colour = stated_colour(data, kind, samples.icc is not None, grey=colours == 1)
    pixels = torch.from_numpy(colour.applied(planes[:, :colours].numpy(), _DEPTHS[str(image.format)]).astype(np.float32))
    height, width = upright.shape[:2]
    photo_name = name or (source.name if isinstance(source, Path) else "stdin")
    change = Change(before=samples.values.shape[1::-1], after=(width, height), orientation=orientation)
    final = colour if colour.overrides else replace(colour, icc=colour.icc or samples.icc)
    metadata = _metadata(image, found, final, change)
    notes = (*_kind_notes(photo_name, kind), *kind_notes, *_frame_notes(image, data, kind))
    return Photo(
        pixels=pixels.expand(-1, 3, -1, -1).contiguous(),
        alpha=planes[:, colours:].contiguous() if planes.shape[1] > colours else None,
        grey=colours == 1,
        bit_depth=_DEPTHS[str(image.format)],
        format=format,
        metadata=metadata,
        content_hash=content_hash,
        name=photo_name,
        notes=(*notes, *samples.notes, *found.notes, *metadata.damage, *float_notes, *colour.notes),
        jpeg_table=luminance_table(data) if format == "jpeg" else None,
        extra=extra.contiguous() if samples.extra else None,
    )


def photo_size(source: Path) -> tuple[int, int]:
    """Width and height of the upright photo, from its header: what follows may still turn out to be damaged.

    Raises TtpoError where there is no header that `read_photo` would accept.
    """
    label = str(source)
    kind = _check_file(source, label)
    if kind in _BY_PILLOW:
        return header_size(source)
    if kind == "avif":
        check_stated_size(source.read_bytes(), label, MAX_PIXELS)
    try:
        image = pyvips.Image.new_from_file(str(source), access="sequential")
    except pyvips.Error as error:
        data = source.read_bytes()
        raise undecodable(label, data, sniff_format(data[:64], label)) from error
    turned = _number(image, "orientation") >= 5
    return (image.height, image.width) if turned else (image.width, image.height)


def photo_bytes(path: Path) -> bytes:
    """The bytes of a file that begins like a photo. Raises TtpoError for one that does not, or that cannot be read."""
    label = str(path)
    _check_file(path, label)
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(label, error) from error


def _check_file(path: Path, label: str) -> str:
    """The format by the first bytes: what is not a file, or does not begin like a photo, is refused before it is read whole."""
    try:
        if path.is_dir():
            raise TtpoError(f"'{label}' is a folder: give the photo's file")
        if path.exists() and not path.is_file():
            raise TtpoError(f"'{label}' is not a regular file: give the photo's file, or its bytes on standard input")
        with path.open("rb") as stream:
            return sniff_format(stream.read(64), label)
    except FileNotFoundError as error:
        raise TtpoError(f"'{label}' does not exist: check its name and folder") from error
    except PermissionError as error:
        raise TtpoError(f"'{label}' may not be read by this user: change its permissions") from error
    except OSError as error:
        raise _unreadable(label, error) from error


def _unreadable(label: str, error: OSError) -> TtpoError:
    return TtpoError(f"'{label}' cannot be read ({error.strerror}): check the disk, or copy the file elsewhere")


def _opened(data: bytes, kind: str, label: str, max_pixels: int) -> tuple[pyvips.Image, tuple[str, ...]]:
    """The picture, its pixels not decoded yet where libvips decodes them, and notes."""
    if kind == "tiff":
        return open_tiff(data, label, max_pixels)
    if kind == "avif":
        check_stated_size(data, label, max_pixels)
    return pyvips.Image.new_from_buffer(data, "", access="sequential", fail_on="error"), ()


def _check_header(image: pyvips.Image, label: str, max_pixels: int) -> None:
    """Refuse, before anything is decoded, what is too large to be a photo."""
    if image.width * image.height > max_pixels:
        raise too_many_pixels(label, image.width, image.height, max_pixels)
    if str(image.format) not in _DEPTHS:
        raise TtpoError(f"'{label}' holds {image.format} samples: convert it to 8 or 16 bit integers")


def _decode(image: pyvips.Image, data: bytes, kind: str, label: str) -> _Samples:
    """Decode to grey or RGB, perhaps with alpha; CMYK goes to sRGB through its profile."""
    space, bands = image.interpretation, image.bands
    icc, notes = usable_profile(data, kind, image, "CMYK" if space == "cmyk" else "GRAY" if bands < 3 else "RGB")
    colours, others = 4 if space == "cmyk" else 3 if bands >= 3 else 1, 0
    if kind == "tiff" and bands > colours:
        order, others = channel_order(data, bands, colours)
        image = image[order[0]].bandjoin([image[band] for band in order[1:]]).copy(interpretation=space)
        if others and space == "cmyk":
            image, others, notes = image[0 : bands - others].copy(interpretation=space), 0, (*notes, LEFT_OUT)
        bands = image.bands
    if space == "cmyk" and bands in (4, 5):
        embedded = icc is not None
        depth = 16 if image.format == "ushort" else 8
        image = image.icc_transform("srgb", embedded=embedded, input_profile="cmyk", depth=depth, black_point_compensation=True)
        icc = _blob(image, "icc-profile-data")
        notes += (f"CMYK converted to sRGB with {'its own profile' if embedded else 'a general CMYK profile, since it has none'}",)
    elif space not in ("b-w", "grey16", "srgb", "rgb16", "rgb", "scrgb") or bands - others > 4:
        raise TtpoError(f"'{label}' holds {bands} channels of colour space '{space}': convert it to RGB, grey or CMYK")
    values = image.numpy()
    return _Samples(values=values[..., None] if values.ndim == 2 else values, icc=icc, extra=others, notes=notes)


def _tensor(values: np.ndarray, label: str) -> tuple[Tensor, tuple[str, ...]]:
    """(H, W, bands) of any depth -> (1, bands, H, W) in [0, 1], and notes."""
    notes = ()
    planes = values.transpose(2, 0, 1).astype(np.float32, order="C")
    if values.dtype.kind == "f":
        if not np.isfinite(planes).all():
            raise TtpoError(f"'{label}' holds values that are not numbers (NaN or infinite): write it again with all values from 0 to 1")
        planes, notes = to_unit_range(planes)
    else:
        planes /= np.iinfo(values.dtype).max
    return torch.from_numpy(np.ascontiguousarray(planes, np.float32))[None], notes


def _metadata(image: pyvips.Image, found: Found, colour: Colour, change: Change) -> Metadata:
    """What the file says besides pixels, made true for the upright picture."""
    exif = found.exif
    known = image.xres != 1.0 or image.yres != 1.0  # libvips' value for a file that says nothing
    stated = Metadata(
        exif=exif_bytes(exif) if exif is not None and (exif.root.entries or exif.root.children) else None,
        icc=colour.icc,
        xmp=found.xmp,
        resolution=(image.xres, image.yres) if known else None,
        text=tuple(found.texts),
        iptc=found.iptc,
        colour_chunks=colour.chunks,
        dropped=tuple(found.dropped),
    )
    return true_for(stated, change)


def _orientation(image: pyvips.Image, found: Found, kind: str) -> int:
    """EXIF's, which libvips does not read behind the pixels of a PNG; its own of an AVIF is applied when that is decoded."""
    stated = (None if kind == "avif" else orientation_of(found.exif)) or _number(image, "orientation")
    return stated if stated in _UPRIGHT else 1


def _kind_notes(name: str, format: str) -> tuple[str, ...]:
    if format in INPUT_FORMATS:
        return (f"it is a {INPUT_FORMATS[format].title} file, which ttpo reads and does not write",)
    promised = format_of_name(name)
    if promised in (None, format):
        return ()
    return (f"it is a {FORMATS[format].title} file, though named as {FORMATS[promised].title}",)


def _frame_notes(image: pyvips.Image, data: bytes, format: str) -> tuple[str, ...]:
    frames = _number(image, "n-pages")
    if frames > 1:
        return (f"only the first of its {frames} pages was read",)
    if format == "png" and b"acTL" in data[: data.find(b"IDAT")]:
        return ("only the first of its frames was read",)
    return ()


def _blob(image: pyvips.Image, name: str) -> bytes | None:
    """A piece of metadata as libvips gives it, None where the file has none."""
    value = image.get(name) if image.get_typeof(name) else None
    return value if isinstance(value, bytes) else None


def _number(image: pyvips.Image, name: str) -> int:
    """A number that the file states, 1 where it does not."""
    value = image.get(name) if image.get_typeof(name) else 1
    return value if isinstance(value, int) else 1
