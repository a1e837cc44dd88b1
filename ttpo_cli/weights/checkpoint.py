"""Weights as safetensors with JSON metadata: nothing in such a file can run (huggingface/safetensors, format version of 2022)."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ttpo_cli.errors import WeightsError
from ttpo_cli.imaging.atomic import atomic_write
from ttpo_cli.weights.mistaken import mistaken_for_checkpoint

# A header describes tensors in about 100 bytes each; the largest published models stay below 1 MB.
LARGEST_HEADER = 16 * 2**20


def save_checkpoint(path: Path, state: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> None:
    """Write `state` and `metadata` (strings, or anything JSON can hold) to `path`, whole or not at all.

    Replaces a file that is there. Raises TtpoError where the folder cannot be written.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    data = _in_order(save(tensors, {name: _encode(value) for name, value in metadata.items()}))
    atomic_write(path, data, overwrite=True)


def load_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a safetensors file: (tensors on the CPU, metadata as it was given to `save_checkpoint`).

    Raises WeightsError for a missing, truncated, oversized or otherwise malformed file.
    """
    check_header(path)
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            metadata = {name: _decode(value) for name, value in (file.metadata() or {}).items()}
            return {name: file.get_tensor(name) for name in file.keys()}, metadata  # noqa: SIM118 - safe_open is not a dict
    except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise WeightsError(f"{path.name} is not a readable safetensors file ({_one_line(error)}): download it again") from error


def check_header(path: Path) -> None:
    """Compare the length of the header with the file's before anything trusts it. Raises WeightsError."""
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            start = stream.read(9)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read ({error.strerror}): check the path of the weights") from error
    if len(start) < 9 or start[8:] != b"{":
        found = mistaken_for_checkpoint(path) or "is not a checkpoint: its first bytes are not a safetensors header"
        raise WeightsError(f"{path.name} {found}")
    length = struct.unpack("<Q", start[:8])[0]
    if length > LARGEST_HEADER:
        raise WeightsError(f"{path.name} claims a header of {length} bytes, more than any real checkpoint's: do not trust this file")
    if 8 + length > size:
        raise WeightsError(f"{path.name} is truncated: its header needs {8 + length} bytes and the file has {size}; download it again")


def _in_order(data: bytes) -> bytes:
    """The same file with its metadata in alphabetical order (safetensors leaves it to chance), so that equal weights are equal bytes."""
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header.get("__metadata__", {}).items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the data begins at a multiple of 8
    return struct.pack("<Q", len(text)) + text + data[8 + length :]


def _encode(value: Any) -> str:
    """A string stays as it is, so that other tools read it, unless it would come back as something else."""
    return value if isinstance(value, str) and isinstance(_decode(value), str) and _decode(value) == value else json.dumps(value)


def _decode(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
