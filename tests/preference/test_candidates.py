from dataclasses import replace

import pytest
import torch
from analytic_prior import gaussian_denoiser, smooth_image
from torch import Tensor

from ttpo_cli.diffusion.denoiser import CallCounter
from ttpo_cli.errors import UsageError
from ttpo_cli.preference.candidates import Seeds, derive_seed, extra_strengths, generate
from ttpo_cli.settings.candidates import CandidateOptions

OPTIONS = CandidateOptions(strengths=(0.1, 0.3), per_strength=2, steps=6)
LATENT = smooth_image(16, 16) * 2 - 1


def _make(options: CandidateOptions, content: str = "photo", seed: int = 0) -> Tensor:
    return generate(gaussian_denoiser(0.2), LATENT, Seeds(content, seed), options).latents


def test_a_candidate_depends_on_the_photo_and_the_seed_but_not_on_its_batch() -> None:
    together = _make(OPTIONS)
    assert torch.allclose(together, _make(replace(OPTIONS, batch=1)), atol=1e-6)
    assert torch.allclose(together, _make(replace(OPTIONS, batch=3)), atol=1e-6)
    assert torch.equal(together, _make(OPTIONS))
    assert not torch.allclose(together, _make(OPTIONS, seed=1))
    assert not torch.allclose(together, _make(OPTIONS, content="another"))


def test_more_seeds_add_candidates_and_change_none() -> None:
    more = generate(gaussian_denoiser(0.2), LATENT, Seeds("photo", 0), replace(OPTIONS, per_strength=3))
    few = generate(gaussian_denoiser(0.2), LATENT, Seeds("photo", 0), OPTIONS)
    kept = dict(zip(more.seeds, more.latents, strict=True))
    for seed, latent in zip(few.seeds, few.latents, strict=True):
        assert torch.allclose(kept[seed], latent, atol=1e-6)


def test_inversion_without_fresh_noise_returns_the_restored_image() -> None:
    errors = []
    for steps in (8, 16):
        options = replace(OPTIONS, mode="inversion", eta=0.0, steps=steps, solver="heun")
        made = generate(lambda x, sigma, centre: gaussian_denoiser(0.2)(x, sigma, 0.5 * centre), LATENT, Seeds("photo", 0), options)  # type: ignore[operator]
        errors.append(float((made.latents - LATENT).abs().max()))
    assert 0 < errors[1] < errors[0] / 3 < 0.01


def test_eta_one_makes_inversion_the_noising_mode() -> None:
    assert torch.allclose(_make(replace(OPTIONS, mode="inversion", eta=1.0)), _make(OPTIONS), atol=1e-5)


def test_stronger_noise_strays_further_from_the_restored_image() -> None:
    distance = (_make(OPTIONS) - LATENT).square().mean(dim=(1, 2, 3))
    assert distance[2:].min() > distance[:2].max()


@pytest.mark.parametrize(
    "change",
    [
        {"mode": "inversion"},
        {"strengths": (0.1, 0.25)},
        {"steps": 7},
        {"solver": "heun"},
        {"sigma_min": 0.02},
        {"mode": "inversion", "eta": 0.3},
    ],
)
def test_every_option_changes_the_candidates(change: dict) -> None:
    assert not torch.allclose(_make(OPTIONS), _make(replace(OPTIONS, **change)), atol=1e-6)


def test_halving_makes_no_more_calls_keeps_the_better_half_and_marks_the_rest() -> None:
    options = CandidateOptions(strengths=(0.1, 0.2, 0.3), per_strength=2, steps=8)
    full, halved = CallCounter(), CallCounter()
    generate(full.wrap(gaussian_denoiser(0.2), "all"), LATENT, Seeds("photo", 0), options)

    def likes_calm(latents: Tensor) -> Tensor:
        return -(latents - LATENT).square().mean(dim=(1, 2, 3))

    made = generate(
        halved.wrap(gaussian_denoiser(0.2), "all"), LATENT, Seeds("photo", 0), replace(options, halving=True), score_latents=likes_calm
    )
    assert halved.calls <= full.calls
    assert halved.calls > 0.7 * full.calls
    assert made.stopped == (False, False, False, True, True, True) or sum(made.stopped) == 3
    assert likes_calm(made.latents[[not stop for stop in made.stopped]]).mean() > likes_calm(made.latents[list(made.stopped)]).mean()


def test_extra_candidates_cost_no_less_than_the_calls_they_stand_for() -> None:
    options = CandidateOptions(strengths=(0.1, 0.2, 0.3), steps=5, solver="euler")
    assert extra_strengths(options, 0) == []
    assert extra_strengths(options, 8) == [(0.1, 0.3)] or len(extra_strengths(options, 8)[0]) == 2
    assert extra_strengths(options, 20) == [(0.1, 0.2, 0.3), (0.2,)]


def test_further_candidates_are_those_that_more_seeds_would_have_made() -> None:
    more = generate(gaussian_denoiser(0.2), LATENT, Seeds("photo", 0), replace(OPTIONS, per_strength=3))
    further = generate(gaussian_denoiser(0.2), LATENT, Seeds("photo", 0), replace(OPTIONS, per_strength=1), first=2)
    assert set(further.seeds) == {more.seeds[2], more.seeds[5]}


def test_seeds_differ_by_purpose_and_fit_a_generator() -> None:
    seeds = {derive_seed("a", 0, "candidate", strength, k) for strength in (0.1, 0.2) for k in range(5)}
    assert len(seeds) == 10
    assert all(0 <= seed < 2**63 for seed in seeds)


@pytest.mark.parametrize(
    "change", [{"mode": "inverson"}, {"strengths": ()}, {"per_strength": 0}, {"strengths": (1.2,)}, {"halving": True}, {"steps": 0}]
)
def test_options_that_make_no_sense_are_refused(change: dict) -> None:
    with pytest.raises(UsageError):
        _make(replace(OPTIONS, **change))
