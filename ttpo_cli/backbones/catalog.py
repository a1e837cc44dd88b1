"""`--backbone NAME|FILE`: the restorers that need no file, and any checkpoint by its path."""

from collections.abc import Callable
from pathlib import Path

from torch import Tensor

from ttpo_cli.backbones.backbone import Backbone
from ttpo_cli.backbones.lfc_checkpoint import lfc_backbone
from ttpo_cli.backbones.pdasr_checkpoint import convert_pdasr, is_pdasr
from ttpo_cli.backbones.spandrel_models import spandrel_backbone
from ttpo_cli.errors import UsageError, WeightsError, unknown_name
from ttpo_cli.imaging.resize import imresize
from ttpo_cli.weights.checkpoint import file_sha256, load_checkpoint
from ttpo_cli.weights.manifest import embedded_path, read_manifest
from ttpo_cli.weights.pickled import is_pickled, load_pickled

SUFFIXES = (".safetensors", ".pth", ".pt", ".ckpt")


def bicubic(scale: int | None, blend: float) -> Backbone:
    """MATLAB's bicubic interpolation, x4 unless told otherwise: the baseline of every comparison."""
    factor = 4 if scale is None else scale
    if not 1 <= factor <= 16:
        raise UsageError(f"bicubic interpolation by {factor}: choose a scale from 1 to 16")

    def enlarge(image: Tensor) -> Tensor:
        return imresize(image, scale=factor)

    return Backbone("bicubic", "super-resolution", "interpolation", factor, 3, enlarge, supports_half=True, supports_bfloat16=True)


def identity(scale: int | None, blend: float) -> Backbone:
    """No restorer: the later stages work on the photo as it is."""
    return Backbone("none", "none", "identity", 1, 3, Tensor.clone, supports_half=True, supports_bfloat16=True)


def lfc_sr_small(scale: int | None, blend: float) -> Backbone:
    """The LFC-SR network that ships with this package, x4."""
    path = embedded_path("lfc-sr-small-x4")
    state, metadata = load_checkpoint(path)
    entry = read_manifest()["lfc-sr-small-x4"]
    return lfc_backbone("lfc-sr-small", state, metadata, entry.sha256, blend, entry.licence)


# Each takes (scale or None, blend); those that cannot follow `scale` are checked by `load_backbone`.
BACKBONES: dict[str, Callable[[int | None, float], Backbone]] = {"lfc-sr-small": lfc_sr_small, "bicubic": bicubic, "none": identity}


def load_backbone(name_or_file: str | Path, *, scale: int | None = None, blend: float = 1.0) -> Backbone:
    """The restorer of a name in BACKBONES or of a checkpoint file: ours (`ttpo train lfc`) or of any architecture spandrel knows.

    scale: what the caller needs it to enlarge by; None: whatever it does. blend: between LFC-SR's stages, 0 objective to 1 perceptual.
    Raises UsageError for an unknown name or another scale, WeightsError for a file that is missing, unreadable or of no known use.
    """
    name = str(name_or_file)
    if name in BACKBONES:
        backbone = BACKBONES[name](scale, blend)
    elif Path(name).suffix.lower() in SUFFIXES or Path(name).exists():
        backbone = load_file(Path(name), blend)
    else:
        raise UsageError(f"{unknown_name('backbone', name, BACKBONES)}; or give a checkpoint file ({', '.join(SUFFIXES)})")
    if scale is not None and backbone.scale != scale:
        raise UsageError(f"{backbone.name} enlarges by {backbone.scale}, not by {scale}: leave --scale out, or give another backbone")
    return backbone


def load_file(path: Path, blend: float = 1.0) -> Backbone:
    """The restorer of a checkpoint file, recognised by its content whatever its suffix. Raises WeightsError."""
    sha256 = file_sha256(path)
    with path.open("rb") as stream:
        start = stream.read(32)
    if is_pickled(start):
        content = load_pickled(path)
        if is_pdasr(content):
            return lfc_backbone(path.stem, convert_pdasr(content, path.name), {"preset": "lfc-sr", "scale": 4}, sha256, blend)
        return spandrel_backbone(path, content, sha256)
    state, metadata = load_checkpoint(path)
    kind = metadata.get("ttpo")
    if kind == "lfc-sr":
        return lfc_backbone(path.stem, state, metadata, sha256, blend)
    if kind is not None:
        raise WeightsError(f"{path.name} is a {kind} of ttpo, no restorer: give it to the option for that, and a backbone here")
    return spandrel_backbone(path, state, sha256)
