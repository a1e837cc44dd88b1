from dataclasses import replace

import pytest
import torch

from ttpo_cli.errors import UsageError
from ttpo_cli.preference.selection import FUSIONS, cap_at_pristine, choose_pair, entropy_fusion, fuse, rank_fusion, z_scores
from ttpo_cli.settings.selection import SelectionOptions

PLAIN = SelectionOptions(fusion="mean", ceiling=False)


def test_the_mean_fusion_is_the_mean_of_z_scores_by_hand() -> None:
    scores = torch.tensor([[1.0, 30.0], [2.0, 10.0], [3.0, 20.0]])
    fused = fuse(scores, ["up", "down"], [False, True], [None, None], PLAIN)
    step = 1.5**0.5
    assert fused.tolist() == pytest.approx([(-step - step) / 2, (0 + step) / 2, (step + 0) / 2])


def test_a_metric_that_cannot_tell_candidates_apart_counts_nothing_and_makes_no_nan() -> None:
    scores = torch.tensor([[1.0, 5.0], [2.0, 5.0], [4.0, 5.0]])
    both = fuse(scores, ["a", "flat"], [False, False], [None, None], PLAIN)
    assert torch.isfinite(both).all()
    assert both.argsort().tolist() == [0, 1, 2]
    assert z_scores(scores)[:, 1].tolist() == [0, 0, 0]


@pytest.mark.parametrize("fusion", FUSIONS)
def test_every_fusion_puts_a_candidate_that_wins_everywhere_first(fusion: str) -> None:
    scores = torch.tensor([[1.0, 9.0], [5.0, 2.0], [2.0, 4.0], [3.0, 3.0]])
    options = SelectionOptions(fusion=fusion, ceiling=False, weights={"a": 1.0, "b": 2.0})
    assert int(fuse(scores, ["a", "b"], [False, True], [None, None], options).argmax()) == 1


def test_the_order_does_not_depend_on_the_units_of_a_metric() -> None:
    scores = torch.rand(6, 2, dtype=torch.float64)
    for fusion in FUSIONS:
        options = SelectionOptions(fusion=fusion, ceiling=False, weights={"a": 1.0, "b": 2.0})
        plain, scaled = (fuse(part, ["a", "b"], [False, True], [None, None], options) for part in (scores, 100 * scores + 7))
        assert torch.allclose(plain, scaled, atol=1e-6)


def test_scores_beyond_the_pristine_level_earn_nothing_more() -> None:
    scores = torch.tensor([[2.0, 80.0], [4.0, 60.0], [1.0, 40.0]])
    capped = cap_at_pristine(scores, [3.0, 70.0], [True, False])
    assert capped.tolist() == [[3.0, 70.0], [4.0, 60.0], [3.0, 40.0]]
    fused = fuse(scores, ["low", "high"], [True, False], [3.0, None], SelectionOptions())
    without = fuse(scores, ["low", "high"], [True, False], [3.0, None], PLAIN)
    assert int(fused.argmax()) == 0
    assert float(without[2] - without[0]) > float(fused[2] - fused[0])


def test_ties_share_their_mean_rank() -> None:
    assert rank_fusion(torch.tensor([[1.0], [1.0], [3.0]]), torch.ones(1)).tolist() == [0.5, 0.5, 2.0]


def test_entropy_weighs_up_the_metric_that_singles_one_out() -> None:
    singles, spreads = torch.tensor([0.0, 0.0, 0.0, 1.0]), torch.tensor([1.0, 0.9, 0.8, 0.0])
    fused = entropy_fusion(torch.stack((singles, spreads), dim=1).double(), torch.ones(2))
    assert int(fused.argmax()) == 3


def test_named_weights_decide_and_bad_ones_are_refused() -> None:
    scores = torch.tensor([[1.0, 2.0], [2.0, 1.0]])
    names, lower, levels = ["a", "b"], [False, False], [None, None]
    for favourite, winner in (("a", 1), ("b", 0)):
        options = SelectionOptions(fusion="weights", ceiling=False, weights={favourite: 1.0})
        assert int(fuse(scores, names, lower, levels, options).argmax()) == winner
    for weights in ({}, {"a": -1.0}, {"a": 0.0}):
        with pytest.raises(UsageError):
            fuse(scores, names, lower, levels, SelectionOptions(fusion="weights", weights=weights))
    with pytest.raises(UsageError, match="did you mean"):
        fuse(scores, ["niqe", "piqe"], lower, levels, SelectionOptions(fusion="weights", weights={"niqee": 1.0}))


def test_the_pair_is_two_candidates_unless_any_is_asked_for() -> None:
    fused = torch.tensor([-5.0, 1.0, 3.0, -1.0])
    assert choose_pair(fused, SelectionOptions()) == (2, 3)
    assert choose_pair(fused, replace(SelectionOptions(), dispreferred="any")) == (2, 0)


def test_the_pair_differs_even_where_all_scores_are_equal() -> None:
    preferred, dispreferred = choose_pair(torch.zeros(4), SelectionOptions())
    assert preferred != dispreferred


def test_a_single_candidate_makes_no_pair() -> None:
    with pytest.raises(UsageError, match="two candidates"):
        choose_pair(torch.zeros(2), SelectionOptions())
