"""What an engine is made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ttpo_cli.settings.option import COMPUTE, MODEL, option
from ttpo_cli.settings.prior import EMBEDDED


@dataclass(frozen=True)
class EngineOptions:
    """What an engine is made of, as values that travel to another process.

    precision: that of RestoreOptions, for the prior.
    scale: that of SizeOptions where it is a whole number: which one of a family, and by how much bicubic interpolation enlarges.
    """

    backbone: str = option(
        "auto",
        "auto: what the photo needs; or a name (bicubic, none, one of `ttpo models list`) or a checkpoint file. Several by commas: the "
        "first restores, the others make candidates.",
        panel=MODEL,
        brief="auto, a name of `ttpo models list`, or a checkpoint file.",
    )
    prior: str = option(EMBEDDED, "The diffusion prior: a name, a folder in diffusers layout, a file of `ttpo train prior`.", panel=MODEL)
    metrics: tuple[str, ...] = option(
        ("ranker", "niqe"),
        "Metrics that select, by commas; paper, paper-8bit, paper-4bit: the paper's three.",
        panel=MODEL,
        paper="MUSIQ, MANIQA, Q-Align",
    )
    device: str = option("auto", "auto, cpu, cuda, cuda:N or mps.", panel=COMPUTE)
    precision: str = "auto"
    scale: int | None = None
    task: str | None = option(None, "Task, for a backbone that does several: denoise, deblur, derain, ...", panel=MODEL)
    blend: float = option(1.0, "LFC-SR's two outputs: 0 the objective one, 1 the perceptual one, or a mixture (Eq. 14).", panel=MODEL)
    metric_files: Mapping[str, Path] = option({}, "A file in place of a metric's own; repeatable.", flag="--metric-weights", panel=MODEL)
