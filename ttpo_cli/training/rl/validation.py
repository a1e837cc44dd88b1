"""A policy measured on inputs it never saw: reward, metrics that are not in it, fidelity, and the spread over seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ttpo_cli.device.batching import Batch
from ttpo_cli.diffusion.denoiser import Prior
from ttpo_cli.errors import UsageError
from ttpo_cli.imaging.dual_tree import dual_tree_low_band
from ttpo_cli.imaging.resize import imresize
from ttpo_cli.metrics.metric import Metric, batched_scores
from ttpo_cli.metrics.psnr import quick_psnr
from ttpo_cli.training.data import Pair, step_generator, to_float
from ttpo_cli.training.rl.data import Degradation, PolicyDataOptions, Restore, draw_degradation
from ttpo_cli.training.rl.reward_hacking import REWARD, AlarmOptions, Watch
from ttpo_cli.training.rl.rewards import Term, rewards
from ttpo_cli.training.rl.rollout import RolloutOptions, latent_shape, sample, seeded
from ttpo_cli.training.run import Images, Record

_SEED = 0xBEEF
SHOWN = 4


@dataclass(frozen=True)
class Held:
    """The fixed inputs.

    Attributes:
        lq: (V, 3, h, w).
        restored: (V, 3, H, W).
        truth: (V, 3, H, W), or None without a ground truth.
        degradations: One of each input; empty where they are not known.
    """

    names: tuple[str, ...]
    lq: Tensor
    restored: Tensor
    truth: Tensor | None
    degradations: tuple[Degradation, ...]


@dataclass(frozen=True)
class Measures:
    """What a validation measures: the reward's terms, and metrics that are not in it."""

    terms: tuple[Term, ...]
    metrics: tuple[Metric, ...]


