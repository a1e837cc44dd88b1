"""The layout of LFC-SR's released checkpoints (PDASR, 2014 keys) in this project's names; nothing is guessed, nothing left over."""

from collections.abc import Mapping

import torch
from torch import Tensor

from ttpo_cli.backbones.han import div2k_mean
from ttpo_cli.errors import WeightsError

GROUPS, BLOCKS, CLIQUES = 10, 20, 15
_BANDS = ("ll", "lh", "hl", "hh")


def is_pdasr(state: Mapping[str, object]) -> bool:
    """Whether a state dict has both of the released network's parts."""
    names = [name for name in state if isinstance(name, str)]
    return any(name.startswith("P.CliqueBlock.") for name in names) and any(name.startswith("D.") for name in names)


def convert_pdasr(state: Mapping[str, object], file: str) -> dict[str, Tensor]:
    """The state dict of `build_lfc_sr("lfc-sr")` from the authors' x4 checkpoint.

    The frozen mean shifts are compared with DIV2K's mean and dropped. Raises WeightsError naming a key that is missing, left over, of
    no tensor, or a mean shift of another mean.
    """
    names = key_map()
    expected = set(names) | {f"{part}.{shift}_mean.{kind}" for part in "DP" for shift in ("sub", "add") for kind in ("weight", "bias")}
    missing, unknown = sorted(expected - set(state)), sorted(set(state) - expected)
    for problem, keys in (("lacks", missing), ("has besides", unknown)):
        if keys:
            raise WeightsError(f"{file} looks like a released LFC-SR, but {problem} {len(keys)} of its keys ({', '.join(keys[:3])}, ...)")
    tensors = {name: tensor for name, tensor in state.items() if isinstance(tensor, Tensor)}
    if len(tensors) != len(state):
        raise WeightsError(f"{file} holds values that are not tensors: {', '.join(sorted(set(state) - set(tensors))[:3])}")
    _check_means(tensors, file)
    converted = {ours: tensors[theirs].float() for theirs, ours in names.items()}
    converted["objective_stage.channel_spatial_attention.weight"] = tensors["D.csa.conv.weight"].float().reshape(3, 3, 3)
    return converted


def key_map() -> dict[str, str]:
    """Their key -> ours, for every trained tensor: 1638 of the objective stage, 368 of the perceptual one."""
    modules = {
        "D.head.0": "objective_stage.head",
        f"D.body.{GROUPS}": "objective_stage.body_last",
        "D.csa.conv": "objective_stage.channel_spatial_attention",
        "D.last_conv": "objective_stage.layer_fuse",
        "D.last": "objective_stage.fuse",
        "D.tail.0.0": "objective_stage.upsampler.0",
        "D.tail.0.2": "objective_stage.upsampler.2",
        "D.tail.1": "objective_stage.tail",
        "P.preConv0": "perceptual_stage.head",
        "P.preConv1": "perceptual_stage.widen",
        "P.funsion.body.0": "perceptual_stage.fuse",
        "P.tail.body.0": "perceptual_stage.tail",
    }
    parts = {"body.0": "first", "body.2": "second", "body.3.conv_du.0": "attention.squeeze", "body.3.conv_du.2": "attention.excite"}
    for group in range(GROUPS):
        modules[f"D.body.{group}.body.{BLOCKS}"] = f"objective_stage.groups.{group}.last"
        for block in range(BLOCKS):
            for theirs, ours in parts.items():
                modules[f"D.body.{group}.body.{block}.{theirs}"] = f"objective_stage.groups.{group}.blocks.{block}.{ours}"
    names = {f"{theirs}.{kind}": f"{ours}.{kind}" for theirs, ours in modules.items() for kind in ("weight", "bias")}
    names["D.csa.gamma"] = "objective_stage.channel_spatial_attention.gamma"
    names["D.la.gamma"] = "objective_stage.layer_attention.gamma"
    for clique in range(CLIQUES):
        for stage, way in (("1", "up"), ("2", "down")):
            for band in _BANDS:
                node, ours = f"P.CliqueBlock.{clique}.F{band}{stage}", f"perceptual_stage.blocks.{clique}.{way}_{band}"
                names |= {f"{node}.0.{kind}": f"{ours}.convolution.{kind}" for kind in ("weight", "bias")}
                names[f"{node}.1.weight"] = f"{ours}.activation.weight"
    return names


def _check_means(tensors: Mapping[str, Tensor], file: str) -> None:
    """Ours are constants: a file trained about another mean would give other colours."""
    mean = 255 * div2k_mean(torch.zeros(1)).flatten()
    for part in "DP":
        for shift, sign in (("sub", -1.0), ("add", 1.0)):
            weight, bias = (tensors[f"{part}.{shift}_mean.{kind}"].float() for kind in ("weight", "bias"))
            right = weight.numel() == 9 and torch.allclose(weight.reshape(3, 3), torch.eye(3), atol=1e-4)
            if not right or bias.shape != mean.shape or not torch.allclose(bias, sign * mean, atol=0.05):
                raise WeightsError(f"{file}: {part}.{shift}_mean is not DIV2K's mean, so this is not a released LFC-SR")
