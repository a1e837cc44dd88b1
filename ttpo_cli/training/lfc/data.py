"""The photos LFC-SR learns from: sharp ones shrunk as MATLAB does or worn as real ones are, or pairs from two folders."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ttpo_cli.errors import TtpoError, UsageError, unknown_name
from ttpo_cli.training.data import (
    SUFFIXES,
    Pair,
    bicubic_pairs,
    hold_back,
    read_photos,
    read_uint8,
    refuse_nothing,
    step_generator,
    to_float,
    to_uint8,
)
from ttpo_cli.training.degradation.real_world import degrade_twice
from ttpo_cli.weights.checkpoint import load_checkpoint

DEGRADATIONS = ("bicubic", "real")


@dataclass(frozen=True)
class DataOptions:
    """degradation: how low-resolution crops are made: bicubic, MATLAB's, once; real, second order, anew for each crop.

    lq: a folder with a low-resolution partner for each photo, in place of that: of the same name, whatever the type of file, or as
    DIV2K's, `0001x4` beside `0001`.
    """

    degradation: str = "bicubic"
    lq: str = ""


def read_pairs(photos: Sequence[Path], crop: int, scale: int, options: DataOptions) -> tuple[list[Pair], list[Pair], list[str]]:
    """(to train on, held back, left out and why). Every tenth photo is held back; where none of those can be used, the first is shown.

    Raises UsageError for an unknown degradation, TtpoError where nothing is left.
    """
    if options.degradation not in DEGRADATIONS:
        raise unknown_name("degradation", options.degradation, DEGRADATIONS)
    training, held = hold_back(photos)
    pairs, left_out = _pairs(training, crop, scale, options)
    validation, others = _pairs(held, crop, scale, options)
    refuse_nothing(pairs, left_out)
    return pairs, validation or pairs[:1], left_out + others


def _pairs(photos: Sequence[Path], crop: int, scale: int, options: DataOptions) -> tuple[list[Pair], list[str]]:
    readable, left_out = read_photos(photos, crop * scale, scale)
    if not options.lq:
        return [_made(pair, number, scale, options) for number, pair in enumerate(bicubic_pairs(readable, scale))], left_out
    if not Path(options.lq).is_dir():
        raise UsageError(f"{options.lq} is no folder: give the folder of the low-resolution photos")
    partners = {path.stem: path for path in sorted(Path(options.lq).iterdir()) if path.suffix.lower() in SUFFIXES}
    pairs = []
    for name, hq in readable:
        try:
            stem = Path(name).stem
            pairs.append(_paired(name, hq, partners.get(stem) or partners.get(f"{stem}x{scale}"), scale))
        except TtpoError as error:
            left_out.append(str(error))
    return pairs, left_out


def worn(hq: Tensor, lq: Tensor, scale: int, options: DataOptions, generator: torch.Generator) -> Tensor:
    """The low-resolution crops of a batch: lq as it is, or hq (N, 3, H, W) degraded anew. uint8 both."""
    if options.lq or options.degradation == "bicubic":
        return lq
    return torch.cat([to_uint8(degrade_twice(to_float(crop[None]), scale, generator)) for crop in hq])


def _made(pair: Pair, number: int, scale: int, options: DataOptions) -> Pair:
    """For validation: a photo is always worn in the same way."""
    return Pair(pair.name, pair.hq, worn(pair.hq[None], pair.lq[None], scale, options, step_generator(number, 0))[0])


def _paired(name: str, hq: Tensor, partner: Path | None, scale: int) -> Pair:
    if partner is None:
        raise TtpoError(f"{name}: the low-resolution folder holds no photo of this name")
    lq = read_uint8(partner)
    if tuple(hq.shape[1:]) != tuple(side * scale for side in lq.shape[1:]):
        sizes = f"{lq.shape[2]}x{lq.shape[1]} beside {hq.shape[2]}x{hq.shape[1]}"
        raise TtpoError(f"{name}: {sizes} is no pair of scale {scale}")
    return Pair(name, hq, lq)


def start_weights(path: Path, preset: str, scale: int) -> dict[str, Tensor]:
    """The state dict of `path`. Raises WeightsError for an unreadable file, UsageError for one of another network."""
    state, metadata = load_checkpoint(path)
    found = (metadata.get("ttpo"), metadata.get("preset"), str(metadata.get("scale")))
    if found != ("lfc-sr", preset, str(scale)):
        raise UsageError(f"{path.name} holds {found[1] or 'no LFC-SR'} x{found[2]}, the run is of {preset} x{scale}: start from the same")
    return state
