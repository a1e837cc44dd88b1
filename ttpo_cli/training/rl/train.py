"""On-policy training of a diffusion restorer: draw groups, score them, improve what drew them; LRPO, and plain fine-tuning to compare with.

Roll-out, reward, advantage and validation know nothing of the objective, which is one function in a file of its own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import torch
from torch import Tensor, nn

from ttpo_cli.device.batching import Batch
from ttpo_cli.errors import UsageError, unknown_name
from ttpo_cli.metrics.weight_files import FindWeights, not_stored
from ttpo_cli.progress import SILENT, TrainingObserver
from ttpo_cli.training.data import Pair, fingerprints, step_generator
from ttpo_cli.training.distributed import Processes, launched
from ttpo_cli.training.loop import Method, Pace, set_rate, train
from ttpo_cli.training.rl import data as inputs
from ttpo_cli.training.rl import policy as policies
from ttpo_cli.training.rl import rollout as rolling
from ttpo_cli.training.rl.finetune import finetune_update
from ttpo_cli.training.rl.load_policy import load_policy
from ttpo_cli.training.rl.lrpo import LrpoOptions, ScoredSamples, lrpo_update
from ttpo_cli.training.rl.lrpo import check as check_lrpo
from ttpo_cli.training.rl.reward_hacking import REWARD, Alarm, AlarmOptions
from ttpo_cli.training.rl.rewards import RewardOptions, Rewards, common_deviation, group_advantage, load_reward_metric, load_terms, rewards
from ttpo_cli.training.rl.update import Updater
from ttpo_cli.training.rl.validation import Held, Measures, check_measures, held_inputs, validate, watches
from ttpo_cli.training.run import Images, Record, RunFolder, cosine

OBJECTIVES = ("lrpo", "finetune")
# What a step's draws are keyed by as well as the seed: the noise must not repeat the crops' numbers.
_NOISE = 0xD1CE


@dataclass(frozen=True)
class OnPolicyOptions:
    """What a run depends on. steps: roll-outs, each followed by an update for every trained denoising step. weight_decay: AdamW's.

    objective: `lrpo`, or `finetune`: the denoising loss on the same inputs, with as many updates of as many samples (what LRPO must beat).
    The paper: 50 denoising steps from pure noise, 24 inputs of 9 samples, a rate of 1e-6; these are the embedded prior's.
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
    if options.data.blind and options.objective == "finetune":
        raise UsageError("plain fine-tuning learns the ground truth, and data.blind says there is none")
    if options.data.blind and options.lrpo.truth_weight:
        raise UsageError("there is no ground truth for the likelihood regulariser: give lrpo.truth_weight=0")


def train_policy(
    photos: Sequence[Path],
    folder: Path,
    options: OnPolicyOptions,
    device: torch.device,
    *,
    resume: bool = False,
    every: int = 10,
    find: FindWeights = not_stored,
    observer: TrainingObserver = SILENT,
) -> Iterator[Record]:
    """`options.steps` roll-outs with their updates; yields a record before the first and then every `every` steps.

    Writes two priors into `folder`: `best` by the alarm's rule, and `last`, both of the moving average.
    `find` gives the weight files of metrics.
    Raises UsageError for a run that exists or differs and for invalid options, WeightsError for weights that are missing, TtpoError for a
    loss that is not finite.
    """
    check(options)
    processes = launched(device)
    run = RunFolder(folder, options, processes.main)
    terms = load_terms(options.reward, processes.device, not options.data.blind, find)
    metrics = tuple(load_reward_metric(name, processes.device, None, find) for name in options.alarm.metrics)
    measures = Measures(terms, metrics)
    check_measures(measures, not options.data.blind)
    torch.manual_seed(options.seed)
    trained = load_policy(options.policy, processes.device)
    check_crop(options, trained)
    scale, restore = inputs.load_restorer(options.data, processes.device)
    pairs, validation, unused = inputs.read_policy_pairs(photos, options.data, scale)
    if processes.main:
        observer.left_out(unused)
    state = run.prepare(resume)
    run.check_photos(state, fingerprints(pairs, validation))
    processes.wait()
    held = held_inputs(validation, options.data, scale, restore, options.alarm.photos, processes.device)
    on_policy = OnPolicy(trained, pairs, scale, restore, measures, options, processes, folder)
    guard = Alarm(watches(measures, options.alarm, held))
    best = False

    def validated(average: nn.Module) -> tuple[Record, Images]:
        nonlocal best
        with policies.with_weights(trained.network, average):
            record, images = on_policy.validate(held)
        best = guard.observe({name: float(value) for name, value in record.items()}, on_policy.done)
        return record | {"best_step": guard.best_step} | ({"alarm": guard.raised} if guard.raised else {}), images

    def write(average: nn.Module, record: Record) -> None:
        if not processes.main:
            return
        facts = {"method": options.objective, "steps": str(record["step"]), "reward": str(record[REWARD])}
        with policies.with_weights(trained.network, average):
            for stem in ["last", *(["best"] if best else [])]:
                trained.write(folder, stem, facts)

    pace = Pace(steps=options.steps, start=0, end=0, warm_up=0, ema=options.ema, every=every)
    parts = {"network": trained.network, "optimizer": on_policy.optimizer, "alarm": guard}
    method = Method[nn.Module](
        network=trained.network,
        parts=parts,
        step=on_policy.step,
        validate=validated,
        write=write,
        from_start=True,
        ended=lambda: options.alarm.stop and bool(guard.raised),
    )
    yield from train(run, state, pace, method, observer.on_step)


