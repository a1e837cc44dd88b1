"""A bank of (restored, ground truth) crops: what the prior is conditioned on and what it should have been, by restorers of many kinds."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ttpo_cli.backbones.backbone import Backbone
from ttpo_cli.backbones.inference import restore
from ttpo_cli.errors import WeightsError
from ttpo_cli.imaging.resize import imresize
from ttpo_cli.settings.restore import RestoreOptions
from ttpo_cli.training.data import dihedral, read_uint8, to_float, to_uint8
from ttpo_cli.training.degradation.bicubic import DegradeOptions, degrade
from ttpo_cli.weights.checkpoint import load_checkpoint, save_checkpoint

Restore = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Restorer:
    """A way to restore: `scale` is how much the degradation shrinks; `apply` takes (1, 3, h, w) to (1, 3, scale h, scale w)."""

    name: str
    scale: int
    apply: Restore


@dataclass(frozen=True)
class Bank:
    """Aligned uint8 crops (M, 3, side, side): restored and ground truth, and which restorer made each."""

    restored: Tensor
    truth: Tensor
    kinds: tuple[str, ...]


def restorers(backbones: Sequence[Backbone], device: torch.device) -> list[Restorer]:
    """The given backbones beside bicubic enlargement by 2 and 4 and the degraded photo itself (what `--backbone none` restores to)."""
    options = RestoreOptions(precision="fp32", tile=0)

    def through(backbone: Backbone) -> Restore:
        return lambda lq: restore(backbone, lq, device, options).image

    made = [Restorer(backbone.name, backbone.scale, through(backbone)) for backbone in backbones]
    made += [Restorer(f"bicubic-x{scale}", scale, lambda lq, scale=scale: imresize(lq, scale)) for scale in (2, 4)]
    return [*made, Restorer("photo", 1, lambda lq: lq), Restorer("photo-soft", 1, lambda lq: lq)]


def draw_degradation(restorer: Restorer, generator: torch.Generator) -> DegradeOptions:
    """Shrinking restorers mostly see clean bicubic input, as benchmarks do, sometimes light blur, noise or JPEG; x1 always sees some."""
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


def make_bank(
    photos: Sequence[Path], ways: Sequence[Restorer], count: int, side: int, seed: int
) -> Iterator[tuple[int, Tensor, Tensor, str]]:
    """Yield (index, restored, truth, kind) for `count` crops of `side` pixels, photos and restorers in turn, the rest seeded."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(photos), generator=generator).tolist()
    cached: tuple[int, Tensor] | None = None
    per_photo = max(1, -(-count // len(photos)))
    for index in range(count):
        number = order[(index // per_photo) % len(photos)]
        if cached is None or cached[0] != number:
            cached = (number, read_uint8(photos[number]))
        pixels = cached[1]
        top, left = (int(torch.randint(max(1, size - side + 1), (1,), generator=generator)) for size in pixels.shape[1:])
        truth = to_float(pixels[None, :, top : top + side, left : left + side])
        way = ways[index % len(ways)]
        lq = degrade(truth, draw_degradation(way, generator), generator)
        yield index, to_uint8(way.apply(lq))[0], to_uint8(truth)[0], way.name


def load_or_make_bank(path: Path, photos: Sequence[Path], ways: Sequence[Restorer], count: int, side: int, seed: int) -> Bank:
    """The bank stored at `path`, or a new one stored there: a resumed training restores nothing twice."""
    if path.exists():
        return read_bank(path)
    crops = list(make_bank(photos, ways, count, side, seed))
    names = [way.name for way in ways]
    kinds = torch.tensor([names.index(crop[3]) for crop in crops], dtype=torch.int32)
    tensors = {"restored": torch.stack([crop[1] for crop in crops]), "truth": torch.stack([crop[2] for crop in crops]), "kinds": kinds}
    save_checkpoint(path, tensors, {"ttpo": "restored-bank", "restorers": names})
    return read_bank(path)


def read_bank(path: Path) -> Bank:
    """A bank stored by `ttpo train prior`. Raises WeightsError for any other file."""
    state, metadata = load_checkpoint(path)
    if metadata.get("ttpo") != "restored-bank":
        raise WeightsError(f"{path} is no bank of restored crops: give the folder of a `ttpo train prior` run")
    return Bank(state["restored"], state["truth"], tuple(metadata["restorers"][kind] for kind in state["kinds"].tolist()))


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
