"""A person's pick in place of the metrics' choice: it decides, the guard still guards, and it is repeated to the same result."""

import pytest
import torch
from fakes import tiny_engine, tiny_photo

from ttpo_cli.errors import UsageError
from ttpo_cli.pipeline import restore_photo
from ttpo_cli.report.provenance import settings_of
from ttpo_cli.report.record import record_result
from ttpo_cli.settings.guard import GuardOptions
from ttpo_cli.settings.settings import Settings


def picked(pick, **options):
    photo = tiny_photo()
    return restore_photo(photo, tiny_engine(), Settings(pick=pick, **options)).outcome


def test_the_pick_is_the_pair_and_the_result_is_the_preferred_or_what_was_guided_towards_it():
    free = picked(())
    for preferred in range(1, 6):
        dispreferred = 1 + preferred % 5
        result = picked((preferred, dispreferred))
        assert (result.preferred, result.dispreferred) == (preferred, dispreferred)
        assert result.chosen in (result.candidate_labels[preferred], "guided") and "a person preferred" in result.reason
        assert torch.equal(result.candidates, free.candidates), "the pick comes after the candidates"


def test_guidance_goes_towards_the_preferred_and_away_from_the_dispreferred():
    one, other = picked((1, 5)), picked((5, 1))
    assert not torch.equal(one.image("guided"), other.image("guided"))

    def distance(result, row):
        return float((result.image("guided") - result.candidates[row : row + 1]).square().mean())

    assert distance(one, 1) - distance(one, 5) < distance(other, 1) - distance(other, 5)


def test_the_restored_image_may_be_preferred_and_then_it_is_the_result():
    result = picked((0, 3))
    assert result.chosen == "restored" and torch.equal(result.final, result.restored)


def test_the_guard_refuses_a_pick_too():
    result = picked((5, 1), guard=GuardOptions(fidelity=99.0))
    assert result.chosen == "restored"


def test_a_record_repeats_the_pick_to_the_same_pixels():
    photo = tiny_photo()
    first = restore_photo(photo, tiny_engine(), Settings(pick=(4, 2)))
    record = record_result(first, tiny_photo(), tiny_engine(), [])
    settings = settings_of(record)
    assert settings.pick == (4, 2)
    assert torch.equal(restore_photo(photo, tiny_engine(), settings).outcome.final, first.outcome.final)


@pytest.mark.parametrize("pick", [(1,), (2, 2), (6, 1), (-1, 2), (1, 2, 3)])
def test_a_pick_that_names_no_two_images_is_refused(pick):
    with pytest.raises(UsageError, match="two of 6 images"):
        picked(pick)
