"""What a policy is trained on: ground-truth crops, and the low-quality input of each, degraded as LRPO degrades faces (arXiv 2509.23339).

One degradation a group: blur by a kernel of 41 pixels, shrinking, noise, JPEG, and back to the size the restorer takes.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ttpo_cli.backbones.catalog import load_backbone
from ttpo_cli.backbones.inference import restore
from ttpo_cli.errors import UsageError
from ttpo_cli.imaging.filters import filtered
from ttpo_cli.imaging.resize import imresize
from ttpo_cli.settings.restore import RestoreOptions
from ttpo_cli.training.data import Pair, draw_crops, hold_back, read_partnered, read_photos, refuse_nothing, to_float, to_uint8
from ttpo_cli.training.degradation.bicubic import jpeg
from ttpo_cli.training.degradation.real_world import blur_kernel

KERNEL = 41
# (N, 3, h, w) -> (N, 3, scale h, scale w), both in [0, 1]: what stands between the input and the policy.
Restore = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class PolicyDataOptions:
    """The inputs of a training. Ranges are the ends of uniform draws.

    Attributes:
        photos: Inputs of a step, a group each.
        crop: Pixels a side.
        side: What the shorter side of a photo is resized to first; 0: nothing.
        blur: Range of the deviation in pixels; 0: none.
        shrink: Range of the factor.
        noise: Range of the deviation, out of 255.
        jpeg: Range of the quality; 0: none.
        backbone: What restores the degraded crop before the policy sees it; none: nothing does.
        lq: A folder with the low-quality partner of each photo, of the same name, in place of a drawn degradation.
        blind: The photos are of low quality themselves, and there is no ground truth.
    """

    photos: int = 4
    crop: int = 64
    side: int = 0
    blur: tuple[float, float] = (0.1, 12.0)
    shrink: tuple[float, float] = (1.0, 12.0)
    noise: tuple[float, float] = (0.0, 15.0)
    jpeg: tuple[float, float] = (30.0, 100.0)
    backbone: str = "none"
    lq: str = ""
    blind: bool = False


@dataclass(frozen=True)
class Degradation:
    """One drawn degradation, as blind restoration trains on: unlike `training.degradation.bicubic` it shrinks by any factor and back to a
    size, and its blur may be longer along one axis.

    Attributes:
        kernel: (41, 41), or None.
        factor: Of shrinking.
        noise: Deviation, of 255.
        quality: Of JPEG, or None.
    """

    kernel: Tensor | None
    factor: float
    noise: float
    quality: int | None

    def without_noise(self, image: Tensor, size: tuple[int, int]) -> Tensor:
        """What it does to the scene's light: blur, shrinking, and resizing to `size`."""
        blurred = image if self.kernel is None else filtered(image, self.kernel)
        return imresize(self._shrunk(blurred), size=size)

    def apply(self, image: Tensor, size: tuple[int, int], generator: torch.Generator) -> Tensor:
        """(1, 3, H, W) in [0, 1] -> (1, 3, *size) on the 8-bit grid; the noise is drawn from `generator`."""
        small = self._shrunk(image if self.kernel is None else filtered(image, self.kernel))
        small = (small + self.noise / 255 * torch.randn(small.shape, generator=generator)).clamp(0, 1)
        small = small if self.quality is None else jpeg(small, self.quality)
        return to_float(to_uint8(imresize(small, size=size)))

    def _shrunk(self, image: Tensor) -> Tensor:
        return imresize(image, size=(max(1, round(image.shape[-2] / self.factor)), max(1, round(image.shape[-1] / self.factor))))


def check(options: PolicyDataOptions) -> None:
    """Raises UsageError for invalid values."""
    if options.photos < 1 or options.crop < 1 or options.side < 0:
        raise UsageError("data.photos and data.crop must be 1 or more, data.side 0 or more")
    if options.blind and options.lq:
        raise UsageError("data.blind says there is no ground truth, data.lq gives partners of one: choose one of them")
    for name, least in (("blur", 0.0), ("shrink", 1.0), ("noise", 0.0), ("jpeg", 0.0)):
        ends = getattr(options, name)
        if len(ends) != 2 or not least <= ends[0] <= ends[1]:
            raise UsageError(f"data.{name} is [least, greatest] from {least:g} upwards, got {list(ends)}")
    if options.jpeg[1] > 100:
        raise UsageError(f"data.jpeg is a quality of at most 100, got {options.jpeg[1]:g}")


