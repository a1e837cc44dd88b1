"""The fidelity guard: what the restored image says about the scene must stand (ours; the public TTPO reproduction has none).

It corrects first (the low band of a result is put back to the restored image's), then refuses what cannot be corrected.
"""

from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from ttpo_cli.errors import UsageError
from ttpo_cli.imaging.resize import imresize
from ttpo_cli.inspection.agreement import ROUNDING
from ttpo_cli.metrics.high_band import local_energy
from ttpo_cli.metrics.psnr import psnr
from ttpo_cli.settings.guard import GuardOptions


@dataclass(frozen=True)
class Verdict:
    """What the guard measured of one result, and whether it may be returned.

    Attributes:
        fidelity: PSNR to the restored image, dB.
        consistency: PSNR of the shrunken result to the input, dB.
        grain: The high-band energy of smooth regions, as a factor on the restored image's.
        refused: Why the result may not be returned, or None.
    """

    fidelity: float
    consistency: float
    grain: float
    refused: str | None


def agreement(image: Tensor, reference: Tensor) -> Tensor:
    """PSNR of [0, 1] images over all channels, dB, (N,); identical images give 100."""
    return psnr(image, reference, eight_bit=False).clamp(max=100)


def keep_low_band(image: Tensor, restored: Tensor, scale: float, options: GuardOptions) -> Tensor:
    """Put the low band of `image` (N, 3, H, W) back to that of `restored` (1, 3, H, W): the part an input of 1 / scale could show.

    Iterative back-projection (Irani & Peleg 1991) onto the images that shrink to what `restored` shrinks to.
    """
    if not options.enabled or options.low_band == 0:
        return image
    if not 0 <= options.low_band <= 1:
        raise UsageError(f"--guard-low-band is a share between 0 and 1, got {options.low_band}")
    factor = low_band_factor(scale, options)
    height, width = restored.shape[-2:]
    small = (max(1, round(height * factor)), max(1, round(width * factor)))
    for _ in range(options.rounds):
        deviation = imresize(restored - image, size=small)
        image = image + options.low_band * imresize(deviation, size=(height, width))
    return image


def low_band_factor(scale: float, options: GuardOptions) -> float:
    """The resolution of the low band as a fraction of the image's."""
    if options.band:
        return min(1.0, options.band)
    return 1 / scale if scale > 1 else 0.25


def consistency(image: Tensor, lq: Tensor) -> Tensor:
    """PSNR of the result (N, 3, H, W) to the input (1, 3, h, w), the larger of the two shrunk (bicubic) to the other's size: (N,), dB."""
    if image.shape[-2] * image.shape[-1] < lq.shape[-2] * lq.shape[-1]:
        lq = imresize(lq, size=(image.shape[-2], image.shape[-1]))
    elif image.shape[-2:] != lq.shape[-2:]:
        image = imresize(image, size=(lq.shape[-2], lq.shape[-1]))
    return agreement(image, lq.expand_as(image))


# The side of the window of a local energy, pixels, and what keeps the energy of an empty band above zero.
_WINDOW, _FLOOR = 8, 1e-6


@dataclass(frozen=True)
class SmoothRegions:
    """Where an image is smoothest, and how much high-band energy it has there.

    Attributes:
        mask: (h, w) bool, the third of the windows with the least energy in the finest Haar bands.
        energy: The median of their energies, (1,).
        window: The side of a window, pixels.
    """

    mask: Tensor
    energy: Tensor
    window: int

    def ratio(self, image: Tensor) -> Tensor:
        """How much louder the finest Haar bands of `image` (N, 3, H, W) are here: a ratio of median local RMS, (N,)."""
        energy = _local(image, self.window)[:, 0, self.mask].median(dim=1).values
        return ((energy + _FLOOR) / (self.energy + _FLOOR)).sqrt()


def smooth_regions(restored: Tensor) -> SmoothRegions:
    """Of an image (1, 3, H, W). Grain and woven patterns are energy that a result adds where the restored image has least."""
    window = min(_WINDOW, *(side // 2 for side in restored.shape[-2:]))
    energy = _local(restored, window)
    mask = (energy <= energy.flatten(1).quantile(1 / 3, dim=1)[:, None, None, None])[0, 0]
    return SmoothRegions(mask=mask, energy=energy[:, 0, mask].median(dim=1).values, window=window)


def _local(image: Tensor, window: int) -> Tensor:
    return local_energy(image, window, max(1, window // 2))


class Guard:
    """The fidelity guard of one photo. What it needs of the restored image is measured once, when it is first asked.

    Args:
        restored: (1, 3, H, W) in [0, 1].
        lq: The input, (1, 3, h, w).
        options: What a result may change.
        agreement: How well the scene itself agrees with the input, dB: no result has to agree better.
    """

    def __init__(self, restored: Tensor, lq: Tensor, options: GuardOptions, agreement: float = ROUNDING) -> None:
        self.restored, self.lq, self.options = restored, lq, options
        self.scale = max(restored.shape[-2:]) / max(lq.shape[-2:])
        self.agreement = min(agreement, ROUNDING)

    @cached_property
    def own_consistency(self) -> float:
        """How well the restored image agrees with the input, dB."""
        return float(consistency(self.restored, self.lq))

    @property
    def least_consistency(self) -> float:
        """What a result must reach, dB: the restored image's agreement with the input, or the scene's where that is less, less a margin."""
        return min(self.own_consistency, self.agreement) - self.options.consistency_margin

    @cached_property
    def smooth(self) -> SmoothRegions | None:
        """The smooth regions of the restored image; None where it is too small for Haar windows."""
        return smooth_regions(self.restored) if min(self.restored.shape[-2:]) >= 4 else None

    def keep_low_band(self, image: Tensor) -> Tensor:
        """Put the low band of `image` (N, 3, H, W) back to that of the restored image."""
        return keep_low_band(image, self.restored, self.scale, self.options)

    def judge(self, image: Tensor) -> Verdict:
        """Whether a result (1, 3, H, W) may be returned. Images too small for Haar windows: fidelity and consistency alone decide."""
        fidelity = float(agreement(image, self.restored))
        of_result = float(consistency(image, self.lq))
        grain = 1.0 if self.smooth is None else float(self.smooth.ratio(image))
        refused = self._refusal(fidelity, of_result, grain) if self.options.enabled else None
        return Verdict(fidelity=fidelity, consistency=of_result, grain=grain, refused=refused)

    def _refusal(self, fidelity: float, of_result: float, grain: float) -> str | None:
        options = self.options
        if fidelity < options.fidelity:
            return f"strays from the restored image: {fidelity:.1f} dB, below {options.fidelity:.1f}"
        if self.scale > 1 and of_result < self.least_consistency:
            return f"contradicts the input: {of_result:.1f} dB, restored {self.own_consistency:.1f}, at least {self.least_consistency:.1f}"
        if grain > options.grain:
            return f"grain in smooth regions: {grain:.1f} times the restored image's, limit {options.grain:.1f}"
        return None
