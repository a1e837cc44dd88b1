"""The alarm against reward hacking: a reward that rises while what it does not contain falls stops the training.

Stated rule. Every validation is compared with the one before the first step. A value has fallen when it is worse than it was then by more
than its margin, or when it has become better than what true photos have by more than its margin: a score that is too good is not quality.
Where the reward is above its beginning and any watched value has fallen, the alarm is raised. The best checkpoint is the one with the
highest validation reward among those at which no watched value had fallen; the untrained network is the first of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

REWARD = "held_reward"


@dataclass(frozen=True)
class AlarmOptions:
    """What a validation watches, to see a reward that is hacked.

    Attributes:
        metrics: Those that are not in the reward.
        margin: How far one may fall, a share of its beginning; or beyond the ground truth's own score, a share of that.
        psnr: dB that PSNR and the consistency with the input may lose.
        low_band: Share by which the low band's error may grow.
        stop: End the training on an alarm.
        photos: Inputs of the validation, crops of the held-back photos in turn.
        seeds: Samples of each.
    """

    metrics: tuple[str, ...] = ("piqe", "gmsd", "fsim")
    margin: float = 0.1
    psnr: float = 0.5
    low_band: float = 0.2
    stop: bool = True
    photos: int = 12
    seeds: int = 2


@dataclass(frozen=True)
class Watch:
    """One value of the validation's record: which way is worse, and how much worse it may become, as a share of its beginning if relative.

    target: the perfect value where neither way is better (an energy ratio's 1); there the margin is a share of the target.
    level: what true photos have, where a better value is not better quality; None where better is better.
    """

    name: str
    lower_is_better: bool
    margin: float
    relative: bool
    target: float | None = None
    level: float | None = None

    def fallen(self, value: float, beginning: float) -> bool:
        """Whether the value is worse than its beginning by more than the margin, or too good."""
        if self.target is not None:
            return abs(value - self.target) - abs(beginning - self.target) > self.margin * abs(self.target)
        if self.too_good(value, beginning):
            return True
        worse = value - beginning if self.lower_is_better else beginning - value
        return worse > (self.margin * abs(beginning) if self.relative else self.margin)

    def too_good(self, value: float, beginning: float) -> bool:
        """Whether the value is beyond that of true photos by more than the margin, and further than its beginning was."""
        if self.level is None:
            return False
        beyond, before = ((self.level - one if self.lower_is_better else one - self.level) for one in (value, beginning))
        return beyond > max(before, self.margin * abs(self.level))

    def described(self, value: float, beginning: float) -> str:
        """What became of a value that has fallen."""
        bound = f" (true photos: {self.level:.4g})" if self.too_good(value, beginning) else ""
        return f"{self.name} {beginning:.4g} -> {value:.4g}{bound}"


class Alarm:
    """Follows the validations of a run: its beginning, its best step so far, and why it was raised ("": it was not)."""

    def __init__(self, watches: Sequence[Watch]) -> None:
        self.watches = tuple(watches)
        self.beginning: dict[str, float] = {}
        self.best_step, self.best_reward, self.raised = 0, float("-inf"), ""

    def observe(self, values: Mapping[str, float], step: int) -> bool:
        """Take in a validation; the first is the beginning. Returns whether this step is the best so far."""
        if not self.beginning:
            self.beginning = {name: float(values[name]) for name in (REWARD, *(watch.name for watch in self.watches))}
        fallen = [watch for watch in self.watches if watch.fallen(values[watch.name], self.beginning[watch.name])]
        reward = float(values[REWARD])
        if fallen and reward > self.beginning[REWARD]:
            moved = "; ".join(watch.described(values[watch.name], self.beginning[watch.name]) for watch in fallen)
            self.raised = f"the reward rose from {self.beginning[REWARD]:.4f} to {reward:.4f} while these fell: {moved}"
        if fallen or reward <= self.best_reward:
            return False
        self.best_step, self.best_reward = step, reward
        return True

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs."""
        return {
            "beginning": dict(self.beginning),
            "best_step": self.best_step,
            "best_reward": self.best_reward,
            "raised": self.raised,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Put a saved state back."""
        self.beginning = dict(state["beginning"])
        self.best_step, self.best_reward, self.raised = state["best_step"], state["best_reward"], state["raised"]
