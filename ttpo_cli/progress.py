"""How a long function reports its progress: the types of the callbacks it takes. Nothing below `cli` prints."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

# (stage, steps done, steps in all)
OnStep = Callable[[str, int, int], None]

# (things done, things in all)
OnCount = Callable[[int, int], None]

# (steps done): of a training, whose total the caller knows
OnTrainingStep = Callable[[int], None]

# (bytes so far, bytes in all or None where nobody said)
OnBytes = Callable[[int, int | None], None]

# (what arrives, bytes so far, bytes in all or None where nobody said)
OnDownload = Callable[[str, int, int | None], None]


@dataclass(frozen=True)
class TrainingObserver:
    """What a training reports to.

    Attributes:
        on_step: Called with the number of steps done.
        left_out: Called once with a line for each photo that cannot be used, which says why.
    """

    on_step: OnTrainingStep = lambda step: None
    left_out: Callable[[Sequence[str]], None] = lambda reasons: None


# Reports to nobody.
SILENT = TrainingObserver()