def load_restorer(options: PolicyDataOptions, device: torch.device) -> tuple[int, Restore]:
    """(scale, what restores a batch of inputs). Raises UsageError for an unknown backbone or a crop it cannot give, WeightsError."""
    if options.backbone == "none":
        return 1, lambda lq: lq
    backbone = load_backbone(options.backbone)
    if options.crop % backbone.scale:
        raise UsageError(f"data.crop {options.crop} is not a multiple of {backbone.name}'s scale of {backbone.scale}")
    settings = RestoreOptions(precision="fp32", tile=0)
    return backbone.scale, lambda lq: torch.cat([restore(backbone, image[None], device, settings).image for image in lq])


def draw_degradation(options: PolicyDataOptions, generator: torch.Generator) -> Degradation:
    """A degradation of the ranges of the options: the blur round or, as often, of two deviations and any angle."""
    draws = torch.rand(7, generator=generator).tolist()

    def between(ends: tuple[float, ...], share: float) -> float:
        return ends[0] + (ends[1] - ends[0]) * share

    first, second = between(options.blur, draws[0]), between(options.blur, draws[1])
    kernel = blur_kernel(KERNEL, first, second if draws[2] < 0.5 else first, math.pi * draws[3]) if first and second else None
    quality = round(between(options.jpeg, draws[6]))
    return Degradation(
        kernel=kernel, factor=between(options.shrink, draws[4]), noise=between(options.noise, draws[5]), quality=quality or None
    )


def read_policy_pairs(photos: Sequence[Path], options: PolicyDataOptions, scale: int) -> tuple[list[Pair], list[Pair], list[str]]:
    """(to train on, held back, left out and why); of a pair `lq` is the partner, or the photo again where it is degraded on the fly.

    Every tenth photo is held back; where none of those can be used, the first is shown. Raises TtpoError where nothing is left.
    """
    training, held = hold_back(photos)
    pairs, left_out = _pairs(training, options, scale)
    validation, others = _pairs(held, options, scale)
    refuse_nothing(pairs, left_out)
    return pairs, validation or pairs[:1], left_out + others


def read_unseen_pairs(photos: Sequence[Path], options: PolicyDataOptions, scale: int) -> list[Pair]:
    """Every pair, none held back: of photos that nothing was trained on. Raises TtpoError where nothing is left."""
    pairs, left_out = _pairs(photos, options, scale)
    refuse_nothing(pairs, left_out)
    return pairs


def _pairs(photos: Sequence[Path], options: PolicyDataOptions, scale: int) -> tuple[list[Pair], list[str]]:
    if not options.lq:
        readable, left_out = read_photos(photos, 1 if options.side else options.crop)
        pairs = [Pair(name, pixels, pixels) for name, pixels in ((name, _sized(pixels, options.side)) for name, pixels in readable)]
        small = [pair.name for pair in pairs if min(pair.hq.shape[1:]) < options.crop]
        if small:
            raise UsageError(f"data.side {options.side} makes photos smaller than the crop of {options.crop}: choose a larger side")
        return pairs, left_out
    readable, left_out = read_photos(photos, options.crop, scale)
    pairs, others = read_partnered(readable, Path(options.lq), scale)
    return pairs, left_out + others


def _sized(pixels: Tensor, side: int) -> Tensor:
    height, width = pixels.shape[1:]
    if not side or min(height, width) == side:
        return pixels
    factor = side / min(height, width)
    return to_uint8(imresize(to_float(pixels[None]), size=(round(height * factor), round(width * factor))))[0]


def draw_inputs(pairs: Sequence[Pair], options: PolicyDataOptions, scale: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """The inputs of one step: (lq (B, 3, crop / scale, crop / scale), truth (B, 3, crop, crop)), float in [0, 1]."""
    if options.lq:
        lq, hq = draw_crops(pairs, options.photos, options.crop // scale, scale, generator)
        return to_float(lq), to_float(hq)
    _, hq = draw_crops(pairs, options.photos, options.crop, 1, generator)
    truth = to_float(hq)
    if options.blind:
        return truth, truth
    size = (options.crop // scale, options.crop // scale)
    return torch.cat([draw_degradation(options, generator).apply(crop[None], size, generator) for crop in truth]), truth
