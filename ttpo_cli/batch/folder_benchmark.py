"""A folder run beside a loop of single calls: the same photos by the same program, wall and processor seconds, and the same bytes."""

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ttpo_cli.errors import TtpoError
from ttpo_cli.imaging.photo import with_pixels
from ttpo_cli.imaging.reading import read_photo
from ttpo_cli.imaging.writing import write_photo


@dataclass(frozen=True)
class Timing:
    """One way to restore all photos. cpu_seconds: of all its processes, user and system."""

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
                write_photo(path, crop, format="png", bit_depth=8, keep=frozenset())
                made.append(path)
    if len(made) < count:
        raise TtpoError(f"the photos hold {len(made)} squares of {side} pixels, not {count}: give more photos, or a smaller --side")
    return made


def time_both(
    crops: Sequence[Path], folder: Path, restore: Sequence[str], on_step: Callable[[str, int, int], None]
) -> tuple[list[Timing], bool]:
    """Restore the crops one call each into folder/single, then in one call into folder/together; and whether all pictures are the same.

    restore: the command to which photos and -o are added. Raises TtpoError where a call fails.
    """
    single, together = folder / "single", folder / "together"

    def one_by_one() -> None:
        for done, crop in enumerate(crops, 1):
            _call([*restore, str(crop), "-o", str(single / crop.name)])
            on_step("single calls", done, len(crops))

    timings = [
        _timed("a call a photo", len(crops), one_by_one),
        _timed("one folder run", 1, lambda: _call([*restore, str(crops[0].parent), "-o", str(together)])),
    ]
    on_step("folder run", 1, 1)
    return timings, all((single / crop.name).read_bytes() == (together / crop.name).read_bytes() for crop in crops)


def _timed(way: str, processes: int, run: Callable[[], None]) -> Timing:
    began, before = time.perf_counter(), os.times()
    run()
    after = os.times()
    spent = after.children_user - before.children_user + after.children_system - before.children_system
    return Timing(way, processes, time.perf_counter() - began, spent)


def _call(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise TtpoError(f"`{' '.join(command[-3:])}` failed: {done.stderr.strip().splitlines()[-1:] or done.returncode}")
