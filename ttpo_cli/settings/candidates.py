"""Options of stage I: the candidates."""

from dataclasses import dataclass

from ttpo_cli.settings.option import option


@dataclass(frozen=True)
class CandidateOptions:
    """Stage I. The paper inverts the restored image, from strengths 0.10 to 0.30, for 15 candidates."""

    mode: str = option("noising", "noising of the restored image (SDEdit), or inversion of it (the paper).")
    strengths: tuple[float, ...] = option((0.10, 0.15, 0.20, 0.25, 0.30), "Flow times to start from, 0 to 1.")
    per_strength: int = option(
        1, "Candidates of each strength (the paper: 15 candidates in all).", aliases=("--candidates-seeds",), recorded="seeds"
    )
    eta: float = option(0.7, "Fresh noise added to an inversion, 0 to 1; 0 returns the restored image.")
    steps: int = option(5, "Denoising steps of each candidate.")
    solver: str = option("euler", "euler, or heun at two network calls a step.")
    sigma_min: float = option(0.01, "Noise level of the last step but one.")
    halving: bool = option(False, "Stop the worse half midway and give their network calls to the others.")
    batch: int = option(0, "Images per network call; 0: as many as the size allows.")
    shrinks: tuple[float, ...] = option((0.75,), "Further candidates: the backbone on the photo at these shares of its sides.", before=())
