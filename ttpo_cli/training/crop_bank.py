"""A bank of (restored, ground truth) crops: what the prior is conditioned on and what it should have been, by restorers of many kinds."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from ttpo_cli.backbones.backbone import Backbone
from ttpo_cli.backbones.inference import restore
from ttpo_cli.errors import WeightsError
from ttpo_cli.imaging.resize import imresize
from ttpo_cli.settings.restore import RestoreOptions
from ttpo_cli.training.cache import checksum, read_cached, write_cached
from ttpo_cli.training.data import dihedral, read_uint8, to_float, to_uint8
from ttpo_cli.training.degradation.bicubic import DegradeOptions, degrade
from ttpo_cli.weights.checkpoint import load_checkpoint

Restore = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Restorer:
    """A way to restore.

    Attributes:
        scale: How much the degradation shrinks.
        apply: (1, 3, h, w) -> (1, 3, scale h, scale w).
        sha256: Of the weight file, None where there is none.
    """

    name: str
    scale: int
    apply: Restore
    sha256: str | None = None


@dataclass(frozen=True)
class Bank:
    """Aligned uint8 crops.

    Attributes:
        restored: (M, 3, side, side).
        truth: The ground truth of each, (M, 3, side, side).
        kinds: The name of the restorer of each.
        scales: How much the degradation of each had shrunk.
    """

    restored: Tensor
    truth: Tensor
    kinds: tuple[str, ...]
    scales: tuple[int, ...]


@dataclass(frozen=True)
class BankOptions:
    """How many crops, their side in pixels, and the seed of places and degradations."""

    count: int
    side: int
    seed: int


def restorers(backbones: Sequence[Backbone], device: torch.device) -> list[Restorer]:
    """The given backbones, bicubic enlargement by 2 and 4, and the degraded photo itself (what `--backbone none` restores to)."""
    options = RestoreOptions(precision="fp32", tile=0)

    def through(backbone: Backbone) -> Restore:
        return lambda lq: restore(backbone, lq, device, options).image

    made = [Restorer(backbone.name, backbone.scale, through(backbone), sha256=backbone.sha256) for backbone in backbones]
    made += [Restorer(f"bicubic-x{scale}", scale, lambda lq, scale=scale: imresize(lq, scale)) for scale in (2, 4)]
    return [*made, Restorer("photo", 1, lambda lq: lq), Restorer("photo-soft", 1, lambda lq: lq)]


def draw_degrade_options(restorer: Restorer, generator: torch.Generator) -> DegradeOptions:
    """How a restorer's input is degraded.

    Shrinking ones mostly see clean bicubic input, as benchmarks do, sometimes light blur, noise or JPEG; x1 always sees some.
    """
    chance = torch.rand(6, generator=generator).tolist()
    if restorer.scale > 1:
        return DegradeOptions(
            restorer.scale,
            blur=1.2 * chance[1] if chance[0] < 0.25 else 0.0,
            noise=6 * chance[3] if chance[2] < 0.25 else 0.0,
            jpeg=int(55 + 40 * chance[5]) if chance[4] < 0.25 else None,
        )
    if restorer.name == "photo-soft":
        return DegradeOptions(1, blur=0.5 + 1.5 * chance[1], noise=2 * chance[3] if chance[2] < 0.5 else 0.0)
    return DegradeOptions(1, blur=0.8 * chance[1], noise=10 * chance[3] if chance[2] < 0.6 else 0.0, jpeg=int(25 + 65 * chance[5]))


def photos_in_turn(photos: Sequence[Path], count: int, generator: torch.Generator) -> Iterator[Tensor]:
    """The photo of each of `count` crops, uint8 (3, H, W): in a drawn order, as many crops of one photo after each other as there are."""
    order = torch.randperm(len(photos), generator=generator).tolist()
    cached: tuple[int, Tensor] | None = None
    per_photo = max(1, -(-count // len(photos)))
    for index in range(count):
        number = order[(index // per_photo) % len(photos)]
        if cached is None or cached[0] != number:
            cached = (number, read_uint8(photos[number]))
        yield cached[1]


def make_bank(photos: Sequence[Path], ways: Sequence[Restorer], options: BankOptions) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield (restored, truth) of each crop: photos and restorers in turn, the rest seeded."""
    side = options.side
    generator = torch.Generator().manual_seed(options.seed)
    for index, pixels in enumerate(photos_in_turn(photos, options.count, generator)):
        top, left = (int(torch.randint(max(1, size - side + 1), (1,), generator=generator)) for size in pixels.shape[1:])
        truth = to_float(pixels[None, :, top : top + side, left : left + side])
        way = ways[index % len(ways)]
        lq = degrade(truth, draw_degrade_options(way, generator), generator)
        yield to_uint8(way.apply(lq))[0], to_uint8(truth)[0]


