"""Options of stage III: guided denoising."""

from dataclasses import dataclass
from typing import Literal

from ttpo_cli.settings.candidates import Solver
from ttpo_cli.settings.option import option


@dataclass(frozen=True)
class GuidanceOptions:
    """Stage III.

    The paper's values: start noise (from flow time 0.98), steps 50, scale 1000, alpha 0.5, t1 0.7, t2 0.1, split gaussian, cutoff 0.9,
    distance l1, repulsion 1, regional off. The preference is -log sigmoid(beta (d_l - d_w)). A full push away from the dispreferred
    only adds high-band energy (docs/method.md), so `repulsion` is below 1.
    """

    start: Literal["inversion", "noising", "noise"] = option(
        "noising", "inversion or noising start at --guidance-strength; noise starts from nothing (the paper).", paper="noise"
    )
    origin: Literal["restored", "preferred"] = option("restored", "What is noised at the start: restored or preferred.")
    strength: float = option(0.15, "Flow time of the start, 0 to 1.", limits=(0, 1), paper="0.98")
    steps: int = option(8, "Denoising steps (the paper: 50).", limits=(1, None), paper="50")
    solver: Solver = option("euler", "euler, or heun at two network calls a step.", paper="both: arXiv 2206.00364")
    scale: float = option(80000.0, "The paper's g (there 1000), scaled to the number of elements.", paper="1000")
    alpha: float = option(0.5, "Weight of the preference term.", paper="0.5")
    t1: float = option(0.7, "Above this flow time: only the anchor to the restored image.", limits=(0, 1), paper="0.7")
    t2: float = option(0.1, "Below this flow time: only the preference.", limits=(0, 1), paper="0.1")
    split: Literal["haar", "gaussian"] = option("haar", "Frequency split: haar or gaussian (the paper).", paper="gaussian")
    cutoff: float = option(1.0, "D0 of the gaussian split (the paper: 0.9).", paper="0.9")
    distance: Literal["l1", "l2"] = option("l2", "Distance to preferred and dispreferred (the paper: l1).", paper="l1")
    beta: float = option(1.0, "Sharpness of the preference.")
    repulsion: float = option(0.2, "How much of the push away from the dispreferred acts (the paper: 1).", paper="1")
    update: Literal["paper", "normalised"] = option(
        "paper",
        "paper: g times the gradient; normalised: --guidance-rate times sigma along it.",
        aliases=("--guidance-step",),
        recorded="step",
    )
    rate: float = option(0.2, "Length of a normalised update, in units of sigma.")
    regional: bool = option(True, "Choose preferred and dispreferred region by region.", paper="off")
    window: int = option(32, "Side of a region, pixels.", limits=(1, None))
    sharpness: float = option(4.0, "How hard a region's choice is.")
    ranker_weight: float = option(0.0, "Weight of the ranker's own gradient.")
