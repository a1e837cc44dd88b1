import pytest
import torch

from ttpo_cli.preference.guided import compose, regional_weights, smooth_maps


def test_weights_sum_to_one_and_prefer_the_better_candidate_in_each_region() -> None:
    maps = torch.zeros(2, 1, 8, 8)
    maps[0, :, :, :4] = 1.0
    maps[1, :, :, 4:] = 1.0
    weights = regional_weights(maps, (64, 64), window=8, sharpness=8.0)
    assert torch.allclose(weights.sum(dim=0), torch.ones(1, 64, 64), atol=1e-5)
    assert float(weights[0, 0, :, :16].min()) > 0.95
    assert float(weights[1, 0, :, 48:].min()) > 0.95


def test_a_negative_sharpness_prefers_the_worst() -> None:
    maps = torch.stack((torch.full((1, 4, 4), 1.0), torch.full((1, 4, 4), -1.0)))
    assert float(regional_weights(maps, (16, 16), 8, -6.0)[1].min()) > 0.99


def test_candidates_that_score_alike_share_evenly() -> None:
    weights = regional_weights(torch.full((3, 1, 4, 4), 0.7), (32, 32), 16, 4.0)
    assert torch.allclose(weights, torch.full_like(weights, 1 / 3), atol=1e-4)


def test_adding_a_constant_per_place_to_all_maps_changes_nothing() -> None:
    maps, offset = torch.rand(3, 1, 6, 6), torch.rand(1, 1, 6, 6)
    plain, shifted = (regional_weights(values, (48, 48), 8, 4.0) for values in (maps, maps + 5 * offset))
    assert torch.allclose(plain, shifted, atol=1e-4)


def test_windows_average_and_keep_constants_up_to_the_border() -> None:
    assert torch.allclose(smooth_maps(torch.full((1, 1, 5, 7), 2.5), 3), torch.full((1, 1, 5, 7), 2.5))
    point = torch.zeros(1, 1, 7, 7)
    point[..., 3, 3] = 9.0
    assert float(smooth_maps(point, 3)[..., 2, 2]) == pytest.approx(1.0)


@pytest.mark.parametrize("shape", [(1, 1), (3, 50), (17, 16)])
def test_any_size_of_photo_works(shape: tuple[int, int]) -> None:
    maps = torch.rand(2, 1, -(-shape[0] // 16), -(-shape[1] // 16))
    weights = regional_weights(maps, shape, 32, 4.0)
    assert weights.shape == (2, 1, *shape)
    assert torch.isfinite(weights).all()


def test_the_composite_takes_each_region_from_its_candidate() -> None:
    images = torch.stack((torch.zeros(3, 4, 4), torch.ones(3, 4, 4)))
    weights = torch.zeros(2, 1, 4, 4)
    weights[0, :, :, :2], weights[1, :, :, 2:] = 1, 1
    assert compose(images, weights)[0, 0, 0].tolist() == [0, 0, 1, 1]


def test_how_decided_the_weights_are_does_not_depend_on_the_unit_of_the_maps() -> None:
    maps = torch.rand(3, 1, 6, 6)
    plain, scaled = (regional_weights(values, (48, 48), 8, 4.0) for values in (maps, 1000 * maps))
    assert torch.allclose(plain, scaled, atol=1e-4)
