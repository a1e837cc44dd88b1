"""Tiles of exactly one size: an identity stays one, every tile has the size, and seams are blended."""

import pytest
import torch

from ttpo_cli.imaging.exact_tiles import map_exact_tiles

TILE = (6, 10)


@pytest.mark.parametrize("size", [(6, 10), (7, 11), (25, 33), (6, 40), (3, 4), (1, 1), (20, 5)])
@pytest.mark.parametrize("overlap", [0, 2, 99])
@pytest.mark.parametrize("scale", [1, 3])
def test_an_identity_of_tiles_is_one_of_the_image_at_any_size(size, overlap, scale):
    image, seen, progress = torch.rand(1, 3, *size), [], []

    def enlarge(tile):
        seen.append(tuple(tile.shape[-2:]))
        return tile.repeat_interleave(scale, 2).repeat_interleave(scale, 3)

    result = map_exact_tiles(
        enlarge, image, size=TILE, overlap=overlap, scale=scale, on_tile=lambda done, total: progress.append((done, total))
    )
    assert torch.allclose(result, enlarge(image), atol=1e-6)
    assert set(seen[:-1]) == {TILE}
    assert progress == [(done + 1, len(progress)) for done in range(len(progress))]


def test_a_step_between_neighbouring_tiles_becomes_a_ramp_across_what_they_share():
    values = iter((0.0, 1.0))
    result = map_exact_tiles(lambda tile: torch.full_like(tile, next(values)), torch.zeros(1, 1, 6, 16), size=TILE, overlap=4)[0, 0, 0]
    assert torch.equal(result[:6], torch.zeros(6)) and torch.equal(result[10:], torch.ones(6))
    assert bool((result[6:10].diff() > 0).all())
    assert torch.allclose(result + result.flip(0), torch.ones(16))


def test_half_precision_tiles_are_summed_in_float32():
    image = torch.rand(1, 1, 12, 12)
    assert map_exact_tiles(lambda tile: tile.half(), image, size=TILE, overlap=2).dtype == torch.float32
