"""Roll-outs: a whole batch of groups drawn at once from a policy, with what an objective needs to weigh each step again."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ttpo_cli.device.batching import Batch
from ttpo_cli.diffusion.ancestral import Noise, ancestral, deviation, mean_log_prob
from ttpo_cli.diffusion.denoiser import Denoise, Prior, Scene
from ttpo_cli.diffusion.schedule import flow_to_sigma, karras_sigmas
from ttpo_cli.errors import UsageError, unknown_name
from ttpo_cli.training.data import step_generator

ORIGINS = ("restored", "noise")


@dataclass(frozen=True)
class RolloutOptions:
    """How samples are drawn.

    Attributes:
        group: Samples of one input.
        steps: Stochastic steps of each sample (the paper: 50).
        origin: Where a sample starts: `restored`, the input noised to the flow time `start`; `noise` alone, at the prior's largest level
            (the paper).
        sigma_min: The level after the last step.
        eta: How stochastic the steps are.
        eta_validation: The same in a validation.
        trained: The share of the steps that is trained, noisiest first.
        rows: Samples a network call takes; 0: all, and fewer where memory runs out.
    """

    group: int = 9
    steps: int = 6
    origin: str = "restored"
    start: float = 0.3
    sigma_min: float = 0.02
    eta: float = 1.0
    eta_validation: float = 0.8
    trained: float = 1.0
    rows: int = 0


@dataclass(frozen=True)
class Trajectory:
    """N samples of T steps. states (T + 1, N, C, h, w); log_probs (T, N) of each step; x0 (N, C, h, w) the end; condition as given.

    sigmas (T + 1,), deviations (T,): float64, on the CPU.
    """

    states: Tensor
    log_probs: Tensor
    x0: Tensor
    condition: Tensor | None
    sigmas: Tensor
    deviations: Tensor


def check(options: RolloutOptions) -> None:
    """Raises UsageError for invalid values."""
    if options.group < 2:
        raise UsageError(f"a group of {options.group} has no other sample to compare with: rollout.group must be 2 or more")
    if options.rows < 0:
        raise UsageError(f"rollout.rows must not be negative, got {options.rows}: 0 is all samples in one call")
    if options.origin not in ORIGINS:
        raise unknown_name("origin", options.origin, ORIGINS)
    if not 0 < options.eta <= 1 or not 0 <= options.eta_validation <= 1:
        raise UsageError(f"rollout.eta must lie in (0, 1], got {options.eta}: a step without noise has no probability")
    if not 0 < options.trained <= 1 or trained_steps(options) < 1:
        raise UsageError(f"rollout.trained {options.trained} of {options.steps} steps leaves none to train")


def trained_steps(options: RolloutOptions) -> int:
    """How many of the steps are trained, noisiest first."""
    return int(options.trained * options.steps + 1e-9)


def levels(prior: Prior, options: RolloutOptions) -> Tensor:
    """The descending noise levels of a roll-out, (steps + 1,) float64. Raises UsageError for a prior without a largest level."""
    if options.origin == "restored":
        return karras_sigmas(min(flow_to_sigma(options.start), prior.sigma_max), options.sigma_min, options.steps)
    if prior.sigma_max == float("inf"):
        raise UsageError(f"the prior {prior.name} has no level of pure noise: use rollout.origin=restored")
    return karras_sigmas(prior.sigma_max, options.sigma_min, options.steps)


def seeded(seed: int, inputs: Sequence[int], group: int, shape: Sequence[int], device: torch.device) -> Noise:
    """Noise for groups of samples, drawn from the seed and each input's own number alone; call it with 0, 1, 2, ... in turn.

    shape: (C, h, w) of a sample; the noise is (inputs * group, C, h, w), an input's samples next to each other.
    """
    generators = [step_generator(seed, number) for number in inputs]
    return lambda _: torch.cat([torch.randn(group, *shape, generator=generator) for generator in generators]).to(device)


def begin(prior: Prior, restored: Tensor, noise: Tensor, options: RolloutOptions) -> tuple[Tensor, Tensor]:
    """(x at the first level, condition) of each sample, from each sample's restored input (N, 3, H, W) in [0, 1]."""
    latent = prior.encode(restored)
    condition = latent if prior.condition is None else prior.condition(Scene(restored))
    start = levels(prior, options)[0].item() * noise.to(latent)
    return (latent + start if options.origin == "restored" else start), condition


def latent_shape(prior: Prior, image: Tensor) -> tuple[int, ...]:
    """(C, h, w) of x0 for images like this one."""
    with torch.no_grad():
        return tuple(prior.encode(image[:1]).shape[1:])


@torch.no_grad()
def roll_out(prior: Prior, restored: Tensor, noise: Noise, options: RolloutOptions, parts: Batch) -> Trajectory:
    """Draw `options.group` samples of each restored input (B, 3, H, W) in [0, 1], all in the same network calls."""
    repeated = restored.repeat_interleave(options.group, dim=0)
    x, condition = begin(prior, repeated, noise(0), options)
    sigmas = levels(prior, options)
    spreads = deviation(sigmas, options.eta)
    states, log_probs = [x], []

    def observe(number: int, before: Tensor, mean: Tensor, after: Tensor) -> None:
        states.append(after)
        log_probs.append(mean_log_prob(after, mean, spreads[number].item()))

    x0 = ancestral(in_parts(prior.denoise, parts), x, sigmas, condition, lambda number: noise(number + 1), eta=options.eta, observe=observe)
    return Trajectory(
        states=torch.stack(states), log_probs=torch.stack(log_probs), x0=x0, condition=condition, sigmas=sigmas, deviations=spreads
    )


@torch.no_grad()
def sample(prior: Prior, restored: Tensor, noise: Noise, options: RolloutOptions, parts: Batch) -> Tensor:
    """One image of each restored one, (N, 3, H, W) in [0, 1], drawn as a user would: eta_validation, nothing kept."""
    return decoded(prior, draw(prior, restored, noise, options, parts, options.eta_validation)[0], parts)


@torch.no_grad()
def draw(prior: Prior, restored: Tensor, noise: Noise, options: RolloutOptions, parts: Batch, eta: float) -> tuple[Tensor, Tensor | None]:
    """(x0 (N, C, h, w), condition) of each restored image (N, 3, H, W) in [0, 1]. eta: how stochastic the steps are; 0: the ODE."""
    x, condition = begin(prior, restored, noise(0), options)
    denoise = in_parts(prior.denoise, parts)
    return ancestral(denoise, x, levels(prior, options), condition, lambda number: noise(number + 1), eta=eta), condition


@torch.no_grad()
def decoded(prior: Prior, x0: Tensor, parts: Batch) -> Tensor:
    """Images (N, 3, H, W) in [0, 1] of x0, as many at a time as memory takes."""
    return parts.run(lambda part: prior.decode(x0[part]), len(x0), x0.device).clamp(0, 1)


def in_parts(denoise: Denoise, parts: Batch) -> Denoise:
    """The same denoiser, called with as many samples as memory takes."""

    def called(x: Tensor, sigma: Tensor, condition: Tensor | None) -> Tensor:
        def one(part: slice) -> Tensor:
            return denoise(x[part], sigma[part], None if condition is None else condition[part])

        return parts.run(one, len(x), x.device)

    return called
