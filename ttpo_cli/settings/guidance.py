"""Options of stage III: guided denoising."""

from dataclasses import dataclass


@dataclass(frozen=True)
class GuidanceOptions:
    """Stage III. The paper's: start noise, steps 50, scale 1000, alpha 0.5, T1 0.7, T2 0.1, split gaussian 0.9, distance l1, no regions.

    start: `inversion` or `noising` begin at `strength` from `origin` (restored | preferred); `noise` begins at flow time 0.98 from nothing.
    step: `paper` takes g times the gradient; `normalised` moves each image `rate` times sigma along the gradient of unit RMS.
    distance: see preference.reward.DISTANCES. beta: sharpness of the preference, -log sigmoid(beta (d_l - d_w)). repulsion: how much of
    the push away from the dispreferred acts, the paper's 1: a full push only adds high-band energy (docs/method.md).
    """

    start: str = "noising"
    origin: str = "restored"
    strength: float = 0.15
    steps: int = 8
    solver: str = "euler"
    scale: float = 80000.0
    alpha: float = 0.5
    t1: float = 0.7
    t2: float = 0.1
    split: str = "haar"
    cutoff: float = 1.0
    distance: str = "l2"
    beta: float = 1.0
    repulsion: float = 0.2
    step: str = "paper"
    rate: float = 0.2
    regional: bool = True
    window: int = 32
    sharpness: float = 4.0
    ranker_weight: float = 0.0
