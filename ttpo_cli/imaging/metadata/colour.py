"""What a PNG or an AVIF says of its colours by numbers, applied to the pixels or made a profile (PNG, third edition, 11.3.2; ITU-T H.273).

A curve near sRGB's stays, as part of a profile; one that is far from it, such as linear light, is exchanged for sRGB's, since the networks
expect such values. HDR (PQ, HLG) stays as it is: PNG carries the numbers on, other formats a profile whose white is that of SDR.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ttpo_cli.imaging.icc import D65, REC709, SRGB, Curve, Primaries, matrix_profile, srgb_values, to_xyz

_C, _E, _THEATRE = (0.310, 0.316), (1 / 3, 1 / 3), (0.314, 0.351)
# Colour primaries and transfer characteristics of H.273, tables 2 and 3, by number.
PRIMARIES: dict[int, Primaries] = {
    1: REC709,
    4: ((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), _C),
    5: ((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), D65),
    6: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), D65),
    7: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), D65),
    8: ((0.681, 0.319), (0.243, 0.692), (0.145, 0.049), _C),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), D65),
    10: ((1.0, 1e-6), (1e-6, 1.0), (1e-6, 1e-6), _E),
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _THEATRE),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), D65),
    22: ((0.630, 0.340), (0.295, 0.605), (0.155, 0.077), D65),
}
_REC709_CURVE = Curve(gamma=1 / 0.45, a=1 / 1.099, b=0.099 / 1.099, slope=1 / 4.5, linear_below=0.081)
CURVES = {
    **dict.fromkeys((1, 6, 11, 14, 15), _REC709_CURVE),
    4: Curve(gamma=2.2),
    5: Curve(gamma=2.8),
    7: Curve(gamma=1 / 0.45, a=1 / 1.1115, b=0.1115 / 1.1115, slope=1 / 4, linear_below=0.0913),
    8: Curve(),
    13: SRGB,
    17: Curve(gamma=2.6, a=(52.37 / 48) ** (1 / 2.6)),
}
PQ, HLG = 16, 18
_HDR = {PQ: "PQ", HLG: "HLG"}
_UNSPECIFIED = 2
_WHITE, _PQ_PEAK, _HLG_WHITE = 203.0, 10000.0, 0.75  # ITU-R BT.2408: diffuse white, in candela a square metre and as HLG's value
_SRGB_GAMMA = 2.2  # what programs that know no other number say for sRGB's curve
_GAMMAS = (1.7, 2.7)  # of curves that stay
_TABLE = 1024


@dataclass(frozen=True)
class Colour:
    """What becomes of pixels and profile.

    Attributes:
        exchanged: the curve that is to be exchanged for sRGB's; None where values stay.
        narrow: values are of the narrow range, 16 to 235 of 255.
        icc: the profile of the values then; None for sRGB.
        overrides: goes before a profile of the file.
        chunks: PNG chunks that are carried on as they are.
        notes: what a reader of the file should know.
    """

    exchanged: Curve | None = None
    narrow: bool = False
    icc: bytes | None = None
    overrides: bool = False
    chunks: tuple[tuple[str, bytes], ...] = ()
    notes: tuple[str, ...] = ()

    def applied(self, pixels: np.ndarray, bits: int) -> np.ndarray:
        """Pixels in [0, 1], of any shape, as they are with `icc`; bits: the depth they were stored with."""
        if self.narrow:
            pixels = np.clip((pixels * (2**bits - 1) / 2 ** (bits - 8) - 16) / 219, 0, 1)
        if self.exchanged is None:
            return pixels
        return srgb_values(self.exchanged.light(pixels))


def png_colour(chunks: Mapping[str, bytes], has_profile: bool, grey: bool) -> Colour | None:
    """What the chunks cICP, sRGB, cHRM and gAMA say, the first of each kind; None where that changes nothing.

    Of several, cICP goes before a profile, a profile before sRGB, and sRGB before cHRM and gAMA. has_profile: one can be used.
    """
    numbers = chunks.get("cICP", b"")
    if len(numbers) == 4 and numbers[2] == 0 and numbers[0] != _UNSPECIFIED and numbers[1] != _UNSPECIFIED:
        light = tuple((name, chunks[name]) for name in ("mDCV", "cLLI") if name in chunks)
        return replace(coded_colour(numbers[0], numbers[1], bool(numbers[3]), grey, light), overrides=True)
    if has_profile or "sRGB" in chunks:
        return None
    gamma = _gamma(chunks.get("gAMA", b""))
    primaries, notes = _chromaticities(chunks.get("cHRM", b""))
    found = _colour(primaries, SRGB if gamma is None else Curve(gamma=gamma), grey, "its gAMA and cHRM chunks")
    return Colour(notes=notes) if found is None and notes else found


def coded_colour(primaries: int, transfer: int, full_range: bool, grey: bool, light: tuple[tuple[str, bytes], ...] = ()) -> Colour:
    """What the numbers of H.273 say. light: chunks on the mastering of HDR."""
    numbers = bytes((primaries, transfer, 0, 1))
    if transfer in _HDR and primaries in PRIMARIES:
        icc = None if grey else matrix_profile(f"HDR for SDR, {_HDR[transfer]}", PRIMARIES[primaries], _hdr_curve(transfer), numbers)
        note = f"it is HDR ({_HDR[transfer]}): its values stay, and a PNG says so; other formats show what is brighter than white as white"
        return Colour(narrow=not full_range, icc=icc, chunks=(("cICP", numbers), *light), notes=(note,))
    if primaries not in PRIMARIES or transfer not in CURVES:
        note = f"its colours are of a kind unknown here (primaries {primaries}, transfer {transfer}): values stay, and only a PNG says so"
        return Colour(narrow=not full_range, chunks=(("cICP", numbers), *light), notes=(note,))
    curve = SRGB if transfer in (1, 6, 13) and primaries in (1, 5, 6, 7) else CURVES[transfer]
    found = _colour(PRIMARIES[primaries], curve, grey, "its colour numbers (cICP)")
    return replace(found or Colour(), narrow=not full_range)


def _colour(primaries: Primaries | None, curve: Curve, grey: bool, source: str) -> Colour | None:
    """Primaries (None: those of sRGB) and a curve; None where they are sRGB's."""
    usual = primaries is None or grey or bool(np.abs(np.subtract(primaries, REC709)).max() < 0.003)
    near = curve == SRGB or (curve.linear_below == 0 and abs(curve.gamma / _SRGB_GAMMA - 1) < 0.01)
    if usual and near:
        return None
    stays = near or (not grey and (curve.linear_below > 0 or _GAMMAS[0] <= curve.gamma <= _GAMMAS[1]))
    if stays:
        icc = matrix_profile("From the photo's file", primaries or REC709, curve)
        return Colour(icc=icc, notes=(f"{source} are kept as a colour profile",))
    icc = None if usual or primaries is None else matrix_profile("From the photo's file, curve of sRGB", primaries, SRGB)
    shown = "linear light" if curve.gamma == 1 else f"a gamma of {curve.gamma:.3g}"
    return Colour(exchanged=curve, icc=icc, notes=(f"{shown} was exchanged for sRGB's curve: {source} ask for it",))


