import pytest
import torch

from ttpo_cli.imaging.filters import gaussian_blur
from ttpo_cli.imaging.resize import imresize
from ttpo_cli.training.degradation.distortions import FAULTS
from ttpo_cli.training.haar_similarity import haar_similarity, haar_similarity_map

GENERATOR = torch.Generator().manual_seed(0)
COARSE = torch.nn.functional.interpolate(torch.rand(1, 3, 8, 8, generator=GENERATOR), size=(64, 64), mode="bicubic").clamp(0.1, 0.9)
TEXTURE = 0.06 * torch.randn(1, 1, 64, 64, generator=GENERATOR)
TRUTH = (COARSE + TEXTURE).clamp(0, 1)


def test_the_truth_scores_one_and_nothing_scores_more() -> None:
    assert float(haar_similarity(TRUTH, TRUTH)) == pytest.approx(1, abs=1e-5)
    for fault in FAULTS.values():
        assert float(haar_similarity(fault(TRUTH, 0.5, torch.Generator().manual_seed(1)).clamp(0, 1), TRUTH)) < 0.999


@pytest.mark.parametrize("name", FAULTS)
def test_more_of_a_fault_is_judged_worse(name: str) -> None:
    mild, strong = (FAULTS[name](TRUTH, level, torch.Generator().manual_seed(2)).clamp(0, 1) for level in (0.05, 1.0))
    assert float(haar_similarity(mild, TRUTH)) > float(haar_similarity(strong, TRUTH))


def test_texture_of_the_right_amount_beats_blur_though_its_psnr_is_lower() -> None:
    other = (COARSE + 0.06 * torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(9))).clamp(0, 1)
    blurred = gaussian_blur(TRUTH, 2.0)
    assert float((other - TRUTH).square().mean()) > float((blurred - TRUTH).square().mean())
    assert float(haar_similarity(other, TRUTH)) > float(haar_similarity(blurred, TRUTH))


def test_grain_on_a_smooth_photo_is_judged_worse_than_leaving_it() -> None:
    grainy = (COARSE + 0.04 * torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(3))).clamp(0, 1)
    assert float(haar_similarity(grainy, COARSE)) < float(haar_similarity(imresize(imresize(COARSE, 0.5), 2), COARSE)) < 1.0001


def test_the_map_blames_the_half_that_is_at_fault() -> None:
    half = TRUTH.clone()
    half[..., 32:] = gaussian_blur(TRUTH, 2.0)[..., 32:]
    scores = haar_similarity_map(half, TRUTH)
    assert scores.shape == (1, 1, 8, 8)
    assert float(scores[..., :3].mean()) > float(scores[..., 5:].mean()) + 0.1
