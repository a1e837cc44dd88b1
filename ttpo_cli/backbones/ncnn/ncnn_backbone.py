"""A checkpoint of ncnn as a Backbone: the .param and its .bin found by either's path, or by the folder of both (Tencent/ncnn)."""

from pathlib import Path

from ttpo_cli.backbones.backbone import Backbone
from ttpo_cli.backbones.ncnn.frame import framed
from ttpo_cli.backbones.ncnn.graph import Graph
from ttpo_cli.backbones.ncnn.param_file import BINARY_MAGIC, read_param
from ttpo_cli.backbones.ncnn.weights_file import WeightsFile
from ttpo_cli.errors import WeightsError
from ttpo_cli.weights.plausible import check_finite
from ttpo_cli.weights.sha256 import file_sha256

SUFFIXES = (".param", ".bin")


def ncnn_backbone(path: Path) -> Backbone:
    """The network of a .param, of the .bin next to it, or of a folder that holds one pair.

    Its sha256 is that of the .bin; the .param's is among the tags. Raises WeightsError for a missing partner, a layer or setting
    that is not known, and files that do not fit each other or hold no restorer.
    """
    param, weights = find_pair(path)
    layers = read_param(param)
    with WeightsFile(weights) as file:
        graph = Graph(layers, file)
    check_finite(weights.name, graph)
    network = framed(graph, param.name)
    frame = network.frame
    return Backbone(
        name=param.stem,
        task="super-resolution" if frame.scale > 1 else "restoration",
        architecture="ncnn",
        scale=frame.scale,
        channels=frame.channels,
        network=network,
        multiple=frame.multiple,
        minimum=frame.minimum,
        supports_half=True,
        supports_bfloat16=True,
        prefers_bfloat16=True,
        tiling=not frame.whole,
        context=frame.context,
        sha256=file_sha256(weights),
        tags=(f".param sha256 {file_sha256(param)}",),
    )


def find_pair(path: Path) -> tuple[Path, Path]:
    """(.param, .bin) of a path to either, or to the folder of both. Raises WeightsError where one is missing or several fit."""
    if path.is_dir():
        found = sorted(file for file in path.iterdir() if file.suffix.lower() == ".param")
        if len(found) != 1:
            shown = f": give one of {', '.join(file.name for file in found[:6])}" if found else ": give a checkpoint"
            raise WeightsError(f"{path} holds {len(found)} .param files of ncnn{shown}")
        path = found[0]
    if path.name.lower().endswith(".param.bin"):
        raise WeightsError(f"{path.name} is ncnn's binary form of a .param: give the .param in text from which it was made")
    partners = [path.with_suffix(suffix) for suffix in SUFFIXES]
    for file in partners:
        if not file.is_file():
            raise WeightsError(f"{file} is missing: a checkpoint of ncnn is a .param and a .bin of one name in one folder")
    return partners[0], partners[1]


def is_ncnn(path: Path, start: bytes) -> bool:
    """Whether a file that begins with `start`, 32 bytes, and that torch did not write, is half of a checkpoint of ncnn.

    That is a .param, or a .bin unless it begins as safetensors do: with a length within the file, and a brace.
    """
    if path.suffix.lower() == ".param" or start.startswith(BINARY_MAGIC):
        return True
    is_safetensors = start[8:9] == b"{" and int.from_bytes(start[:8], "little") <= path.stat().st_size
    return path.suffix.lower() == ".bin" and not is_safetensors
