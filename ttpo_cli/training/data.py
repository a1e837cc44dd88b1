"""Training photos in memory: lossless reading, a held-back part, and aligned random crops that any step can draw again."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from ttpo_cli.errors import TtpoError, UsageError
from ttpo_cli.imaging.reading import read_photo
from ttpo_cli.imaging.resize import shrink_as_benchmarks

Photo = TypeVar("Photo", Path, str)

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp"})


@dataclass(frozen=True)
class Pair:
    """One photo and its low-quality version: uint8 (3, H, W) and (3, H / scale, W / scale)."""

    name: str
    hq: Tensor
    lq: Tensor


def find_photos(folders: Sequence[Path], without: Path | None = None) -> list[Path]:
    """Every image file below the folders, once, in a stable order; those in `without`, a run's own folder, do not count.

    Raises TtpoError where there is none.
    """
    found = sorted(path for folder in folders for path in _walk(folder) if path.suffix.lower() in SUFFIXES)
    own = None if without is None else without.resolve()
    places = {path.resolve(): path for path in reversed(found)}
    paths = sorted(path for place, path in places.items() if own is None or own not in place.parents)
    if not paths:
        raise TtpoError(f"no photo found in {', '.join(map(str, folders))}: give folders that hold PNG, JPEG, TIFF or WebP files")
    return paths


def _walk(folder: Path) -> list[Path]:
    if folder.is_file():
        return [folder]
    if not folder.is_dir():
        raise TtpoError(f"{folder} does not exist: give a folder of photos")
    return [path for path in folder.rglob("*") if path.is_file()]


def hold_back(photos: Sequence[Photo], every: int = 10) -> tuple[list[Photo], list[Photo]]:
    """Split into (training, held back): each `every`-th photo of the sorted list is never trained on."""
    held = [photo for index, photo in enumerate(photos) if index % every == every - 1]
    kept = [photo for index, photo in enumerate(photos) if index % every != every - 1]
    return kept, held


def read_uint8(path: Path, multiple: int = 1) -> Tensor:
    """A photo as uint8 (3, H, W), upright, cropped to a multiple of `multiple`. Raises TtpoError for an unreadable file."""
    pixels = to_uint8(read_photo(path).pixels[0])
    height, width = (size // multiple * multiple for size in pixels.shape[1:])
    return pixels[:, :height, :width].contiguous()


def read_photos(paths: Sequence[Path], minimum: int, multiple: int = 1) -> tuple[list[tuple[str, Tensor]], list[str]]:
    """Read all photos of at least `minimum` pixels a side, which may be none; the second list names each file left out, with why."""
    photos, left_out = [], []
    for path in paths:
        try:
            pixels = read_uint8(path, multiple)
        except TtpoError as error:
            left_out.append(str(error))
            continue
        if min(pixels.shape[1:]) < minimum:
            left_out.append(f"{path.name}: {pixels.shape[2]}x{pixels.shape[1]} is smaller than the crop of {minimum} pixels")
        else:
            photos.append((path.name, pixels))
    return photos, left_out


def refuse_nothing(pairs: Sequence[Pair], left_out: Sequence[str]) -> None:
    """Raise TtpoError where no photo is left to train on, with the first reasons."""
    if not pairs:
        raise TtpoError(f"no photo is left to train on: {'; '.join(left_out[:3])}")


def fingerprints(training: Sequence[Pair], held: Sequence[Pair]) -> list[str]:
    """One line a photo that changes with its name, its size or a pixel: what a run learns from and is validated on."""
    lines = []
    for pair in {id(pair): pair for pair in (*training, *held)}.values():
        sums = (zlib.crc32(pixels.contiguous().numpy().tobytes()) for pixels in (pair.hq, pair.lq))
        lines.append(f"{pair.name} {pair.hq.shape[2]}x{pair.hq.shape[1]} {'-'.join(f'{value:08x}' for value in sums)}")
    return lines


def bicubic_pairs(photos: Sequence[tuple[str, Tensor]], scale: int) -> list[Pair]:
    """Pair each photo with its MATLAB-bicubic reduction, made as the benchmark files are."""
    return [Pair(name, hq, to_uint8(shrink_as_benchmarks(to_float(hq[None]), scale))[0]) for name, hq in photos]


def read_partnered(photos: Sequence[tuple[str, Tensor]], folder: Path, scale: int) -> tuple[list[Pair], list[str]]:
    """Pair each photo with its low-quality partner in `folder`; the second list names each photo left out, with why.

    A partner has the photo's name, or its stem and another ending, or DIV2K's name: `0001x4` for `0001`.
    Raises UsageError where `folder` is not a folder.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder: give the folder of the low-quality photos")
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    names, stems = ({key(path): path for path in files} for key in (attrgetter("name"), attrgetter("stem")))
    pairs, left_out = [], []
    for name, hq in photos:
        stem = Path(name).stem
        try:
            pairs.append(_paired(name, hq, names.get(name) or stems.get(stem) or stems.get(f"{stem}x{scale}"), scale))
        except TtpoError as error:
            left_out.append(str(error))
    return pairs, left_out


