"""Rarer kinds of TIFF, made into what libvips reads: Lab, 64-bit floats, depths such as 12 bits; and which extra channel is transparency."""

import struct
from dataclasses import dataclass

import numpy as np
import pyvips

from ttpo_cli.errors import TtpoError
from ttpo_cli.imaging.lab import lab_to_srgb
from ttpo_cli.imaging.tiff_directory import Directory, read_directory
from ttpo_cli.imaging.tiff_samples import decodes, tiff_samples

_PHOTOMETRIC, _BITS, _SAMPLE_FORMAT, _EXTRA = 262, 258, 339, 338
_LIBRARY_DEPTHS = (1, 2, 4, 8, 16, 32)
_LAB = {8: "CIE Lab", 9: "ICC Lab"}
_TRANSPARENCY = (1, 2)  # associated and unassociated alpha; 0 is a channel of any meaning (TIFF 6.0, page 31)
# What libvips is given in place of a file: the tags that it would have taken from it.
_BLOBS = {34675: "icc-profile-data", 700: "xmp-data"}


@dataclass(frozen=True)
class Extra:
    """Channels after the colours. alpha: the index of the one that is transparency; others: how many have another meaning."""

    alpha: int | None
    others: int


def open_tiff(data: bytes, label: str, max_pixels: int) -> tuple[pyvips.Image, tuple[str, ...]]:
    """The picture, not decoded yet where libvips decodes it, and notes. Raises TtpoError in words, pyvips.Error for damage."""
    directory = read_directory(data)
    if directory is None:
        return _by_libvips(data), ()
    if directory.number(256, 0) * directory.number(257, 0) > max_pixels:
        return _by_libvips(data), ()  # the size is refused by who asked
    if directory.number(_PHOTOMETRIC, 1) in _LAB:
        return _from_lab(data, directory, label)
    bits, sample_format = directory.number(_BITS, 1), directory.number(_SAMPLE_FORMAT, 1)
    if bits in _LIBRARY_DEPTHS and sample_format in (1, 3, 4):
        return _by_libvips(data), ()
    kind = f"{bits}-bit {'float' if sample_format == 3 else 'signed' if sample_format == 2 else 'integer'}"
    if not (bits == 64 and sample_format == 3) and not (bits < 32 and sample_format == 1) or directory.number(_PHOTOMETRIC, 1) > 2:
        raise TtpoError(f"'{label}' holds {kind} samples: convert it to 8 or 16 bit integers")
    if not decodes(directory):
        raise TtpoError(
            f"'{label}' is a TIFF of {kind} samples with {directory.compression} compression: save it uncompressed, or with 16 bits"
        )
    return _by_us(data, directory, label, bits)


def refusal(data: bytes, label: str) -> TtpoError | None:
    """Why libvips could not decode a TIFF, where its compression is the reason."""
    directory = read_directory(data)
    if directory is None or directory.number(259, 1) in (1, 2, 3, 4, 5, 7, 8, 32773, 32946):
        return None
    return TtpoError(f"'{label}' is a TIFF with {directory.compression} compression, which is not read here: save it with LZW or Deflate")


def extra_channels(data: bytes, bands: int, colours: int) -> Extra:
    """What the channels after the colours mean; without a word about them in the file, none is transparency."""
    directory = read_directory(data)
    types = () if directory is None else directory.values.get(_EXTRA, ())
    extra = bands - colours
    alpha = next((colours + index for index, kind in enumerate(types[:extra]) if kind in _TRANSPARENCY), None)
    return Extra(alpha=alpha, others=extra - (alpha is not None))


def _by_libvips(data: bytes) -> pyvips.Image:
    return pyvips.Image.new_from_buffer(data, "", access="sequential", fail_on="error")


def _by_us(data: bytes, directory: Directory, label: str, bits: int) -> tuple[pyvips.Image, tuple[str, ...]]:
    try:
        samples = tiff_samples(data, directory)
    except (ValueError, MemoryError) as error:
        raise TtpoError(f"'{label}' is cut short or damaged ({error}): copy it again from where it came") from error
    bands = min(samples.shape[2], 4) if samples.shape[2] > 2 else 1
    grey = bands < 3
    if bits == 64:
        image = pyvips.Image.new_from_array(samples.astype(np.float32), interpretation="b-w" if grey else "scrgb")
        return _described(image, directory), ()
    if directory.number(_PHOTOMETRIC, 1) == 0:
        samples = (1 << bits) - 1 - samples
    deep = np.round(samples * (65535 / ((1 << bits) - 1))).astype(np.uint16)
    image = pyvips.Image.new_from_array(deep, interpretation="grey16" if grey else "rgb16")
    return _described(image, directory), (f"its {bits}-bit samples count as 16 bit",)


def _from_lab(data: bytes, directory: Directory, label: str) -> tuple[pyvips.Image, tuple[str, ...]]:
    """Lab read as if it were RGB, so that any compression is decoded, and converted."""
    photometric, bits = directory.number(_PHOTOMETRIC, 1), directory.number(_BITS, 8)
    if bits not in (8, 16) or directory.number(277, 1) < 3:
        raise TtpoError(f"'{label}' is a Lab TIFF of {bits} bits and {directory.number(277, 1)} channels: convert it to RGB")
    patched = bytearray(data)
    struct.pack_into(f"{directory.order}H", patched, directory.places[_PHOTOMETRIC], 2)
    stored = _by_libvips(bytes(patched))
    values = lab_to_srgb(stored.numpy()[..., :3], signed=photometric == 8)
    peak, dtype = (255, np.uint8) if bits == 8 else (65535, np.uint16)
    image = pyvips.Image.new_from_array(np.round(values * peak).astype(dtype), interpretation="srgb" if bits == 8 else "rgb16")
    described = _described(image, directory)
    described.remove("icc-profile-data") if described.get_typeof("icc-profile-data") else None
    return described, (f"{_LAB[photometric]} converted to sRGB",)


def _described(image: pyvips.Image, directory: Directory) -> pyvips.Image:
    """A picture made from an array, with what the directory says of it."""
    image = image.copy()
    for tag, name in _BLOBS.items():
        blob = directory.blob(tag)
        if blob is not None:
            image.set_type(pyvips.GValue.blob_type, name, blob)
    if 274 in directory.values:
        image.set_type(pyvips.GValue.gint_type, "orientation", directory.number(274, 1))
    resolution = [directory.values.get(tag, ()) for tag in (282, 283)]
    unit = {2: 25.4, 3: 10.0}.get(directory.number(296, 2))
    if unit is not None and all(len(value) == 2 and value[1] and value[0] for value in resolution):
        across, along = (value[0] / value[1] / unit for value in resolution)
        image = image.copy(xres=across, yres=along)
    return image
