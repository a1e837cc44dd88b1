"""The photos LFC-SR learns from: sharp ones shrunk as MATLAB does or degraded as real ones are, or pairs from two folders."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ttpo_cli.errors import UsageError, unknown_name
from ttpo_cli.training.data import (
    Pair,
    bicubic_pairs,
    hold_back,
    read_partnered,
    read_photos,
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
    """Where low-resolution crops come from.

    Attributes:
        degradation: `bicubic`, MATLAB's, once per photo; or `real`, of second order, anew for each crop.
        strength: Of `real`: the least and the greatest, between which each crop's is drawn; 1 has the published ranges.
        lq: A folder with a low-resolution partner of each photo, which replaces the degradation. A partner has the photo's name, with any
            ending, or DIV2K's: `0001x4` for `0001`.
    """

    degradation: str = "bicubic"
    strength: tuple[float, ...] = (1.0, 1.0)
    lq: str = ""


def read_pairs(photos: Sequence[Path], crop: int, scale: int, options: DataOptions) -> tuple[list[Pair], list[Pair], list[str]]:
    """(to train on, held back, left out and why). Every tenth photo is held back; where none of those can be used, the first is shown.

    Raises UsageError for an unknown degradation, TtpoError where nothing is left.
    """
    if options.degradation not in DEGRADATIONS:
        raise unknown_name("degradation", options.degradation, DEGRADATIONS)
    if len(options.strength) != 2 or not 0 < options.strength[0] <= options.strength[1] <= 1:
        raise UsageError(f"data.strength is [least, greatest], above 0 and at most 1, got {list(options.strength)}")
    training, held = hold_back(photos)
    pairs, left_out = _pairs(training, crop, scale, options)
    validation, others = _pairs(held, crop, scale, options)
    refuse_nothing(pairs, left_out)
    return pairs, validation or pairs[:1], left_out + others


def _pairs(photos: Sequence[Path], crop: int, scale: int, options: DataOptions) -> tuple[list[Pair], list[str]]:
    readable, left_out = read_photos(photos, crop * scale, scale)
    if not options.lq:
        return [_made(pair, number, scale, options) for number, pair in enumerate(bicubic_pairs(readable, scale))], left_out
    pairs, others = read_partnered(readable, Path(options.lq), scale)
    return pairs, left_out + others


def degraded(hq: Tensor, lq: Tensor, scale: int, options: DataOptions, generator: torch.Generator) -> Tensor:
    """The low-resolution crops of a batch: lq as it is, or hq (N, 3, H, W) degraded anew. uint8 both."""
    if options.lq or options.degradation == "bicubic":
        return lq
    return torch.cat([to_uint8(degrade_twice(to_float(crop[None]), scale, generator, _strength(options, generator))) for crop in hq])


def _strength(options: DataOptions, generator: torch.Generator) -> float:
    """One crop's; without a range nothing is drawn."""
    least, greatest = options.strength
    return least if least == greatest else least + (greatest - least) * float(torch.rand(1, generator=generator))


def _made(pair: Pair, number: int, scale: int, options: DataOptions) -> Pair:
    """For validation: a photo is always degraded in the same way."""
    return Pair(pair.name, pair.hq, degraded(pair.hq[None], pair.lq[None], scale, options, step_generator(number, 0))[0])


def start_weights(path: Path, preset: str, scale: int) -> dict[str, Tensor]:
    """The state dict of `path`. Raises WeightsError for an unreadable file, UsageError for one of another network."""
    state, metadata = load_checkpoint(path)
    found = (metadata.get("ttpo"), metadata.get("preset"), str(metadata.get("scale")))
    if found != ("lfc-sr", preset, str(scale)):
        held = f"{found[1] or 'another network'} x{found[2]}"
        raise UsageError(f"{path.name} holds {held}, the run is of {preset} x{scale}: start from the same")
    return state
