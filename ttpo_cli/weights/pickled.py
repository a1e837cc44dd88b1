"""Read .pth, .pt and .ckpt checkpoints without running what is in them: PyTorch's restricted unpickler, and nothing that is a program."""

import mmap
import pickle
import struct
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch

from ttpo_cli.errors import WeightsError
from ttpo_cli.weights.container import is_pickled
from ttpo_cli.weights.mistaken import mistaken_for_checkpoint
from ttpo_cli.weights.plausible import named_tensors

# Weights that share storage, or an archive somebody compressed, may honestly unfold by this factor.
UNFOLDS = 4

_ARRAY = b"bytearray"

# What the unpickler and the zip reader raise on a damaged file; a hostile one raises pickle.UnpicklingError.
DAMAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)


def load_pickled(path: Path) -> dict[str, Any]:
    """What `torch.save` wrote: a dict that holds tensors at some depth, on the CPU. No code of the file is run.

    Raises WeightsError for TorchScript (a program), a pickle that names anything beyond tensors and plain containers, a file that holds
    no tensors, more tensor than bytes, or is damaged.
    """
    _refuse_programs(path)
    try:
        with path.open("rb") as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # about torch's own storages and pickle protocols
            content = torch.load(stream, map_location="cpu", weights_only=True)  # a stream: of a path, the suffix would count
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path.name} holds more than weights, and reading the rest would run code from the file: "
            "ask its maker for a .safetensors file, or for the state dict alone"
        ) from error
    except DAMAGE as error:
        raise WeightsError(f"{path.name} is damaged or incomplete ({type(error).__name__}): download it again") from error
    tensors = [tensor for _, tensor in named_tensors(content)] if isinstance(content, dict) else []
    if not tensors:
        raise WeightsError(f"{path.name} holds no named weights: give a checkpoint, the file with a network's state dict")
    _refuse_bomb(path, sum(tensor.numel() * tensor.element_size() for tensor in tensors))
    return content


def _refuse_programs(path: Path) -> None:
    """Only the two formats of torch.save reach torch.load: some versions run TorchScript, or trust tar archives, whatever is asked."""
    try:
        with path.open("rb") as stream:
            start = stream.read(32)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read ({error.strerror}): check the path of the weights") from error
    found = mistaken_for_checkpoint(path)
    if found is None and not is_pickled(start):
        found = "is not a checkpoint: its first bytes are not those of a PyTorch file"
    if found is not None:
        raise WeightsError(f"{path.name} {found}")
    try:
        records = zipfile.ZipFile(path).infolist() if start.startswith(b"PK") else []
    except (zipfile.BadZipFile, *DAMAGE) as error:
        raise WeightsError(f"{path.name} is damaged or incomplete ({type(error).__name__}): download it again") from error
    _refuse_bomb(path, sum(record.file_size for record in records))
    _refuse_arrays(path, [record.filename for record in records if record.filename.endswith(".pkl")])
    if any(record.filename.endswith("constants.pkl") for record in records):
        raise WeightsError(f"{path.name} is TorchScript, a program rather than weights: ask its maker for the state dict or .safetensors")


def _refuse_arrays(path: Path, pickles: list[str]) -> None:
    """PyTorch's unpickler lets a file make a bytearray of any length, which no weights need and which would fill the memory."""
    try:
        if pickles:
            with zipfile.ZipFile(path) as archive:
                found = any(_ARRAY in archive.read(name) for name in pickles)
        else:
            with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
                found = content.find(_ARRAY) >= 0
    except (zipfile.BadZipFile, *DAMAGE) as error:
        raise WeightsError(f"{path.name} is damaged or incomplete ({type(error).__name__}): download it again") from error
    if found:
        raise WeightsError(f"{path.name} asks for memory outside its weights: do not trust this file")


def _refuse_bomb(path: Path, claimed: int) -> None:
    """Before and after unpacking: no honest checkpoint is a small part of what it unpacks to."""
    size = path.stat().st_size
    if claimed > UNFOLDS * size:
        raise WeightsError(f"{path.name} unpacks to {claimed} bytes of weights from {size}: do not trust this file")
