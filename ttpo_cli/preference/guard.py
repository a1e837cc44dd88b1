"""The fidelity guard: what the restored image says about the scene must stand (ours; the public TTPO reproduction has none).

It mends first (the low band of a result is put back to the restored image's), then refuses what cannot be mended.
"""

from dataclasses import dataclass

from torch import Tensor

from ttpo_cli.errors import UsageError
from ttpo_cli.imaging.resize import imresize
from ttpo_cli.metrics.high_band import local_energy
from ttpo_cli.metrics.psnr import psnr
from ttpo_cli.settings.guard import GuardOptions

# Agreement beyond this PSNR, dB, is about the rounding of 8-bit files (59 dB) and says nothing about the scene.
ROUNDING = 50.0


@dataclass(frozen=True)
class Verdict:
    """fidelity: PSNR to the restored image, dB; consistency: PSNR of the shrunken result to the input, dB; refused: why, or None."""

    fidelity: float
    consistency: float
    grain: float
    refused: str | None


def agreement(image: Tensor, reference: Tensor) -> Tensor:
    """PSNR of [0, 1] images over all channels, dB, (N,); identical images give 100."""
    return psnr(image, reference, eight_bit=False).clamp(max=100)


def keep_low_band(image: Tensor, restored: Tensor, scale: int, options: GuardOptions) -> Tensor:
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


def low_band_factor(scale: int, options: GuardOptions) -> float:
    """The resolution of the low band as a fraction of the image's."""
    if options.band:
        return min(1.0, options.band)
    return 1 / scale if scale > 1 else 0.25


def consistency(image: Tensor, lq: Tensor, scale: int) -> Tensor:
    """PSNR of the result, shrunk as the task's degradation shrinks (bicubic; nothing for x1), to the input: (N,), dB."""
    small = image if scale == 1 else imresize(image, size=(lq.shape[-2], lq.shape[-1]))
    return agreement(small, lq.expand_as(small))


def smooth_energy_ratio(image: Tensor, restored: Tensor, window: int = 8, floor: float = 1e-6) -> Tensor:
    """How much louder the finest Haar bands are in the restored image's smoothest third: a ratio of median local RMS, (N,).

    Grain and woven patterns are added energy where the restored image has least.
    """
    size = min(window, *(side // 2 for side in image.shape[-2:]))
    local, reference = (local_energy(each, size, max(1, size // 2)) for each in (image, restored))
    smooth = (reference <= reference.flatten(1).quantile(1 / 3, dim=1)[:, None, None, None])[0, 0]
    energy, own = local[:, 0, smooth].median(dim=1).values, reference[:, 0, smooth].median(dim=1).values
    return ((energy + floor) / (own + floor)).sqrt()


def judge(image: Tensor, restored: Tensor, lq: Tensor, scale: int, options: GuardOptions) -> Verdict:
    """Whether one result (1, 3, H, W) may be returned. Images too small for Haar windows are judged on fidelity and consistency."""
    fidelity = float(agreement(image, restored))
    of_result = float(consistency(image, lq, scale))
    of_restored = float(consistency(restored, lq, scale))
    grain = float(smooth_energy_ratio(image, restored)) if min(image.shape[-2:]) >= 4 else 1.0
    refused = None
    if options.enabled:
        if fidelity < options.fidelity:
            refused = f"strays from the restored image: {fidelity:.1f} dB, below {options.fidelity:.1f}"
        elif scale > 1 and of_result < min(of_restored, ROUNDING) - options.consistency_margin:
            refused = f"contradicts the input: {of_result:.1f} dB, restored {of_restored:.1f}"
        elif grain > options.grain:
            refused = f"grain in smooth regions: {grain:.1f} times the restored image's, limit {options.grain:.1f}"
    return Verdict(fidelity, of_result, grain, refused)
