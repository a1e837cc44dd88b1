"""ONNX checkpoints: the pictures of torch's own networks, the rules that are found by trying, and files that are refused in words."""

import hashlib
import importlib.util
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from fakes import tiny_photo

pytest.importorskip("onnx", reason="needs the extra [onnx]")
pytest.importorskip("onnxruntime", reason="needs the extra [onnx]")
from onnx import helper, numpy_helper
from onnx_graphs import BYTE, FLOAT, HALF, enlarger, exported, model, saved, with_external_weights

from ttpo_cli.backbones import onnx_models
from ttpo_cli.backbones.backbone import Backbone
from ttpo_cli.backbones.catalog import load_backbone
from ttpo_cli.backbones.han import HANConfig
from ttpo_cli.backbones.inference import restore
from ttpo_cli.backbones.lfc_checkpoint import BlendedLFCSR
from ttpo_cli.backbones.lfc_sr import LFCSR
from ttpo_cli.backbones.res_clique import CliqueConfig
from ttpo_cli.cli.app import program
from ttpo_cli.errors import WeightsError
from ttpo_cli.imaging.reading import read_photo
from ttpo_cli.imaging.writing import write_photo
from ttpo_cli.settings.restore import RestoreOptions

CPU = torch.device("cpu")

REAL = ("DITN_Real_GAN_x4.pth", "DnCNN_gray_sigma25.pth", "DCTLSA_x2.pt")


def textured(height, width, channels=3):
    """A small photo; of one channel, the same in red, green and blue."""
    pixels = tiny_photo(height, width).pixels
    return pixels if channels == 3 else pixels.mean(dim=1, keepdim=True).expand(-1, 3, -1, -1).contiguous()


def largest_difference(first, second, lq, **options):
    pictures = [restore(backbone, lq, CPU, RestoreOptions(**options)).image for backbone in (first, second)]
    return float((pictures[0] - pictures[1]).abs().max())


def raw(backbone):
    """The network itself, without the padding and clamping that spandrel's descriptor adds."""
    return backbone.network.model if hasattr(backbone.network, "model") else backbone.network


@pytest.fixture(scope="module")
def ours():
    """A small random network of this package, x2."""
    torch.manual_seed(0)
    network = LFCSR(HANConfig(groups=1, blocks=1, features=16, reduction=4), CliqueConfig(blocks=1, width=8), 2)
    blended = BlendedLFCSR(network, 0.5).eval().requires_grad_(False)
    return Backbone(name="ours", task="super-resolution", architecture="LFC-SR", scale=2, channels=3, network=blended)


def test_a_network_of_this_package_gives_the_same_pictures_through_onnx(ours, tmp_path):
    path = exported(ours.network, tmp_path / "ours.onnx", torch.rand(1, 3, 24, 32), dynamic=True)
    loaded = load_backbone(path)
    assert (loaded.name, loaded.architecture, loaded.scale, loaded.channels) == ("ours", "ONNX", 2, 3)
    assert (loaded.multiple, loaded.minimum, loaded.fixed_size, loaded.task) == (1, 1, None, "super-resolution")
    for size in ((24, 32), (41, 60), (3, 2)):
        assert largest_difference(loaded, ours, textured(*size)) < 1e-5
    assert largest_difference(loaded, ours, textured(70, 60), tile=40, overlap=8) < 1e-5


def test_a_network_for_one_size_gives_the_same_pictures_in_tiles_of_it(ours, tmp_path):
    loaded = load_backbone(exported(ours.network, tmp_path / "ours.onnx", torch.rand(1, 3, 24, 32), dynamic=False))
    assert loaded.fixed_size == (24, 32)
    for size in ((24, 32), (41, 60), (24, 100), (3, 2)):
        assert largest_difference(loaded, replace(ours, fixed_size=(24, 32)), textured(*size)) < 1e-5
    seen = []
    restored = restore(loaded, textured(41, 60), CPU, RestoreOptions(tile=512), on_tile=lambda done, total: seen.append((done, total)))
    assert restored.tile_used == 32
    assert seen[-1][0] == seen[-1][1] == len(seen) > 1
    assert restored.notes == ("ours takes only images of 32x24 pixels: restored in tiles of that size",)


@pytest.mark.parametrize("file", REAL)
def test_real_checkpoints_give_the_same_pictures_at_any_size(shared_data, tmp_path, file):
    backbone = load_backbone(shared_data / "backbones" / file)
    path = exported(raw(backbone), tmp_path / "net.onnx", torch.rand(1, backbone.channels, 32, 32), dynamic=True)
    loaded = load_backbone(path)
    assert (loaded.scale, loaded.channels) == (backbone.scale, backbone.channels)
    # DITN's windows are traced for the size of the export; DCTLSA's want multiples of 16, to which spandrel pads in its own way.
    sizes = {"DITN": [(32, 32)], "DnCNN": [(37, 61), (5, 8)], "DCTLSA": [(16, 32)]}[file.split("_")[0]]
    for size in sizes:
        assert largest_difference(loaded, backbone, textured(*size, backbone.channels)) < 1e-4


