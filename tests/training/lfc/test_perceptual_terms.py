"""The terms of the perceptual loss, each against a second implementation or a published count."""

import math
from pathlib import Path

import numpy as np
import pytest
import pywt
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from ttpo_cli.errors import WeightsError
from ttpo_cli.training.lfc.contextual import VggFeatures, contextual_loss, patch_features
from ttpo_cli.training.lfc.discriminator import Discriminator, adversarial_loss, discriminator_loss
from ttpo_cli.training.lfc.low_pass import ablation_low_pass, downscaled
from ttpo_cli.training.lfc.train import load_features
from ttpo_cli.weights.checkpoint import save_checkpoint


def literal_contextual(features: np.ndarray, target: np.ndarray, bandwidth: float) -> float:
    """Mechrez et al., Eq. 2-5, sample by sample with loops and plain exponentials."""
    centre = target.mean(axis=(0, 2, 3))
    losses = []
    for own, wanted in zip(features, target, strict=True):
        x = (own.reshape(own.shape[0], -1) - centre[:, None]).T
        y = (wanted.reshape(wanted.shape[0], -1) - centre[:, None]).T
        distance = np.array([[1 - max(0.0, min(1.0, a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))) for b in y] for a in x])
        weight = np.exp((1 - distance / (distance.min(axis=1, keepdims=True) + 1e-5)) / bandwidth)
        affinity = weight / weight.sum(axis=1, keepdims=True)
        losses.append(-math.log(affinity.max(axis=0).mean() + 1e-5))
    return float(np.mean(losses))


def test_the_contextual_loss_is_its_definition() -> None:
    generator = torch.Generator().manual_seed(1)
    features, target = (torch.rand(2, 5, 3, 4, generator=generator, dtype=torch.float64) for _ in range(2))
    expected = literal_contextual(features.numpy(), target.numpy(), 0.5)
    assert float(contextual_loss(features, target, 0.5)) == pytest.approx(expected, rel=1e-6)


def test_the_contextual_loss_does_not_care_where_a_feature_lies() -> None:
    target = torch.rand(1, 6, 4, 4)
    moved = target.flatten(2)[..., torch.randperm(16)].view_as(target)
    assert float(contextual_loss(moved, target)) == pytest.approx(0.0, abs=1e-3)
    assert float(contextual_loss(torch.rand(1, 6, 4, 4), target)) > 0.1


def test_the_contextual_loss_is_finite_and_has_finite_gradients_at_its_sharp_bandwidth() -> None:
    target = torch.rand(2, 75, 6, 6)
    for image in (target.clone(), torch.zeros_like(target), torch.rand_like(target)):
        image.requires_grad_(True)
        loss = contextual_loss(image, target)
        loss.backward()
        assert torch.isfinite(loss)
        assert image.grad is not None
        assert torch.isfinite(image.grad).all()


def test_patches_are_the_pixels_of_their_windows() -> None:
    image = torch.rand(1, 3, 14, 11)
    features = patch_features(image, size=5, stride=3)
    assert features.shape == (1, 75, 4, 3)
    assert torch.equal(features[0, :, 2, 1], image[0, :, 6:11, 3:8].flatten())


def test_the_grid_of_patches_can_begin_elsewhere() -> None:
    image = torch.rand(1, 3, 14, 11)
    features = patch_features(image, size=5, stride=3, start=(1, 2))
    assert features.shape == (1, 75, 3, 2)
    assert torch.equal(features[0, :, 2, 1], image[0, :, 7:12, 5:10].flatten())


def test_moving_patches_begin_everywhere_in_the_same_order_each_time() -> None:
    image = torch.rand(1, 3, 11, 11)
    whole = functional.unfold(image, 5).unflatten(2, (7, 7))
    starts = []
    for number in range(60):
        first = load_features("moving-patches", 3, torch.device("cpu"))(number)(image)[..., 0, 0]
        starts.append((whole - first[..., None, None]).abs().sum(1).flatten().argmin().item())
        assert torch.equal(first, load_features("moving-patches", 3, torch.device("cpu"))(number)(image)[..., 0, 0])
    assert set(starts) == {row * 7 + column for row in range(3) for column in range(3)}
    assert torch.equal(load_features("patches", 3, torch.device("cpu"))(5)(image), patch_features(image))


