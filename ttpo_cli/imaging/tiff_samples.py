"""Samples of TIFF files that libvips does not decode (64-bit floats, 12 bits, ZSTD, LZMA), from strips or tiles (TIFF 6.0)."""

import importlib.util
import lzma
import zlib
from collections.abc import Callable

import numpy as np

from ttpo_cli.imaging.tiff_directory import Directory

_FLOAT = 3
_MOST_BANDS = 64


def _of_zstd(raw: bytes, length: int) -> bytes:
    import zstandard

    return zstandard.ZstdDecompressor().decompressobj().decompress(raw)[:length]


# Compression -> (bytes, length wanted) -> bytes.
_UNPACK: dict[int, Callable[[bytes, int], bytes]] = {
    1: lambda raw, length: raw,
    8: lambda raw, length: zlib.decompressobj().decompress(raw, length),
    32946: lambda raw, length: zlib.decompressobj().decompress(raw, length),
    34925: lambda raw, length: lzma.LZMADecompressor().decompress(raw, length),
    50000: _of_zstd,
}


def decodes(directory: Directory) -> bool:
    """Whether `tiff_samples` reads this compression and prediction."""
    compression = directory.number(259, 1)
    there = compression != 50000 or importlib.util.find_spec("zstandard") is not None
    return compression in _UNPACK and there and directory.number(317, 1) in (1, 2, 3)


def tiff_samples(data: bytes, directory: Directory) -> np.ndarray:
    """(H, W, bands) of the first picture: floats of its depth, or unsigned integers at their depth, not scaled.

    Raises ValueError where the file does not hold what its directory says.
    """
    width, height = directory.number(256, 0), directory.number(257, 0)
    bands, planar = directory.number(277, 1), directory.number(284, 1) == 2
    tiled = 322 in directory.values
    piece_width, piece_height = (directory.number(322, 0), directory.number(323, 0)) if tiled else (width, directory.number(278, height))
    offsets, lengths = (directory.values.get(tag, ()) for tag in ((324, 325) if tiled else (273, 279)))
    known = min(width, height, piece_width, piece_height, bands, directory.number(258, 1)) > 0
    if not known or bands > _MOST_BANDS or len(offsets) != len(lengths):
        raise ValueError("its directory lacks sizes or places")
    piece_height = min(piece_height, height) if not tiled else piece_height
    across, down = -(-width // piece_width), -(-height // piece_height)
    planes, per_piece = (bands, 1) if planar else (1, bands)
    if len(offsets) < planes * across * down:
        raise ValueError("pieces are missing")
    samples = np.zeros((height, width, bands), f"f{directory.number(258, 1) // 8}" if directory.number(339, 1) == _FLOAT else np.uint32)
    for index in range(planes * across * down):
        plane, place = divmod(index, across * down)
        top, left = place // across * piece_height, place % across * piece_width
        rows = piece_height if tiled else min(piece_height, height - top)
        raw = _unpacked(data[int(offsets[index]) : int(offsets[index]) + int(lengths[index])], directory, rows, piece_width, per_piece)
        shown = raw[: height - top, : width - left]
        samples[top : top + rows, left : left + piece_width, plane : plane + per_piece] = shown
    return samples


def _unpacked(raw: bytes, directory: Directory, rows: int, width: int, bands: int) -> np.ndarray:
    """One strip or tile, (rows, width, bands)."""
    bits, predictor = directory.number(258, 1), directory.number(317, 1)
    row_bytes = -(-width * bands * bits // 8)
    try:
        raw = _UNPACK[directory.number(259, 1)](raw, rows * row_bytes)
    except Exception as error:  # noqa: BLE001 - zlib, lzma and zstandard each raise errors of their own
        raise ValueError("its compressed pixels are damaged") from error
    if len(raw) < rows * row_bytes:
        raise ValueError("it ends before its pixels do")
    lines = np.frombuffer(raw, np.uint8, rows * row_bytes).reshape(rows, row_bytes)
    if directory.number(339, 1) == _FLOAT:
        return _floats(lines, directory, width, bands)
    values = _integers(lines, bits, directory.order)[:, : width * bands].reshape(rows, width, bands)
    return values.cumsum(axis=1, dtype=np.uint64).astype(np.uint32) & (2**bits - 1) if predictor == 2 else values


def _floats(lines: np.ndarray, directory: Directory, width: int, bands: int) -> np.ndarray:
    """Floats; predictor 3 stores their bytes apart, highest first, as differences (Adobe Photoshop TIFF Technical Note 3)."""
    rows, size = len(lines), directory.number(258, 1) // 8
    if directory.number(317, 1) == 3:
        apart = lines.reshape(rows, -1, bands).cumsum(axis=1, dtype=np.uint8).reshape(rows, size, width * bands)
        return np.ascontiguousarray(apart.transpose(0, 2, 1)).view(f">f{size}").reshape(rows, width, bands).astype(f"f{size}")
    return lines.view(f"{directory.order}f{size}").reshape(rows, width, bands).astype(f"f{size}")


def _integers(lines: np.ndarray, bits: int, order: str) -> np.ndarray:
    """(rows, samples): whole bytes in the file's order; other depths packed without gaps, the highest bit first."""
    if bits in (8, 16, 32):
        return lines.view(f"{order}u{bits // 8}").astype(np.uint32)
    unpacked = np.unpackbits(lines, axis=1)
    whole = unpacked.shape[1] // bits * bits
    weights = (1 << np.arange(bits - 1, -1, -1, dtype=np.uint64)).astype(np.uint64)
    return (unpacked[:, :whole].reshape(len(lines), -1, bits) @ weights).astype(np.uint32)
