"""What a file of weights looks like from outside, without loading it: torch.save's two formats and safetensors."""

import json
import struct
import zipfile
from pathlib import Path

from ttpo_cli.weights.mistaken import mistaken_for_checkpoint

# torch.save before PyTorch 1.6 begins with a pickle of this number, 0x1950a86a20f9469cfc6c.
LEGACY_MAGIC = bytes.fromhex("6cfc9c46f9206aa85019")


def is_pickled(start: bytes) -> bool:
    """Whether a file that begins with these (at least 32) bytes was written by torch.save: a zip archive, or the legacy number."""
    return start.startswith(b"PK") or LEGACY_MAGIC in start[:32]


def flaw(path: Path) -> str | None:
    """Why a file cannot be a whole checkpoint, in words that follow its name; None where nothing contradicts it.

    A zip archive has its directory, and safetensors states its length; of the legacy format only the beginning is known.
    """
    with path.open("rb") as stream:
        start = stream.read(32)
        if start.startswith(b"PK"):
            return _flaw_of_zip(path)
        if is_pickled(start):
            return None
        if start[8:9] != b"{":
            return mistaken_for_checkpoint(path) or "is not a checkpoint: its first bytes are of no known format"
        stream.seek(8)
        length = struct.unpack("<Q", start[:8])[0]
        size = path.stat().st_size
        try:
            header = json.loads(stream.read(length)) if 8 + length <= size else {}
            ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            ends = []
    whole = bool(ends) and 8 + length + max(ends) == size
    return None if whole else "is cut short or damaged: its header and its length do not fit each other"


def _flaw_of_zip(path: Path) -> str | None:
    try:
        zipfile.ZipFile(path).close()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error):
        return "is cut short or damaged: it is an archive without its directory"
    return mistaken_for_checkpoint(path)