@pytest.mark.parametrize("file", REAL[:2])
def test_real_checkpoints_exported_for_one_size_give_the_same_pictures_in_tiles_of_it(shared_data, tmp_path, file):
    backbone = load_backbone(shared_data / "backbones" / file)
    path = exported(raw(backbone), tmp_path / "net.onnx", torch.rand(1, backbone.channels, 40, 48), dynamic=False)
    loaded = load_backbone(path)
    assert loaded.fixed_size == (40, 48)
    for size in ((40, 61), (23, 30)):
        assert largest_difference(loaded, replace(backbone, fixed_size=(40, 48)), textured(*size, backbone.channels), overlap=8) < 1e-4


@pytest.mark.parametrize(("kind", "tolerance"), [(FLOAT, 1e-6), (HALF, 1e-3)])
def test_images_are_given_in_the_type_that_the_network_takes(tmp_path, kind, tolerance):
    loaded = load_backbone(saved(enlarger(3, kind=kind), tmp_path / "net.onnx"))
    lq = textured(7, 9)
    restored = restore(loaded, lq, CPU).image
    assert restored.dtype == torch.float32
    assert float((restored - lq.repeat_interleave(3, 2).repeat_interleave(3, 3)).abs().max()) < tolerance


def test_a_grey_network_restores_colours_one_by_one(tmp_path):
    loaded = load_backbone(saved(enlarger(2, shape=("n", 1, "h", "w"), channels=1), tmp_path / "net.onnx"))
    assert loaded.channels == 1
    restored = restore(loaded, lq := textured(7, 9), CPU)
    assert float((restored.image - lq.repeat_interleave(2, 2).repeat_interleave(2, 3)).abs().max()) < 1e-6
    assert "works on grey images" in restored.notes[0]


def test_channels_that_the_model_does_not_state_are_found_by_trying(tmp_path):
    for channels in (1, 3):
        content = enlarger(2, shape=(None, None, None, None), channels=channels)
        assert load_backbone(saved(content, tmp_path / "net.onnx")).channels == channels


def test_sides_that_must_be_multiples_are_found_and_the_photo_padded(tmp_path):
    nodes = [
        helper.make_node("SpaceToDepth", ["input"], ["small"], blocksize=4),
        helper.make_node("DepthToSpace", ["small"], ["output"], blocksize=4),
    ]
    loaded = load_backbone(saved(model(nodes, []), tmp_path / "net.onnx"))
    assert (loaded.scale, loaded.multiple, loaded.minimum, loaded.task) == (1, 4, 4, "restoration")
    lq = textured(9, 11)
    assert torch.equal(restore(loaded, lq, CPU).image, lq)


def test_a_noise_level_is_given_to_a_denoiser_that_takes_one(tmp_path):
    for shape in ([], [1], [1, 1]):
        level = helper.make_tensor_value_info("sigma", FLOAT, shape)
        add = helper.make_node("Add", ["input", "sigma"], ["output"])
        loaded = load_backbone(saved(model([add], [], inputs=[level]), tmp_path / "net.onnx"))
        assert (loaded.noise_sigma, loaded.task) == (15 / 255, "denoise")
        lq = textured(5, 6) / 2
        assert torch.allclose(restore(loaded, lq, CPU).image, lq + 15 / 255, atol=1e-6)


def test_weights_next_to_the_model_are_read_and_damaged_ones_refused(tmp_path):
    content = enlarger()
    (tmp_path / "net.data").write_bytes(content.graph.initializer[0].raw_data)
    path = saved(with_external_weights(content, "net.data"), tmp_path / "net.onnx")
    lq = textured(6, 5)
    assert torch.allclose(restore(load_backbone(path), lq, CPU).image, lq.repeat_interleave(2, 2).repeat_interleave(2, 3), atol=1e-6)
    (tmp_path / "net.data").write_bytes(b"short")
    with pytest.raises(WeightsError, match="cannot be loaded by onnxruntime"):
        load_backbone(path)


