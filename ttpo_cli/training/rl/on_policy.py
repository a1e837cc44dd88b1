"""A step of on-policy training: draw groups, score them, improve what drew them.

Roll-out, reward and advantage know nothing of the objective, which is one function in a file of its own.
"""

from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

import torch
from torch import Tensor

from ttpo_cli.device.batching import Batch
from ttpo_cli.training.data import Pair, step_generator
from ttpo_cli.training.distributed import Processes
from ttpo_cli.training.loop import set_rate
from ttpo_cli.training.rl import data as inputs
from ttpo_cli.training.rl import policy as policies
from ttpo_cli.training.rl import rollout as rolling
from ttpo_cli.training.rl.finetune import finetune_update
from ttpo_cli.training.rl.lrpo import ScoredSamples, lrpo_update
from ttpo_cli.training.rl.nft import NftNetworks, NftSamples, draw_order, nft_update
from ttpo_cli.training.rl.on_policy_options import OnPolicyOptions
from ttpo_cli.training.rl.rewards import Rewards, common_deviation, decoupled_advantage, group_advantage, rewards
from ttpo_cli.training.rl.update import Updater
from ttpo_cli.training.rl.validation import Held, Measures, validate
from ttpo_cli.training.run import Images, Record, cosine

# What a step's draws are keyed by as well as the seed: the noise and the levels must not repeat the crops' numbers.
_NOISE, _LEVELS = 0xD1CE, 0x1E7E1


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
        self.networks = NftNetworks(trained.network) if options.objective == "nft" else None
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
        if self.networks is not None:
            return self._by_nft(number, restored, truth, noise, self.networks)
        encoded = None if truth is None else self.repeated(self.policy.prior.encode(truth))
        if self.options.objective == "finetune" and encoded is not None:
            with self.timed("update"):
                given = self.repeated(restored)
                return finetune_update(self.policy.prior, given, encoded, noise, self.options.rollout, self.updater, number)
        return self._by_lrpo(number, restored, truth, encoded, noise)

    def _by_lrpo(
        self, number: int, restored: Tensor, truth: Tensor | None, encoded: Tensor | None, noise: rolling.Noise
    ) -> dict[str, float]:
        options, prior = self.options, self.policy.prior
        with self.timed("roll-out"):
            path = rolling.roll_out(prior, restored, noise, options.rollout, self.parts)
        earned = self.earned(path.x0, truth)
        with self.timed("update"):
            samples = ScoredSamples(
                trajectory=path,
                advantages=self.advantages(earned).to(path.x0),
                truth=encoded,
                noises=lambda count: torch.stack([noise(index) for index in range(count)]),
            )
            trained = rolling.trained_steps(options.rollout)
            values = lrpo_update(prior.denoise, samples, options.lrpo, trained, self.updater, number)
        return values | self.described(earned)

    def _by_nft(self, number: int, restored: Tensor, truth: Tensor | None, noise: rolling.Noise, networks: NftNetworks) -> dict[str, float]:
        options, prior = self.options, self.policy.prior
        with self.timed("roll-out"), policies.with_weights(self.policy.network, networks.old):
            x0, condition = rolling.draw(prior, self.repeated(restored), noise, options.rollout, self.parts, options.nft.eta)
        earned = self.earned(x0, truth)
        sigmas = rolling.levels(prior, options.rollout)[:-1]
        generator = step_generator(options.seed * 0x1F123 + _LEVELS, number)
        order = draw_order(options.data.photos * options.rollout.group, len(sigmas), options.nft.updates, generator)
        with self.timed("update"):
            samples = NftSamples(
                x0=x0,
                condition=condition,
                advantages=self.advantages(earned).to(x0),
                sigmas=sigmas,
                order=self.processes.part(order),
                noise=noise,
            )
            values = nft_update(self.policy, networks, samples, options.nft, self.updater, number)
        return values | self.described(earned)

    def earned(self, x0: Tensor, truth: Tensor | None) -> Rewards:
        """The rewards of samples (N, C, h, w) of this process's inputs."""
        with self.timed("reward"):
            images = rolling.decoded(self.policy.prior, x0, self.parts)
            return rewards(images, None if truth is None else self.repeated(truth), self.measures.terms)

    def draw(self, number: int) -> tuple[Tensor, Tensor | None]:
        """This process's inputs of a step, restored, and their ground truth: (B, 3, H, W) twice."""
        options = self.options.data
        lq, truth = inputs.draw_inputs(self.pairs, options, self.scale, step_generator(self.options.seed, number))
        lq, truth = (self.processes.part(images).to(self.processes.device) for images in (lq, truth))
        return self.restore(lq), None if options.blind else truth

    def repeated(self, images: Tensor) -> Tensor:
        return images.repeat_interleave(self.options.rollout.group, dim=0)

    def advantages(self, earned: Rewards) -> Tensor:
        """The advantage of each sample. Its deviation is that of all processes' rewards, or for each term that of its own group."""
        group = self.options.rollout.group
        if self.options.reward.advantage == "decoupled":
            return decoupled_advantage(earned.earned, {term.metric.name: term.weight for term in self.measures.terms}, group)
        together = self.processes.join(earned.total.to(self.processes.device, torch.float32)).double().cpu()
        return group_advantage(earned.total.view(-1, group), common_deviation(together)).flatten()

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
