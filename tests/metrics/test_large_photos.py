"""Windows over large photos: all of it, once where it fits, of equal size."""

import pytest
import torch

from ttpo_cli.metrics.large_photos import in_windows, windows


@pytest.mark.parametrize(("size", "side"), [(100, 100), (101, 100), (250, 100), (999, 100), (7, 3), (5, 1)])
def test_windows_are_the_fewest_of_one_size_and_cover_everything(size, side):
    cut = windows(size, side)
    assert len({stop - start for start, stop in cut}) == 1 and cut[0][1] - cut[0][0] <= side
    assert len(cut) == -(-size // side)
    assert set().union(*(range(start, stop) for start, stop in cut)) == set(range(size))


def test_a_photo_that_fits_is_seen_whole_and_a_larger_one_as_the_mean_of_its_windows():
    seen = []

    def mean(image, reference):
        seen.append(image.shape[-2:])
        assert image.shape == reference.shape
        return (image - reference).mean(dim=(1, 2, 3))

    image, reference = torch.rand(2, 3, 20, 50), torch.rand(2, 3, 20, 50)
    whole = in_windows(mean, 50, image, reference)
    assert seen == [(20, 50)]
    parts = in_windows(mean, 25, image, reference)
    assert seen[1:] == [(20, 25), (20, 25)] and torch.allclose(whole, parts, atol=1e-6)
    assert torch.equal(in_windows(mean, None, image, reference), whole)