def load_or_make_bank(
    path: Path,
    photos: Sequence[Path],
    ways: Sequence[Restorer],
    options: BankOptions,
    fingerprints: Sequence[str],
    *,
    resumed: bool = False,
) -> Bank:
    """The bank stored at `path`, or a new one stored there. A resumed training restores nothing twice.

    fingerprints: a line per photo that changes with its content. Raises UsageError for a stored bank of other options, photos or restorers.
    """
    facts = {
        **asdict(options),
        "photos": f"{len(fingerprints)} ({checksum(*fingerprints)})",
        "restorers": [f"{way.name} x{way.scale} {way.sha256 or ''}".strip() for way in ways],
    }
    if read_cached(path, facts, resumed=resumed) is None:
        crops = list(make_bank(photos, ways, options))
        numbers = torch.arange(len(crops), dtype=torch.int32) % len(ways)
        tensors = {
            "restored": torch.stack([crop[0] for crop in crops]),
            "truth": torch.stack([crop[1] for crop in crops]),
            "kinds": numbers,
        }
        metadata = {"ttpo": "restored-bank", "restorers": [way.name for way in ways], "scales": [way.scale for way in ways]}
        write_cached(path, tensors, metadata, facts)
    return read_bank(path)


def read_bank(path: Path) -> Bank:
    """A bank stored by `ttpo train prior`. Raises WeightsError for any other file."""
    state, metadata = load_checkpoint(path)
    if metadata.get("ttpo") != "restored-bank":
        raise WeightsError(f"{path} is not a bank of restored crops: give the folder of a `ttpo train prior` run")
    names = metadata["restorers"]
    scales = metadata.get("scales") or [_named_scale(name) for name in names]
    numbers = state["kinds"].tolist()
    kinds, shrunk = (tuple(values[number] for number in numbers) for values in (names, scales))
    return Bank(state["restored"], state["truth"], kinds=kinds, scales=shrunk)


def _named_scale(name: str) -> int:
    """The scale in a restorer's name, for banks of older versions, which recorded none: 1 for the photo itself, 4 by default."""
    said = re.search(r"x(\d+)", name.lower())
    return 1 if name.startswith("photo") else int(said[1]) if said else 4


def draw_bank_crops(bank: Bank, batch: int, crop: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """(restored, truth) float32 crops in [0, 1], even offsets, with the same random flip or transpose."""
    restored, truth = [], []
    for index in torch.randint(len(bank.restored), (batch,), generator=generator).tolist():
        top, left = (2 * int(torch.randint((bank.truth.shape[2] - crop) // 2 + 1, (1,), generator=generator)) for _ in range(2))
        symmetry = int(torch.randint(8, (1,), generator=generator))
        window = (index, slice(None), slice(top, top + crop), slice(left, left + crop))
        restored.append(dihedral(bank.restored[window], symmetry))
        truth.append(dihedral(bank.truth[window], symmetry))
    return to_float(torch.stack(restored)), to_float(torch.stack(truth))
