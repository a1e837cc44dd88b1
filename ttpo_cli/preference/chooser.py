"""What a person chooses among: the candidates of one photo with their scores, once they are made and before anything is done with them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from ttpo_cli.metrics.metric import Metric
from ttpo_cli.preference.candidates import Candidates

# Said in the record of a photo that nobody could be asked about.
UNASKED = "done in regions or without candidates, so there was nothing to pick: the metrics chose"


@dataclass(frozen=True)
class ScoredCandidates:
    """The candidates of one photo, to be chosen among.

    Attributes:
        images: (N, 3, H, W) in [0, 1], row 0 the restored image.
        labels: The names of the rows.
        scores: (N, M), in the metrics' own directions.
        metrics: The M metrics that can score images of this size.
        made: The candidates as the prior left them.
    """

    images: Tensor
    labels: tuple[str, ...]
    scores: Tensor
    metrics: tuple[Metric, ...]
    made: Candidates


# (photo's name, undoes the pick before this one and says so, candidates) -> (preferred, dispreferred), or () for the metrics' choice.
AskPerson = Callable[[str, Callable[[], str] | None, ScoredCandidates], Sequence[int]]

# (preferred, dispreferred), rows of the candidates; () leaves the choice to the metrics. May raise Postponed, or KeyboardInterrupt to stop.
Ask = Callable[[ScoredCandidates], Sequence[int]]


@dataclass(frozen=True)
class Chooser:
    """How a photo comes to its pair.

    Attributes:
        ask: Whom to ask where the settings hold no pick; None: the metrics choose.
        made: The candidates where they were made before, for the same photo, engine and settings.
    """

    ask: Ask | None = None
    made: Candidates | None = None


METRICS_CHOOSE = Chooser()


class Postponed(Exception):
    """The person chooses later: the photo ends with its candidates."""

    def __init__(self, candidates: ScoredCandidates) -> None:
        super().__init__("the candidates wait for a pick")
        self.candidates = candidates


def postpone(candidates: ScoredCandidates) -> Sequence[int]:
    """Ask nobody now. Raises Postponed."""
    raise Postponed(candidates)
