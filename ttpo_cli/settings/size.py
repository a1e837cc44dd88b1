"""Options of the result's size, and of the size at which the photo is restored."""

from dataclasses import dataclass
from typing import Literal

from ttpo_cli.settings.option import SIZE, option

Shrink = Literal["auto", "1", "0.75", "0.5", "0.25"]


@dataclass(frozen=True)
class SizeOptions:
    """How large a result is. At most one of scale, long_edge and megapixels is given.

    Without them a result is as many times larger as the backbone enlarges, while it stays within `ceiling` megapixels; else the largest of
    2 and 1 times that does.
    """

    scale: float | None = option(
        None,
        "Times larger than the photo: any number above 0.",
        flag="--scale",
        panel=SIZE,
        brief="Times larger than the photo.",
        before=None,
    )
    long_edge: int | None = option(
        None,
        "Longer side of the result in pixels.",
        flag="--long-edge",
        panel=SIZE,
        limits=(1, None),
        brief="Longer side of the result in pixels.",
        before=None,
    )
    megapixels: float | None = option(
        None, "Size of the result, megapixels.", flag="--megapixels", panel=SIZE, brief="Megapixels of the result.", before=None
    )
    shrink: Shrink = option(
        "auto",
        "Shrink the photo before it is restored; auto: one above 2 megapixels, to the resolution that its detail has or the result needs.",
        flag="--shrink",
        panel=SIZE,
        before="1",
    )
    ceiling: float = option(
        50.0,
        "Megapixels of the largest result without a size of yours; 0: no limit.",
        flag="--default-megapixels",
        panel=SIZE,
        before=0.0,
    )
    max_megapixels: float = option(200.0, "Megapixels above which nothing is begun.", flag="--max-megapixels", panel=SIZE, before=200.0)
