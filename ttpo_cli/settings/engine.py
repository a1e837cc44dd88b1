"""What an engine is made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ttpo_cli.settings.option import COMPUTE, MODEL, option
from ttpo_cli.settings.prior import EMBEDDED


@dataclass(frozen=True)
class EngineOptions:
    """What an engine is made of, as values that travel to another process. precision: that of RestoreOptions, for the prior."""

    backbone: str = option(
        "lfc-sr-small",
        "A built-in name (lfc-sr-small, bicubic, none), a name of `ttpo models list`, or a file (a checkpoint spandrel reads, ncnn, ONNX).",
        panel=MODEL,
    )
    prior: str = option(EMBEDDED, "The diffusion prior: a name, a folder in diffusers layout, a file of `ttpo train prior`.", panel=MODEL)
    metrics: tuple[str, ...] = option(
        ("ranker", "niqe"), "Metrics that select, by commas; paper, paper-8bit, paper-4bit: the paper's three.", panel=MODEL
    )
    device: str = option("auto", "auto, cpu, cuda, cuda:N or mps.", panel=COMPUTE)
    precision: str = "auto"
    scale: int | None = option(None, "Scale factor, for a backbone that takes any (bicubic) or is a family.", panel=MODEL, minimum=1)
    task: str | None = option(None, "Task, for a backbone that does several: denoise, deblur, derain, ...", panel=MODEL)
    blend: float = option(1.0, "LFC-SR's two outputs: 0 the objective one, 1 the perceptual one, or a mixture (Eq. 14).", panel=MODEL)
    metric_files: Mapping[str, Path] = option({}, "A file in place of a metric's own; repeatable.", flag="--metric-weights", panel=MODEL)
