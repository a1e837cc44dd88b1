"""Encoded prompts kept between commands, so that the gigabytes of a text encoder are read once for a text and not once a command."""

import hashlib
import json
from pathlib import Path

from ttpo_cli.diffusion.priors.diffusers_models import Layout
from ttpo_cli.diffusion.priors.prompts import Prompt, Prompts
from ttpo_cli.errors import TtpoError, WeightsError
from ttpo_cli.weights.checkpoint import load_checkpoint, save_checkpoint

# What a text's encoding depends on: parts of the model's folder whose files read it.
_READERS = ("text_encoder", "tokenizer")


def cached_prompts(folder: Path, key: str) -> Prompts | None:
    """What was kept under `key`, or None: never kept, or damaged since."""
    try:
        tensors, _ = load_checkpoint(folder / f"{key}.safetensors")
        prompt, negative = (_prompt(tensors, name) for name in ("prompt", "negative"))
    except WeightsError:
        return None
    return None if prompt is None else (prompt, negative)


def keep_prompts(folder: Path, key: str, prompts: Prompts) -> None:
    """Keep encoded prompts for the next command; a folder that cannot be written keeps none, and only costs time."""
    tensors = {}
    for name, prompt in zip(("prompt", "negative"), prompts, strict=True):
        if prompt is not None:
            tensors |= {f"{name}.{part}": tensor for part, tensor in vars(prompt).items() if tensor is not None}
    try:
        save_checkpoint(folder / f"{key}.safetensors", tensors, {})
    except TtpoError:
        return


def prompt_key(layout: Layout, *asked: object) -> str:
    """A name for the encoding of what is `asked` (texts, precision, length) by a model's text encoders as their files are now."""
    parts = sorted(part for part in layout.parts if part.startswith(_READERS))
    # model_index.json says what SDXL takes in place of no text.
    files = [layout.folder / "model_index.json"]
    files += [path for part in parts for path in sorted((layout.folder / part).rglob("*")) if path.is_file()]
    # Links of a hub's cache are followed: the file behind one changes with the revision.
    states = [(str(path.relative_to(layout.folder)), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    facts = [str(layout.folder.resolve()), layout.pipeline, states, *map(repr, asked)]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _prompt(tensors: dict, name: str) -> Prompt | None:
    tokens = tensors.get(f"{name}.tokens")
    return None if tokens is None else Prompt(tokens, tensors.get(f"{name}.pooled"))
