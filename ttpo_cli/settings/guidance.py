"""Options of stage III: guided denoising."""

from dataclasses import dataclass

from ttpo_cli.settings.option import option


@dataclass(frozen=True)
class GuidanceOptions:
    """Stage III.

    The paper's values: start noise (from flow time 0.98), steps 50, scale 1000, alpha 0.5, t1 0.7, t2 0.1, split gaussian, cutoff 0.9,
    distance l1, repulsion 1, regional off. The preference is -log sigmoid(beta (d_l - d_w)). A full push away from the dispreferred
    only adds high-band energy (docs/method.md), so `repulsion` is below 1.
    """

    start: str = option("noising", "inversion or noising start at --guidance-strength; noise starts from nothing (the paper).")
    origin: str = option("restored", "What is noised at the start: restored or preferred.")
    strength: float = option(0.15, "Flow time of the start, 0 to 1.")
    steps: int = option(8, "Denoising steps (the paper: 50).")
    solver: str = option("euler", "euler, or heun at two network calls a step.")
    scale: float = option(80000.0, "The paper's g (there 1000), scaled to the number of elements.")
    alpha: float = option(0.5, "Weight of the preference term.")
    t1: float = option(0.7, "Above this flow time: only the anchor to the restored image.")
    t2: float = option(0.1, "Below this flow time: only the preference.")
    split: str = option("haar", "Frequency split: haar or gaussian (the paper).")
    cutoff: float = option(1.0, "D0 of the gaussian split (the paper: 0.9).")
    distance: str = option("l2", "Distance to preferred and dispreferred (the paper: l1).")
    beta: float = option(1.0, "Sharpness of the preference.")
    repulsion: float = option(0.2, "How much of the push away from the dispreferred acts (the paper: 1).")
    update: str = option(
        "paper",
        "paper: g times the gradient; normalised: --guidance-rate times sigma along it.",
        aliases=("--guidance-step",),
        recorded="step",
    )
    rate: float = option(0.2, "Length of a normalised update, in units of sigma.")
    regional: bool = option(True, "Choose preferred and dispreferred region by region.")
    window: int = option(32, "Side of a region, pixels.")
    sharpness: float = option(4.0, "How hard a region's choice is.")
    ranker_weight: float = option(0.0, "Weight of the ranker's own gradient.")
