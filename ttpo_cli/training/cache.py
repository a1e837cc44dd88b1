"""Files that a training makes once and reads again. Each carries the facts it was made from, and one made from others is refused."""

import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from ttpo_cli.errors import UsageError
from ttpo_cli.training.run import differences
from ttpo_cli.weights.checkpoint import load_checkpoint, save_checkpoint
from ttpo_cli.weights.sha256 import file_sha256

Tensors = dict[str, Tensor]
_FACTS = "made_from"


def read_cached(path: Path, facts: Mapping[str, Any], *, resumed: bool) -> tuple[Tensors, dict[str, Any]] | None:
    """The tensors and the metadata cached at `path`, or None where they have to be made.

    A file without facts is an older version's. A run resumed from its state began with that file and reads it; a new run makes it again.
    Raises UsageError for a file made from other facts, WeightsError for one that cannot be read.

    Args:
        facts: Everything that decides the content, as JSON holds it.
        resumed: Whether the run goes on from a saved state.
    """
    if not path.exists():
        return None
    tensors, metadata = load_checkpoint(path)
    before = metadata.get(_FACTS)
    if before is None:
        return (tensors, metadata) if resumed else None
    changes = differences(before, json.loads(json.dumps(facts)))
    if changes:
        remedy = "give the same" if resumed else "give the same, delete that file"
        raise UsageError(f"{path} was made from other options or photos ({'; '.join(changes)}): {remedy}, or begin in another folder")
    return tensors, metadata


def write_cached(path: Path, tensors: Tensors, metadata: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    """Write tensors with the facts they were made from, whole or not at all."""
    save_checkpoint(path, tensors, {**metadata, _FACTS: dict(facts)})


def file_fingerprints(paths: Sequence[Path]) -> list[str]:
    """One line per photo that changes with its name, its size or a byte of the file."""
    return [f"{path.name} {path.stat().st_size} {file_sha256(path)}" for path in paths]


def checksum(*parts: Tensor | str) -> str:
    """Eight hexadecimal digits that change with any value of the tensors and texts."""
    value = 0
    for part in parts:
        value = zlib.crc32(part.encode() if isinstance(part, str) else part.contiguous().numpy().tobytes(), value)
    return f"{value:08x}"
