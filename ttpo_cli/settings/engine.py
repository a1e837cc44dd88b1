"""What an engine is made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ttpo_cli.settings.prior import EMBEDDED


@dataclass(frozen=True)
class EngineOptions:
    """What an engine is made of, as values that travel to another process.

    backbone: a name or a file. prior: a name, a folder in diffusers layout, or a file of `ttpo train prior`. metrics: that select.
    scale, task: of the backbone, where its family knows several; blend: of LFC-SR's two outputs. metric_files: a file in place of a
    metric's own.
    """

    backbone: str = "lfc-sr-small"
    prior: str = EMBEDDED
    metrics: tuple[str, ...] = ("ranker", "niqe")
    device: str = "auto"
    precision: str = "auto"
    scale: int | None = None
    task: str | None = None
    blend: float = 1.0
    metric_files: Mapping[str, Path] = field(default_factory=dict)
