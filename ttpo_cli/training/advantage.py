"""Group advantage: how much better a sample is than the others for the same input (GRPO, arXiv 2402.03300, section 4.1; LRPO)."""

import torch
from torch import Tensor

FLOOR = 1e-4


def group_advantage(rewards: Tensor, deviation: Tensor) -> Tensor:
    """(R - mean of the group) / (deviation + 1e-4): rewards (groups, samples) -> the same shape, NaN where a reward is NaN.

    deviation: of all rewards of the step, see `common_deviation`. A group's mean is over its finite rewards; one that has fewer than two
    of them teaches nothing, and its advantages are 0.
    """
    known = rewards.isfinite()
    kept = torch.where(known, rewards, torch.zeros_like(rewards))
    count = known.sum(dim=1, keepdim=True)
    mean = kept.sum(dim=1, keepdim=True) / count.clamp(min=1)
    advantage = torch.where(count > 1, (rewards - mean) / (deviation + FLOOR), torch.zeros_like(rewards))
    return torch.where(known, advantage, torch.full_like(rewards, torch.nan))


def common_deviation(rewards: Tensor) -> Tensor:
    """The standard deviation of all finite rewards, whatever their group; 0 where there are none."""
    known = rewards[rewards.isfinite()]
    return known.std(correction=0) if len(known) else rewards.new_zeros(())
