"""Stage I of TTPO: candidates by diffusion inversion or noising of the restored image, and denoising (arXiv 2511.19169)."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ttpo_cli.device.batching import Batch
from ttpo_cli.diffusion.denoiser import Denoise
from ttpo_cli.diffusion.sampler import integrate, invert, mix_noise, network_calls, seeded_noise
from ttpo_cli.diffusion.schedule import flow_to_sigma, karras_sigmas
from ttpo_cli.errors import UsageError, unknown_name
from ttpo_cli.settings.candidates import CandidateOptions

MODES = ("inversion", "noising")

# latents (N, C, h, w) -> fused score of each (N,), higher is better: how halving ranks candidates part of the way down.
ScoreLatents = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Candidates:
    """The candidates of one photo, as the prior left them.

    Attributes:
        latents: (N, C, h, w).
        strengths: The flow time each started from.
        seeds: The seed of each one's noise.
        stopped: Which were stopped early by halving.
        notes: What memory did not allow.
        calls: Of the network that made them, where somebody counted.
    """

    latents: Tensor
    strengths: tuple[float, ...]
    seeds: tuple[int, ...]
    stopped: tuple[bool, ...]
    notes: tuple[str, ...] = ()
    calls: int = 0

    @property
    def labels(self) -> tuple[str, ...]:
        """A name for each that says its strength and whether halving stopped it."""
        pairs = zip(self.strengths, self.stopped, strict=True)
        return tuple(
            f"candidate {number} (strength {strength:g}{', stopped early' if stopped else ''})"
            for number, (strength, stopped) in enumerate(pairs, 1)
        )


@dataclass(frozen=True)
class Seeds:
    """What all seeds of one photo derive from: its content, and the seed the user gave."""

    photo_id: str
    seed: int

    def derive(self, *purpose: object) -> int:
        """The seed of one purpose."""
        return derive_seed(self.photo_id, self.seed, *purpose)


def derive_seed(photo_id: str, seed: int, *purpose: object) -> int:
    """A seed in [0, 2^63) from a photo's content, the user's seed and a purpose: the same in any order, batch or folder."""
    digest = hashlib.sha256(repr((photo_id, seed, *purpose)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generate(
    denoise: Denoise,
    restored: Tensor,
    seeds: Seeds,
    options: CandidateOptions,
    *,
    condition: Tensor | None = None,
    first: int = 0,
    score_latents: ScoreLatents | None = None,
    on_step: Callable[[int, int], None] | None = None,
) -> Candidates:
    """All candidates of one photo, batched across strengths and seeds.

    Args:
        denoise: The prior's denoiser.
        restored: Latent of the restored image, (1, C, h, w).
        seeds: What the candidates' seeds derive from.
        options: How many there are and how they are made.
        condition: (1, C', h, w), or None where the latent itself is the condition.
        first: The number of the first seed of each strength, for candidates in addition to those there are.
        score_latents: Ranks candidates half of the way down; needed for halving only.
        on_step: Called with how many of the candidates are done.

    Raises UsageError for an unknown mode, no strength, a strength outside (0, 1), or halving without `score_latents`.
    """
    if options.mode not in MODES:
        raise unknown_name("candidate mode", options.mode, MODES)
    if not options.strengths or options.per_strength < 1:
        raise UsageError("candidates need at least one strength and one seed")
    if options.halving and score_latents is None:
        raise UsageError("halving needs metrics to rank the candidates by: choose at least one")
    pairs = [(strength, number) for strength in options.strengths for number in range(first, first + options.per_strength)]
    strengths = tuple(strength for strength, _ in pairs)
    own = tuple(seeds.derive("candidate", strength, number) for strength, number in pairs)
    levels = torch.stack([karras_sigmas(flow_to_sigma(strength), options.sigma_min, options.steps) for strength in strengths])
    given = restored if condition is None else condition
    size = options.batch or automatic_batch(restored.shape[-2] * restored.shape[-1], restored.device)
    path = _Path(denoise=denoise, condition=given, options=options, batch=Batch(size, "candidates"))

    def start(part: slice) -> Tensor:
        return start_latents(denoise, restored, given, levels[part], list(own[part]), options)

    starts = path.batch.run(start, len(own), restored.device)
    if score_latents is not None and options.halving:
        latents, stopped = _successive_halving(path, starts, levels, score_latents)
    else:
        latents, stopped = path.down(starts, levels, on_step), (False,) * len(own)
    return Candidates(latents=latents, strengths=strengths, seeds=own, stopped=stopped, notes=tuple(path.batch.notes))


def automatic_batch(pixels: int, device: torch.device) -> int:
    """As many images of so many pixels a call as fill a device and leave it memory: eight of 512 px, or on a CPU one, whose caches hold
    no more.

    (Two cores, embedded prior: 0.15 s an image of 512 px alone, 0.25 s in a batch of five.)
    """
    images = 1 if device.type == "cpu" else 8
    return max(1, images * 512 * 512 // pixels)


def start_latents(
    denoise: Denoise, restored: Tensor, condition: Tensor, levels: Tensor, seeds: list[int], options: CandidateOptions
) -> Tensor:
    """x at each candidate's strength: the inverted latent with eta of fresh noise mixed in, or restored + sigma n (SDEdit)."""
    noise = seeded_noise((len(seeds), *restored.shape[1:]), seeds, restored.device)
    clean = restored.expand_as(noise)
    sigma = levels[:, :1, None, None].to(clean)
    if options.mode == "noising":
        return clean + sigma * noise
    distinct, which = levels.unique(dim=0, return_inverse=True)
    x0, given = (tensor.expand(len(distinct), -1, -1, -1) for tensor in (restored, condition))
    inverted = invert(denoise, x0, distinct, given, solver=options.solver)
    return mix_noise(inverted[which], clean, sigma, noise, options.eta)


@dataclass(frozen=True)
class _Path:
    """The way down from noise, for all candidates of one photo. condition: (1, C', h, w)."""

    denoise: Denoise
    condition: Tensor
    options: CandidateOptions
    batch: Batch

    def down(self, starts: Tensor, levels: Tensor, on_step: Callable[[int, int], None] | None = None) -> Tensor:
        """x (N, C, h, w) at the first of its noise levels (N, steps + 1) -> x at the last."""

        def finish(part: slice) -> Tensor:
            x = starts[part]
            latents = integrate(self.denoise, x, levels[part], self.condition.expand(len(x), -1, -1, -1), solver=self.options.solver)
            if on_step is not None:
                on_step(part.stop, len(starts))
            return latents

        return self.batch.run(finish, len(starts), starts.device)

    def estimate(self, x: Tensor, level: Tensor) -> Tensor:
        """x0_hat (N, C, h, w) of x at one noise level each, (N,)."""

        def one(part: slice) -> Tensor:
            return self.denoise(x[part], level[part].to(x), self.condition.expand(len(x[part]), -1, -1, -1))

        return self.batch.run(one, len(x), x.device)


def _successive_halving(path: _Path, starts: Tensor, levels: Tensor, score_latents: ScoreLatents) -> tuple[Tensor, tuple[bool, ...]]:
    """Half of the way for all, then only the better half by the scores of x0_hat; the survivors' second half takes the spared calls.

    (Jamieson & Talwalkar 2016.) A stopped candidate stays in the list as its last x0_hat: it may still be the dispreferred one.
    Returns the latents (N, C, h, w) and which candidates were stopped.
    """
    options, count = path.options, len(starts)
    rung = max(1, options.steps // 2)
    halfway = path.down(starts, levels[:, : rung + 1])
    level = levels[:, rung]
    estimates = path.estimate(halfway, level)
    order = score_latents(estimates).argsort(descending=True, stable=True)
    survivors = order[: max(1, count // 2)].sort().values
    spared = (count - len(survivors)) * network_calls(options.steps - rung, options.solver) - count
    extra = max(0, spared // (len(survivors) * network_calls(1, options.solver)))
    remaining = torch.stack([karras_sigmas(float(level[index]), options.sigma_min, options.steps - rung + extra) for index in survivors])
    latents = estimates.clone()
    latents[survivors] = path.down(halfway[survivors], remaining)
    alive = set(survivors.tolist())
    return latents, tuple(index not in alive for index in range(count))


def extra_strengths(options: CandidateOptions, calls: int) -> list[tuple[float, ...]]:
    """The candidates that `calls` further network calls pay for, rounded up, as rounds of distinct strengths spread over the range."""
    missing = -(-calls // network_calls(options.steps, options.solver))
    rounds = []
    while missing > 0:
        count = min(missing, len(options.strengths))
        chosen = [round((index + 0.5) * len(options.strengths) / count - 0.5) for index in range(count)]
        rounds.append(tuple(options.strengths[index] for index in chosen))
        missing -= count
    return rounds
