"""What picks say about metrics: the features are those the fusion sees, too few picks are refused, a record comes back as it was."""

import json

import pytest
import torch
from fakes import tiny_engine, tiny_photo
from folder_with_picks import NAMES, picked_folder

from ttpo_cli.errors import TtpoError, UsageError
from ttpo_cli.folder.pick_store import picked_pairs
from ttpo_cli.pipeline import restore_photo
from ttpo_cli.preference.learned_weights import features, learn, learned_of, learned_record, minimum_picks, pick_differences
from ttpo_cli.preference.pick import Pick, Proposal
from ttpo_cli.preference.selection import Panel, fuse, fused_scores
from ttpo_cli.settings.selection import SelectionOptions
from ttpo_cli.settings.settings import Settings

SCORES = {"up": [1.0, 2.0, 3.0], "down": [10.0, 30.0, 20.0]}
PROPOSAL = Proposal("a.png", "c", "s", ("r", "1", "2"), ("0", "1", "2"), SCORES, {"up": False, "down": True}, {"up": 2.0, "down": None})


def test_features_are_z_scores_with_higher_better():
    step = 1.5**0.5
    seen = features(PROPOSAL, ("up", "down"), ceiling=False)
    assert seen[:, 0].tolist() == pytest.approx([-step, 0, step]) and seen[:, 1].tolist() == pytest.approx([step, -step, 0])
    assert torch.equal(features(PROPOSAL, ("down", "up"), ceiling=False), seen.flip(1))


def test_what_is_better_than_pristine_photos_earns_nothing_more():
    seen = features(PROPOSAL, ("up",), ceiling=True)[:, 0]
    assert seen[1] == seen[2] > seen[0]


@pytest.mark.parametrize("column", [None, [None, None, None], [1.0, None, 2.0]])
def test_a_metric_that_could_not_judge_the_photo_says_nothing(column):
    scores = {**SCORES, **({"other": column} if column else {})}
    proposal = Proposal(**{**vars(PROPOSAL), "scores": scores, "pristine": {"other": -5.0}})
    seen = features(proposal, ("up", "other"), ceiling=True)
    assert seen[:, 1].tolist() == [0, 0, 0] and seen[:, 0].any()


def test_a_difference_is_the_preferred_less_the_dispreferred():
    pick = Pick("a.png", "c", "s", 2, 0)
    seen = features(PROPOSAL, ("up", "down"), ceiling=False)
    assert torch.equal(pick_differences([(pick, PROPOSAL)], ("up", "down"), ceiling=False)[0], seen[2] - seen[0])


@pytest.mark.parametrize("ceiling", [True, False])
def test_learned_weights_act_in_the_selection_on_the_features_they_were_learned_from(ceiling):
    table = torch.tensor([SCORES["up"], SCORES["down"]]).T
    weights = {"up": 0.7, "down": -0.2}
    options = SelectionOptions("learned", ceiling=ceiling, weights=weights)
    fused = fuse(table, ("up", "down"), [False, True], [2.0, None], options)
    expected = features(PROPOSAL, ("up", "down"), ceiling) @ torch.tensor([0.7, -0.2]).double() / 0.9
    assert torch.allclose(fused, expected)


def test_a_metric_that_a_person_dislikes_turns_the_choice_round():
    photo = tiny_photo()

    def chosen(sign):
        settings = Settings(selection=SelectionOptions("learned", weights={"roughness": sign}))
        return restore_photo(photo, tiny_engine(), settings).outcome

    liked, disliked = chosen(1.0), chosen(-1.0)
    assert (liked.preferred, liked.dispreferred) == (disliked.dispreferred, disliked.preferred)


def test_the_fusion_of_learned_weights_needs_them():
    with pytest.raises(UsageError, match="needs --selection-weights learned"):
        fuse(torch.rand(3, 1), ("up",), [False], [None], SelectionOptions("learned"))


def test_a_photo_too_small_for_a_weighed_metric_is_chosen_by_the_others():
    first, second = tiny_engine().tools.metrics
    scores = torch.tensor([[1.0], [3.0], [2.0]]).double()
    panel = Panel((first,), (second.name,))
    for weights in ({first.name: 2.0, second.name: 1.0}, {second.name: 1.0}):
        fused = fused_scores(scores, panel, SelectionOptions("learned", False, weights=weights))
        assert fused.argsort().tolist() == [0, 2, 1]
    with pytest.raises(UsageError, match="unknown"):
        fused_scores(scores, panel, SelectionOptions("learned", weights={"nosuch": 1.0}))


def test_a_known_person_is_learned_and_foretold_better_than_by_equal_weights(tmp_path):
    learned = learn(list(picked_pairs(picked_folder(tmp_path, 60))), NAMES, ceiling=True)
    assert learned.weights["roughness"] > 0 > learned.weights["calm"] and learned.picks == 60
    for name, (low, high) in learned.intervals.items():
        assert low < learned.weights[name] < high and 0 < learned.standard_errors[name] < 1
    assert learned.held_out > learned.equal and learned.agreement["roughness"] > 0.5 > learned.agreement["calm"]
    assert learned_of(json.loads(json.dumps(learned_record(learned)))).weights == learned.weights


def test_more_metrics_take_more_picks_and_fewer_are_refused(tmp_path):
    assert minimum_picks(1) == minimum_picks(2) == 20 and minimum_picks(5) == 50
    pairs = list(picked_pairs(picked_folder(tmp_path, 20)))
    assert learn(pairs, NAMES, ceiling=True).picks == 20
    with pytest.raises(TtpoError, match=r"too few picks \(19\) to learn weights of 2 metrics, which takes 20"):
        learn(pairs[1:], NAMES, ceiling=True)


@pytest.mark.parametrize("names", [("roughness", "nosuch"), ()])
def test_metrics_that_no_pick_knows_are_refused(names, tmp_path):
    pairs = list(picked_pairs(picked_folder(tmp_path, 20)))
    with pytest.raises(TtpoError, match="choose --metrics among roughness, calm"):
        learn(pairs, names, ceiling=True)


@pytest.mark.parametrize("damage", [{"weights": {}}, {"weights": {"a": "x"}}, {"weights": [1]}, {"schema_version": 9}])
def test_what_is_no_record_of_weights_is_refused(damage, tmp_path):
    record = learned_record(learn(list(picked_pairs(picked_folder(tmp_path, 20))), NAMES, ceiling=True))
    with pytest.raises(TtpoError, match="picks fit"):
        learned_of({**record, **damage})
    with pytest.raises(TtpoError, match="picks fit"):
        learned_of([record])
