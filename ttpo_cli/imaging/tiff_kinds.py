"""Rarer kinds of TIFF, made into what libvips reads: Lab, 64-bit floats, 12 bits, ZSTD; and what extra channels mean (TIFF 6.0)."""

import struct
from typing import Any

import numpy as np
import pyvips

from ttpo_cli.errors import TtpoError
from ttpo_cli.imaging.lab import lab_of, lab_to_srgb
from ttpo_cli.imaging.tiff_directory import Directory, read_directory
from ttpo_cli.imaging.tiff_samples import decodes, tiff_samples

_PHOTOMETRIC, _BITS, _SAMPLE_FORMAT, _EXTRA = 262, 258, 339, 338
_COMPRESSION = 259
_LIBRARY_DEPTHS = (1, 2, 4, 8, 16, 32)
_LIBRARY_COMPRESSIONS = (1, 2, 3, 4, 5, 7, 8, 32773, 32946)  # of the wheel's libtiff
_SIGNED, _FLOAT = 2, 3
_SAMPLE_KINDS = {1: "integer", _SIGNED: "signed", _FLOAT: "float", 4: "integer", 5: "complex", 6: "complex"}
_LAB = {8: "CIE Lab", 9: "ICC Lab"}
_TRANSPARENCY = (1, 2)  # associated and unassociated alpha; 0 is a channel of any meaning (TIFF 6.0, page 31)
# What libvips is given in place of a file: the tags that it would have taken from it.
_BLOBS = {34675: "icc-profile-data", 700: "xmp-data"}


LEFT_OUT = "extra channels that are no transparency, such as a saved selection, were left out"


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
    kind = f"{bits}-bit {_SAMPLE_KINDS.get(sample_format, 'other')} samples"
    if sample_format == _SIGNED:
        raise TtpoError(f"'{label}' holds {kind}: convert it to 8 or 16 bit integers")
    if bits in _LIBRARY_DEPTHS and directory.number(_COMPRESSION, 1) in _LIBRARY_COMPRESSIONS:
        return _by_libvips(data), ()
    ours = bits in (16, 32, 64) if sample_format == _FLOAT else bits <= 32
    if not ours or directory.number(_PHOTOMETRIC, 1) > 2 or not decodes(directory):
        found = f"a TIFF of {kind} with {directory.compression} compression"
        raise TtpoError(f"'{label}' is {found}, which is not read here: save it with 8 or 16 bits, and LZW or Deflate")
    return _by_us(data, directory, label, bits)


def channel_order(data: bytes, bands: int, colours: int) -> tuple[list[int], int]:
    """(the channels in the order colours, transparency, others; how many others there are).

    Without a word about a channel in the file, it is no transparency.
    """
    directory = read_directory(data)
    types = () if directory is None else directory.values.get(_EXTRA, ())
    extra = list(range(colours, bands))
    alpha = [band for band, kind in zip(extra, types, strict=False) if kind in _TRANSPARENCY][:1]
    others = [band for band in extra if band not in alpha]
    return [*range(colours), *alpha, *others], len(others)


def _by_libvips(data: bytes) -> pyvips.Image:
    return pyvips.Image.new_from_buffer(data, "", access="sequential", fail_on="error")


def _by_us(data: bytes, directory: Directory, label: str, bits: int) -> tuple[pyvips.Image, tuple[str, ...]]:
    try:
        samples = tiff_samples(data, directory)
    except (ValueError, MemoryError) as error:
        raise TtpoError(f"'{label}' is cut short or damaged ({error}): copy it again from where it came") from error
    grey = samples.shape[2] < 3
    if directory.number(_SAMPLE_FORMAT, 1) == _FLOAT:
        with np.errstate(over="ignore"):  # beyond float32 it is infinite, which is refused
            narrow = samples.astype(np.float32)
        image = pyvips.Image.new_from_array(narrow, interpretation="b-w" if grey else "scrgb")
        return _described(image, directory), ()
    peak = (1 << bits) - 1
    if directory.number(_PHOTOMETRIC, 1) == 0:
        samples = peak - samples
    shallow = bits <= 8
    values = np.round(samples * ((255 if shallow else 65535) / peak)).astype(np.uint8 if shallow else np.uint16)
    space = ("b-w" if grey else "srgb") if shallow else ("grey16" if grey else "rgb16")
    notes = () if bits in (8, 16) else (f"its {bits}-bit samples count as {8 if shallow else 16} bit",)
    return _described(pyvips.Image.new_from_array(values, interpretation=space), directory), notes


def _from_lab(data: bytes, directory: Directory, label: str) -> tuple[pyvips.Image, tuple[str, ...]]:
    """Lab read as if it were RGB, so that any compression is decoded, and converted."""
    photometric, bits = directory.number(_PHOTOMETRIC, 1), directory.number(_BITS, 8)
    if bits not in (8, 16, 32) or directory.number(277, 1) < 3:
        raise TtpoError(f"'{label}' is a Lab TIFF of {bits} bits and {directory.number(277, 1)} channels: convert it to RGB")
    patched = bytearray(data)
    struct.pack_into(f"{directory.order}H", patched, directory.places[_PHOTOMETRIC], 2)
    stored = _by_libvips(bytes(patched))
    values = lab_to_srgb(lab_of(stored.numpy()[..., :3], signed=photometric == 8))
    peak, dtype = (255, np.uint8) if bits == 8 else (65535, np.uint16)
    image = pyvips.Image.new_from_array(np.round(values * peak).astype(dtype), interpretation="srgb" if bits == 8 else "rgb16")
    described = _described(image, directory)
    if described.get_typeof("icc-profile-data"):
        described.remove("icc-profile-data")  # of the Lab values
    return described, (f"{_LAB[photometric]} converted to sRGB",)


def _described(image: pyvips.Image, directory: Directory) -> pyvips.Image:
    """A picture made from an array, with what the directory says of it."""
    image = image.copy()
    for tag, name in _BLOBS.items():
        blob: Any = directory.blob(tag)
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


def mark_extra(encoded: bytes, alpha: bool) -> bytes:
    """A TIFF by libvips, which takes all extra channels for transparency, with only the first (where `alpha`) called so."""
    directory = read_directory(encoded)
    if directory is None or _EXTRA not in directory.places:
        raise ValueError("an encoded TIFF with extra channels says nothing of them")
    types = [2 if alpha and index == 0 else 0 for index in range(len(directory.values[_EXTRA]))]
    patched = bytearray(encoded)
    struct.pack_into(f"{directory.order}{len(types)}H", patched, directory.places[_EXTRA], *types)
    return bytes(patched)
