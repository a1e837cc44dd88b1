"""LFC-SR: published parameter counts and cost, and the identities its structure promises."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from ttpo_cli.backbones.han import ChannelSpatialAttention, HANConfig, LayerAttention
from ttpo_cli.backbones.lfc_sr import LFC_SR, LFCSR, build_lfc_sr
from ttpo_cli.backbones.res_clique import CliqueConfig
from ttpo_cli.errors import UsageError
from ttpo_cli.imaging.resize import imresize


def parameters(network):
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


def tiny(scale=4, skip=True, pixel_range=1.0):
    torch.manual_seed(0)
    han = HANConfig(1, 1, 8, 4, "bicubic" if skip else "none", pixel_range)
    return LFCSR(han, CliqueConfig(1, 4, "identity" if skip else "none", pixel_range), scale)


@pytest.mark.parametrize(("preset", "objective", "perceptual"), [("lfc-sr", 16_071_745, 2_601_420), ("lfc-sr-small", 487_201, 226_540)])
def test_both_stages_have_the_published_number_of_parameters(preset, objective, perceptual):
    with torch.device("meta"):
        network = build_lfc_sr(preset)
    assert (parameters(network.objective_stage), parameters(network.perceptual_stage)) == (objective, perceptual)


def test_the_small_preset_costs_24_7_billion_multiplications_at_128_pixels():
    network, total = build_lfc_sr("lfc-sr-small"), 0

    def count(layer, inputs, output):
        nonlocal total
        total += output.numel() * layer.weight[0].numel()

    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(count)
    with torch.no_grad():
        network(torch.rand(1, 3, 32, 32))
    assert total * 16 / 1e9 == pytest.approx(24.7, rel=0.01)


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("size", [(24, 24), (17, 13), (1, 5)])
@pytest.mark.parametrize("skip", [True, False])
def test_every_scale_enlarges_every_size(scale, size, skip):
    for stage in tiny(scale, skip)(torch.rand(2, 3, *size)):
        assert stage.shape == (2, 3, scale * size[0], scale * size[1])
        assert bool(torch.isfinite(stage).all())


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_small_preset_starts_as_bicubic(scale):
    lq = torch.rand(1, 3, 9, 11)
    objective, perceptual = build_lfc_sr("lfc-sr-small", scale)(lq)
    torch.testing.assert_close(objective, imresize(lq, scale=scale))
    torch.testing.assert_close(perceptual, objective)


def test_layer_attention_starts_as_a_concatenation_newest_first():
    maps = [torch.rand(2, 4, 5, 6) for _ in range(3)]
    torch.testing.assert_close(LayerAttention()(maps), torch.cat(maps[::-1], dim=1))


def test_layer_attention_prefers_the_least_similar_depth_and_bears_large_maps_in_half_precision():
    module = LayerAttention()
    nn.init.ones_(module.gamma)
    first, second = torch.zeros(1, 1, 8, 8), torch.full((1, 1, 8, 8), 200.0)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = module([first, second])
    # The newest map meets itself with energy 64 * 200^2 and the other with 0, so it takes in the other: 200 + 0; ties are shared.
    torch.testing.assert_close(mixed, torch.cat([second + first, first + (first + second) / 2], dim=1))


def test_channel_spatial_attention_starts_as_the_identity_and_is_a_3d_convolution():
    module, x = ChannelSpatialAttention(), torch.randn(2, 7, 5, 6)
    torch.testing.assert_close(module(x), x)
    volume = functional.conv3d(x[:, None], module.weight[None, None], module.bias, padding=1)[:, 0]
    torch.testing.assert_close(module.volume(x), volume)


def test_detached_the_perceptual_loss_reaches_no_weight_of_the_objective_stage():
    network = tiny(skip=False)
    for detach, reached in ((True, False), (False, True)):
        network.zero_grad()
        network(torch.rand(1, 3, 8, 8), detach=detach)[1].sum().backward()
        assert any(p.grad is not None for p in network.objective_stage.parameters()) is reached
        assert all(p.grad is not None for p in network.perceptual_stage.parameters())


def test_every_parameter_learns():
    network = tiny(skip=False)
    sum(stage.square().mean() for stage in network(torch.rand(1, 3, 8, 8))).backward()
    assert [name for name, p in network.named_parameters() if p.grad is None or not bool(torch.isfinite(p.grad).all())] == []


def test_images_stay_in_0_1_whatever_the_range_inside():
    lq = torch.full((1, 3, 8, 8), 0.5)
    for pixel_range in (1.0, 255.0):
        for stage in tiny(skip=False, pixel_range=pixel_range)(lq):
            assert 0.2 < stage.mean().item() < 0.8


def test_channels_last_gives_the_same_image():
    network, lq = tiny(skip=False), torch.rand(1, 3, 8, 8)
    expected = network(lq)
    for stage, reference in zip(network.to(memory_format=torch.channels_last)(lq), expected, strict=True):
        torch.testing.assert_close(stage, reference)


def test_an_unknown_preset_or_scale_names_the_right_ones():
    with pytest.raises(UsageError, match=r"lfc-sr-small"):
        build_lfc_sr("lfc-small")
    with pytest.raises(UsageError, match="2, 3 or 4"):
        build_lfc_sr("lfc-sr", 8)
    assert set(LFC_SR) == {"lfc-sr", "lfc-sr-small"}
