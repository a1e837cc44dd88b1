"""Prompts of latent priors: encoded once, the text encoders then freed, and classifier-free guidance in one call (arXiv 2207.12598)."""

import gc
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ttpo_cli.diffusion.denoiser import Denoise
from ttpo_cli.diffusion.priors.diffusers_models import Layout, load_text_pipeline
from ttpo_cli.errors import TtpoError, WeightsError
from ttpo_cli.weights.checkpoint import load_checkpoint, save_checkpoint


@dataclass(frozen=True)
class Prompt:
    """A text as a network reads it. tokens: (1, T, D); pooled: (1, P), or None for networks that take none."""

    tokens: Tensor
    pooled: Tensor | None = None

    def repeat(self, count: int) -> "Prompt":
        """The same text for each image of a batch."""
        pooled = None if self.pooled is None else self.pooled.expand(count, -1)
        return Prompt(self.tokens.expand(count, -1, -1), pooled)

    def to(self, device: torch.device, dtype: torch.dtype) -> "Prompt":
        return Prompt(self.tokens.to(device, dtype), None if self.pooled is None else self.pooled.to(device, dtype))


# The texts a prior follows: what it is led towards and, with classifier-free guidance, what it is led away from.
Prompts = tuple[Prompt, Prompt | None]

# (x (N, C, h, w), sigma (N,), condition, a Prompt of N) -> x0_hat: a network that a text conditions.
Prompted = Callable[[Tensor, Tensor, Tensor | None, Prompt], Tensor]


def joined(first: Prompt, second: Prompt) -> Prompt:
    """Two batches of prompts as one."""
    pooled = None if first.pooled is None or second.pooled is None else torch.cat((first.pooled, second.pooled))
    return Prompt(torch.cat((first.tokens, second.tokens)), pooled)


def with_guidance(prompted: Prompted, prompts: Prompts, scale: float) -> Denoise:
    """x0_hat = D(negative) + scale (D(prompt) - D(negative)), both in one call of twice the batch; scale 1 is D(prompt) alone.

    The same as guidance on eps, v or velocity: x0_hat is affine in each of them at a given x and sigma.
    """
    prompt, negative = prompts

    def denoise(x: Tensor, sigma: Tensor, condition: Tensor | None) -> Tensor:
        count = x.shape[0]
        if negative is None or scale == 1:
            return prompted(x, sigma, condition, prompt.repeat(count))
        pair = joined(negative.repeat(count), prompt.repeat(count))
        twice = None if condition is None else torch.cat((condition, condition))
        dropped, given = prompted(torch.cat((x, x)), torch.cat((sigma, sigma)), twice, pair).chunk(2)
        return dropped + scale * (given - dropped)

    return denoise


def encode_prompts(
    layout: Layout, prompt: str, negative: str, guided: bool, dtype: torch.dtype, device: torch.device, *, tokens: int | None = None
) -> Prompts:
    """Load a model's text encoders, encode, and free them. guided: encode the negative prompt as well.

    tokens: how long a text may be, for the families that ask (T5 and language models). Raises WeightsError for an unknown pipeline.
    """
    encode = next((ENCODERS[name] for name in ENCODERS if layout.pipeline.startswith(name)), None)
    if encode is None:
        raise WeightsError(f"{layout.folder} is a {layout.pipeline}; known are {', '.join(f'{name}Pipeline' for name in ENCODERS)}")
    pipeline = load_text_pipeline(layout, dtype).to(device)
    length = {} if tokens is None else {"max_sequence_length": tokens}
    with torch.no_grad():
        encoded = encode(pipeline, prompt, negative, guided, device, length)
    del pipeline
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    return encoded


def _stable_diffusion(pipeline: Any, prompt: str, negative: str, guided: bool, device: torch.device, length: dict[str, int]) -> Prompts:
    tokens, dropped = pipeline.encode_prompt(prompt, device, 1, guided, negative)
    return Prompt(tokens), Prompt(dropped) if guided else None


def _xl(pipeline: Any, prompt: str, negative: str, guided: bool, device: torch.device, length: dict[str, int]) -> Prompts:
    tokens, dropped, pooled, dropped_pooled = pipeline.encode_prompt(
        prompt,
        device=device,
        do_classifier_free_guidance=guided,
        negative_prompt=negative or None,  # no text is zeros where the model's configuration says so, and "" would be a text
    )
    return Prompt(tokens, pooled), Prompt(dropped, dropped_pooled) if guided else None


def _sd3(pipeline: Any, prompt: str, negative: str, guided: bool, device: torch.device, length: dict[str, int]) -> Prompts:
    tokens, dropped, pooled, dropped_pooled = pipeline.encode_prompt(
        prompt, None, None, device=device, do_classifier_free_guidance=guided, negative_prompt=negative, **length
    )
    return Prompt(tokens, pooled), Prompt(dropped, dropped_pooled) if guided else None


def _flux(pipeline: Any, prompt: str, negative: str, guided: bool, device: torch.device, length: dict[str, int]) -> Prompts:
    def encode(text: str) -> Prompt:
        tokens, pooled, _ = pipeline.encode_prompt(text, device=device, **length)
        return Prompt(tokens, pooled)

    return encode(prompt), encode(negative) if guided else None


def _flux2(pipeline: Any, prompt: str, negative: str, guided: bool, device: torch.device, length: dict[str, int]) -> Prompts:
    def encode(text: str) -> Prompt:
        return Prompt(pipeline.encode_prompt(text, device=device, **length)[0])

    return encode(prompt), encode(negative) if guided else None


# By the beginning of a pipeline's class name, the longer before the shorter.
ENCODERS: dict[str, Callable[..., Prompts]] = {
    "StableDiffusionXL": _xl,
    "StableDiffusion3": _sd3,
    "StableDiffusion": _stable_diffusion,
    "Flux2": _flux2,
    "Flux": _flux,
}

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