def _gamma(content: bytes) -> float | None:
    """The exponent that decodes, of a gAMA chunk; None where it says nothing that can be meant."""
    (stored,) = struct.unpack(">I", content) if len(content) == 4 else (0,)
    return 100000 / stored if 10_000 <= stored <= 1_000_000 else None


def _chromaticities(content: bytes) -> tuple[Primaries | None, tuple[str, ...]]:
    """Of a cHRM chunk, which has the white first, and a note; None where it says nothing that can be meant."""
    if len(content) != 32:
        return None, ()
    white, red, green, blue = ((x / 100000, y / 100000) for x, y in struct.iter_unpack(">II", content))
    primaries = (red, green, blue, white)
    try:
        if max(max(point) for point in primaries) > 1 or to_xyz(primaries).sum() <= 0:
            raise ValueError("no colours")
    except ValueError:
        return None, ("its cHRM chunk names no colours that can be, and was left out",)
    return primaries, ()


def _hdr_curve(transfer: int) -> Curve:
    """A table of light over values, 1 at diffuse white and above (SMPTE ST 2084; ITU-R BT.2100, HLG with a system gamma of 1.2)."""
    stored = np.linspace(0, 1, _TABLE)
    if transfer == PQ:
        root = stored ** (1 / 78.84375)
        light = (np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)) ** (1 / 0.1593017578125) * _PQ_PEAK / _WHITE
    else:
        light = (_hlg_scene(stored) / _hlg_scene(np.array(_HLG_WHITE))) ** 1.2
    return Curve(table=tuple(np.clip(light, 0, 1).tolist()))


def _hlg_scene(stored: np.ndarray) -> np.ndarray:
    """HLG's value to scene light."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(stored <= 0.5, stored**2 / 3, (np.exp((stored - c) / a) + b) / 12)
