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
    return restore_photo(photo.pixels, photo.content_hash, tiny_engine(), Settings(**options), None, chooser)


def answering(rows, seen):
    def ask(offer):
        seen.append(offer)
        return rows

    return Chooser(ask)


def test_an_answer_is_the_same_as_the_pick_known_before():
    seen = []
    asked, known = run(answering((4, 2), seen)), run(pick=(4, 2))
    assert torch.equal(asked.final, known.final) and asked.settings == known.settings and asked.settings["pick"] == (4, 2)
    (offer,) = seen
    assert torch.equal(offer.images, known.candidates) and offer.labels == known.candidate_labels
    assert [metric.name for metric in offer.metrics] == list(known.metric_names)
    assert offer.scores[3].tolist() == [known.scores[offer.labels[3]][name] for name in known.metric_names]


def test_no_answer_leaves_the_choice_to_the_metrics():
    silent, free = run(answering((), [])), run()
    assert torch.equal(silent.final, free.final) and silent.settings == free.settings
    assert "asking" in silent.seconds and "asking" not in free.seconds


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
    assert len(postponed.value.offer.images) == 6 and postponed.value.offer.made.calls == 25


def test_candidates_of_an_offer_serve_again_to_the_same_result(monkeypatch):
    with pytest.raises(Postponed) as postponed:
        run(Chooser(postpone))
    fresh = run(pick=(4, 2))
    monkeypatch.setattr(optimisation, "generate", lambda *arguments, **named: pytest.fail("made again"))
    reused = run(Chooser(made=postponed.value.offer.made), pick=(4, 2))
    assert torch.equal(reused.final, fresh.final) and reused.scores == fresh.scores
    assert reused.network_calls == fresh.network_calls and reused.seeds == fresh.seeds


def test_a_pick_holds_in_regions_where_memory_ends_after_it(monkeypatch):
    guided, seen = optimisation.guided_denoise, []

    def tight(denoise, canvas, *arguments):
        if max(canvas.size) > 200:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return guided(denoise, canvas, *arguments)

    monkeypatch.setattr(optimisation, "guided_denoise", tight)
    photo = tiny_photo(72, 80)
    asked = run(answering((4, 2), seen), photo)
    assert len(seen) == 1 and asked.settings["pick"] == (4, 2) and "regions of 160" in asked.notes[0]
    assert torch.equal(asked.final, run(photo=photo, pick=(4, 2)).final)
    assert not torch.equal(asked.final, run(photo=photo).final)
