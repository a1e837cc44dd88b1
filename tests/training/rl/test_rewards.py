"""Rewards: what each score is worth, what may not be asked for, and each preset's terms."""

import math

import pytest
import torch

from ttpo_cli.errors import UsageError, WeightsError
from ttpo_cli.metrics.catalog import load_metric
from ttpo_cli.metrics.metric import Metric
from ttpo_cli.training.rl.rewards import PRESETS, RewardOptions, Term, chosen_weights, known_range, load_terms, low_band_agreement, rewards

CPU = torch.device("cpu")


def brightness(image):
    return image.mean(dim=(1, 2, 3))


def metric(name="light", function=brightness, **changes):
    return Metric(name, function, False, False, 1, None, None, "Apache-2.0", "tests", True, **changes)


def grey(*levels):
    return torch.tensor(levels)[:, None, None, None].expand(-1, 3, 32, 32).clone()


def test_a_reward_is_the_weighted_sum_of_mapped_scores_with_nothing_to_earn_beyond_the_best():
    terms = (Term(metric(), 0.25, 0.2, 0.6), Term(metric("dark"), 0.5, 1.0, 0.0))
    earned = rewards(grey(0.4, 0.9, 0.1), None, terms)
    assert earned.scores["light"].tolist() == pytest.approx([0.4, 0.9, 0.1])
    assert earned.earned["light"].tolist() == pytest.approx([0.125, 0.25, -0.0625])
    assert earned.total.tolist() == pytest.approx([0.125 + 0.3, 0.25 + 0.05, -0.0625 + 0.45])


def test_a_term_that_is_no_number_makes_that_sample_s_reward_none_and_no_other_s():
    broken = metric("broken", lambda image: torch.where(brightness(image) > 0.5, torch.nan, 1.0))
    total = rewards(grey(0.4, 0.9), None, (Term(metric(), 1.0, 0, 1), Term(broken, 1.0, 0, 1))).total
    assert total.isnan().tolist() == [False, True]


def test_the_embedded_preset_needs_no_file_and_the_truth_earns_most_of_its_terms():
    terms = load_terms(RewardOptions(), CPU, True)
    assert {term.metric.name: term.weight for term in terms} == PRESETS["embedded"]
    assert sum(PRESETS["embedded"].values()) == pytest.approx(1)
    truth = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    earned = rewards(torch.cat((truth, truth * 0.5)), truth.repeat(2, 1, 1, 1), terms).earned
    assert earned["bands"].tolist()[:2] == pytest.approx([0.6, 0.6])
    assert earned["low_band"].tolist()[:2] == pytest.approx([0.3, 0.3])
    assert float(earned["bands"][2:].max()) < 0.55
    assert float(earned["low_band"][2:].max()) < 0.1


def test_the_low_band_term_of_a_constant_shift_is_exp_of_fifteen_times_four_times_it():
    image = torch.full((1, 3, 32, 32), 0.5, dtype=torch.float64)
    assert float(low_band_agreement(image + 0.01, image)) == pytest.approx(math.exp(-15 * 4 * 0.01), rel=1e-5)


def test_the_best_is_the_pristine_level_and_the_right_end_of_a_range():
    niqe = load_metric("niqe", CPU)
    worst, best = known_range(niqe)
    assert best == niqe.pristine
    assert worst is not None and worst > best
    assert known_range(metric(range=(0.0, 2.0))) == (0.0, 2.0)
    assert known_range(load_metric("piqe", CPU))[1] == load_metric("piqe", CPU).pristine


def test_weights_join_the_preset_and_zero_leaves_a_term_out():
    assert chosen_weights(RewardOptions(weights={"ranker": 0.0, "niqe": 0.2})) == {"bands": 0.6, "low_band": 0.3, "niqe": 0.2}
    assert chosen_weights(RewardOptions(preset="none", weights={"niqe": 2.0})) == {"niqe": 2.0}
    assert chosen_weights(RewardOptions(only="bands")) == {"bands": 0.6}


@pytest.mark.parametrize(
    ("options", "has_truth", "error", "says"),
    [
        ({}, False, UsageError, r"no ground truth for the reward's bands, low_band.*reward\.weights\.bands=0"),
        ({"preset": "embeded"}, True, UsageError, "did you mean embedded"),
        ({"preset": "none"}, True, UsageError, "has no term"),
        ({"weights": {"niqee": 1.0}}, True, UsageError, "did you mean niqe"),
        ({"weights": {"niqe": -1.0}}, True, UsageError, "must not be negative"),
        ({"only": "bandz"}, True, UsageError, "did you mean bands"),
        ({"weights": {"high_band": 1.0}}, True, UsageError, r"reward\.worst\.high_band and reward\.best\.high_band"),
        ({"files": {"bands": "x"}}, True, UsageError, "has no weights"),
        ({"preset": "paper"}, True, WeightsError, "topiq_nr-face"),
    ],
)
def test_what_is_invalid_or_had_is_said(options, has_truth, error, says):
    with pytest.raises(error, match=says):
        load_terms(RewardOptions(**options), CPU, has_truth)


def test_a_term_of_unknown_worth_is_worth_what_one_says():
    options = RewardOptions(preset="none", weights={"high_band": 1.0}, worst={"high_band": 0.0}, best={"high_band": 1.0})
    (term,) = load_terms(options, CPU, True)
    assert (term.worst, term.best) == (0.0, 1.0)