def test_what_the_input_shows_is_ll_of_a_two_level_haar_transform() -> None:
    image = torch.rand(1, 3, 16, 24, dtype=torch.float64)
    for scale, level in ((2, 1), (4, 2)):
        expected = pywt.wavedec2(image.numpy(), "haar", level=level, axes=(-2, -1))[0]
        assert np.allclose(downscaled(image, scale).numpy(), expected)


def test_the_gaussian_is_scipys_with_mirrored_edges() -> None:
    image = torch.rand(1, 3, 30, 40, dtype=torch.float64)
    expected = ndimage.gaussian_filter(image.numpy(), sigma=(0, 0, 3, 3), mode="mirror", radius=(0, 0, 10, 10))
    assert np.allclose(ablation_low_pass(image).numpy(), expected, atol=1e-12)


@pytest.mark.parametrize(("features", "crop", "count"), [(64, 144, 86_083_009), (32, None, 287_585)])
def test_the_discriminators_have_their_published_sizes(features: int, crop: int | None, count: int) -> None:
    with torch.device("meta"):
        judge = Discriminator(features, crop)
        assert judge(torch.rand(2, 3, 144, 144, device="meta")).shape == (2, 1)
    assert sum(parameter.numel() for parameter in judge.parameters()) == count


@pytest.mark.parametrize("crop", [36, 52, 108])
def test_the_papers_discriminator_takes_crops_that_do_not_halve_evenly(crop: int) -> None:
    with torch.device("meta"):
        assert Discriminator(64, crop)(torch.rand(2, 3, crop, crop, device="meta")).shape == (2, 1)


def test_the_adversarial_losses_are_two_logs_and_pull_apart() -> None:
    real, fake = torch.tensor([[2.0], [0.5]]), torch.tensor([[-1.0], [0.25]])
    expected = -torch.log(torch.sigmoid(real)).mean() - torch.log(1 - torch.sigmoid(fake)).mean()
    assert float(discriminator_loss(real, fake)) == pytest.approx(float(expected))
    assert float(adversarial_loss(fake)) == pytest.approx(float(-torch.log(torch.sigmoid(fake)).mean()))


def vgg_state(width: int = 64) -> dict[str, Tensor]:
    shapes = {0: (64, 3), 2: (64, width), 5: (128, 64), 7: (128, 128), 10: (256, 128), 12: (256, 256), 14: (256, 256), 16: (256, 256)}
    weights = {f"features.{index}.weight": torch.randn(*shape, 3, 3) * 0.05 for index, shape in shapes.items()}
    return weights | {f"features.{index}.bias": torch.zeros(shape[0]) for index, shape in shapes.items()}


def test_vgg_features_are_those_of_the_file_and_a_file_of_another_shape_is_refused_by_name(tmp_path: Path) -> None:
    state = vgg_state()
    save_checkpoint(tmp_path / "vgg19.safetensors", state | {"classifier.0.weight": torch.zeros(1)}, {})
    torch.save(state, tmp_path / "vgg19.pth")
    image = torch.rand(1, 3, 16, 16)
    features = [VggFeatures(tmp_path / f"vgg19{suffix}")(image) for suffix in (".safetensors", ".pth")]
    assert features[0].shape == (1, 256, 4, 4)
    assert torch.equal(*features)
    assert float(features[0].min()) == 0  # after the ReLU
    save_checkpoint(tmp_path / "wide.safetensors", vgg_state(32), {})
    with pytest.raises(WeightsError, match=r"features\.2\.weight has shape \(64, 32, 3, 3\), \(64, 64, 3, 3\) expected"):
        VggFeatures(tmp_path / "wide.safetensors")
    del state["features.16.bias"]
    save_checkpoint(tmp_path / "short.safetensors", state, {})
    with pytest.raises(WeightsError, match=r"features\.16\.bias is missing"):
        VggFeatures(tmp_path / "short.safetensors")
    with pytest.raises(WeightsError, match="cannot be read"):
        VggFeatures(tmp_path / "none.pth")
