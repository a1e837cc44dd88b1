"""The pipeline where memory is short: regions and batches shrink, what is done stays, and the result says so."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from fakes import tiny_engine, tiny_photo

from ttpo_cli.errors import MemoryExhausted, UsageError
from ttpo_cli.metrics.ranker import Ranker
from ttpo_cli.pipeline import load_engine, restore_photo
from ttpo_cli.settings.candidates import CandidateOptions
from ttpo_cli.settings.engine import EngineOptions
from ttpo_cli.settings.settings import Settings


def with_tools(engine, **changes):
    return replace(engine, tools=replace(engine.tools, **changes))


def tight(engine, largest, images=99, error=None, calls=None):
    """The engine with a prior that has memory for `images` latents of `largest` pixels a side at once."""

    def denoise(x, sigma, condition):
        if max(x.shape[-2:]) > largest or len(x) > images:
            raise error or torch.OutOfMemoryError("CUDA out of memory")
        if calls is not None:
            calls.append(tuple(x.shape))
        return engine.tools.prior.denoise(x, sigma, condition)

    return with_tools(engine, prior=replace(engine.tools.prior, denoise=denoise))


def run(engine, photo, **settings):
    return restore_photo(photo, engine, Settings(**settings))


def test_a_photo_in_one_piece_that_does_not_fit_goes_on_in_regions_of_half_its_side():
    photo = tiny_photo(72, 80)  # x4: 288 x 320
    result = run(tight(tiny_engine(), 200), photo)
    assert result.outcome.final.shape == (1, 3, 288, 320)
    assert "out of memory in one piece: the three stages went on in regions of 160" in result.outcome.notes
    assert "regions chose by itself" in result.outcome.reason
    assert torch.isfinite(result.outcome.final).all()


def test_a_photo_that_fits_in_regions_of_half_its_side_is_done_as_with_that_region_from_the_start():
    photo = tiny_photo(72, 80)
    result = run(tight(tiny_engine(), 200), photo)
    assert torch.equal(result.outcome.final, run(tiny_engine(), photo, region=160, region_overlap=40).outcome.final)


@pytest.mark.parametrize("stage", ["encode", "decode", "metric", "ranker"])
def test_memory_that_any_stage_lacks_for_the_whole_photo_suffices_in_regions(stage):
    engine = tiny_engine()

    def limited(function):
        def call(image):
            if max(image.shape[-2:]) > 200:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return function(image)

        return call

    if stage in ("encode", "decode"):
        engine = with_tools(engine, prior=replace(engine.tools.prior, **{stage: limited(getattr(engine.tools.prior, stage))}))
    elif stage == "metric":
        engine = with_tools(engine, metrics=tuple(replace(metric, function=limited(metric.function)) for metric in engine.tools.metrics))
    else:
        engine = with_tools(engine, ranker=Ranker(width=8).eval())
        engine.tools.ranker.forward = limited(engine.tools.ranker.forward)
    result = run(engine, tiny_photo(72, 80))
    assert result.outcome.final.shape == (1, 3, 288, 320)
    assert "out of memory in one piece: the three stages went on in regions of 160" in result.outcome.notes


def test_a_region_that_does_not_fit_is_split_and_finished_regions_stay():
    engine, calls = tiny_engine(), []
    photo = tiny_photo(64, 150)  # x4: 256 x 600
    spent = []

    def tight_later(x, sigma, condition):
        if max(x.shape[-2:]) > (300 if len(spent) < 20 else 140):
            raise MemoryError
        spent.append(len(x))
        calls.append(max(x.shape[-2:]))
        return engine.tools.prior.denoise(x, sigma, condition)

    result = run(with_tools(engine, prior=replace(engine.tools.prior, denoise=tight_later)), photo, region=256, region_overlap=32)
    assert calls[0] == 256 and calls[-1] <= 128 and calls == sorted(calls, reverse=True)
    assert any("out of memory in regions of 256 pixels: went on with regions of 128" in note for note in result.outcome.notes)
    kept = run(engine, photo, region=256, region_overlap=32)
    assert torch.equal(result.outcome.final[..., :128], kept.outcome.final[..., :128])  # the first region, finished before memory was short


def test_candidate_batches_halve_and_the_result_stays_the_same():
    photo = tiny_photo(16, 16)
    options = CandidateOptions(batch=4)
    plain = run(tiny_engine(), photo, candidates=options)
    calls = []
    result = run(tight(tiny_engine(), 999, images=2, calls=calls), photo, candidates=options)
    assert max(shape[0] for shape in calls) == 2
    assert result.outcome.notes == ("out of memory with 4 candidates at once: went on with 2",)
    assert torch.allclose(result.outcome.final, plain.outcome.final, atol=1e-6) and plain.outcome.notes == ()


def test_memory_too_short_for_the_smallest_region_is_said_in_words():
    with pytest.raises(MemoryExhausted, match="even in regions of 128 pixels"):
        run(tight(tiny_engine(), 64), tiny_photo(72, 80))
    with pytest.raises(MemoryExhausted, match="for a photo of 64 pixels"):
        run(tight(tiny_engine(), 32), tiny_photo(12, 16))


def test_another_error_is_not_taken_for_a_lack_of_memory():
    with pytest.raises(RuntimeError, match="shapes"):
        run(tight(tiny_engine(), 8, error=RuntimeError("mat1 and mat2 shapes cannot be multiplied")), tiny_photo())


@pytest.mark.parametrize("region", [1024, 128])
def test_the_result_says_the_most_memory_that_was_held_in_each_stage_and_in_all(region):
    result = run(tiny_engine(), tiny_photo(40, 50), region=region, region_overlap=32)
    stages = {stage: held["process"] for stage, held in result.timings.peak_memory.items()}
    assert set(stages) == {"restore", "candidates", "selection", "guidance", "choice", "joining", "all"} == {*result.timings.seconds, "all"}
    assert stages["all"] == max(stages.values()) and min(stages.values()) > 10 * 2**20


def test_without_the_stages_neither_prior_nor_metrics_are_loaded():
    options = EngineOptions("bicubic", "a prior nobody has", ("a metric nobody has",), "cpu", scale=2)
    engine = load_engine(options, Settings(ttpo=False))
    assert engine.tools is None
    photo = tiny_photo()
    result = restore_photo(photo, engine, Settings(ttpo=False))
    assert result.outcome.final.shape == (1, 3, 24, 32) and result.outcome.chosen == "restored"
    with pytest.raises(UsageError, match="a prior nobody has"):
        load_engine(options, Settings())


@pytest.mark.parametrize(("height", "width", "in_regions"), [(8, 33, True), (32, 32, False), (33, 8, True)])
def test_it_is_the_longer_side_that_sends_a_photo_into_regions_and_the_page_says_so(height, width, in_regions):
    """Not the area: 33 x 8 pixels at scale 4 are fewer than a region of 128 x 128 holds."""
    outcome = run(tiny_engine(), tiny_photo(height, width), region=128, region_overlap=8).outcome
    assert ("regions chose by itself" in outcome.reason) is in_regions
    page = (Path(__file__).parents[2] / "docs" / "method.md").read_text("utf-8")
    assert "longer side" in next(line for line in page.splitlines() if "`--region`" in line)
