"""The authors' checkpoint layout: 2014 keys, all of them and no others, and the same network behind them."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from ttpo_cli.backbones import catalog
from ttpo_cli.backbones.lfc_sr import LFC_SR, LFCSR, build_lfc_sr
from ttpo_cli.backbones.pdasr_checkpoint import convert_pdasr, is_pdasr, key_map
from ttpo_cli.errors import WeightsError

MEAN = (0.4488, 0.4371, 0.4040)


@pytest.fixture(scope="module")
def network() -> LFCSR:
    torch.manual_seed(0)
    network = build_lfc_sr("lfc-sr")
    for attention in (network.objective_stage.layer_attention, network.objective_stage.channel_spatial_attention):
        torch.nn.init.constant_(attention.gamma, 0.3)
    return network


@pytest.fixture()
def released(network: LFCSR) -> dict[str, Tensor]:
    """The network's weights as the authors' code would have saved them: names spelt out here once more, from the description of it."""
    state: dict[str, Tensor] = {}
    for name, tensor in network.state_dict().items():
        stage, _, rest = name.partition(".")
        state[("D." if stage == "objective_stage" else "P.") + rest] = tensor
    theirs: dict[str, Tensor] = {}
    for name, tensor in state.items():
        words = name.split(".")
        if words[1] == "groups":
            inner = {"first": "body.0", "second": "body.2", "squeeze": "body.3.conv_du.0", "excite": "body.3.conv_du.2"}
            place = f"{words[4]}.{inner[words[-2]]}" if words[3] == "blocks" else "20"
            key = f"D.body.{words[2]}.body.{place}.{words[-1]}"
        elif words[1] == "blocks":
            way, band = words[3].split("_")
            key = f"P.CliqueBlock.{words[2]}.F{band}{1 if way == 'up' else 2}.{0 if words[4] == 'convolution' else 1}.{words[-1]}"
        elif words[1] == "channel_spatial_attention":
            key = "D.csa.gamma" if words[2] == "gamma" else f"D.csa.conv.{words[2]}"
            tensor = tensor[None, None] if words[2] == "weight" else tensor
        else:
            plain = {
                "D.head": "D.head.0",
                "D.body_last": "D.body.10",
                "D.layer_attention": "D.la",
                "D.layer_fuse": "D.last_conv",
                "D.fuse": "D.last",
                "D.upsampler.0": "D.tail.0.0",
                "D.upsampler.2": "D.tail.0.2",
                "D.tail": "D.tail.1",
                "P.head": "P.preConv0",
                "P.widen": "P.preConv1",
                "P.fuse": "P.funsion.body.0",
                "P.tail": "P.tail.body.0",
            }
            key = f"{plain['.'.join(words[:-1])]}.{words[-1]}"
        theirs[key] = tensor
    for part in "DP":
        for shift, sign in (("sub", -1), ("add", 1)):
            theirs[f"{part}.{shift}_mean.weight"] = torch.eye(3)[:, :, None, None]
            theirs[f"{part}.{shift}_mean.bias"] = sign * 255 * torch.tensor(MEAN)
    return theirs


def test_the_released_layout_has_its_2014_keys(released: dict[str, Tensor]) -> None:
    assert len(released) == 2014
    assert (sum(name.startswith("D.") for name in released), sum(name.startswith("P.") for name in released)) == (1642, 372)
    assert sum(tensor.numel() for tensor in released.values()) == 18_673_213
    assert len(key_map()) == 2014 - 8
    assert is_pdasr(released)
    assert not is_pdasr({"D.head.0.weight": 0})


def test_every_tensor_arrives_where_it_belongs(released: dict[str, Tensor], network: LFCSR) -> None:
    converted = convert_pdasr(released, "model.pt")
    expected = network.state_dict()
    assert converted.keys() == expected.keys()
    assert all(torch.equal(converted[name], expected[name]) for name in expected)


def test_the_file_is_a_backbone_that_gives_the_networks_own_images(
    released: dict[str, Tensor], network: LFCSR, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save(released, tmp_path / "model_trained.pt")
    backbone = catalog.load_backbone(str(tmp_path / "model_trained.pt"))
    assert (backbone.architecture, backbone.scale) == ("LFC-SR", 4)
    lq = torch.rand(1, 3, 6, 6)
    with torch.no_grad():
        assert torch.allclose(backbone.network(lq), network(lq)[1], atol=1e-4)
    assert LFC_SR["lfc-sr"].han.pixel_range == 255


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda state: state.pop("D.la.gamma"), r"lacks 1 of its keys \(D\.la\.gamma"),
        (lambda state: state.update({"D.extra": torch.zeros(1)}), r"has besides 1 .*D\.extra"),
        (lambda state: state.update({"P.sub_mean.bias": torch.zeros(3)}), r"P\.sub_mean is not DIV2K's mean"),
        (lambda state: state.update({"D.la.gamma": "text"}), r"not tensors: D\.la\.gamma"),
    ],
)
def test_anything_else_is_refused_by_name(released: dict[str, Tensor], change: object, says: str) -> None:
    assert callable(change)
    change(released)
    with pytest.raises(WeightsError, match=says):
        convert_pdasr(released, "model.pt")