def _paired(name: str, hq: Tensor, partner: Path | None, scale: int) -> Pair:
    """Raises TtpoError without a partner, for an unreadable one, and for one of another size."""
    if partner is None:
        raise TtpoError(f"{name}: the low-quality folder has no photo of this name")
    lq = read_uint8(partner)
    if tuple(hq.shape[1:]) != tuple(side * scale for side in lq.shape[1:]):
        sizes = f"{lq.shape[2]}x{lq.shape[1]} and {hq.shape[2]}x{hq.shape[1]}"
        raise TtpoError(f"{name}: {sizes} are not a pair of scale {scale}")
    return Pair(name, hq, lq)


def to_float(pixels: Tensor) -> Tensor:
    """uint8 -> float32 in [0, 1]."""
    return pixels.float() / 255


def to_uint8(image: Tensor) -> Tensor:
    """float in [0, 1] (clamped) -> uint8, rounded to the nearest."""
    return (image.clamp(0, 1) * 255).round().to(torch.uint8)


@dataclass(frozen=True)
class Crops:
    """Aligned crops.

    Attributes:
        lq: uint8 (N, 3, crop, crop).
        hq: uint8 (N, 3, crop * scale, crop * scale).
        places: Which fixed crop of a bank each is, or its slot in the batch.
        symmetries: How it was turned since it was put there.
        teacher: Another restorer's image of lq, as hq; None without one.
    """

    lq: Tensor
    hq: Tensor
    places: Tensor
    symmetries: Tensor
    teacher: Tensor | None = None


def draw_crops(pairs: Sequence[Pair], batch: int, crop: int, scale: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw a batch of aligned crops with random flips and transposes.

    Returns (lq, hq): uint8 (batch, 3, crop, crop) and (batch, 3, crop * scale, crop * scale).
    Photos are drawn in proportion to their area, so that every crop position is as likely as any other.
    """
    areas = torch.tensor([float(pair.lq.shape[1] * pair.lq.shape[2]) for pair in pairs])
    lows, highs = [], []
    for index in torch.multinomial(areas, batch, replacement=True, generator=generator).tolist():
        pair = pairs[index]
        top = int(torch.randint(pair.lq.shape[1] - crop + 1, (1,), generator=generator))
        left = int(torch.randint(pair.lq.shape[2] - crop + 1, (1,), generator=generator))
        symmetry = int(torch.randint(8, (1,), generator=generator))
        lows.append(dihedral(pair.lq[:, top : top + crop, left : left + crop], symmetry))
        size, top, left = crop * scale, top * scale, left * scale
        highs.append(dihedral(pair.hq[:, top : top + size, left : left + size], symmetry))
    return torch.stack(lows), torch.stack(highs)


def draw_from_bank(bank: Crops, batch: int, seed: int, step: int) -> Crops:
    """The batch of one step from a bank of fixed crops, newly turned: every crop once before any comes again, never twice in a batch.

    What is left of the bank when no full batch fits is passed over in that round. Raises UsageError for a bank smaller than a batch.
    """
    count = len(bank.lq)
    if count < batch:
        raise UsageError(f"a batch of {batch} cannot be drawn from {count} fixed crops: use more crops or a smaller batch")
    a_round = count // batch
    order = torch.randperm(count, generator=step_generator(seed, -1 - step // a_round))
    places = order[step % a_round * batch :][:batch]
    symmetries = torch.randint(8, (batch,), generator=step_generator(seed, step))

    def turned(crops: Tensor) -> Tensor:
        return torch.stack([dihedral(crop, symmetry) for crop, symmetry in zip(crops[places], symmetries.tolist(), strict=True)])

    teacher = None if bank.teacher is None else turned(bank.teacher)
    return Crops(lq=turned(bank.lq), hq=turned(bank.hq), places=places, symmetries=symmetries, teacher=teacher)


def dihedral(image: Tensor, symmetry: int) -> Tensor:
    """One of the eight flips and transposes of a square's last two axes, by number 0 to 7."""
    if symmetry & 1:
        image = image.flip(-1)
    if symmetry & 2:
        image = image.flip(-2)
    return image.transpose(-1, -2) if symmetry & 4 else image


def dihedral_inverse(image: Tensor, symmetry: int) -> Tensor:
    """Undo `dihedral` of the same number."""
    if symmetry & 4:
        image = image.transpose(-1, -2)
    return dihedral(image, symmetry & 3)


def step_generator(seed: int, step: int) -> torch.Generator:
    """The random numbers of one training step, a function of (seed, step) alone: a resumed run draws what an undisturbed one would."""
    generator = torch.Generator()
    generator.manual_seed((seed * 0x9E3779B1 + step * 0x85EBCA77 + 0x165667B1) % (2**63))
    return generator
