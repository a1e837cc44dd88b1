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

# latents (N, C, h, w) -> fused score of each (N,), higher is better: how halving judges candidates part of the way down.
Judge = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Candidates:
    """latents (N, C, h, w); the strength and seed of each; which were stopped early by halving; notes: what memory did not allow.
    calls: of the network that made them, where somebody counted."""

    latents: Tensor
    strengths: tuple[float, ...]
    seeds: tuple[int, ...]
    stopped: tuple[bool, ...]
    notes: tuple[str, ...] = ()
    calls: int = 0


def derive_seed(content_hash: str, seed: int, *purpose: object) -> int:
    """A seed in [0, 2^63) from a photo's content, the user's seed and a purpose: the same in any order, batch or folder."""
    digest = hashlib.sha256(repr((content_hash, seed, *purpose)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generate(
    denoise: Denoise,
    restored: Tensor,
    content_hash: str,
    seed: int,
    options: CandidateOptions,
    *,
    condition: Tensor | None = None,
    first: int = 0,
    judge: Judge | None = None,
    on_step: Callable[[int, int], None] | None = None,
) -> Candidates:
    """All candidates of one photo, batched across strengths and seeds.

    restored: (1, C, h, w) latent of the restored image; condition: (1, C', h, w), or None where that latent itself is the condition.
    `judge` is needed for halving only.
    first: the number of the first seed of each strength, for further candidates beside those there are.
    Raises UsageError for an unknown mode, no strength, a strength outside (0, 1), or halving without a judge.
    """
    if options.mode not in MODES:
        raise unknown_name("candidate mode", options.mode, MODES)
    if not options.strengths or options.per_strength < 1:
        raise UsageError("candidates need at least one strength and one seed")
    if options.halving and judge is None:
        raise UsageError("halving needs metrics to judge the candidates by: choose at least one")
    pairs = [(strength, number) for strength in options.strengths for number in range(first, first + options.per_strength)]
    strengths = tuple(strength for strength, _ in pairs)
    seeds = tuple(derive_seed(content_hash, seed, "candidate", strength, number) for strength, number in pairs)
    levels = torch.stack([karras_sigmas(flow_to_sigma(strength), options.sigma_min, options.steps) for strength in strengths])
    given = restored if condition is None else condition
    size = options.batch or automatic_batch(restored.shape[-2] * restored.shape[-1], restored.device)
    batch = Batch(size, "candidates")

    def start(part: slice) -> Tensor:
        return start_latents(denoise, restored, given, levels[part], list(seeds[part]), options)

    starts = batch.run(start, len(seeds), restored.device)
    if not options.halving:
        latents = _denoise_all(denoise, starts, levels, given, options.solver, batch, on_step)
        return Candidates(latents, strengths, seeds, (False,) * len(seeds), tuple(batch.notes))
    assert judge is not None
    return _successive_halving(denoise, starts, levels, given, strengths, seeds, options, batch, judge)


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


def _denoise_all(
    denoise: Denoise,
    starts: Tensor,
    levels: Tensor,
    condition: Tensor,
    solver: str,
    batch: Batch,
    on_step: Callable[[int, int], None] | None = None,
) -> Tensor:
    def finish(part: slice) -> Tensor:
        x = starts[part]
        latents = integrate(denoise, x, levels[part], condition.expand(len(x), -1, -1, -1), solver=solver)
        if on_step is not None:
            on_step(part.stop, len(starts))
        return latents

    return batch.run(finish, len(starts), starts.device)


def _successive_halving(
    denoise: Denoise,
    starts: Tensor,
    levels: Tensor,
    condition: Tensor,
    strengths: tuple[float, ...],
    seeds: tuple[int, ...],
    options: CandidateOptions,
    batch: Batch,
    judge: Judge,
) -> Candidates:
    """Half of the way for all, then only the better half by `judge` on x0_hat; the survivors' second half takes the spared calls.

    (Jamieson & Talwalkar 2016.) A stopped candidate stays in the list as its last x0_hat: it may still be the dispreferred one.
    """
    rung = max(1, options.steps // 2)
    halfway = _denoise_all(denoise, starts, levels[:, : rung + 1], condition, options.solver, batch)
    level = levels[:, rung]

    def estimate(part: slice) -> Tensor:
        return denoise(halfway[part], level[part].to(halfway), condition.expand(len(halfway[part]), -1, -1, -1))

    estimates = batch.run(estimate, len(seeds), halfway.device)
    order = judge(estimates).argsort(descending=True, stable=True)
    survivors = order[: max(1, len(seeds) // 2)].sort().values
    spared = (len(seeds) - len(survivors)) * network_calls(options.steps - rung, options.solver) - len(seeds)
    extra = max(0, spared // (len(survivors) * network_calls(1, options.solver)))
    remaining = torch.stack([karras_sigmas(float(level[index]), options.sigma_min, options.steps - rung + extra) for index in survivors])
    finished = _denoise_all(denoise, halfway[survivors], remaining, condition, options.solver, batch)
    latents = estimates.clone()
    latents[survivors] = finished
    alive = set(survivors.tolist())
    return Candidates(latents, strengths, seeds, tuple(index not in alive for index in range(len(seeds))), tuple(batch.notes))


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
