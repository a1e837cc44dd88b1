"""Somebody is asked between the candidates and the guidance: once, with everything to choose by, and the answer is in the record."""

import pytest
import torch
from fakes import tiny_engine, tiny_photo

from ttpo_cli.pipeline import restore_photo
from ttpo_cli.preference import optimisation
from ttpo_cli.preference.chooser import METRICS_CHOOSE, Chooser, Postponed, postpone
from ttpo_cli.settings.settings import Settings


def run(chooser=METRICS_CHOOSE, photo=None, **options):
    photo = photo or tiny_photo()
    return restore_photo(photo, tiny_engine(), Settings(**options), None, chooser)


def answering(rows, seen):
    def ask(candidates):
        seen.append(candidates)
        return rows

    return Chooser(ask)


def test_an_answer_is_the_same_as_the_pick_known_before():
    seen = []
    asked, known = run(answering((4, 2), seen)), run(pick=(4, 2))
    assert torch.equal(asked.outcome.final, known.outcome.final) and asked.settings == known.settings and asked.settings.pick == (4, 2)
    (candidates,) = seen
    assert torch.equal(candidates.images, known.outcome.candidates) and candidates.labels == known.outcome.candidate_labels
    assert [metric.name for metric in candidates.metrics] == list(known.outcome.metric_names)
    assert candidates.scores[3].tolist() == [known.outcome.contenders[3].scores[name] for name in known.outcome.metric_names]


def test_no_answer_leaves_the_choice_to_the_metrics():
    silent, free = run(answering((), [])), run()
    assert torch.equal(silent.outcome.final, free.outcome.final) and silent.settings == free.settings
    assert "asking" in silent.timings.seconds and "asking" not in free.timings.seconds


def test_nobody_is_asked_where_the_pick_is_known_or_the_photo_goes_in_regions():
    seen = []
    run(answering((4, 2), seen), pick=(1, 2))
    run(answering((4, 2), seen), region=32, region_overlap=8)
    run(answering((4, 2), seen), ttpo=False)
    assert seen == []


def test_an_answer_later_ends_the_photo_before_its_guidance(monkeypatch):
    monkeypatch.setattr(optimisation, "guided_denoise", lambda *arguments: pytest.fail("guided"))
    with pytest.raises(Postponed) as postponed:
        run(Chooser(postpone))
    assert len(postponed.value.candidates.images) == 6 and postponed.value.candidates.made.calls == 25


def test_candidates_serve_again_to_the_same_result(monkeypatch):
    with pytest.raises(Postponed) as postponed:
        run(Chooser(postpone))
    fresh = run(pick=(4, 2))
    monkeypatch.setattr(optimisation, "generate", lambda *arguments, **named: pytest.fail("made again"))
    reused = run(Chooser(made=postponed.value.candidates.made), pick=(4, 2))
    assert torch.equal(reused.outcome.final, fresh.outcome.final)
    scores = [[contender.scores for contender in result.outcome.contenders] for result in (reused, fresh)]
    assert scores[0] == scores[1]
    assert reused.outcome.calls == fresh.outcome.calls and reused.outcome.seeds == fresh.outcome.seeds


def test_a_pick_holds_in_regions_where_memory_ends_after_it(monkeypatch):
    guided, seen = optimisation.guided_denoise, []

    def tight(context, *arguments):
        if max(context.canvas.size) > 200:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return guided(context, *arguments)

    monkeypatch.setattr(optimisation, "guided_denoise", tight)
    photo = tiny_photo(72, 80)
    asked = run(answering((4, 2), seen), photo)
    assert len(seen) == 1 and asked.settings.pick == (4, 2) and "regions of 160" in asked.outcome.notes[0]
    assert torch.equal(asked.outcome.final, run(photo=photo, pick=(4, 2)).outcome.final)
    assert not torch.equal(asked.outcome.final, run(photo=photo).outcome.final)