TWO = [helper.make_tensor_value_info(name, FLOAT, None) for name in ("output", "second")]
BYTES = helper.make_tensor_value_info("output", BYTE, None)
MASK = helper.make_tensor_value_info("mask", FLOAT, (1, 1, "h", "w"))
SAME = helper.make_node("Identity", ["input"], ["output"])
MEAN = helper.make_node("GlobalAveragePool", ["input"], ["output"])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (model([SAME], [], (1, "h", "w", 3)), "as NHWC .* export it as NCHW"),
        (model([SAME], [], (1, 224, 224, 3)), "as NHWC"),
        (model([SAME], [], (1, 4, "h", "w")), "images of 4 channels"),
        (model([SAME], [], (2, 3, "h", "w")), "takes 2 images at once"),
        (model([SAME], [], (3, "h", "w")), "needs a network of one image"),
        (model([SAME], [], kind=BYTE, outputs=[BYTES]), r"takes tensor\(uint8\): ttpo gives images as float"),
        (model([SAME], [], inputs=[MASK]), "input .* mask .*: ttpo needs a network of one image"),
        (model([SAME, helper.make_node("Neg", ["input"], ["second"])], [], outputs=TWO), "gives 2 outputs"),
        (model([helper.make_node("Cast", ["input"], ["output"], to=BYTE)], [], outputs=[BYTES]), r"gives tensor\(uint8\)"),
        (model([MEAN], []), r"turns \(1, 3, 33, 35\) into \(1, 3, 1, 1\)"),
        (model([helper.make_node("Nonsense", ["input"], ["output"])], []), "cannot be loaded by onnxruntime"),
        (model([helper.make_node("Reshape", ["input", "none"], ["output"])], []), "cannot be loaded by onnxruntime"),
        (enlarger(2, channels=5), "fails on an image"),
        (model([SAME], [], ("n", 3, 0, 0)), "fails on an image"),
    ],
)
def test_a_network_that_is_no_restorer_is_refused_in_one_line(tmp_path, content, words):
    path = saved(content, tmp_path / "net.onnx")
    with pytest.raises(WeightsError, match=words) as caught:
        load_backbone(path)
    assert "\n" not in str(caught.value)


def test_a_model_that_wants_impossible_memory_is_refused(tmp_path):
    size = numpy_helper.from_array(np.array([2**20, 2**24], dtype=np.int64), "size")
    nodes = [
        helper.make_node("ReduceMean", ["input"], ["mean"], keepdims=0),
        helper.make_node("Expand", ["mean", "size"], ["large"]),
        helper.make_node("ReduceMax", ["large"], ["one"], keepdims=0),
        helper.make_node("Add", ["input", "one"], ["output"]),
    ]
    with pytest.raises(WeightsError, match="wants more memory than there is"):
        load_backbone(saved(model(nodes, [size]), tmp_path / "net.onnx"))


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_without_the_extra_the_error_says_what_to_install(tmp_path, monkeypatch, package):
    found = importlib.util.find_spec
    monkeypatch.setattr(onnx_models.importlib.util, "find_spec", lambda name: None if name == package else found(name))
    with pytest.raises(WeightsError, match=rf"needs the package {package}: pip install 'ttpo\[onnx\]'"):
        load_backbone(saved(enlarger(), tmp_path / "net.onnx"))


def test_a_session_uses_as_many_threads_as_torch_and_half_precision_is_refused_with_a_note(tmp_path):
    loaded = load_backbone(saved(enlarger(), tmp_path / "net.onnx"))
    assert loaded.network.session(CPU).get_session_options().intra_op_num_threads == torch.get_num_threads()
    restored = restore(loaded, textured(5, 6), CPU, RestoreOptions(precision="bf16"))
    assert (restored.precision_used, restored.notes) == ("fp32", ("ONNX is not known to work in bf16: computed in fp32",))


def test_a_device_on_which_onnxruntime_cannot_compute_is_said(tmp_path):
    loaded = load_backbone(saved(enlarger(), tmp_path / "net.onnx"))
    assert loaded.network.runs_on(CPU)
    assert not loaded.network.runs_on(torch.device("mps"))


def test_a_photo_is_restored_by_an_onnx_file_from_the_command_line(tmp_path, capsys):
    write_photo(tmp_path / "photo.png", tiny_photo())
    saved(enlarger(2), tmp_path / "net.onnx")
    command = [
        "restore",
        str(tmp_path / "photo.png"),
        "--backbone",
        str(tmp_path / "net.onnx"),
        "--no-ttpo",
        "-o",
        str(tmp_path / "out.png"),
    ]
    assert program(command) == 0
    capsys.readouterr()
    photo, restored = read_photo(tmp_path / "photo.png").pixels, read_photo(tmp_path / "out.png").pixels
    assert torch.equal(restored, photo.repeat_interleave(2, 2).repeat_interleave(2, 3))
    record = json.loads((tmp_path / "out.png.ttpo.json").read_text())
    sha256 = hashlib.sha256((tmp_path / "net.onnx").read_bytes()).hexdigest()
    assert record["weights"] == [{"role": "backbone", "name": "net", "sha256": sha256, "licence": None, "commercial_use": None}]
    (tmp_path / "net.onnx").write_bytes(b"damaged")
    assert program([*command, "--overwrite"]) == 3
    shown = capsys.readouterr()
    assert shown.err.count("\n") == 1 and "no ONNX model, or damaged" in shown.err