def held_inputs(pairs: Sequence[Pair], options: PolicyDataOptions, scale: int, restore: Restore, count: int, device: torch.device) -> Held:
    """`count` crops of the held-back photos in turn, first each one's centre, degraded in a way that is always the same, and restored."""
    names, lows, truths, degradations = [], [], [], []
    for number in range(count):
        pair, generator = pairs[number % len(pairs)], step_generator(_SEED, number)
        lq, truth = _crops(pair, options.crop, scale if options.lq else 1, number < len(pairs), generator)
        if not options.lq and not options.blind:
            degradations.append(draw_degradation(options, generator))
            lq = degradations[-1].apply(truth, (options.crop // scale, options.crop // scale), generator)
        names.append(Path(pair.name).stem + (f"-{number // len(pairs) + 1}" if number >= len(pairs) else ""))
        lows.append(lq)
        truths.append(truth)
    lq = torch.cat(lows).to(device)
    return Held(
        names=tuple(names),
        lq=lq,
        restored=restore(lq),
        truth=None if options.blind else torch.cat(truths).to(device),
        degradations=tuple(degradations),
    )


def _crops(pair: Pair, crop: int, factor: int, centre: bool, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """An aligned window of a pair whose truth is `factor` times as large: (lq, truth), float (1, 3, ...); the middle or anywhere."""
    side = crop // factor
    rooms = [length - side for length in pair.lq.shape[1:]]
    top, left = (room // 2 if centre else int(torch.randint(room + 1, (1,), generator=generator)) for room in rooms)
    lq = pair.lq[None, :, top : top + side, left : left + side]
    truth = pair.hq[None, :, top * factor : top * factor + crop, left * factor : left * factor + crop]
    return to_float(lq), to_float(truth)


def check_measures(measures: Measures, has_truth: bool) -> None:
    """Raises UsageError where a held-out metric is in the reward, or needs a ground truth that is not there."""
    inside = {term.metric.name for term in measures.terms}
    for metric in measures.metrics:
        if metric.name in inside:
            raise UsageError(f"the alarm watches '{metric.name}', which is in the reward: choose alarm.metrics that are not")
        if metric.needs_reference and not has_truth:
            raise UsageError(
                f"there is no ground truth for the alarm's metric '{metric.name}': choose others, for example alarm.metrics=[piqe]"
            )


def watches(measures: Measures, options: AlarmOptions, held: Held) -> list[Watch]:
    """What an alarm follows of the values below. No score of a picture by itself is to be better than the held inputs' ground truth has, or
    pristine photos where there is none."""
    watched = []
    for metric in measures.metrics:
        level = None if metric.needs_reference else metric.pristine
        if held.truth is not None and not metric.needs_reference:
            level = float(batched_scores(metric, held.truth, None).nanmean())
        watched.append(
            Watch(
                name=f"held_{metric.name}",
                lower_is_better=metric.lower_is_better,
                margin=options.margin,
                relative=True,
                target=metric.target,
                level=level,
            )
        )
    watched.append(Watch(name="held_consistency", lower_is_better=False, margin=options.psnr, relative=False))
    if held.truth is not None:
        watched += [
            Watch(name="held_psnr", lower_is_better=False, margin=options.psnr, relative=False),
            Watch(name="held_low_error", lower_is_better=True, margin=options.low_band, relative=True),
        ]
    return watched


@torch.no_grad()
def validate(
    prior: Prior, held: Held, measures: Measures, options: RolloutOptions, seeds: int, seed: int, parts: Batch
) -> tuple[Record, Images]:
    """The mean over inputs and seeds of what `measure_images` measures, and the spreads over seeds; the first inputs as images."""
    drawn = draw_samples(prior, held, options, seeds, seed, parts)
    record = measure_images(drawn, held, measures)
    shown = [held.restored, drawn[0], *([] if held.truth is None else [held.truth])]
    rows = torch.cat(shown, dim=-1).cpu()
    return record, dict(zip(held.names[:SHOWN], rows, strict=False))


def draw_samples(prior: Prior, held: Held, options: RolloutOptions, seeds: int, seed: int, parts: Batch) -> Tensor:
    """`seeds` samples of each held input, by the same noise whatever the policy: (seeds, V, 3, H, W) in [0, 1]."""
    count, shape = len(held.restored), latent_shape(prior, held.restored)
    drawn = []
    for number in range(seeds):
        noise = seeded(_SEED + seed, range(number * count, (number + 1) * count), 1, shape, held.restored.device)
        drawn.append(sample(prior, held.restored, noise, options, parts))
    return torch.stack(drawn)


def measure_images(drawn: Tensor, held: Held, measures: Measures) -> Record:
    """Values of (seeds, V, 3, H, W) images. held_reward and each term; held_NAME of the metrics; held_psnr (RGB, dB); held_low_error: mean
    |difference| of the low band in grey levels; held_consistency: PSNR between the image degraded as the input was and the input, dB;
    spread: the deviation over seeds in grey levels; spread_reward: of the reward. A score that is not a number is left out of its mean.
    """
    seeds = len(drawn)
    images = drawn.flatten(0, 1)
    truth = None if held.truth is None else held.truth.repeat(seeds, 1, 1, 1)
    earned = rewards(images, truth, measures.terms)
    record: Record = {REWARD: float(earned.total.nanmean())}
    record |= {f"held_{name}": float(scores.nanmean()) for name, scores in earned.scores.items()}
    for metric in measures.metrics:
        record[f"held_{metric.name}"] = float(batched_scores(metric, images, truth).nanmean())
    if truth is not None:
        record["held_psnr"] = float(quick_psnr(images, truth).mean())
        record["held_low_error"] = float(255 * dual_tree_low_band(images - truth).abs().mean() / 4)
    record["held_consistency"] = float(torch.stack([consistency(image, held) for image in drawn]).mean())
    if seeds > 1:
        record["spread"] = float(255 * drawn.var(dim=0).mean().sqrt())
        record["spread_reward"] = float(earned.total.view(seeds, -1).std(dim=0).nanmean())
    return record


def consistency(images: Tensor, held: Held) -> Tensor:
    """PSNR (V,) between the input and the image degraded alike, without noise; where the degradation is unknown, both shrunk by 4."""
    size = (held.lq.shape[-2], held.lq.shape[-1])
    if held.degradations:
        degraded = torch.cat(
            [degradation.without_noise(image[None], size) for degradation, image in zip(held.degradations, images, strict=True)]
        )
        return quick_psnr(degraded, held.lq)
    small = (max(1, size[0] // 4), max(1, size[1] // 4))
    return quick_psnr(imresize(images, size=small), imresize(held.lq, size=small))
