"""Options of stage II: the preferred and the dispreferred candidate."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ttpo_cli.settings.option import option


@dataclass(frozen=True)
class SelectionOptions:
    """Stage II. The paper's: fusion mean, ceiling off, dispreferred any."""

    fusion: Literal["mean", "entropy", "rank", "weights", "learned"] = option(
        "mean", "How metrics become one score: mean of z-scores (the paper), entropy, rank, weights, learned.", paper="mean"
    )
    ceiling: bool = option(True, "A score better than that of pristine photos earns nothing more.", paper="off")
    dispreferred: Literal["candidate", "any"] = option(
        "candidate", "candidate, or any: the restored image may be it (the paper).", paper="any"
    )
    weights: Mapping[str, float] = option(
        {}, "A=1,B=2 for the fusion of that name; or a file of `ttpo picks fit`; or learned.", aliases=("--weights",)
    )
