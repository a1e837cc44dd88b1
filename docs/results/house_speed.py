"""CPU seconds of the same work by two versions of ttpo, in turn: `ttpo --help`, one photo, a folder of 20 small photos.

    python docs/results/house_speed.py OLD NEW PHOTOS [ROUNDS]

OLD, NEW: checkouts of the two versions; both run in this Python, whose packages they share. PHOTOS: a folder from which 20 squares of 48
pixels are cut. Options that the older version does not know make the newer one do what the older one does.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

MAIN = "from ttpo_cli.cli.app import main; main()"
AS_BEFORE = ["--backbone", "lfc-sr-small", "--candidates-shrinks", ""]


def cpu_seconds(checkout: Path, arguments: list[str]) -> float:
    """User and system seconds of one run on one thread."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}
    subprocess.run(
        [sys.executable, "-c", MAIN, *arguments], env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def make_squares(photos: Path, folder: Path) -> None:
    """20 squares of 48 pixels from the middles of photos, in the order of their names."""
    folder.mkdir()
    for index, path in enumerate(sorted(each for each in photos.rglob("*") if each.suffix.lower() in {".png", ".jpg", ".webp"})[:20]):
        with Image.open(path) as photo:
            left, top = (photo.width - 48) // 2, (photo.height - 48) // 2
            photo.convert("RGB").crop((left, top, left + 48, top + 48)).save(folder / f"{index:02}.png")


def main(old: Path, new: Path, photos: Path, rounds: int) -> None:
    """Print a row a command: the medians of both versions."""
    with tempfile.TemporaryDirectory() as place:
        squares = Path(place) / "squares"
        make_squares(photos, squares)
        sample = str(new.resolve() / "samples" / "astronaut.png")
        commands = {
            "`ttpo --help`": ([], ["--help"]),
            "`ttpo restore samples/astronaut.png`": (AS_BEFORE, ["restore", sample, "-q", "-o", f"{place}/one.png", "--overwrite"]),
            "`ttpo restore` of 20 photos of 48 pixels": (AS_BEFORE, ["restore", str(squares), "-q", "-o", f"{place}/out", "--overwrite"]),
        }
        for name, (for_new, arguments) in commands.items():
            taken: dict[Path, list[float]] = {old: [], new: []}
            for _ in range(rounds):
                for checkout, more in ((old, []), (new, for_new)):
                    taken[checkout].append(cpu_seconds(checkout, [*arguments, *more]))
            before, after = (statistics.median(taken[checkout]) for checkout in (old, new))
            sys.stdout.write(f"| {name} | {before:.2f} | {after:.2f} |\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]) if len(sys.argv) > 4 else 3)
