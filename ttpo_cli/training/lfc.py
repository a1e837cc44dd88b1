"""Joint L1 pretraining of LFC-SR's two stages (Zhang et al., ECCV 2022, Eq. 5 and section 4.1), before PD-ADMM couples them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from ttpo_cli.backbones.lfc_sr import build_lfc_sr
from ttpo_cli.imaging.colour import luma
from ttpo_cli.training.data import Pair, bicubic_pairs, draw_crops, hold_back, read_photos, step_generator, to_float
from ttpo_cli.training.loop import Method, Pace, train
from ttpo_cli.training.run import Record, RunFolder, channels_last
from ttpo_cli.weights.checkpoint import save_checkpoint


@dataclass(frozen=True)
class LfcOptions:
    """What a pretraining depends on. The paper: preset lfc-sr, crop 36, batch 16, 400k steps at 1e-4; these are the small preset's."""

    preset: str = "lfc-sr-small"
    scale: int = 4
    steps: int = 3500
    batch: int = 8
    crop: int = 24
    learning_rate: float = 3e-4
    final_learning_rate: float = 1e-5
    ema: float = 0.999
    seed: int = 0
    precision: str = "fp32"


def train_lfc(
    photos: Sequence[Path], folder: Path, options: LfcOptions, device: torch.device, *, resume: bool = False, every: int = 250
) -> Iterator[Record]:
    """Minimise L1(Y', Y_hat) + L1(Y, Y_hat) over both stages together; yields a record every `every` steps.

    Writes `lfc-sr.safetensors` (the moving average of the weights) into `folder`, with the metadata `load_backbone` reads.
    Raises UsageError for a run that exists or differs, TtpoError for a loss that is not finite.
    """
    run = RunFolder(folder, options)
    state = run.prepare(resume)
    torch.manual_seed(options.seed)
    training, held = hold_back(photos)
    minimum = options.crop * options.scale
    pairs = bicubic_pairs(read_photos(training, minimum, options.scale)[0], options.scale)
    validation = bicubic_pairs(read_photos(held, minimum, options.scale)[0], options.scale) if held else pairs[:1]
    network = channels_last(build_lfc_sr(options.preset, options.scale).to(device))
    optimizer = torch.optim.Adam(network.parameters(), lr=options.learning_rate)
    pace = Pace(options.steps, options.learning_rate, options.final_learning_rate, 100, options.ema, every)

    def write(average: nn.Module, record: Record) -> None:
        save_checkpoint(folder / "lfc-sr.safetensors", average.state_dict(), checkpoint_metadata(options, int(record["step"])))

    method = Method[nn.Module](
        lambda step: pretraining_loss(network, pairs, options, step, device),
        lambda average: validate(average, validation, options, device),
        write,
    )
    yield from train(run, state, network, optimizer, pace, method)


def checkpoint_metadata(options: LfcOptions, step: int) -> dict[str, str]:
    """What `load_backbone` needs to rebuild the network, and where the weights come from."""
    return {"ttpo": "lfc-sr", "preset": options.preset, "scale": str(options.scale), "steps": str(step), "method": "joint L1 pretraining"}


def pretraining_loss(network: nn.Module, pairs: Sequence[Pair], options: LfcOptions, step: int, device: torch.device) -> Tensor:
    """L1 of both stages on the crops of one step."""
    lq, hq = draw_crops(pairs, options.batch, options.crop, options.scale, step_generator(options.seed, step))
    lq, hq = (to_float(crop).to(device, memory_format=torch.channels_last) for crop in (lq, hq))
    with torch.autocast(device.type, torch.bfloat16, enabled=options.precision == "bf16"):
        objective, perceptual = network(lq)
    return functional.l1_loss(objective.float(), hq) + functional.l1_loss(perceptual.float(), hq)


@torch.no_grad()
def validate(
    network: nn.Module, pairs: Sequence[Pair], options: LfcOptions, device: torch.device, side: int = 48, most: int = 12
) -> Record:
    """PSNR on Y of both stages over centre crops of held-back photos, 8-bit, border of `scale` pixels cut."""
    scores: list[tuple[float, float]] = []
    for pair in pairs[:most]:
        height, width = (min(side, size) for size in pair.lq.shape[1:])
        top, left = (pair.lq.shape[1] - height) // 2, (pair.lq.shape[2] - width) // 2
        lq = to_float(pair.lq[None, :, top : top + height, left : left + width]).to(device)
        size, top, left = options.scale, top * options.scale, left * options.scale
        hq = to_float(pair.hq[None, :, top : top + height * size, left : left + width * size]).to(device)
        scores.append(tuple(_psnr_y(stage, hq, options.scale) for stage in network(lq)))  # type: ignore[arg-type]
    objective, perceptual = (sum(column) / len(scores) for column in zip(*scores, strict=True))
    return {"psnr_y_objective": objective, "psnr_y_perceptual": perceptual}


def _psnr_y(image: Tensor, reference: Tensor, border: int) -> float:
    rounded = (image.clamp(0, 1) * 255).round() / 255
    difference = (luma(rounded) - luma(reference))[..., border:-border, border:-border]
    return float(-10 * torch.log10(difference.square().mean()))
