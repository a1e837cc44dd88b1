"""What an on-policy training depends on: its inputs, roll-out, reward, objective and alarm."""

from dataclasses import dataclass, field

from ttpo_cli.errors import UsageError, unknown_name
from ttpo_cli.training.rl import data as inputs
from ttpo_cli.training.rl import policy as policies
from ttpo_cli.training.rl import rollout as rolling
from ttpo_cli.training.rl.lrpo import LrpoOptions
from ttpo_cli.training.rl.lrpo import check as check_lrpo
from ttpo_cli.training.rl.nft import NftOptions
from ttpo_cli.training.rl.nft import check as check_nft
from ttpo_cli.training.rl.reward_hacking import AlarmOptions
from ttpo_cli.training.rl.rewards import RewardOptions

OBJECTIVES = ("lrpo", "nft", "finetune")


@dataclass(frozen=True)
class OnPolicyOptions:
    """What a run depends on. The defaults are for the embedded prior.

    LRPO's paper has 50 denoising steps from pure noise, 24 inputs of 9 samples and a rate of 1e-6.

    Attributes:
        objective: `lrpo`; `nft`: DiffusionNFT; `finetune`: the denoising loss on the same inputs, with as many updates of as many samples
            as LRPO has.
        steps: Roll-outs, each followed by its updates: LRPO one for every trained denoising step, NFT `nft.updates`.
        weight_decay: AdamW's.
    """

    objective: str = "lrpo"
    steps: int = 100
    learning_rate: float = 3e-5
    final_learning_rate: float = 3e-6
    warm_up: int = 5
    weight_decay: float = 0.0
    norm: float = 1.0
    ema: float = 0.9
    seed: int = 0
    policy: policies.PolicyOptions = field(default_factory=policies.PolicyOptions)
    data: inputs.PolicyDataOptions = field(default_factory=inputs.PolicyDataOptions)
    rollout: rolling.RolloutOptions = field(default_factory=rolling.RolloutOptions)
    reward: RewardOptions = field(default_factory=RewardOptions)
    lrpo: LrpoOptions = field(default_factory=LrpoOptions)
    nft: NftOptions = field(default_factory=NftOptions)
    alarm: AlarmOptions = field(default_factory=AlarmOptions)


def check(options: OnPolicyOptions) -> None:
    """Raises UsageError for invalid values."""
    if options.objective not in OBJECTIVES:
        raise unknown_name("objective", options.objective, OBJECTIVES)
    if min(options.steps, options.alarm.photos, options.alarm.seeds) < 1:
        raise UsageError("steps, alarm.photos and alarm.seeds must be 1 or more")
    policies.check(options.policy)
    inputs.check(options.data)
    rolling.check(options.rollout)
    check_lrpo(options.lrpo)
    if options.objective == "nft":
        check_nft(options.nft, options.rollout.steps)
    if options.data.blind and options.objective == "finetune":
        raise UsageError("plain fine-tuning learns the ground truth, and data.blind says there is none")
    if options.data.blind and options.lrpo.truth_weight:
        raise UsageError("there is no ground truth for the likelihood regulariser: give lrpo.truth_weight=0")
