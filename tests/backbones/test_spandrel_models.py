"""Checkpoints of other people: published numbers, tiles, half precision, grey networks, and files that are refused in words."""

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from ttpo_cli.backbones.catalog import load_backbone
from ttpo_cli.backbones.inference import restore
from ttpo_cli.errors import WeightsError
from ttpo_cli.imaging.colour import luma
from ttpo_cli.imaging.resize import imresize
from ttpo_cli.settings.restore import RestoreOptions
from ttpo_cli.weights.manifest import read_manifest

CPU = torch.device("cpu")


def read(path):
    return torch.from_numpy(np.array(Image.open(path).convert("RGB"))).permute(2, 0, 1)[None].float() / 255


def psnr_y(image, reference, border=4):
    """As super-resolution papers measure: Y of BT.601 from 8-bit output, a border of `scale` pixels cut."""
    difference = (luma((image * 255).round() / 255) - luma(reference))[..., border:-border, border:-border]
    return float(-10 * torch.log10(difference.double().square().mean()))


@pytest.fixture(scope="module")
def butterfly(shared_data):
    """img_003 of Set5, the smallest: (lq, hq)."""
    folder = shared_data / "benchmark" / "Set5_x4"
    return read(folder / "img_003_SRF_4_LR.png"), read(folder / "img_003_SRF_4_HR.png")


@pytest.mark.parametrize(
    ("file", "architecture", "expected"),
    [
        ("DCTLSA_x4.pt", "DCTLSA", 29.576),
        ("CRAFT_x4.pth", "CRAFT", 29.187),
        ("DITN_Real_x4.pth", "DITN", 28.551),
        ("DITN_Real_GAN_x4.pth", "DITN", 20.903),
    ],
)
def test_real_checkpoints_give_the_psnr_behind_their_published_mean(shared_data, butterfly, file, architecture, expected):
    backbone = load_backbone(shared_data / "backbones" / file)
    assert (backbone.architecture, backbone.scale, backbone.channels, backbone.task) == (architecture, 4, 3, "super-resolution")
    assert psnr_y(restore(backbone, butterfly[0], CPU).image, butterfly[1]) == pytest.approx(expected, abs=0.02)


@pytest.mark.skipif("lfc-sr-small-x4" not in read_manifest(), reason="the embedded super-resolver is not trained yet")
def test_the_embedded_super_resolver_beats_bicubic(butterfly):
    gains = [
        psnr_y(restore(backbone, butterfly[0], CPU).image, butterfly[1]) - psnr_y(imresize(butterfly[0], 4).clamp(0, 1), butterfly[1])
        for backbone in (load_backbone("lfc-sr-small", blend=0), load_backbone("lfc-sr-small"))
    ]
    assert min(gains) > 1


def test_tiles_agree_with_the_whole_image(shared_data, butterfly):
    backbone = load_backbone(shared_data / "backbones" / "DITN_Real_x4.pth")
    whole = restore(backbone, butterfly[0], CPU, RestoreOptions(tile=0)).image
    tiled = restore(backbone, butterfly[0], CPU, RestoreOptions(tile=48, overlap=12))
    assert tiled.tile_used == 48
    assert psnr_y(tiled.image, whole, 1) > 40
    assert psnr_y(tiled.image, butterfly[1]) == pytest.approx(28.55, abs=0.1)


def test_bf16_is_close_to_fp32(shared_data, butterfly):
    backbone = load_backbone(shared_data / "backbones" / "DITN_Real_x4.pth")
    half = restore(backbone, butterfly[0], CPU, RestoreOptions(precision="bf16"))
    assert half.precision_used == "bf16"
    assert psnr_y(half.image, restore(backbone, butterfly[0], CPU).image, 1) > 45


def test_a_scale_of_two_and_an_odd_size_work(shared_data):
    image = restore(load_backbone(shared_data / "backbones" / "DCTLSA_x2.pt"), torch.rand(1, 3, 13, 21), CPU).image
    assert image.shape == (1, 3, 26, 42)


def test_a_grey_denoiser_cleans_a_colour_photo_channel_by_channel_and_says_so(shared_data, butterfly):
    backbone = load_backbone(shared_data / "backbones" / "DnCNN_gray_sigma25.pth")
    assert (backbone.channels, backbone.scale, backbone.task, backbone.noise_sigma) == (1, 1, "denoise", None)
    clean = butterfly[1][..., :64, :64]
    noisy = (clean + 25 / 255 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))).clamp(0, 1)
    result = restore(backbone, noisy, CPU)
    assert "one by one" in result.notes[0]
    assert psnr_y(result.image, clean) > psnr_y(noisy, clean) + 5
    grey = noisy[:, :1].expand(-1, 3, -1, -1)
    assert restore(backbone, grey, CPU).notes == ()


def test_the_same_weights_as_safetensors_give_the_same_image(shared_data, tmp_path):
    source = shared_data / "backbones" / "DITN_Real_x4.pth"
    save_file(torch.load(source, weights_only=True), tmp_path / "ditn.safetensors")
    lq = torch.rand(1, 3, 16, 16)
    images = [restore(load_backbone(path), lq, CPU).image for path in (source, tmp_path / "ditn.safetensors")]
    assert torch.equal(*images)


@pytest.mark.parametrize("file", ["unsupported_IMDN_x4.pth", "unsupported_legacy_pickle.pth"])
def test_weights_of_an_unknown_network_are_refused_in_words(shared_data, file):
    with pytest.raises(WeightsError, match=rf"{file} was made for a network that ttpo does not know: give a checkpoint") as caught:
        load_backbone(shared_data / "backbones" / file)
    assert "Error" not in str(caught.value)


def test_weights_that_only_look_like_a_known_network_are_refused_in_words(shared_data, tmp_path):
    state = torch.load(shared_data / "backbones" / "DITN_Real_x4.pth", weights_only=True)
    del state["sft.bias"]
    torch.save(state, tmp_path / "variant.pth")
    with pytest.raises(WeightsError, match="variant"):
        load_backbone(tmp_path / "variant.pth")
