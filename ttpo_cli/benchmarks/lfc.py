"""What LFC-SR costs: seconds and multiply-accumulates of a restoration and of other checkpoints, and seconds of a training step."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from ttpo_cli.backbones.catalog import load_backbone
from ttpo_cli.backbones.lfc_sr import LFC_SR, build_lfc_sr
from ttpo_cli.errors import UsageError
from ttpo_cli.training.data import bicubic_pairs, to_uint8
from ttpo_cli.training.distributed import alone
from ttpo_cli.training.lfc.train import LfcOptions, Phases
from ttpo_cli.training.run import RunFolder, channels_last


def inference_rows(side: int, others: Sequence[str], device: torch.device, repeats: int) -> Iterator[dict[str, Any]]:
    """Each preset with random weights, then each checkpoint of `others`, on one image of side x side pixels.

    gmac: multiply-accumulates of convolutions and matrix products, 1e9; an operation that PyTorch's counter does not know counts nothing.
    """
    networks: list[tuple[str, nn.Module]] = [(preset, channels_last(build_lfc_sr(preset, 4))) for preset in reversed(LFC_SR)]
    for name in others:
        backbone = load_backbone(name)
        if not isinstance(backbone.network, nn.Module):
            raise UsageError(f"{backbone.name} has no network to measure: give a checkpoint file")
        networks.append((backbone.name, backbone.network))
    for name, network in networks:
        yield {"network": name, "side": side, **measure_inference(network.to(device).eval(), side, device, repeats)}


@torch.no_grad()
def measure_inference(network: nn.Module, side: int, device: torch.device, repeats: int) -> dict[str, float]:
    """The median of `repeats` runs after one that warms up."""
    lq = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0)).to(device)
    with FlopCounterMode(display=False) as counter:
        network(lq)
    seconds = [_timed(lambda: network(lq), device) for _ in range(repeats)]
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return {"seconds": median(seconds), "gmac": counter.get_total_flops() / 2e9, "parameters": parameters}


def training_rows(options: LfcOptions, device: torch.device, repeats: int) -> Iterator[dict[str, Any]]:
    """Median seconds of a pretraining step and of a PD-ADMM round on synthetic photos, after one of each that warms up."""
    photo = smooth_noise(4 * options.crop * options.scale)
    pairs = bicubic_pairs([("synthetic", to_uint8(photo)[0])], options.scale)
    with TemporaryDirectory() as folder:
        network = channels_last(build_lfc_sr(options.preset, options.scale).to(device))
        phases = Phases(network, pairs, options, alone(device), RunFolder(Path(folder), options))
        for phase, first in (("pretraining", 0), ("PD-ADMM", options.steps)):
            seconds = [_timed(lambda step=first + number: phases.step(step), device) for number in range(repeats + 1)]
            yield {"preset": options.preset, "phase": phase, "batch": options.batch, "crop": options.crop, "seconds": median(seconds[1:])}


def smooth_noise(side: int) -> Tensor:
    """(1, 3, side, side) in [0, 1]: enlarged noise, as what it shows costs nothing; `stages.synthetic_photo` has grain as well."""
    noise = torch.rand(1, 3, side // 4, side // 4, generator=torch.Generator().manual_seed(0))
    return nn.functional.interpolate(noise, size=(side, side), mode="bicubic").clamp(0, 1)


def _timed(work: Callable[[], object], device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    began = perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return perf_counter() - began
