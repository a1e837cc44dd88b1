"""A text-to-image model as one file, the way other programs share it, made into a folder in diffusers layout, which the priors read."""

import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from ttpo_cli.diffusion.priors.diffusers_models import Layout, kind_of_file, pipeline_of_file, read_layout
from ttpo_cli.errors import TtpoError, WeightsError
from ttpo_cli.weights.checkpoint import check_header

# diffusers' word for what a file holds -> the prior whose configurations fit it.
_LIKE = {
    "v1": "sd15",
    "v2": "sd21",
    "xl_base": "sdxl",
    "sd3": "sd3",
    "sd35_medium": "sd35-medium",
    "sd35_large": "sd35-large",
    "flux-dev": "flux1-dev",
    "flux-schnell": "flux1-schnell",
}
_DTYPES = {"F16": torch.float16, "BF16": torch.bfloat16}
_NETWORK = "model.diffusion_model."


def is_single_file(path: Path) -> bool:
    """Whether a safetensors file has the tensors of a text-to-image model, or of its network alone. Raises WeightsError."""
    return _has_network(_header(path))


def prior_like(path: Path) -> str | None:
    """The name of the prior whose configurations fit a file, by its tensors' names and shapes; None where none does.

    A guess, since SD 2.1 and its base have the same shapes, and so have distilled models. Raises WeightsError for a file that cannot be
    read.
    """
    header = _header(path)
    if not _has_network(header):
        return None
    shapes = {name: torch.empty(shape, device="meta") for name, (_, shape) in header.items()}
    kind = kind_of_file(shapes)
    return None if kind is None else _LIKE.get(kind)


def convert(path: Path, like: Path, output: Path) -> Layout:
    """Write the folder `output`, whole or not at all: the tensors of `path` in the layout, and with the configurations, tokenizers and
    schedule, of the folder `like`; a part that `path` lacks is taken from there with its weights. Numbers keep their precision.

    Raises WeightsError for files that are not such a model or do not fit each other, TtpoError where the folder cannot be written.
    """
    header = _header(path)
    if not _has_network(header):
        raise WeightsError(f"{path.name} does not hold a text-to-image model that ttpo knows: its tensors have other names")
    if output.exists():
        raise TtpoError(f"'{output}' exists already: choose another name for the folder")
    common = Counter(dtype for dtype, _ in header.values()).most_common(1)[0][0]
    pipeline = pipeline_of_file(path, header, read_layout(like), _DTYPES.get(common, torch.float32))
    unfinished = output.with_name(f".{output.name}.part")
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        output.parent.mkdir(parents=True, exist_ok=True)
        pipeline.save_pretrained(unfinished, safe_serialization=True)
        unfinished.rename(output)
    except (OSError, SafetensorError) as error:
        raise TtpoError(f"'{output}' cannot be written ({error}): free some space, or choose a folder that can be written") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return read_layout(output)


def _has_network(header: Iterable[str]) -> bool:
    return any(name.startswith((_NETWORK, "double_blocks.")) for name in header)


def _header(path: Path) -> dict[str, tuple[str, list[int]]]:
    """(type, shape) of each tensor of a safetensors file. Raises WeightsError."""
    check_header(path)
    try:
        with safe_open(path, framework="pt") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 - safe_open is not a dict
            return {name: (one.get_dtype(), one.get_shape()) for name, one in slices.items()}
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path.name} is not a readable safetensors file ({error}): download it again") from error
