from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch
from analytic_prior import gaussian_prior, smooth_image
from torch import Tensor

from ttpo_cli.errors import UsageError
from ttpo_cli.imaging.resize import imresize
from ttpo_cli.metrics.metric import Metric
from ttpo_cli.metrics.ranker import Ranker
from ttpo_cli.preference.best_of_n import compared_with_best_of_n
from ttpo_cli.preference.context import Observer, StageContext, Subject, Tools, stage_context
from ttpo_cli.preference.optimisation import optimise
from ttpo_cli.preference.outcome import BEST_OF_N, Outcome
from ttpo_cli.settings.candidates import CandidateOptions
from ttpo_cli.settings.guard import GuardOptions
from ttpo_cli.settings.guidance import GuidanceOptions
from ttpo_cli.settings.selection import SelectionOptions
from ttpo_cli.settings.settings import Settings

RESTORED = smooth_image(44, 60)
LQ = imresize(RESTORED, size=(22, 30)).clamp(0, 1)
LENIENT = GuardOptions(fidelity=0, grain=1e9, consistency_margin=1e9)
CANDIDATES = CandidateOptions(strengths=(0.1, 0.2), per_strength=2, steps=4)


def roughness(image: Tensor) -> Tensor:
    return (image[..., 1:] - image[..., :-1]).abs().mean(dim=(1, 2, 3))


def mean_green(image: Tensor) -> Tensor:
    return image[:, 1].mean(dim=(1, 2))


def _metric(name: str, function: Any, lower: bool, minimum: int = 1) -> Metric:
    return Metric(name, function, lower, False, minimum, None, None, "Apache-2.0", "test", True)


@cache
def tools() -> Tools:
    torch.manual_seed(0)
    metrics = (_metric("roughness", roughness, False), _metric("green", mean_green, True))
    return Tools(gaussian_prior(0.1), metrics, Ranker(8).eval().requires_grad_(False))


def run(
    candidates: CandidateOptions = CANDIDATES,
    selection: SelectionOptions = SelectionOptions(),  # noqa: B008 - frozen
    guidance: GuidanceOptions = GuidanceOptions(),  # noqa: B008
    guard: GuardOptions = LENIENT,
    seed: int = 0,
    with_tools: Tools | None = None,
) -> Outcome:
    settings = Settings(seed=seed, candidates=candidates, selection=selection, guidance=guidance, guard=guard)
    return optimise(context_of(settings, with_tools))


def context_of(settings: Settings, with_tools: Tools | None = None) -> StageContext:
    return stage_context(Subject(RESTORED, LQ, "photo"), with_tools or tools(), settings)


def image(outcome: Outcome, row: str) -> Tensor:
    found = outcome.image(row)
    assert found is not None
    return found


def test_all_images_have_the_size_of_the_restored_image_and_lie_in_zero_to_one() -> None:
    outcome = run()
    for made in (image(outcome, "best candidate"), image(outcome, "guided"), outcome.final, outcome.candidates):
        assert made.shape[1:] == RESTORED.shape[1:]
        assert 0 <= float(made.min()) <= float(made.max()) <= 1
    assert torch.equal(outcome.candidates[:1], RESTORED)
    assert len(outcome.candidate_labels) == len(outcome.candidates) == 5


def test_the_final_answer_is_the_best_fused_score_of_all_that_the_guard_keeps() -> None:
    outcome = run()
    assert outcome.contenders[outcome.rows["result"]].scores["fused"] == max(each.scores["fused"] for each in outcome.contenders)
    assert [each.label for each in outcome.contenders] == [*outcome.candidate_labels, "guided"]
    assert outcome.chosen in outcome.reason


def test_where_the_guard_refuses_everything_the_restored_image_is_returned() -> None:
    outcome = run(guard=GuardOptions(fidelity=99.0))
    assert outcome.chosen == "restored"
    assert torch.equal(outcome.final, RESTORED)
    assert "the guard refused 5" in outcome.reason
    assert torch.equal(image(outcome, "best candidate"), RESTORED)


def test_network_calls_are_counted_by_stage() -> None:
    outcome = run(guidance=replace(GuidanceOptions(), steps=6, solver="euler"))
    assert outcome.calls == {"candidates": 4 * 4, "guidance": 6}


def test_the_same_seed_gives_the_same_pixels_and_another_seed_others() -> None:
    assert torch.equal(image(run(), "guided"), image(run(), "guided"))
    assert not torch.equal(image(run(), "guided"), image(run(seed=1), "guided"))


CHANGES: list[dict[str, Any]] = [
    {"start": "inversion"},
    {"start": "noise"},
    {"origin": "preferred"},
    {"strength": 0.25},
    {"steps": 5},
    {"solver": "heun"},
    {"scale": 3000.0},
    {"alpha": 1.5},
    {"t1": 0.12},
    {"t2": 0.13},
    {"split": "gaussian"},
    {"cutoff": 2.0},
    {"distance": "l1"},
    {"distance": "energy"},
    {"distance": "log"},
    {"beta": 40.0},
    {"repulsion": 1.0},
    {"update": "normalised"},
    {"update": "normalised", "rate": 0.05},
    {"regional": False},
    {"window": 16},
    {"sharpness": 1.0},
    {"ranker_weight": 5.0},
]


