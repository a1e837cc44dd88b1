"""The rival is the best that more candidates could have brought: never the restored or the guided image, never what the guard refuses."""

from dataclasses import replace

import torch
from analytic_prior import smooth_image
from torch import Tensor

from ttpo_cli.imaging.resize import imresize
from ttpo_cli.metrics.metric import Metric
from ttpo_cli.preference.best_of_n import with_rival
from ttpo_cli.preference.optimisation import choose
from ttpo_cli.preference.outcome import RIVAL, Outcome
from ttpo_cli.preference.selection import panel_for, score_images
from ttpo_cli.settings.guard import GuardOptions
from ttpo_cli.settings.selection import SelectionOptions

RESTORED = smooth_image(48, 48)
LQ = imresize(RESTORED, 0.5).clamp(0, 1)
SELECTION = SelectionOptions()


def brightness(image: Tensor) -> Tensor:
    return image.mean(dim=(1, 2, 3))


PANEL = panel_for((Metric("bright", brightness, False, False, 1, None, None, "Apache-2.0", "test", True),), 48, 48)


def shifted(levels: float) -> Tensor:
    return RESTORED + levels / 255


def outcome_of(candidates: list[float], guided: float, guard: GuardOptions) -> Outcome:
    images = torch.cat([RESTORED, *(shifted(level) for level in candidates)])
    scores = score_images(images, PANEL)
    labels = ("restored", *(f"candidate {number + 1}" for number in range(len(candidates))))
    return choose(RESTORED, images, shifted(guided), LQ, scores, PANEL, labels, (1, 0), 2, SELECTION, guard)


LENIENT = GuardOptions(fidelity=0, grain=1e9, consistency_margin=1e9)


def rival_of(candidates: list[float], guided: float, further: list[float], guard: GuardOptions = LENIENT) -> tuple[Tensor, Outcome]:
    outcome = outcome_of(candidates, guided, guard)
    told = with_rival(outcome, torch.cat([shifted(level) for level in further]), LQ, PANEL, 2, SELECTION, guard)
    assert told.rival is not None
    return told.rival, told


def test_the_brightest_of_old_and_new_candidates_wins_whatever_guidance_reached() -> None:
    rival, told = rival_of([1, 2], guided=9, further=[3, 1])
    assert torch.allclose(rival, shifted(3), atol=1e-5)
    rival, _ = rival_of([1, 5], guided=9, further=[3, 1])
    assert torch.allclose(rival, shifted(5), atol=1e-5)
    assert told.scores[RIVAL]["fused_jointly"] > told.scores["restored"]["fused_jointly"]


def test_the_restored_image_is_no_rival_even_where_it_is_best() -> None:
    rival, _ = rival_of([-1, -2], guided=-9, further=[-3])
    assert torch.allclose(rival, shifted(-1), atol=1e-5)


def test_what_the_guard_refuses_cannot_win() -> None:
    strict = replace(LENIENT, fidelity=35.0)
    rival, told = rival_of([1], guided=0, further=[2, 30], guard=strict)
    assert torch.allclose(rival, shifted(2), atol=1e-5)
    assert told.verdicts[RIVAL].refused is None
