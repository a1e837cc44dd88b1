"""Training the embedded diffusion prior: EDM's denoising loss in the Haar domain (Karras et al. 2022, arXiv 2206.00364, table 1)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ttpo_cli.backbones.backbone import Backbone
from ttpo_cli.diffusion.priors.embedded import HaarDenoiser, UNetSize, precondition, prior_metadata
from ttpo_cli.imaging.wavelets import haar_dwt
from ttpo_cli.progress import OnTrainingStep
from ttpo_cli.training.cache import file_fingerprints
from ttpo_cli.training.crop_bank import Bank, BankOptions, Restorer, draw_bank_crops, load_or_make_bank, restorers
from ttpo_cli.training.data import hold_back, step_generator, to_float
from ttpo_cli.training.loop import Method, Pace, descent, train
from ttpo_cli.training.run import Record, RunFolder, channels_last
from ttpo_cli.weights.checkpoint import save_checkpoint

VALIDATION_SIGMAS = (0.05, 0.1, 0.2, 0.4)


@dataclass(frozen=True)
class PriorTrainingOptions:
    """What a training depends on. sigma is drawn log-normally: ln sigma ~ N(p_mean, p_std^2), on images in [-1, 1]."""

    channels: tuple[int, ...] = (48, 96, 128)
    layers: int = 1
    steps: int = 9000
    batch: int = 16
    crop: int = 64
    learning_rate: float = 4e-4
    final_learning_rate: float = 1e-6
    ema: float = 0.999
    condition_dropout: float = 0.15
    p_mean: float = -2.0
    p_std: float = 1.2
    bank: int = 2400
    side: int = 192
    seed: int = 0
    precision: str = "bf16"


def train_prior(
    photos: Sequence[Path],
    backbones: Sequence[Backbone],
    folder: Path,
    options: PriorTrainingOptions,
    device: torch.device,
    *,
    resume: bool = False,
    every: int = 250,
    on_step: OnTrainingStep = lambda step: None,
) -> Iterator[Record]:
    """Train the prior on restored images of many kinds; yields a record every `every` steps.

    Writes `haar-prior.safetensors` (the moving average) into `folder`. Every tenth photo is held back for validation.
    Raises UsageError for a run that exists or differs in options or photos, TtpoError for a loss that is not finite.
    """
    run = RunFolder(folder, options)
    state = run.prepare(resume)
    fingerprints = file_fingerprints(photos)
    run.check_photos(state, fingerprints)
    ways = restorers(backbones, device)
    bank, validation = _banks(photos, fingerprints, ways, folder, options, resumed=state is not None)
    torch.manual_seed(options.seed)
    denoiser = channels_last(HaarDenoiser(UNetSize(options.channels, options.layers), band_deviations(bank)).to(device))
    optimizer = torch.optim.Adam(denoiser.parameters(), lr=options.learning_rate)
    pace = Pace(
        steps=options.steps, start=options.learning_rate, end=options.final_learning_rate, warm_up=200, ema=options.ema, every=every
    )

    def write(average: HaarDenoiser, record: Record) -> None:
        kinds = ", ".join(way.name for way in ways)
        facts = {"steps": str(record["step"]), "restorers": kinds, "crop": str(options.crop), "batch": str(options.batch)}
        save_checkpoint(folder / "haar-prior.safetensors", average.state_dict(), prior_metadata(average, **facts))

    method = Method[HaarDenoiser](
        network=denoiser,
        parts={"network": denoiser, "optimizer": optimizer},
        step=descent(denoiser, optimizer, pace, lambda step: denoising_loss(denoiser, bank, options, step, device), run),
        validate=lambda average: (validate(average, validation, options, device), {}),
        write=write,
    )
    yield from train(run, state, pace, method, on_step)


def _banks(
    photos: Sequence[Path],
    fingerprints: Sequence[str],
    ways: Sequence[Restorer],
    folder: Path,
    options: PriorTrainingOptions,
    *,
    resumed: bool,
) -> tuple[Bank, Bank]:
    """The crops to train on and those to validate on, of held-back photos where there are any."""
    training, held = hold_back(photos)
    of_training, of_held = hold_back(fingerprints)
    first = BankOptions(options.bank, options.side, options.seed)
    second = BankOptions(4 * len(ways), options.side, options.seed + 1)
    return (
        load_or_make_bank(folder / "bank.safetensors", training, ways, first, of_training, resumed=resumed),
        load_or_make_bank(folder / "held.safetensors", held or training, ways, second, of_held or of_training, resumed=resumed),
    )


def band_deviations(bank: Bank, most: int = 400) -> Tensor:
    """sigma_data (2, 12) of the Haar bands on [-1, 1] images: row 0 about zero, row 1 about the restored image."""
    stride = max(1, len(bank.truth) // most)
    truth = haar_dwt(to_float(bank.truth[::stride]) * 2 - 1)
    residual = truth - haar_dwt(to_float(bank.restored[::stride]) * 2 - 1)
    return torch.stack([bands.square().mean(dim=(0, 2, 3)).sqrt() for bands in (truth, residual)])


def draw_sigma(batch: int, options: PriorTrainingOptions, generator: torch.Generator) -> Tensor:
    """(batch,) noise levels, log-normal."""
    return torch.exp(options.p_mean + options.p_std * torch.randn(batch, generator=generator))


def denoising_loss(denoiser: HaarDenoiser, bank: Bank, options: PriorTrainingOptions, step: int, device: torch.device) -> Tensor:
    """EDM's loss with lambda(sigma) = 1 / c_out^2: the network's own output has unit weight in every band and at every level."""
    generator = step_generator(options.seed, step)
    restored, truth = draw_bank_crops(bank, options.batch, options.crop, generator)
    sigma = draw_sigma(options.batch, options, generator)
    kept = torch.rand(options.batch, generator=generator) >= options.condition_dropout
    noise = torch.randn(truth.shape, generator=generator)
    tensors = (restored * 2 - 1, truth * 2 - 1, sigma, kept, noise)
    restored, truth, sigma, kept, noise = (tensor.to(device) for tensor in tensors)
    with torch.autocast(device.type, torch.bfloat16, enabled=options.precision == "bf16"):
        x0_hat = denoiser(truth + sigma[:, None, None, None] * noise, sigma, restored, kept)
    return weighted_error(denoiser, x0_hat, truth, sigma, kept).mean()


def weighted_error(denoiser: HaarDenoiser, x0_hat: Tensor, truth: Tensor, sigma: Tensor, kept: Tensor) -> Tensor:
    """Squared error of each Haar coefficient over c_out^2: (N, 12, h, w)."""
    c_out = precondition(sigma, denoiser.sigma_data[kept.long()])[1]
    return (haar_dwt(x0_hat - truth) / c_out).square()


@torch.no_grad()
def validate(denoiser: HaarDenoiser, bank: Bank, options: PriorTrainingOptions, device: torch.device) -> Record:
    """The conditional loss on held-back photos at fixed noise levels and fixed noise."""
    restored, truth = (to_float(crops).to(device) * 2 - 1 for crops in (bank.restored[:24], bank.truth[:24]))
    noise = torch.randn(truth.shape, generator=torch.Generator().manual_seed(options.seed)).to(device)
    kept = torch.ones(len(truth), dtype=torch.bool, device=device)
    record: Record = {}
    for level in VALIDATION_SIGMAS:
        sigma = torch.full((len(truth),), level, device=device)
        with torch.autocast(device.type, torch.bfloat16, enabled=options.precision == "bf16"):
            x0_hat = denoiser(truth + level * noise, sigma, restored, kept)
        record[f"held_loss_{level}"] = float(weighted_error(denoiser, x0_hat, truth, sigma, kept).mean())
    return record