@cache
def _guided(changes: tuple[tuple[str, Any], ...]) -> Tensor:
    return image(run(guidance=replace(GuidanceOptions(), **dict(changes))), "guided")


@pytest.mark.parametrize("change", CHANGES)
def test_every_option_of_guidance_changes_the_guided_image(change: dict[str, Any]) -> None:
    base = {"update": "normalised"} if "rate" in change else {}
    assert not torch.equal(_guided(tuple(base.items())), _guided(tuple(change.items())))


def test_every_option_of_guidance_is_among_those_tested() -> None:
    named = {name for change in CHANGES for name in change}
    assert named == set(GuidanceOptions.__dataclass_fields__)


@pytest.mark.parametrize(
    "selection",
    [
        SelectionOptions(fusion="rank"),
        SelectionOptions(fusion="weights", weights={"green": 1.0}),
        SelectionOptions(dispreferred="any"),
    ],
)
def test_the_selection_reaches_the_guided_image_of_a_global_pair(selection: SelectionOptions) -> None:
    guidance = replace(GuidanceOptions(), regional=False)
    base, changed = run(guidance=guidance), run(selection=selection, guidance=guidance)
    pairs = [(outcome.preferred, outcome.dispreferred) for outcome in (base, changed)]
    assert (pairs[0] == pairs[1]) == torch.equal(image(base, "guided"), image(changed, "guided"))
    if selection.fusion != "rank":
        assert pairs[0] != pairs[1]


def test_guidance_brings_the_result_nearer_to_the_preferred_than_to_the_dispreferred() -> None:
    pulled = replace(GuidanceOptions(), regional=False, scale=30000.0, distance="l2")
    unguided, guided = run(guidance=replace(pulled, scale=0.0)), run(guidance=pulled)

    def margin(outcome: Outcome) -> float:
        pair = outcome.candidates[[outcome.preferred, outcome.dispreferred]]
        to_preferred, to_dispreferred = (image(outcome, "guided") - pair).square().mean(dim=(1, 2, 3))
        return float(to_dispreferred - to_preferred)

    assert margin(guided) > margin(unguided)


def test_a_metric_that_cannot_judge_so_small_a_photo_is_named_and_left_out() -> None:
    large = replace(tools(), metrics=(*tools().metrics, _metric("needs much", roughness, False, minimum=500)))
    outcome = run(with_tools=large)
    assert outcome.metric_names == ("roughness", "green")
    assert any("needs much" in note for note in outcome.notes)


def test_a_score_that_is_not_a_number_never_wins() -> None:
    broken = _metric("broken", lambda image: torch.where(image.mean() > 0, torch.nan, 0.0).expand(len(image)), False)
    outcome = run(with_tools=replace(tools(), metrics=(broken, *tools().metrics)))
    assert all(torch.isfinite(torch.tensor(list(scores.values()))).all() for scores in (each.scores for each in outcome.contenders))


@pytest.mark.parametrize("change", [{"start": "nois"}, {"origin": "lq"}, {"split": "wavelet"}, {"solver": "rk4"}])
def test_unknown_choices_are_refused(change: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="unknown"):
        run(guidance=replace(GuidanceOptions(), **change))


def test_the_best_of_n_is_the_best_of_more_candidates_and_changes_nothing_else() -> None:
    context = context_of(Settings(candidates=CANDIDATES, guard=LENIENT))
    plain = optimise(context)
    compared = compared_with_best_of_n(plain, context, Observer())
    assert BEST_OF_N not in plain.rows
    assert torch.equal(plain.final, compared.final)
    assert plain.chosen == compared.chosen
    rows = {row: compared.contenders[index].scores["fused_jointly"] for row, index in compared.rows.items()}
    assert rows[BEST_OF_N] >= rows["best candidate"]


def test_no_candidate_and_no_result_of_a_black_and_white_photo_has_colour() -> None:
    grey = RESTORED.mean(dim=1, keepdim=True).expand_as(RESTORED).contiguous()
    lq = imresize(grey, size=(22, 30)).clamp(0, 1)
    settings = Settings(candidates=CANDIDATES, guard=LENIENT)
    outcome = optimise(stage_context(Subject(grey, lq, "photo"), tools(), settings))
    for contender in outcome.contenders:
        assert contender.image is not None
        assert float((contender.image.amax(dim=1) - contender.image.amin(dim=1)).max()) < 1e-5
    colourful = run()
    assert float((image(colourful, "guided").amax(dim=1) - image(colourful, "guided").amin(dim=1)).max()) > 0.01
