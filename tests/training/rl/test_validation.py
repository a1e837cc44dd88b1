"""What a validation measures: zero error for the truth, agreement with the input, the spread of seeds, the same inputs each time."""

import dataclasses

import pytest
import torch
from analytic_prior import gaussian_prior
from PIL import Image

from ttpo_cli.device.batching import Batch
from ttpo_cli.errors import UsageError
from ttpo_cli.metrics.catalog import load_metric
from ttpo_cli.metrics.metric import score
from ttpo_cli.training.data import find_photos
from ttpo_cli.training.rl.data import PolicyDataOptions, load_restorer, read_policy_pairs
from ttpo_cli.training.rl.reward_hacking import AlarmOptions
from ttpo_cli.training.rl.rewards import RewardOptions, load_terms
from ttpo_cli.training.rl.rollout import RolloutOptions
from ttpo_cli.training.rl.validation import (
    Measures,
    check_measures,
    consistency,
    draw_samples,
    held_inputs,
    measure_images,
    validate,
    watches,
)

CPU = torch.device("cpu")
DATA = PolicyDataOptions(crop=32, blur=(1.0, 1.0), shrink=(2.0, 2.0), noise=(0.0, 0.0), jpeg=(0.0, 0.0))


@pytest.fixture(scope="module")
def measures():
    return Measures(load_terms(RewardOptions(only="low_band"), CPU, True), (load_metric("gmsd", CPU), load_metric("high_band", CPU)))


def held_of(photo_folder, options=DATA):
    pairs, _, _ = read_policy_pairs(find_photos([photo_folder]), options, 1)
    return held_inputs(pairs, options, 1, load_restorer(options, CPU)[1], 2, CPU)


def test_the_truth_agrees_with_itself_and_with_the_input_it_was_degraded_to(photo_folder, measures):
    held = held_of(photo_folder)
    record = measure_images(held.truth[None], held, measures)
    assert record["held_psnr"] == 100
    assert record["held_low_error"] == 0
    assert record["held_reward"] == pytest.approx(0.3)
    assert record["held_consistency"] > 50
    assert "spread" not in record
    darker = measure_images(held.truth[None] * 0.9, held, measures)
    assert darker["held_consistency"] < 30
    assert darker["held_psnr"] < 30
    assert darker["held_low_error"] == pytest.approx(float(255 * 0.1 * held.truth.mean()), rel=0.05)


def test_few_photos_give_many_inputs_the_centres_first_and_none_twice(photo_folder, tmp_path):
    pairs, _, _ = read_policy_pairs(find_photos([photo_folder]), DATA, 1)
    held = held_inputs(pairs[:1], DATA, 1, lambda lq: lq, 3, CPU)
    assert held.names == ("0", "0-2", "0-3")
    assert torch.equal((held.truth[0] * 255).round().byte(), pairs[0].hq[:, 32:64, 24:56])
    assert len({image.sum().item() for image in held.truth}) == 3
    for path in photo_folder.iterdir():
        image = Image.open(path)
        image.resize((image.width // 2, image.height // 2), Image.Resampling.BOX).save(tmp_path / path.name)
    paired = dataclasses.replace(DATA, lq=str(tmp_path))
    pairs, _, _ = read_policy_pairs(find_photos([photo_folder]), paired, 2)
    held = held_inputs(pairs[:1], paired, 2, lambda lq: lq, 3, CPU)
    assert held.lq.shape == (3, 3, 16, 16)
    assert float((torch.nn.functional.avg_pool2d(held.truth, 2) - held.lq).abs().max()) < 2 / 255


def test_where_the_wear_is_not_known_the_input_agrees_with_itself(photo_folder):
    held = held_of(photo_folder, dataclasses.replace(DATA, blind=True))
    assert held.truth is None
    assert consistency(held.lq, held).tolist() == [100, 100]


def test_the_spread_is_the_deviation_over_seeds(photo_folder, measures):
    held = held_of(photo_folder)
    drawn = torch.stack([held.truth, held.truth + 0.02])
    assert measure_images(drawn, held, measures)["spread"] == pytest.approx(255 * 0.02 / 2**0.5, rel=1e-3)


def test_inputs_and_noise_are_the_same_each_time_and_seeds_differ(photo_folder, measures):
    first, again = held_of(photo_folder), held_of(photo_folder)
    assert torch.equal(first.restored, again.restored)
    options, parts = RolloutOptions(steps=2), Batch(2, "samples")
    drawn = [draw_samples(gaussian_prior(0.1), held, options, 2, 0, parts) for held in (first, again)]
    assert torch.equal(*drawn)
    assert not torch.equal(drawn[0][0], drawn[0][1])
    assert not torch.equal(drawn[0], draw_samples(gaussian_prior(0.1), first, options, 2, 1, parts))
    _, images = validate(gaussian_prior(0.1), first, measures, options, 2, 0, parts)
    assert {tuple(image.shape) for image in images.values()} == {(3, 32, 96)}


def test_what_is_watched_knows_which_way_is_worse(measures, photo_folder):
    held = held_of(photo_folder)
    watched = {watch.name: watch for watch in watches(measures, AlarmOptions(), held)}
    assert set(watched) == {"held_gmsd", "held_high_band", "held_consistency", "held_psnr", "held_low_error"}
    assert watched["held_gmsd"].fallen(0.2, 0.1)
    assert not watched["held_gmsd"].fallen(0.05, 0.1)
    assert watched["held_high_band"].target == 1
    assert watched["held_psnr"].fallen(29, 30)
    assert watched["held_consistency"].fallen(29, 30)
    assert watched["held_low_error"].fallen(1.3, 1.0)
    assert {w.name for w in watches(measures, AlarmOptions(), dataclasses.replace(held, truth=None))} == {
        "held_gmsd",
        "held_high_band",
        "held_consistency",
    }


def test_no_picture_is_to_score_better_by_itself_than_the_truth_does(measures, photo_folder):
    held, piqe = held_of(photo_folder, dataclasses.replace(DATA, crop=64)), load_metric("piqe", CPU)
    for truth, level in ((held.truth, float(score(piqe, held.truth).mean())), (None, piqe.pristine)):
        (watch, *_) = watches(Measures(measures.terms, (piqe,)), AlarmOptions(), dataclasses.replace(held, truth=truth))
        assert (
            watch.level == pytest.approx(level) and watch.fallen(0.85 * level, 1.2 * level) and not watch.fallen(0.95 * level, 1.2 * level)
        )
    assert watches(measures, AlarmOptions(), held)[0].level is None, "a reference's own score cannot be beaten"


def test_a_judge_that_is_in_the_reward_or_lacks_its_truth_is_refused(measures):
    with pytest.raises(UsageError, match="'low_band', which is in the reward"):
        check_measures(Measures(measures.terms, tuple(term.metric for term in measures.terms)), True)
    with pytest.raises(UsageError, match="no ground truth for the alarm's metric 'gmsd'"):
        check_measures(measures, False)
