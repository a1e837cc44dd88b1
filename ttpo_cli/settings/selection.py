"""Options of stage II: the preferred and the dispreferred candidate."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class SelectionOptions:
    """Stage II. The paper's: fusion mean, ceiling off, dispreferred any (the restored image may be it).

    ceiling: a score better than the pristine photos' own level earns nothing more. dispreferred: `candidate` or `any`.
    weights: metric -> weight, for the fusions `weights` and `learned`.
    """

    fusion: str = "mean"
    ceiling: bool = True
    dispreferred: str = "candidate"
    weights: Mapping[str, float] = field(default_factory=dict)
