"""A batch that halves where memory runs out, and loses nothing that is done."""

import pytest
import torch

from ttpo_cli.device.batching import Batch

CPU = torch.device("cpu")


def limited(most, error, calls):
    def function(part):
        if part.stop - part.start > most:
            raise error
        calls.append((part.start, part.stop))
        return torch.arange(part.start, part.stop)

    return function


def test_without_a_lack_of_memory_the_slices_are_the_plain_ones():
    calls, batch = [], Batch(4, "images")
    assert torch.equal(batch.run(limited(4, MemoryError(), calls), 10, CPU), torch.arange(10))
    assert calls == [(0, 4), (4, 8), (8, 10)] and batch.notes == [] and batch.size == 4


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        RuntimeError("MPS backend out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED"),
    ],
)
def test_a_batch_halves_until_it_fits_and_stays_that_small_for_the_next_loop(error):
    calls, batch = [], Batch(8, "images")
    assert torch.equal(batch.run(limited(3, error, calls), 10, CPU), torch.arange(10))
    assert calls == [(0, 2), (2, 4), (4, 6), (6, 8), (8, 10)] and batch.size == 2
    assert batch.notes == ["out of memory with 8 images at once: went on with 4", "out of memory with 4 images at once: went on with 2"]
    batch.run(limited(3, error, calls), 2, CPU)
    assert len(batch.notes) == 2


def test_finished_slices_stay_when_a_later_one_fails():
    calls = []

    def tight_later(part):
        return limited(4 if part.start < 4 else 2, MemoryError(), calls)(part)

    assert torch.equal(Batch(4, "images").run(tight_later, 8, CPU), torch.arange(8))
    assert calls == [(0, 4), (4, 6), (6, 8)]


def test_a_single_image_that_does_not_fit_and_another_error_come_through():
    with pytest.raises(MemoryError):
        Batch(4, "images").run(limited(0, MemoryError(), []), 3, CPU)
    with pytest.raises(RuntimeError, match="shapes"):
        Batch(4, "images").run(limited(0, RuntimeError("shapes cannot be multiplied"), []), 3, CPU)
