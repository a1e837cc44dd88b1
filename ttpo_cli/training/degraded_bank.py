"""A bank of (photo, restored image, ground truth) crops of photos degraded as real ones are, for the second generation's prior."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from ttpo_cli.backbones.backbone import Backbone
from ttpo_cli.backbones.inference import restore
from ttpo_cli.diffusion.priors.embedded import degradation_numbers
from ttpo_cli.imaging.resize import imresize
from ttpo_cli.inspection.agreement import expected_agreement
from ttpo_cli.inspection.inspection import inspect_pixels
from ttpo_cli.settings.restore import RestoreOptions
from ttpo_cli.training.cache import checksum, read_cached, write_cached
from ttpo_cli.training.crop_bank import BankOptions, photos_in_turn
from ttpo_cli.training.data import dihedral, to_float, to_uint8
from ttpo_cli.training.degradation.real_world import degrade_twice
from ttpo_cli.weights.checkpoint import load_checkpoint

# How often an input is a plain bicubic reduction, and the strengths of the other degradations.
UNDEGRADED, STRENGTHS = 0.15, (0.1, 1.0)
# Photos are shrunk by these first, which shows their content at several sizes and hides what their cameras did.
SHRINKS = (1, 2, 3)


@dataclass(frozen=True)
class Way:
    """One way from a ground truth to a restored image.

    Attributes:
        backbone: What restores; None: bicubic interpolation.
        scale: How many times smaller than the truth the photo is.
        share: The share of the photo's sides that the backbone is given.
    """

    backbone: Backbone | None
    scale: int
    share: float

    @property
    def name(self) -> str:
        """For records."""
        return f"{self.backbone.name if self.backbone else 'bicubic'} x{self.scale}" + (f" from {self.share:g}" if self.share != 1 else "")


@dataclass(frozen=True)
class DegradedBank:
    """Aligned crops of `side` pixels.

    Attributes:
        photo: uint8 (M, 3, side, side), the degraded photo enlarged to the truth's size.
        restored: uint8 (M, 3, side, side).
        truth: uint8 (M, 3, side, side).
        numbers: (M, 2), as of `degradation_numbers`.
        ways: The number of the way of each, (M,).
    """

    photo: Tensor
    restored: Tensor
    truth: Tensor
    numbers: Tensor
    ways: Tensor

    @property
    def tensors(self) -> dict[str, Tensor]:
        """By name, as they are stored."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def ways_of(backbones: Sequence[Backbone]) -> list[Way]:
    """Each backbone on the whole photo and on half of it; the first two also at the photo's own size; bicubic interpolation.

    A backbone given twice counts twice on whole photos.
    """
    once = list(dict.fromkeys(backbones))
    enlarging = [backbone for backbone in once if backbone.scale > 1]
    made = [Way(backbone, backbone.scale, 1.0) for backbone in backbones]
    made += [Way(backbone, backbone.scale, 0.5) for backbone in enlarging]
    made += [Way(backbone, 1, share) for backbone in enlarging[:2] for share in (0.5, 0.25)]
    return [*made, Way(None, 4, 1.0)]


def make_degraded(photos: Sequence[Path], ways: Sequence[Way], options: BankOptions, device: torch.device) -> Iterator[dict[str, Tensor]]:
    """Yield the tensors of each entry: photos and ways in turn, the rest seeded."""
    generator = torch.Generator().manual_seed(options.seed)
    for index, pixels in enumerate(photos_in_turn(photos, options.count, generator)):
        truth = _draw_truth(pixels, options.side, generator)
        way = ways[index % len(ways)]
        made = degraded_and_restored(truth, way, device, generator)
        yield made | {"truth": to_uint8(truth)[0], "ways": torch.tensor(index % len(ways), dtype=torch.int32)}


