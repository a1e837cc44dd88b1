"""Options of stage I: the candidates."""

from dataclasses import dataclass
from typing import Literal

from ttpo_cli.settings.option import option

Solver = Literal["euler", "heun"]


@dataclass(frozen=True)
class CandidateOptions:
    """Stage I. The paper inverts the restored image, from strengths 0.10 to 0.30, for 15 candidates."""

    mode: Literal["noising", "inversion"] = option(
        "noising", "noising of the restored image (SDEdit), or inversion of it (the paper).", paper="inversion; noising is arXiv 2108.01073"
    )
    strengths: tuple[float, ...] = option(
        (0.10, 0.15, 0.20, 0.25, 0.30), "Flow times to start from, 0 to 1.", limits=(0, 1), paper="0.10 to 0.30"
    )
    per_strength: int = option(
        1,
        "Candidates of each strength (the paper: 15 candidates in all).",
        aliases=("--candidates-seeds",),
        recorded="seeds",
        limits=(1, None),
        paper="15 candidates in all",
    )
    eta: float = option(0.7, "Fresh noise added to an inversion, 0 to 1; 0 returns the restored image.", limits=(0, 1))
    steps: int = option(5, "Denoising steps of each candidate.", limits=(1, None))
    solver: Solver = option("euler", "euler, or heun at two network calls a step.", paper="both: arXiv 2206.00364")
    sigma_min: float = option(0.01, "Noise level of the last step but one.")
    halving: bool = option(False, "Stop the worse half midway and give their network calls to the others.")
    batch: int = option(0, "Images per network call; 0: as many as the size allows.")
    shrinks: tuple[float, ...] = option((0.75,), "Further candidates: the backbone on the photo at these shares of its sides.", before=())
