"""What a person chooses among: the candidates of one photo with their scores, once they are made and before anything is done with them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from ttpo_cli.metrics.metric import Metric
from ttpo_cli.preference.candidates import Candidates

if TYPE_CHECKING:
    from ttpo_cli.preference.chooser import ScoredCandidates

# Said in the record of a photo that nobody could be asked about.
UNASKED = "done in regions or without candidates, so there was nothing to pick: the metrics chose"


@dataclass(frozen=True)
class ScoredCandidates:
    """images (N, 3, H, W) in [0, 1], row 0 the restored image; labels of the rows; scores (N, M) of the metrics that can judge them;
    made: the candidates as the prior left them."""

    images: Tensor
    labels: tuple[str, ...]
    scores: Tensor
    metrics: tuple[Metric, ...]
    made: Candidates


# (photo's name, undoes the pick before this one and says so, offer) -> (preferred, dispreferred), or () for the metrics' choice.
AskPerson = Callable[[str, Callable[[], str] | None, ScoredCandidates], Sequence[int]]

# (preferred, dispreferred), rows of the offer; () leaves the choice to the metrics. May raise Postponed, or KeyboardInterrupt to stop.
Ask = Callable[[ScoredCandidates], Sequence[int]]


@dataclass(frozen=True)
class Chooser:
    """How a photo comes to its pair. ask: whom to ask where the settings hold no pick, the metrics chooser without it; made: candidates
    that an ScoredCandidates held before, for the same photo, engine and settings."""

    ask: Ask | None = None
    made: Candidates | None = None


METRICS_CHOOSE = Chooser()


class Postponed(Exception):
    """The person chooses later: the photo ends with what is on offer."""

    def __init__(self, offer: ScoredCandidates) -> None:
        super().__init__("the candidates wait for a pick")
        self.offer = offer


def postpone(offer: ScoredCandidates) -> Sequence[int]:
    """Ask nobody now. Raises Postponed."""
    raise Postponed(offer)