def _draw_truth(pixels: Tensor, side: int, generator: torch.Generator) -> Tensor:
    """A crop (1, 3, side, side) in [0, 1] of a photo, uint8 (3, H, W), shrunk by a factor that leaves enough of it."""
    possible = [factor for factor in SHRINKS if min(pixels.shape[1:]) >= factor * side] or [1]
    factor = possible[int(torch.randint(len(possible), (1,), generator=generator))]
    window = factor * side
    top, left = (int(torch.randint(max(1, size - window + 1), (1,), generator=generator)) for size in pixels.shape[1:])
    truth = to_float(pixels[None, :, top : top + window, left : left + window])
    return truth if tuple(truth.shape[-2:]) == (side, side) else imresize(truth, size=(side, side)).clamp(0, 1)


def degraded_and_restored(truth: Tensor, way: Way, device: torch.device, generator: torch.Generator) -> dict[str, Tensor]:
    """The enlarged photo, the restored image and the numbers of one truth (1, 3, side, side)."""
    size = (truth.shape[-2], truth.shape[-1])
    drawn = torch.rand(2, generator=generator).tolist()
    if way.scale > 1 and drawn[0] < UNDEGRADED:
        photo = to_float(to_uint8(imresize(truth, 1 / way.scale)))
    else:
        photo = degrade_twice(truth, way.scale, generator, STRENGTHS[0] + (STRENGTHS[1] - STRENGTHS[0]) * drawn[1])
    inspection = inspect_pixels(photo)
    given = photo if way.share == 1 else _resized(photo, tuple(round(side * way.share) for side in photo.shape[-2:]))
    restored = given
    if way.backbone is not None:
        restored = restore(way.backbone, given, device, RestoreOptions(precision="auto", tile=0)).image.cpu().clamp(0, 1)
    numbers = degradation_numbers(expected_agreement(inspection, 1.0), inspection.effective_resolution / way.scale)
    return {
        "photo": to_uint8(_resized(photo, size))[0],
        "restored": to_uint8(_resized(restored, size))[0],
        "numbers": torch.tensor(numbers),
    }


def _resized(image: Tensor, size: tuple[int, ...]) -> Tensor:
    """Antialiased bicubic interpolation, in [0, 1]."""
    height, width = size
    return image if tuple(image.shape[-2:]) == size else imresize(image, size=(height, width)).clamp(0, 1)


def load_or_make_degraded(
    path: Path,
    photos: Sequence[Path],
    ways: Sequence[Way],
    options: BankOptions,
    fingerprints: Sequence[str],
    device: torch.device,
) -> DegradedBank:
    """The bank stored at `path`, or a new one stored there. A resumed training restores nothing twice.

    fingerprints: a line per photo that changes with its content. Raises UsageError for a stored bank of other options, photos or ways.
    """
    sums = [way.backbone.sha256 or "" if way.backbone else "" for way in ways]
    facts = {
        **asdict(options),
        "photos": f"{len(fingerprints)} ({checksum(*fingerprints)})",
        "ways": [f"{way.name} {sha256}".strip() for way, sha256 in zip(ways, sums, strict=True)],
    }
    if read_cached(path, facts, resumed=False) is None:
        entries = list(make_degraded(photos, ways, options, device))
        tensors = {name: torch.stack([entry[name] for entry in entries]) for name in entries[0]}
        write_cached(path, tensors, {"ttpo": "degraded-bank", "ways": [way.name for way in ways]}, facts)
    return DegradedBank(**load_checkpoint(path)[0])


def draw_degraded(
    bank: DegradedBank, batch: int, crop: int, multiple: int, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Crops of photo, restored image and truth, float32 in [0, 1], and the numbers.

    The three have the same flip or transpose. multiple: divides the offsets.
    """
    crops: dict[str, list[Tensor]] = {"photo": [], "restored": [], "truth": []}
    indices = torch.randint(len(bank.truth), (batch,), generator=generator).tolist()
    for index in indices:
        places = (bank.truth.shape[-1] - crop) // multiple + 1
        top, left = (multiple * int(torch.randint(places, (1,), generator=generator)) for _ in range(2))
        symmetry = int(torch.randint(8, (1,), generator=generator))
        for name, drawn in crops.items():
            drawn.append(dihedral(getattr(bank, name)[index, :, top : top + crop, left : left + crop], symmetry))
    photo, restored, truth = (to_float(torch.stack(drawn)) for drawn in crops.values())
    return photo, restored, truth, bank.numbers[indices]
