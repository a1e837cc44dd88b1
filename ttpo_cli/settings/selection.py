"""Options of stage II: the preferred and the dispreferred candidate."""

from collections.abc import Mapping
from dataclasses import dataclass

from ttpo_cli.settings.option import option


@dataclass(frozen=True)
class SelectionOptions:
    """Stage II. The paper's: fusion mean, ceiling off, dispreferred any."""

    fusion: str = option("mean", "How metrics become one score: mean of z-scores (the paper), entropy, rank, weights, learned.")
    ceiling: bool = option(True, "A score better than that of pristine photos earns nothing more.")
    dispreferred: str = option("candidate", "candidate, or any: the restored image may be it (the paper).")
    weights: Mapping[str, float] = option(
        {}, "A=1,B=2 for the fusion of that name; or a file of `ttpo picks fit`; or learned.", aliases=("--weights",)
    )
