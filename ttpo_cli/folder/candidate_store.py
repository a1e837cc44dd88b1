"""Candidates kept to the last bit while a person chooses, so that the run that finishes the photo need not make them again."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save

from ttpo_cli.errors import TtpoError
from ttpo_cli.folder.decision import settings_hash
from ttpo_cli.folder.pick_store import candidates_folder
from ttpo_cli.preference.candidates import Candidates
from ttpo_cli.weights.checkpoint import load_checkpoint

_LISTS = ("strengths", "seeds", "stopped", "notes")


def stored_path(root: Path, target: str) -> Path:
    """Where the latents of one photo's candidates lie."""
    return candidates_folder(root, target) / "latents.safetensors"


def stored_bytes(made: Candidates, facts: Mapping[str, Any]) -> bytes:
    """A safetensors file of the candidates. facts: all that their bits depend on, machine and versions among them; JSON-able."""
    stored = {"made_under": settings_hash(facts), "calls": made.calls, **{name: getattr(made, name) for name in _LISTS}}
    return save({"latents": made.latents.detach().cpu().contiguous()}, {"candidates": json.dumps(stored)})


def read_stored(path: Path, facts: Mapping[str, Any]) -> Candidates | None:
    """The candidates as they were made, latents on the CPU; None where there are none, or they may not be what would be made under these
    facts, or the file is damaged: then they are made again, to the same result."""
    if not path.is_file():
        return None
    try:
        tensors, metadata = load_checkpoint(path)
        stored = metadata["candidates"]
        if stored["made_under"] != settings_hash(facts):
            return None
        return Candidates(tensors["latents"], calls=stored["calls"], **{name: tuple(stored[name]) for name in _LISTS})
    except (TtpoError, LookupError, TypeError):
        return None
