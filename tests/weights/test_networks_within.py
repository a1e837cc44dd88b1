"""Trainers' checkpoints: a known network is found under any wrapper and prefix, its average before it, other networks after it."""

import pytest
import torch
from safetensors.torch import save_file
from spandrel.architectures.Compact.__arch.SRVGG import SRVGGNetCompact
from torch import nn
from torch.optim.swa_utils import AveragedModel

from ttpo_cli.backbones.catalog import load_backbone
from ttpo_cli.backbones.inference import restore
from ttpo_cli.errors import WeightsError
from ttpo_cli.report.record import _describe_backbone, jsonable
from ttpo_cli.weights.networks_within import networks_within

CPU = torch.device("cpu")


def compact(seed=0, features=8):
    torch.manual_seed(seed)
    return SRVGGNetCompact(num_feat=features, num_conv=2, upscale=2)


def critic():
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Conv2d(8, 1, 3))


STATE = compact().state_dict()
OTHER = compact(1).state_dict()
CRITIC = critic().state_dict()


def under(prefix, state):
    return {f"{prefix}{name}": tensor for name, tensor in state.items()}


def lit_ema(state):
    """The names of CompVis' LitEma: parameters alone, without dots, and two counters."""
    return {name.replace(".", ""): tensor for name, tensor in state.items()} | {"decay": torch.tensor(0.9), "num_updates": torch.tensor(5)}


# What holds STATE as the network to take -> the label of where it is.
FILES = {
    "plain": (STATE, None),
    "compiled": (under("_orig_mod.", STATE), None),
    "compiled and parallel": (under("_orig_mod.module.", STATE), None),
    "compiled inside": ({name.replace("body.", "body._orig_mod.", 1): tensor for name, tensor in STATE.items()}, None),
    "fsdp": (under("_fsdp_wrapped_module.", STATE), None),
    "lightning": ({"state_dict": under("net_g.", STATE), "epoch": 3, "optimizer_states": [{"state": {}}]}, "state_dict.net_g"),
    "lightning, three deep": ({"state_dict": under("model.generator.net.", STATE)}, "state_dict.model.generator.net"),
    "lightning with a critic": ({"state_dict": under("net_g.", STATE) | under("net_d.", CRITIC)}, "state_dict.net_g"),
    "lightning with a metric": ({"state_dict": under("net.", STATE) | {"loss.weight": torch.ones(1)}}, "state_dict.net"),
    "a key nobody knows": ({"my_weights": STATE, "iteration": 5}, "my_weights"),
    "two keys": ({"generator": STATE, "discriminator": CRITIC}, "generator"),
    "basicsr": ({"params": OTHER, "params_ema": STATE}, "params_ema"),
    "an average beside": ({"net_g": OTHER, "net_g_ema": STATE, "net_d": CRITIC}, "net_g_ema"),
    "an average under a prefix": (under("net_g.", OTHER) | under("net_g_ema.", STATE), "net_g_ema"),
    "an average in capitals": ({"netG": OTHER, "netG_EMA": STATE}, "netG_EMA"),
    "ema_pytorch": (under("online_model.", OTHER) | under("ema_model.", STATE) | {"initted": torch.tensor(True)}, "ema_model"),
    "litema": ({"state_dict": under("model.", OTHER) | under("model_ema.", lit_ema(STATE))}, "state_dict.model_ema"),
    "torch's average": (AveragedModel(compact()).state_dict(), "module"),
    "an optimiser": ({"net": STATE, "optim": {"state": {0: {"exp_avg": torch.rand(3), "step": torch.tensor(1.0)}}}}, "net"),
}


@pytest.mark.parametrize("kind", FILES)
def test_the_network_is_found_under_any_wrapper_and_prefix(tmp_path, kind):
    content, label = FILES[kind]
    torch.save(content, tmp_path / "w.pth")
    backbone = load_backbone(tmp_path / "w.pth")
    lq = torch.rand(1, 3, 8, 9)
    expected = compact()(lq).clamp(0, 1)
    torch.testing.assert_close(restore(backbone, lq, CPU).image, expected)
    assert backbone.part == label
    assert restore(backbone, lq, CPU).notes == ()


@pytest.mark.parametrize(
    "kind", [kind for kind, (content, _) in FILES.items() if all(torch.is_tensor(value) for value in content.values())]
)
def test_safetensors_files_are_unwrapped_alike(tmp_path, kind):
    content, label = FILES[kind]
    save_file({name: tensor.clone() for name, tensor in content.items()}, tmp_path / "w.safetensors")
    backbone = load_backbone(tmp_path / "w.safetensors")
    lq = torch.rand(1, 3, 8, 9)
    torch.testing.assert_close(restore(backbone, lq, CPU).image, compact()(lq).clamp(0, 1))
    assert backbone.part == label


def test_which_network_was_taken_is_in_the_record_and_another_that_fits_is_in_the_notes(tmp_path):
    torch.save({"net_b": OTHER, "net_g": STATE}, tmp_path / "w.pth")
    backbone = load_backbone(tmp_path / "w.pth")
    recorded = jsonable(_describe_backbone(backbone))
    assert (recorded["part"], recorded["other_parts"]) == ("net_g", ["net_b"])
    assert "net_g was taken, not net_b" in restore(backbone, torch.rand(1, 3, 8, 8), CPU).notes[0]


def test_an_average_of_parameters_alone_takes_its_buffers_from_the_network(tmp_path):
    network = {"a.weight": torch.rand(3), "a.bias": torch.rand(3), "a.running_mean": torch.rand(3)}
    average = {"a.weight": torch.rand(3), "a.bias": torch.rand(3)}
    found = networks_within({"net": network, "net_ema": average}, lambda state: "a.running_mean" in state)
    assert [each.label for each in found] == ["net_ema", "net"]
    assert torch.equal(found[0].state["a.weight"], average["a.weight"])
    assert torch.equal(found[0].state["a.running_mean"], network["a.running_mean"])


def test_nothing_is_looked_for_inside_a_known_network(tmp_path):
    seen = []

    def known(state):
        seen.append(set(state))
        return "head.weight" in state

    content = {"head.weight": torch.rand(1), "body.head.weight": torch.rand(1), "body.tail.weight": torch.rand(1)}
    assert len(networks_within(content, known)) == 1
    assert {"head.weight", "tail.weight"} not in seen


def test_a_variant_of_a_known_network_is_refused_and_not_taken_in_part(tmp_path):
    torch.save({"state_dict": under("net_g.", {**STATE, "extra.weight": torch.rand(2)})}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="a variant, or damaged"):
        load_backbone(tmp_path / "w.pth")


def test_dicts_within_each_other_without_end_do_no_harm():
    content = {"net": STATE}
    content["self"] = content
    assert len(networks_within(content, lambda state: "body.0.weight" in state)) == 1
