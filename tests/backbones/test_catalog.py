"""`--backbone NAME|FILE`: names, our own checkpoints, and words for every file that is not a restorer."""

import pytest
import torch
from analytic_prior import smooth_image
from torch import nn

from ttpo_cli.backbones.catalog import BACKBONES, load_backbone
from ttpo_cli.backbones.inference import restore
from ttpo_cli.backbones.lfc_sr import build_lfc_sr
from ttpo_cli.errors import TtpoError, UsageError, WeightsError
from ttpo_cli.imaging.resize import imresize
from ttpo_cli.weights.checkpoint import save_checkpoint
from ttpo_cli.weights.manifest import read_manifest
from ttpo_cli.weights.sha256 import file_sha256

CPU = torch.device("cpu")


def photo(height=12, width=17):
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def trained(tmp_path):
    """A checkpoint as `ttpo train lfc` writes it, whose stages differ."""
    network = build_lfc_sr("lfc-sr-small", 2)
    nn.init.constant_(network.perceptual_stage.tail.bias[:3], 0.1)
    path = tmp_path / "mine.safetensors"
    save_checkpoint(path, network.state_dict(), {"ttpo": "lfc-sr", "preset": "lfc-sr-small", "scale": "2"})
    return path, network


def test_none_is_the_identity():
    lq = photo()
    assert torch.equal(restore(load_backbone("none"), lq, CPU).image, lq)


@pytest.mark.parametrize("scale", [None, 1, 2, 3, 4])
def test_bicubic_is_imresize_at_any_scale(scale):
    lq = photo()
    backbone = load_backbone("bicubic", scale=scale)
    assert backbone.scale == (scale or 4)
    torch.testing.assert_close(restore(backbone, lq, CPU).image, imresize(lq, scale=scale or 4).clamp(0, 1))


def test_our_own_checkpoint_is_recognised_by_its_metadata_and_blends_its_stages(trained):
    path, network = trained
    lq = photo()
    objective, perceptual = network(lq)
    for blend, expected in ((0.0, objective), (1.0, perceptual), (0.25, 0.75 * objective + 0.25 * perceptual)):
        backbone = load_backbone(path, blend=blend)
        torch.testing.assert_close(restore(backbone, lq, CPU).image, expected.clamp(0, 1))
    assert (backbone.name, backbone.scale, backbone.architecture) == ("mine", 2, "LFC-SR")
    assert backbone.sha256 == file_sha256(path)


@pytest.mark.skipif("lfc-sr-small-x4" not in read_manifest(), reason="the embedded super-resolver is not trained yet")
def test_the_embedded_super_resolver_keeps_what_the_photo_shows():
    backbone = load_backbone("lfc-sr-small")
    assert (backbone.scale, backbone.channels, backbone.licence) == (4, 3, "Apache-2.0")
    shown = smooth_image(24, 36)
    image = restore(backbone, shown, CPU).image
    assert image.shape == (1, 3, 96, 144)
    assert float((imresize(image, scale=0.25) - shown).abs().mean()) < 0.01


def test_what_has_one_output_has_nothing_to_blend():
    with pytest.raises(UsageError, match="nothing to blend"):
        load_backbone("bicubic", scale=2, blend=0.5)


def test_a_blend_outside_0_1_is_refused(trained):
    with pytest.raises(UsageError, match="blend"):
        load_backbone(trained[0], blend=1.5)


@pytest.mark.parametrize(("name", "scale"), [("bicubic", 0), ("bicubic", 99)])
def test_a_scale_the_backbone_does_not_have_is_refused(name, scale):
    with pytest.raises(UsageError, match="scale"):
        load_backbone(name, scale=scale)


def test_a_scale_that_a_checkpoint_does_not_have_leaves_it_its_own_since_results_are_resized(trained):
    assert load_backbone(trained[0], scale=4).scale == 2 and load_backbone("none", scale=4).scale == 1
    assert load_backbone(trained[0], scale=2).scale == 2


def test_an_unknown_name_is_told_the_nearest_and_that_files_are_welcome():
    with pytest.raises(UsageError, match=r"unknown backbone 'bicubik': did you mean bicubic\?.*\.safetensors"):
        load_backbone("bicubik")
    assert set(BACKBONES) == {"lfc-sr-small", "bicubic", "none"}


@pytest.mark.parametrize("name", ["absent.pth", "folder/absent.safetensors"])
def test_a_missing_file_is_not_taken_for_a_name(name):
    with pytest.raises(WeightsError, match="cannot be read"):
        load_backbone(name)


def test_a_folder_or_a_photo_is_no_backbone(tmp_path):
    (tmp_path / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    for path in (tmp_path, tmp_path / "photo.png"):
        with pytest.raises(WeightsError):
            load_backbone(path)


@pytest.mark.parametrize(
    ("metadata", "word"),
    [
        ({"ttpo": "haar-prior"}, "haar-prior"),
        ({"ttpo": "lfc-sr", "preset": "lfc-sr-small", "scale": "4"}, "do not fit"),
        ({"ttpo": "lfc-sr", "preset": "lfc-sr-tiny", "scale": "2"}, "do not fit"),
        ({"ttpo": "lfc-sr", "preset": "lfc-sr-small", "scale": "many"}, "do not fit"),
        ({"ttpo": "lfc-sr"}, "do not fit"),
        ({}, "does not know"),
    ],
)
def test_a_checkpoint_of_ours_with_other_metadata_is_refused_in_one_line(tmp_path, metadata, word):
    path = tmp_path / "c.safetensors"
    save_checkpoint(path, {"strange.name": torch.rand(2)}, metadata)
    with pytest.raises(TtpoError, match=word) as caught:
        load_backbone(path)
    assert "\n" not in str(caught.value)
