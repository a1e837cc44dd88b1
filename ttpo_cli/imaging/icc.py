"""ICC profiles: whether one can be used, and new ones of primaries and a curve (ICC.1:2022; Bradford adaptation, annex E)."""

import io
import struct
from dataclasses import dataclass

import numpy as np
from PIL import ImageCms
from PIL.ImageCms import ImageCmsProfile

# (red, green, blue, white) as CIE x and y.
Primaries = tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]

D65 = (0.3127, 0.3290)
REC709: Primaries = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), D65)
_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_DEVICE_CLASSES = (b"mntr", b"scnr", b"prtr", b"spac")
_HEADER = 128


@dataclass(frozen=True)
class Curve:
    """Stored value x to light: (a x + b)^gamma from `linear_below` on, slope x below it; or a table over [0, 1], evenly spaced."""

    gamma: float = 1.0
    a: float = 1.0
    b: float = 0.0
    slope: float = 0.0
    linear_below: float = 0.0
    table: tuple[float, ...] = ()

    def light(self, values: np.ndarray) -> np.ndarray:
        """Values in [0, 1] to linear light."""
        if self.table:
            return np.interp(values, np.linspace(0, 1, len(self.table)), self.table)
        return np.where(values >= self.linear_below, np.maximum(self.a * values + self.b, 0) ** self.gamma, self.slope * values)


SRGB = Curve(gamma=2.4, a=1 / 1.055, b=0.055 / 1.055, slope=1 / 12.92, linear_below=0.04045)


def srgb_values(light: np.ndarray) -> np.ndarray:
    """Linear light in [0, 1] to sRGB's values (IEC 61966-2-1)."""
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def is_usable(icc: bytes) -> bool:
    """Whether the profile is whole, of a device or a colour space, and one that a colour management system opens."""
    if len(icc) < _HEADER + 4 or icc[36:40] != b"acsp" or icc[12:16] not in _DEVICE_CLASSES:
        return False
    (size,), (count,) = struct.unpack_from(">I", icc, 0), struct.unpack_from(">I", icc, _HEADER)
    if not _HEADER + 4 <= size <= len(icc) or _HEADER + 4 + 12 * count > size:
        return False
    places = (struct.unpack_from(">II", icc, _HEADER + 8 + 12 * index) for index in range(count))
    if any(offset + length > size for offset, length in places):
        return False
    try:
        ImageCmsProfile(io.BytesIO(icc))
    except (OSError, ImageCms.PyCMSError):
        return False
    return True


def to_xyz(primaries: Primaries) -> np.ndarray:
    """(3, 3): linear RGB to CIE XYZ, the white's Y at 1. Raises ValueError for primaries that span no space."""
    if any(y <= 0 for _, y in primaries):
        raise ValueError("a primary without luminance")
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in primaries]).T
    try:
        matrix = columns[:, :3] * np.linalg.solve(columns[:, :3], columns[:, 3])
    except np.linalg.LinAlgError as error:
        raise ValueError("primaries on one line") from error
    if abs(np.linalg.det(matrix)) < 1e-4:
        raise ValueError("primaries on one line")
    return matrix


def matrix_profile(name: str, primaries: Primaries, curve: Curve, cicp: bytes = b"") -> bytes:
    """A display profile, version 4.4. cicp: the four numbers of ITU-T H.273, for readers that show HDR.

    Raises ValueError for primaries that span no space.
    """
    matrix = to_xyz(primaries)
    white = matrix.sum(axis=1)
    adapted = np.linalg.inv(_BRADFORD) @ np.diag((_BRADFORD @ _D50) / (_BRADFORD @ white)) @ _BRADFORD
    colorants = (adapted @ matrix).T
    tags: list[tuple[bytes, bytes]] = [(b"desc", _words(name)), (b"cprt", _words("No copyright")), (b"wtpt", _xyz(_D50))]
    tags += [(b"chad", b"sf32" + bytes(4) + b"".join(_fixed(value) for value in adapted.flat))]
    tags += list(zip((b"rXYZ", b"gXYZ", b"bXYZ"), (_xyz(one) for one in colorants), strict=True))
    tags += [(tag, _curve(curve)) for tag in (b"rTRC", b"gTRC", b"bTRC")]
    tags += [(b"cicp", b"cicp" + bytes(4) + cicp)] if cicp else []
    return _profile(tags)


def _profile(tags: list[tuple[bytes, bytes]]) -> bytes:
    """Header, table and data of tags; equal data is stored once."""
    places: dict[bytes, int] = {}
    at, body = _HEADER + 4 + 12 * len(tags), b""
    for _, content in tags:
        if content not in places:
            places[content] = at + len(body)
            body += content + bytes(-len(content) % 4)
    table = b"".join(tag + struct.pack(">II", places[content], len(content)) for tag, content in tags)
    size = at + len(body)
    date = struct.pack(">6H", 2026, 1, 1, 0, 0, 0)  # always the same, so that the same picture gives the same bytes
    head = struct.pack(">I4xI", size, 0x04400000) + b"mntrRGB XYZ " + date + b"acsp" + bytes(24) + struct.pack(">I", 0)
    head += b"".join(_fixed(value) for value in _D50)
    return head.ljust(_HEADER, b"\0") + struct.pack(">I", len(tags)) + table + body


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(float(value) * 65536))


def _xyz(value: np.ndarray) -> bytes:
    return b"XYZ " + bytes(4) + b"".join(_fixed(one) for one in value)


def _words(text: str) -> bytes:
    encoded = text.encode("utf-16-be")
    return b"mluc" + bytes(4) + struct.pack(">II", 1, 12) + b"enUS" + struct.pack(">II", len(encoded), 28) + encoded


def _curve(curve: Curve) -> bytes:
    if curve.table:
        values = np.round(np.clip(curve.table, 0, 1) * 65535).astype(">u2")
        return b"curv" + struct.pack(">4xI", len(values)) + values.tobytes()
    parameters = (curve.gamma, curve.a, curve.b, curve.slope, curve.linear_below)
    return b"para" + struct.pack(">4xHH", 3, 0) + b"".join(_fixed(value) for value in parameters)
