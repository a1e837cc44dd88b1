"""Policies compared on the same held-back inputs and noise, and with the best of N samples of the first one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from ttpo_cli.device.batching import Batch
from ttpo_cli.metrics.weight_files import FindWeights, not_stored
from ttpo_cli.training.rl.data import load_restorer, read_policy_pairs, read_unseen_pairs
from ttpo_cli.training.rl.load_policy import load_policy
from ttpo_cli.training.rl.on_policy_options import OnPolicyOptions, check
from ttpo_cli.training.rl.rewards import Term, load_reward_metric, load_terms, rewards
from ttpo_cli.training.rl.train import check_crop
from ttpo_cli.training.rl.validation import Held, Measures, check_measures, draw_samples, held_inputs, measure_images
from ttpo_cli.training.run import Record

# A row's name, its values, and its first sample of each input (V, 3, H, W).
Row = tuple[str, Record, Tensor]


def read_held(
    photos: Sequence[Path], options: OnPolicyOptions, device: torch.device, find: FindWeights = not_stored, *, unseen: bool = False
) -> tuple[Held, Measures]:
    """The inputs and metrics of a training with these options; of all photos where they are `unseen`. Raises as `train_policy` does."""
    check(options)
    has_truth = not options.data.blind
    terms = load_terms(options.reward, device, has_truth, find)
    measures = Measures(terms, tuple(load_reward_metric(name, device, None, find) for name in options.alarm.metrics))
    check_measures(measures, has_truth)
    scale, restore = load_restorer(options.data, device)
    validation = read_unseen_pairs(photos, options.data, scale) if unseen else read_policy_pairs(photos, options.data, scale)[1]
    return held_inputs(validation, options.data, scale, restore, options.alarm.photos, device), measures


def policy_rows(
    priors: Mapping[str, str], held: Held, measures: Measures, options: OnPolicyOptions, best_of: int, device: torch.device
) -> Iterator[Row]:
    """The inputs as they are, each prior (name -> file or folder), after the first the best of `best_of` of its samples; last the truth.

    Best by the whole reward knows the ground truth where a term does, and is a ceiling; best by the terms that need none is what a user
    could have. All priors see the same noise.
    """
    yield "input", measure_images(held.restored[None], held, measures), held.restored
    for number, (name, file) in enumerate(priors.items()):
        policy = load_policy(replace(options.policy, prior=file), device)
        check_crop(options, policy)
        parts = Batch(len(held.restored), "samples")
        count = max(options.alarm.seeds, best_of) if number == 0 else options.alarm.seeds
        drawn = draw_samples(policy.prior, held, options.rollout, count, options.seed, parts)
        first = drawn[: options.alarm.seeds]
        yield name, measure_images(first, held, measures), first[0]
        if number == 0 and best_of > 1:
            yield from _best(name, drawn[:best_of], held, measures)
    if held.truth is not None:
        yield "truth", measure_images(held.truth[None], held, measures), held.truth


def _best(name: str, drawn: Tensor, held: Held, measures: Measures) -> Iterator[Row]:
    blind = tuple(term for term in measures.terms if not term.metric.needs_reference)
    for terms, by in ((measures.terms, "reward"), (blind, "blind terms")):
        if terms and (by == "reward" or blind != measures.terms):
            chosen = best_by(drawn, held, terms)
            yield f"{name}, best of {len(drawn)} by {by}", measure_images(chosen[None], held, measures), chosen


def best_by(drawn: Tensor, held: Held, terms: Sequence[Term]) -> Tensor:
    """Of (N, V, 3, H, W) samples the one of each input that earns most: (V, 3, H, W)."""
    count = len(drawn)
    truth = None if held.truth is None else held.truth.repeat(count, 1, 1, 1)
    earned = rewards(drawn.flatten(0, 1), truth, terms).total.view(count, -1).nan_to_num(float("-inf"))
    return drawn[earned.argmax(dim=0).to(drawn.device), torch.arange(drawn.shape[1], device=drawn.device)]
