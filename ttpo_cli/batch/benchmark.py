"""Time and peak memory of each stage at several sizes, each size in a fresh process, so that no measurement inherits another's memory."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from ttpo_cli.imaging.resize import imresize
from ttpo_cli.memory.laps import greatest
from ttpo_cli.memory.peak import peaks, reset_peaks
from ttpo_cli.pipeline import Engine, Settings, load_engine, restore_photo


@dataclass(frozen=True)
class EngineOptions:
    """What `load_engine` is called with, as values that travel to another process."""

    backbone: str = "lfc-sr-small"
    prior: str = "haar-prior"
    metrics: tuple[str, ...] = ("ranker", "niqe")
    device: str = "auto"
    precision: str = "auto"
    scale: int | None = None
    metric_files: dict[str, Path] = field(default_factory=dict)
    prior_scale: float = 1.0

    def load(self) -> Engine:
        return load_engine(
            self.backbone,
            self.prior,
            self.metrics,
            self.device,
            self.precision,
            scale=self.scale,
            metric_files=self.metric_files,
            prior_scale=self.prior_scale,
        )


def benchmark(sizes: Sequence[int], engine: EngineOptions, settings: Settings) -> Iterator[dict[str, Any]]:
    """One record a size: seconds and peak bytes by stage, or `error` where the process died, as it does when memory runs out."""
    for size in sizes:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            try:
                yield pool.submit(measure, size, engine, settings).result()
            except BrokenProcessPool:
                yield {"size": size, "error": "the process was killed: most likely out of memory"}


def measure(size: int, options: EngineOptions, settings: Settings) -> dict[str, Any]:
    """Load, and restore one photo of size x size pixels, in this process."""
    began = perf_counter()
    engine = options.load()
    laps = {"load": perf_counter() - began}
    load = peaks(engine.device)
    separate = reset_peaks(engine.device)
    result = restore_photo(synthetic_photo(size), f"bench {size}", engine, settings)
    total = perf_counter() - began
    stages = {stage: held for stage, held in result.peak_memory.items() if stage != "all"}
    return {
        "size": size,
        "output": list(result.final.shape[:1:-1]),
        "device": str(engine.device),
        "threads": torch.get_num_threads(),
        "candidates": len(result.candidates) - 1,
        "network_calls": result.network_calls,
        "seconds": {name: round(value, 3) for name, value in {**laps, **result.seconds, "total": total}.items()},
        "peak_bytes": {"load": load, **stages, "total": greatest((load, *stages.values()))},
        "peaks_are_cumulative": not separate,
    }


def synthetic_photo(size: int) -> Tensor:
    """(1, 3, size, size) in [0, 1]: smooth shapes with fine grain, the same every time."""
    generator = torch.Generator().manual_seed(size)
    coarse = torch.rand(1, 3, 8, 8, generator=generator)
    grain = torch.randn(1, 3, size, size, generator=generator) / 50
    return (imresize(coarse, size=(size, size)) + grain).clamp(0, 1)
