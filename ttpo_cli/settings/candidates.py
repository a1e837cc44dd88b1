"""Options of stage I: the candidates."""

from dataclasses import dataclass


@dataclass(frozen=True)
class CandidateOptions:
    """Stage I. The paper's: mode inversion, strengths 0.10 to 0.30, enough seeds for 15 candidates, beside the restored image.

    strengths: flow times; seeds: candidates of each strength; eta: how much fresh noise joins an inversion; halving: stop the worse
    half of the candidates at the middle of the way and give their network calls to the rest; batch: images a network call, 0 = by size.
    """

    mode: str = "noising"
    strengths: tuple[float, ...] = (0.10, 0.15, 0.20, 0.25, 0.30)
    seeds: int = 1
    eta: float = 0.7
    steps: int = 5
    solver: str = "euler"
    sigma_min: float = 0.01
    halving: bool = False
    batch: int = 0
