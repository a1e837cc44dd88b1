"""A folder as a dataset: pairs of high and low quality by the names benchmarks use, or photos without a reference."""

import re
from dataclasses import dataclass
from pathlib import Path

from ttpo_cli.errors import TtpoError
from ttpo_cli.folder.plan import photos_in

_ROLE = re.compile(r"^(?P<name>.+)[_-](?P<role>HR|LR)$", re.IGNORECASE)
_SCALE = re.compile(r"x[2-9]$", re.IGNORECASE)


@dataclass(frozen=True)
class Item:
    """One photo to restore and, in a dataset of pairs, what it should have become."""

    name: str
    lq: Path
    hq: Path | None


def find_items(folder: Path) -> tuple[Item, ...]:
    """The photos of a dataset, sorted by name.

    Pairs are `<name>_HR.png` and `<name>_LR.png` (SelfExSR's benchmarks), or sub-folders HR and LR with equal names (an LR name may
    end in x2..x9, as DIV2K's do). Any other folder holds photos without a reference. Raises TtpoError for a folder that is missing or
    empty, or where a photo of either side has no partner.
    """
    if not folder.is_dir():
        raise TtpoError(f"dataset '{folder}' is not a folder: give a folder of photos, or of HR/LR pairs")
    sides = {child.name.upper(): child for child in folder.iterdir() if child.is_dir()}
    if "HR" in sides and "LR" in sides:
        high = {path.stem: path for path in photos_in(sides["HR"], recursive=False)}
        low = {path.stem if path.stem in high else _SCALE.sub("", path.stem): path for path in photos_in(sides["LR"], recursive=False)}
        return _paired(folder, high, low)
    photos = photos_in(folder, recursive=False)
    named = [(_ROLE.match(path.stem), path) for path in photos]
    if not any(match for match, _ in named):
        return tuple(Item(path.stem, path, None) for path in photos)
    strangers = [path.name for match, path in named if match is None]
    if strangers:
        raise TtpoError(f"dataset '{folder}' mixes HR/LR pairs with other photos ({strangers[0]}): put them into folders of their own")
    high, low = ({match["name"]: path for match, path in named if match and match["role"].upper() == role} for role in ("HR", "LR"))
    return _paired(folder, high, low)


def find_reference(photo: Path, references: Path) -> Path:
    """The reference of a photo: `references` itself, or in a folder the file of the same name, else of the same stem. Raises TtpoError."""
    if references.is_file():
        return references
    if not references.is_dir():
        raise TtpoError(f"--ref '{references}' does not exist: give a photo, or a folder of photos with the same names")
    if (references / photo.name).is_file():
        return references / photo.name
    for path in photos_in(references, recursive=False):
        if path.stem == photo.stem:
            return path
    raise TtpoError(f"no reference for '{photo.name}' in '{references}': it needs a photo of the same name there")


def _paired(folder: Path, high: dict[str, Path], low: dict[str, Path]) -> tuple[Item, ...]:
    alone = sorted(high.keys() ^ low.keys())
    if alone:
        side, other = ("HR", "LR") if alone[0] in high else ("LR", "HR")
        raise TtpoError(f"dataset '{folder}': {alone[0]} has its {side} photo but no {other} photo: add it, or take the other out")
    return tuple(Item(name, low[name], high[name]) for name in sorted(high))
