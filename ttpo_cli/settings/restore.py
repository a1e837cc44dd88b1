"""Options of the backbone's run over a photo."""

from dataclasses import dataclass
from typing import Literal

from ttpo_cli.settings.option import COMPUTE, option

Precision = Literal["fp32", "bf16", "fp16"]


@dataclass(frozen=True)
class RestoreOptions:
    """How the backbone runs.

    precision: auto is fp16 on a CUDA device for networks known to bear it, else fp32; bf16 and fp16 run under autocast.
    tile: the longest side, overlap included; auto is one piece if the device's memory affords it.
    overlap: at most a quarter of the tile.
    """

    precision: Literal["auto"] | Precision = option("auto", "Number format of the networks.", flag="--precision", panel=COMPUTE)
    tile: int | Literal["auto"] = option(
        "auto", "Side of the backbone's tiles in pixels of the input; auto, or 0 for one piece.", flag="--tile", panel=COMPUTE
    )
    overlap: int = option(32, "Overlap of neighbouring tiles, pixels.", flag="--overlap", panel=COMPUTE, limits=(0, None))