def check_crop(options: OnPolicyOptions, trained: policies.Policy) -> None:
    """Raises UsageError for crops that the prior cannot take."""
    if options.data.crop % trained.prior.multiple:
        raise UsageError(f"data.crop {options.data.crop} is not a multiple of the prior's {trained.prior.multiple} pixels")


class OnPolicy:
    """A step of the training over one policy. seconds: spent so far in roll-out, reward and update; done: steps so far."""

    def __init__(
        self,
        trained: policies.Policy,
        pairs: Sequence[Pair],
        scale: int,
        restore: inputs.Restore,
        measures: Measures,
        options: OnPolicyOptions,
        processes: Processes,
        folder: Path,
    ) -> None:
        self.policy, self.pairs, self.scale, self.restore = trained, pairs, scale, restore
        self.measures, self.options, self.processes = measures, options, processes
        parameters = [parameter for parameter in trained.network.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.AdamW(parameters, lr=options.learning_rate, weight_decay=options.weight_decay)
        self.inputs = processes.part(torch.arange(options.data.photos)).tolist()
        self.parts = Batch(options.rollout.rows or len(self.inputs) * options.rollout.group, "samples")
        self.updater = Updater(
            network=trained.network, optimizer=self.optimizer, processes=processes, parts=self.parts, norm=options.norm, folder=folder
        )
        self.seconds, self.done = {"roll-out": 0.0, "reward": 0.0, "update": 0.0}, 0

    def step(self, number: int) -> dict[str, float]:
        """One roll-out and its updates; what was seen, averaged over the processes."""
        options = self.options
        rate = cosine(number, options.steps, options.learning_rate, options.final_learning_rate, min(options.warm_up, options.steps // 10))
        set_rate(self.optimizer, rate)
        restored, truth = self.draw(number)
        shape = rolling.latent_shape(self.policy.prior, restored)
        group, device = options.rollout.group, self.processes.device
        noise = rolling.seeded(options.seed * 0x1F123 + (number + 1) * _NOISE, self.inputs, group, shape, device)
        values = self.improve(number, restored, truth, noise)
        self.done = number + 1
        return self.processes.average(values) | {"learning_rate": rate}

    def improve(self, number: int, restored: Tensor, truth: Tensor | None, noise: rolling.Noise) -> dict[str, float]:
        """The updates of the objective for these inputs."""
        options, prior = self.options, self.policy.prior
        encoded = None if truth is None else self.repeated(prior.encode(truth))
        if options.objective == "finetune" and encoded is not None:
            with self.timed("update"):
                return finetune_update(prior, self.repeated(restored), encoded, noise, options.rollout, self.updater, number)
        with self.timed("roll-out"):
            path = rolling.roll_out(prior, restored, noise, options.rollout, self.parts)
        with self.timed("reward"):
            images = rolling.decoded(prior, path.x0, self.parts)
            earned = rewards(images, None if truth is None else self.repeated(truth), self.measures.terms)
        advantages = self.advantages(earned.total)
        with self.timed("update"):
            samples = ScoredSamples(
                trajectory=path,
                advantages=advantages.to(path.x0),
                truth=encoded,
                noises=lambda count: torch.stack([noise(index) for index in range(count)]),
            )
            trained = rolling.trained_steps(options.rollout)
            values = lrpo_update(prior.denoise, samples, options.lrpo, trained, self.updater, number)
        return values | self.described(earned)

    def draw(self, number: int) -> tuple[Tensor, Tensor | None]:
        """This process's inputs of a step, restored, and their ground truth: (B, 3, H, W) twice."""
        options = self.options.data
        lq, truth = inputs.draw_inputs(self.pairs, options, self.scale, step_generator(self.options.seed, number))
        lq, truth = (self.processes.part(images).to(self.processes.device) for images in (lq, truth))
        return self.restore(lq), None if options.blind else truth

    def repeated(self, images: Tensor) -> Tensor:
        return images.repeat_interleave(self.options.rollout.group, dim=0)

    def advantages(self, total: Tensor) -> Tensor:
        """The advantage of each sample, the deviation being that of all processes' rewards."""
        groups = total.view(-1, self.options.rollout.group)
        together = self.processes.join(total.to(self.processes.device, torch.float32)).double().cpu()
        return group_advantage(groups, common_deviation(together)).flatten()

    def described(self, earned: Rewards) -> dict[str, float]:
        """The mean of the reward and of each term, the spread of each within a group as it counts in the reward, and dropped samples."""
        group = self.options.rollout.group
        known = earned.total.isfinite()
        values = {"reward": _mean(earned.total), "dropped": float((~known).sum())}
        values["spread_within"] = _mean(earned.total.view(-1, group).std(dim=1, correction=0))
        for name, scores in earned.scores.items():
            values[f"term_{name}"] = _mean(scores)
            values[f"spread_{name}"] = _mean(earned.earned[name].view(-1, group).std(dim=1, correction=0))
        return values

    def validate(self, held: Held) -> tuple[Record, Images]:
        """What the policy's prior does with the held-back inputs."""
        options = self.options
        return validate(self.policy.prior, held, self.measures, options.rollout, options.alarm.seeds, options.seed, self.parts)

    def timed(self, what: str) -> "_Timed":
        return _Timed(self.seconds, what, self.processes.device)


class _Timed:
    """Adds the seconds inside to one of the sums."""

    def __init__(self, seconds: dict[str, float], what: str, device: torch.device) -> None:
        self.seconds, self.what, self.device = seconds, what, device

    def __enter__(self) -> None:
        self.began = perf_counter()

    def __exit__(self, *error: object) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        self.seconds[self.what] += perf_counter() - self.began


def _mean(values: Tensor) -> float:
    """The mean of the finite values, 0 where there is none."""
    known = values[values.isfinite()]
    return float(known.mean()) if len(known) else 0.0
