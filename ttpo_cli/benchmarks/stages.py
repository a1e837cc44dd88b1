"""Time and peak memory of each stage at several sizes, each size in a fresh process, so that no measurement inherits another's memory."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from multiprocessing import get_context
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from ttpo_cli.benchmarks.diffusers_baseline import Invocations, counted, plain_loop
from ttpo_cli.device.stage_timer import greatest, peaks, reset_peaks
from ttpo_cli.diffusion.priors.latent import build_prior, network_dtype
from ttpo_cli.diffusion.priors.random_models import random_parts
from ttpo_cli.imaging.photo import Metadata, Photo
from ttpo_cli.imaging.resize import imresize
from ttpo_cli.pipeline import load_engine, restore_photo
from ttpo_cli.settings.candidates import CandidateOptions
from ttpo_cli.settings.engine import EngineOptions
from ttpo_cli.settings.guidance import GuidanceOptions
from ttpo_cli.settings.prior import EMBEDDED
from ttpo_cli.settings.settings import Settings


@dataclass(frozen=True)
class Untrained:
    """An untrained latent prior of the published size of `name`, or with `small` one of its kind for a CPU."""

    name: str
    small: bool = False


def benchmark(
    sizes: Sequence[int], engine: EngineOptions, settings: Settings, untrained: Untrained | None = None
) -> Iterator[dict[str, Any]]:
    """One record a size: seconds and peak bytes by stage, or `error` where the process died, as it does without memory."""
    for size in sizes:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            try:
                yield pool.submit(measure, size, engine, settings, untrained).result()
            except BrokenProcessPool:
                yield {"size": size, "error": "the process was killed: most likely out of memory"}


def measure(size: int, options: EngineOptions, settings: Settings, untrained: Untrained | None = None) -> dict[str, Any]:
    """Load, and restore one photo of size x size pixels, in this process; with an untrained prior also by the plain loop."""
    began = perf_counter()
    engine = load_engine(options if untrained is None else replace(options, prior=EMBEDDED), settings)
    parts = None
    if untrained is not None and engine.tools is not None:
        parts = random_parts(untrained.name, untrained.small, engine.device, network_dtype(options.precision, engine.device))
        prior = build_prior(parts, engine.device, parts.network.dtype, settings.prior)
        engine = replace(engine, tools=replace(engine.tools, prior=prior))
        if engine.device.type == "cuda":  # the first calls choose and load kernels, which no photo after them waits for
            restore_photo(_photo(size), engine, settings)
    loading = perf_counter() - began
    load = peaks(engine.device)
    separate = reset_peaks(engine.device)
    with counted(None if parts is None else parts.network) as network:
        result = restore_photo(_photo(size), engine, settings)
    total = perf_counter() - began
    stages = {stage: held for stage, held in result.timings.peak_memory.items() if stage != "all"}
    row = {
        "size": size,
        "output": list(result.outcome.final.shape[:1:-1]),
        "device": str(engine.device),
        "threads": torch.get_num_threads(),
        "candidates": result.outcome.candidate_count - 1,
        "network_calls": result.outcome.calls,
        "seconds": {name: round(value, 3) for name, value in {"load": loading, **result.timings.seconds, "total": total}.items()},
        "peak_bytes": {"load": load, **stages, "total": greatest((load, *stages.values()))},
        "peaks_are_cumulative": not separate,
    }
    if parts is None or engine.tools is None:
        return row
    plain = plain_loop(parts, engine.tools.prior, result.outcome.restored.to(engine.device), settings)
    return {**row, **against_plain(row["seconds"], network, plain)}


def against_plain(seconds: dict[str, float], network: Invocations, plain: dict[str, Any]) -> dict[str, Any]:
    """Candidates and guidance against the plain loop's: both sides' calls of the network, and how many times faster and fewer ours are."""
    ours = seconds["candidates"] + seconds["guidance"]
    return {
        "invocations": network.calls,
        "evaluations": network.images,
        "plain_loop": plain,
        "speedup": round(sum(plain["seconds"].values()) / ours, 2),
        "fewer_invocations": round(plain["invocations"] / network.calls, 2),
    }


def paper_size(settings: Settings) -> Settings:
    """The settings with the paper's numbers where ours were left alone: 15 candidates and the restored image, 50 guided steps."""
    candidates, guidance = settings.candidates, settings.guidance
    if candidates.per_strength == CandidateOptions().per_strength:
        candidates = replace(candidates, per_strength=3)
    if guidance.steps == GuidanceOptions().steps:
        guidance = replace(guidance, steps=50)
    return replace(settings, candidates=candidates, guidance=guidance)


def _photo(size: int) -> Photo:
    return Photo(
        pixels=synthetic_photo(size),
        alpha=None,
        grey=False,
        bit_depth=8,
        format="png",
        metadata=Metadata(),
        content_hash=f"bench {size}",
        name=f"bench {size}",
    )


def synthetic_photo(size: int) -> Tensor:
    """(1, 3, size, size) in [0, 1]: smooth shapes with fine grain, the same every time."""
    generator = torch.Generator().manual_seed(size)
    coarse = torch.rand(1, 3, 8, 8, generator=generator)
    grain = torch.randn(1, 3, size, size, generator=generator) / 50
    return (imresize(coarse, size=(size, size)) + grain).clamp(0, 1)
