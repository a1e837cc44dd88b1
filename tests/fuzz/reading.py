"""What the program does with an odd file: the functions that its commands read each kind with, and a whole command for a small share."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import torch

from tests.fuzz.samples import CHECKPOINTS, PICTURES
from ttpo_cli.backbones.catalog import load_file
from ttpo_cli.backbones.inference import restore
from ttpo_cli.cli.app import program
from ttpo_cli.cli.options.selection_weights import weights_by_picks
from ttpo_cli.cli.options.shared import listed
from ttpo_cli.errors import TtpoError
from ttpo_cli.evaluation.resume_log import open_journal
from ttpo_cli.folder.journal import read_proposed, read_rows
from ttpo_cli.folder.pick_store import picked_pairs
from ttpo_cli.imaging.reading import photo_size, read_photo
from ttpo_cli.imaging.writing import encode_photo
from ttpo_cli.metrics.niqe_model import load_niqe_model
from ttpo_cli.preference.pick import agreement
from ttpo_cli.report.output import mark_of
from ttpo_cli.report.provenance import describe_machine, differences
from ttpo_cli.report.repetition import read_record, source_of
from ttpo_cli.training.config import read_config, with_values
from ttpo_cli.training.lfc.train import LfcOptions
from ttpo_cli.weights.manifest import read_own_manifest
from ttpo_cli.weights.receipt import read_receipt

CPU = torch.device("cpu")


def read(kind: str, path: Path) -> None:
    """Read the file as the program does. Raises TtpoError where it is refused; whatever else it raises is a fault."""
    _READ[kind](path)


def command(kind: str, path: Path, out: Path) -> list[str] | None:
    """A command line that is given the file and writes, if at all, below `out`; None where no command is.

    photo.png beside it is a whole photo.
    """
    photo, root = str(path.with_name("photo.png")), str(path.parents[1])
    plain = ["-o", str(out / "result.png"), "--no-ttpo", "-q", "--device", "cpu"]
    if kind in PICTURES:
        return ["restore", str(path), *plain, "--backbone", "bicubic", "--scale", "2"]
    if kind in CHECKPOINTS and kind != "niqe":
        return ["restore", photo, *plain, "--backbone", str(path)]
    return {
        "sidecar": ["replay", str(path), "-q"],
        "picks": ["picks", "stats", root, "-q"],
        "journal": ["report", root, "-o", str(out / "report.html"), "-q"],
        "config": ["train", "lfc", str(path.parent), "-o", str(out / "run"), "--config", str(path), "--show"],
        "learned": ["restore", photo, *plain, "--selection-weights", str(path), "--dry-run"],
        "list": ["restore", "--files-from", str(path), "-o", str(out), "--backbone", "bicubic", "--no-ttpo", "-q"],
    }.get(kind)


def run(arguments: list[str]) -> int:
    """The exit code of one command line in this process."""
    return program(arguments)


def _picture(path: Path) -> None:
    """A photo, whole or what is left of it, fit to be written and read again."""
    with suppress(TtpoError):
        photo_size(path)
    try:
        photo = read_photo(path)
    except TtpoError:
        with suppress(TtpoError):
            _check(read_photo(path, damaged=True))
        raise
    _check(photo)


def _check(photo: object) -> None:
    from ttpo_cli.imaging.photo import Photo

    assert isinstance(photo, Photo)
    assert bool(torch.isfinite(photo.pixels).all()) and float(photo.pixels.min()) >= 0 and float(photo.pixels.max()) <= 1
    assert all("\n" not in note for note in photo.notes)
    for ending in (".png", ".jpg"):
        if photo.pixels.numel() < 10**6:
            read_photo(encode_photo(Path(f"result{ending}"), photo).data)


def _checkpoint(path: Path) -> None:
    image = restore(load_file(path), torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)), CPU).image
    assert bool(torch.isfinite(image).all())


def _picks(path: Path) -> None:
    agreement(list(picked_pairs(path.parents[1])))


def _journal(path: Path) -> None:
    read_rows(path.parents[1])
    read_proposed(path.parents[1])


def _config(path: Path) -> None:
    with_values(LfcOptions(), read_config(path))


def _sidecar(path: Path) -> None:
    record = read_record(path)
    differences(record, [], "cpu", describe_machine())
    mark_of(record)
    with suppress(TtpoError):
        source_of(record, None, path)


def _learned(path: Path) -> None:
    weights_by_picks({"selection_weights": str(path), "selection_fusion": "mean", "selection_ceiling": "on"}, [])


_READ: dict[str, Callable[[Path], object]] = {
    **dict.fromkeys(PICTURES, _picture),
    **dict.fromkeys(CHECKPOINTS, _checkpoint),
    "niqe": load_niqe_model,
    "sidecar": _sidecar,
    "picks": _picks,
    "journal": _journal,
    "config": _config,
    "learned": _learned,
    "manifest": read_own_manifest,
    "receipt": lambda path: read_receipt(path.parent),
    "evaluation": lambda path: open_journal(path, {"scale": 4, "names": ["a"]}),
    "list": lambda path: listed(str(path)),
}
