"""Options of the backbone's run over a photo."""

from dataclasses import dataclass
from typing import Literal

Precision = Literal["fp32", "bf16", "fp16"]


@dataclass(frozen=True)
class RestoreOptions:
    """precision: auto is fp16 on a CUDA device for networks known to bear it, else fp32; bf16 and fp16 run under autocast.

    tile: longest side of a tile in input pixels, overlap included; auto is one piece if the device's memory affords it; 0 is one piece.
    overlap: input pixels that neighbouring tiles share, at most a quarter of the tile.
    """

    precision: Literal["auto"] | Precision = "auto"
    tile: int | Literal["auto"] = "auto"
    overlap: int = 32
