"""How a long function reports its progress: the types of the callbacks it takes. Nothing below `cli` prints."""

from collections.abc import Callable

# (stage, steps done, steps in all)
OnStep = Callable[[str, int, int], None]

# (steps done): of a training, whose total the caller knows
OnTrainingStep = Callable[[int], None]

# (bytes so far, bytes in all or None where nobody said)
OnBytes = Callable[[int, int | None], None]

# (what arrives, bytes so far, bytes in all or None where nobody said)
OnDownload = Callable[[str, int, int | None], None]
