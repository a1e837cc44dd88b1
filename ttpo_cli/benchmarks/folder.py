"""Folder runs against a loop of single calls: the same photos by the same program, wall and processor seconds, and the same bytes."""

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ttpo_cli.errors import TtpoError
from ttpo_cli.imaging.photo import with_pixels
from ttpo_cli.imaging.reading import read_photo
from ttpo_cli.imaging.writing import write_photo
from ttpo_cli.progress import OnStep
from ttpo_cli.settings.output import Encoding


@dataclass(frozen=True)
class Timing:
    """One way to restore all photos. processes: calls of the program. cpu_seconds: user and system, of the processes that were waited for,
    which leaves out those of Ray."""

    way: str
    processes: int
    seconds: float
    cpu_seconds: float


def make_crops(photos: Sequence[Path], folder: Path, count: int, side: int) -> list[Path]:
    """The first `count` squares of `side` pixels of the photos, cut from top left, as PNG. Raises TtpoError where there are too few."""
    made: list[Path] = []
    for source in photos:
        photo = read_photo(source)
        height, width = photo.pixels.shape[-2:]
        for top in range(0, height - side + 1, side):
            for left in range(0, width - side + 1, side):
                if len(made) == count:
                    return made
                crop = with_pixels(photo, photo.pixels[..., top : top + side, left : left + side])
                path = folder / f"{len(made):04d}.png"
                write_photo(path, crop, Encoding(format="png", bit_depth="8", keep=frozenset()))
                made.append(path)
    if len(made) < count:
        raise TtpoError(f"the photos hold {len(made)} squares of {side} pixels, not {count}: give more photos, or a smaller --side")
    return made


def time_ways(
    crops: Sequence[Path], folder: Path, restore: Sequence[str], ways: Mapping[str, Sequence[str]], on_step: OnStep
) -> tuple[list[Timing], bool]:
    """Restore the crops by a call each into folder/single, then by one call for each way; and whether all pictures are the same.

    restore: the command to which photos and -o are added; ways: what is added besides, by what the way is called. Raises TtpoError where
    a call fails.
    """
    single = folder / "single"

    def one_by_one() -> None:
        for done, crop in enumerate(crops, 1):
            _call([*restore, str(crop), "-o", str(single / crop.name)])
            on_step("single calls", done, len(crops))

    timings, same = [_timed("a call a photo", len(crops), one_by_one)], True
    for done, (way, flags) in enumerate(ways.items(), 1):
        together = folder / f"together {done}"
        timings.append(_timed(way, 1, partial(_call, [*restore, *flags, str(crops[0].parent), "-o", str(together)])))
        same = same and all((single / crop.name).read_bytes() == (together / crop.name).read_bytes() for crop in crops)
        on_step("folder runs", done, len(ways))
    return timings, same


def _timed(way: str, processes: int, run: Callable[[], None]) -> Timing:
    began, before = time.perf_counter(), os.times()
    run()
    after = os.times()
    spent = after.children_user - before.children_user + after.children_system - before.children_system
    return Timing(way=way, processes=processes, seconds=time.perf_counter() - began, cpu_seconds=spent)


def _call(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise TtpoError(f"`{' '.join(command[-3:])}` failed: {done.stderr.strip().splitlines()[-1:] or done.returncode}")
