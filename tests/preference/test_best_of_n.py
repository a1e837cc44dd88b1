"""The best of N is the best that more candidates could have brought: not the restored or the guided image, nothing the guard refuses."""

from dataclasses import replace

import torch
from analytic_prior import gaussian_prior, smooth_image
from torch import Tensor

from ttpo_cli.imaging.resize import imresize
from ttpo_cli.metrics.metric import Metric
from ttpo_cli.metrics.ranker import Ranker
from ttpo_cli.preference.best_of_n import with_best_of_n
from ttpo_cli.preference.candidates import Candidates
from ttpo_cli.preference.chooser import ScoredCandidates
from ttpo_cli.preference.context import StageContext, Subject, Tools, stage_context
from ttpo_cli.preference.optimisation import Pair, choose
from ttpo_cli.preference.outcome import BEST_OF_N, Contender, Outcome
from ttpo_cli.settings.guard import GuardOptions
from ttpo_cli.settings.settings import Settings

RESTORED = smooth_image(48, 48)
LQ = imresize(RESTORED, 0.5).clamp(0, 1)
LENIENT = GuardOptions(fidelity=0, grain=1e9, consistency_margin=1e9)


def brightness(image: Tensor) -> Tensor:
    return image.mean(dim=(1, 2, 3))


METRIC = Metric("bright", brightness, False, False, 1, None, None, "Apache-2.0", "test", True)


def context_of(guard: GuardOptions, metric: Metric = METRIC) -> StageContext:
    tools = Tools(gaussian_prior(0.1), (metric,), Ranker(8).eval())
    return stage_context(Subject(RESTORED, LQ, "photo"), tools, Settings(guard=guard))


def shifted(levels: float) -> Tensor:
    return RESTORED + levels / 255


def outcome_of(context: StageContext, candidates: list[float], guided: float) -> Outcome:
    images = torch.cat([RESTORED, *(shifted(level) for level in candidates)])
    count = len(candidates)
    made = Candidates(latents=images[1:], strengths=(0.1,) * count, seeds=tuple(range(count)), stopped=(False,) * count)
    scored = ScoredCandidates(
        images=images, labels=("restored", *made.labels), scores=context.scores_of(images), metrics=context.panel.metrics, made=made
    )
    return choose(context, scored, Pair(1, 0), shifted(guided))


def best_of_n(candidates: list[float], guided: float, further: list[float], guard: GuardOptions = LENIENT) -> tuple[Contender, Outcome]:
    context = context_of(guard)
    compared = with_best_of_n(outcome_of(context, candidates, guided), context, torch.cat([shifted(level) for level in further]))
    found = compared.row(BEST_OF_N)
    assert found is not None
    return found, compared


def jointly(outcome: Outcome, row: str) -> float:
    found = outcome.row(row)
    assert found is not None
    return found.scores["fused_jointly"]


def test_the_brightest_of_old_and_new_candidates_wins_whatever_guidance_reached() -> None:
    best, compared = best_of_n([1, 2], guided=9, further=[3, 1])
    assert torch.allclose(best.image, shifted(3), atol=1e-5)
    best, _ = best_of_n([1, 5], guided=9, further=[3, 1])
    assert torch.allclose(best.image, shifted(5), atol=1e-5)
    assert jointly(compared, BEST_OF_N) > jointly(compared, "restored")


def test_the_restored_image_does_not_compete_even_where_it_is_best() -> None:
    best, _ = best_of_n([-1, -2], guided=-9, further=[-3])
    assert torch.allclose(best.image, shifted(-1), atol=1e-5)


def test_what_the_guard_refuses_cannot_win() -> None:
    strict = replace(LENIENT, fidelity=35.0)
    best, _ = best_of_n([1], guided=0, further=[2, 30], guard=strict)
    assert torch.allclose(best.image, shifted(2), atol=1e-5)
    assert best.kept


def test_images_with_equal_scores_are_not_confused() -> None:
    """A metric that scores all images alike: each row keeps its own image, and the record of one row is not that of another."""
    blind = replace(METRIC, function=lambda image: torch.zeros(len(image)))
    context = context_of(replace(LENIENT, fidelity=35.0), blind)
    outcome = outcome_of(context, [30, 2], guided=3)  # the first candidate strays and is refused
    compared = with_best_of_n(outcome, context, torch.cat([shifted(1)]))
    assert compared.rows["best candidate"] == 2
    rows = {row: compared.contenders[index] for row, index in compared.rows.items()}
    assert torch.equal(rows["best candidate"].image, shifted(2)) and torch.equal(rows["guided"].image, shifted(3))
    assert rows[BEST_OF_N].label == compared.candidate_labels[2] and torch.equal(rows[BEST_OF_N].image, shifted(2))
    assert all(rows[row].verdict.fidelity == context.guard.judge(rows[row].image).fidelity for row in rows)
