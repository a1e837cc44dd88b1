"""Training the embedded diffusion prior: EDM's denoising loss in the Haar domain (Karras et al. 2022, arXiv 2206.00364, table 1)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ttpo_cli.backbones.backbone import Backbone
from ttpo_cli.diffusion.priors.embedded import WEAK_ANCHOR, HaarDenoiser, UNetSize, join_condition, precondition, prior_metadata, to_signed
from ttpo_cli.diffusion.sampler import integrate
from ttpo_cli.errors import UsageError
from ttpo_cli.imaging.wavelets import haar_dwt
from ttpo_cli.metrics.high_band import WINDOW, high_band_textured
from ttpo_cli.progress import OnTrainingStep
from ttpo_cli.settings.training import PriorTrainingOptions
from ttpo_cli.training.cache import file_fingerprints
from ttpo_cli.training.config import check_limits
from ttpo_cli.training.crop_bank import Bank, BankOptions, Restorer, draw_bank_crops, load_or_make_bank, restorers
from ttpo_cli.training.data import hold_back, step_generator, to_float
from ttpo_cli.training.degraded_bank import DegradedBank, draw_degraded, load_or_make_degraded, ways_of
from ttpo_cli.training.loop import Method, Pace, descent, train
from ttpo_cli.training.precision import autocast, check_precision
from ttpo_cli.training.run import Record, RunFolder, channels_last
from ttpo_cli.weights.checkpoint import save_checkpoint

VALIDATION_SIGMAS = (0.05, 0.1, 0.2, 0.4)
# Validation samples from the restored image with noise of the first level, along these.
SAMPLED_SIGMAS = (0.4, 0.2, 0.08, 0.0)
HELD_CROPS = 24

# A batch size and a generator -> (condition (N, C, crop, crop), truth (N, 3, crop, crop)), both in [-1, 1] but for the condition's numbers.
Draw = Callable[[int, torch.Generator], tuple[Tensor, Tensor]]


def size_of(options: PriorTrainingOptions) -> UNetSize:
    """The network's shape."""
    return UNetSize(channels=options.channels, layers=options.layers, transforms=options.transforms, sees_photo=options.sees_photo)


def check(options: PriorTrainingOptions) -> None:
    """Raises UsageError for invalid values, before anything is made."""
    check_precision(options.precision)
    check_limits(options)
    groups = size_of(options).groups
    if not options.channels or any(width < 1 or width % groups for width in options.channels):
        widths = ",".join(str(width) for width in options.channels)
        raise UsageError(f"channels {widths}: the width of each level is a multiple of {groups}")
    if options.crop % size_of(options).multiple or options.crop > options.side:
        raise UsageError(
            f"crops of {options.crop} pixels: choose a multiple of {size_of(options).multiple}, at most the side of {options.side}"
        )
    if not 0 <= options.condition_dropout < 1 or options.p_std < 0:
        raise UsageError("condition_dropout is a share from 0 to below 1, and p_std must not be negative")


@dataclass(frozen=True)
class Examples:
    """What a training learns from.

    Attributes:
        draw: A batch for training.
        held: (condition, truth) of held-back photos.
        deviations: sigma_data, (2, bands).
        kinds: The names of the ways to restore.
    """

    draw: Draw
    held: tuple[Tensor, Tensor]
    deviations: Tensor
    kinds: tuple[str, ...]


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
    check(options)
    run = RunFolder(folder, options)
    state = run.prepare(resume)
    fingerprints = file_fingerprints(photos)
    run.check_photos(state, fingerprints)
    if options.sees_photo:
        examples = degraded_examples(photos, fingerprints, backbones, folder, options, device)
    else:
        examples = restored_examples(photos, fingerprints, restorers(backbones, device), folder, options, resumed=state is not None)
    torch.manual_seed(options.seed)
    denoiser = channels_last(HaarDenoiser(size_of(options), examples.deviations).to(device))
    optimizer = torch.optim.Adam(denoiser.parameters(), lr=options.learning_rate)
    pace = Pace(
        steps=options.steps, start=options.learning_rate, end=options.final_learning_rate, warm_up=200, ema=options.ema, every=every
    )

    def write(average: HaarDenoiser, record: Record) -> None:
        kinds = ", ".join(examples.kinds)
        facts = {"steps": str(record["step"]), "restorers": kinds, "crop": str(options.crop), "batch": str(options.batch)}
        save_checkpoint(folder / "haar-prior.safetensors", average.state_dict(), prior_metadata(average, **facts))

    method = Method[HaarDenoiser](
        network=denoiser,
        parts={"network": denoiser, "optimizer": optimizer},
        step=descent(denoiser, optimizer, pace, lambda step: denoising_loss(denoiser, examples.draw, options, step, device), run),
        validate=lambda average: (validate(average, examples.held, options, device), {}),
        write=write,
    )
    yield from train(run, state, pace, method, on_step)


def restored_examples(
    photos: Sequence[Path],
    fingerprints: Sequence[str],
    ways: Sequence[Restorer],
    folder: Path,
    options: PriorTrainingOptions,
    *,
    resumed: bool,
) -> Examples:
    """The first generation's: conditions are restored images. Validation is on held-back photos where there are any."""
    training, held = hold_back(photos)
    of_training, of_held = hold_back(fingerprints)
    first = BankOptions(options.bank, options.side, options.seed)
    second = BankOptions(4 * len(ways), options.side, options.seed + 1)
    bank = load_or_make_bank(folder / "bank.safetensors", training, ways, first, of_training, resumed=resumed)
    other = load_or_make_bank(folder / "held.safetensors", held or training, ways, second, of_held or of_training, resumed=resumed)

    def draw(batch: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        restored, truth = draw_bank_crops(bank, batch, options.crop, generator)
        return to_signed(restored), to_signed(truth)

    return Examples(
        draw=draw,
        held=(to_signed(to_float(other.restored[:HELD_CROPS])), to_signed(to_float(other.truth[:HELD_CROPS]))),
        deviations=band_deviations(bank, size_of(options)),
        kinds=tuple(way.name for way in ways),
    )


def degraded_examples(
    photos: Sequence[Path],
    fingerprints: Sequence[str],
    backbones: Sequence[Backbone],
    folder: Path,
    options: PriorTrainingOptions,
    device: torch.device,
) -> Examples:
    """The second generation's: conditions hold the restored image, the photo and its numbers."""
    ways = ways_of(backbones)
    training, held = hold_back(photos)
    of_training, of_held = hold_back(fingerprints)
    first = BankOptions(options.bank, options.side, options.seed)
    second = BankOptions(2 * len(ways), options.side, options.seed + 1)
    bank = load_or_make_degraded(folder / "bank.safetensors", training, ways, first, of_training, device)
    other = load_or_make_degraded(folder / "held.safetensors", held or training, ways, second, of_held or of_training, device)

    def draw(batch: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        photo, restored, truth, numbers = draw_degraded(bank, batch, options.crop, 2**options.transforms, generator)
        return join_condition(to_signed(restored), to_signed(photo), numbers), to_signed(truth)

    middle = (options.side - options.crop) // 2 // size_of(options).multiple * size_of(options).multiple
    window = (slice(HELD_CROPS), ..., slice(middle, middle + options.crop), slice(middle, middle + options.crop))
    photo, restored, truth = (to_signed(to_float(crops[window])) for crops in (other.photo, other.restored, other.truth))
    return Examples(
        draw=draw,
        held=(join_condition(restored, photo, other.numbers[:HELD_CROPS]), truth),
        deviations=band_deviations(bank, size_of(options)),
        kinds=tuple(way.name for way in ways),
    )


def band_deviations(bank: Bank | DegradedBank, size: UNetSize, most: int = 400) -> Tensor:
    """sigma_data (2, bands) on [-1, 1] images: row 0 about what a dropped condition leaves, row 1 about the restored image."""
    stride = max(1, len(bank.truth) // most)
    truth, restored = (to_signed(to_float(crops[::stride])) for crops in (bank.truth, bank.restored))
    left = WEAK_ANCHOR if size.sees_photo else 0.0
    rows = []
    for bands in (truth - left * restored, truth - restored):
        for _ in range(size.transforms):
            bands = haar_dwt(bands)
        rows.append(bands.square().mean(dim=(0, 2, 3)).sqrt())
    return torch.stack(rows)


def draw_sigma(batch: int, options: PriorTrainingOptions, generator: torch.Generator) -> Tensor:
    """(batch,) noise levels, log-normal."""
    return torch.exp(options.p_mean + options.p_std * torch.randn(batch, generator=generator))


def denoising_loss(denoiser: HaarDenoiser, draw: Draw, options: PriorTrainingOptions, step: int, device: torch.device) -> Tensor:
    """EDM's loss with lambda(sigma) = 1 / c_out^2: the network's own output has unit weight in every band and at every level."""
    generator = step_generator(options.seed, step)
    condition, truth = draw(options.batch, generator)
    sigma = draw_sigma(options.batch, options, generator)
    kept = torch.rand(options.batch, generator=generator) >= options.condition_dropout
    noise = torch.randn(truth.shape, generator=generator)
    condition, truth, sigma, kept, noise = (tensor.to(device) for tensor in (condition, truth, sigma, kept, noise))
    with autocast(device, options.precision):
        x0_hat = denoiser(truth + sigma[:, None, None, None] * noise, sigma, condition, kept)
    return weighted_error(denoiser, x0_hat, truth, sigma, kept).mean()


def weighted_error(denoiser: HaarDenoiser, x0_hat: Tensor, truth: Tensor, sigma: Tensor, kept: Tensor) -> Tensor:
    """Squared error of each Haar coefficient over c_out^2: (N, bands, h, w)."""
    c_out = precondition(sigma, denoiser.sigma_data[kept.long()])[1]
    return (denoiser.bands_of(x0_hat - truth) / c_out).square()


@torch.no_grad()
def validate(denoiser: HaarDenoiser, held: tuple[Tensor, Tensor], options: PriorTrainingOptions, device: torch.device) -> Record:
    """The conditional loss on held-back photos at fixed noise levels and fixed noise, and the energy of texture in samples.

    held: condition and truth. hb_restored, hb_sampled: median over the crops of the textured regions' high-band energy over the truth's;
    crops of less than two windows show none.
    """
    condition, truth = (crops.to(device) for crops in held)
    noise = torch.randn(truth.shape, generator=torch.Generator().manual_seed(options.seed)).to(device)
    kept = torch.ones(len(truth), dtype=torch.bool, device=device)
    record: Record = {}
    for level in VALIDATION_SIGMAS:
        sigma = torch.full((len(truth),), level, device=device)
        with autocast(device, options.precision):
            x0_hat = denoiser(truth + level * noise, sigma, condition, kept)
        record[f"held_loss_{level}"] = float(weighted_error(denoiser, x0_hat, truth, sigma, kept).mean())
    if options.crop < 2 * WINDOW:
        return record

    def denoise(x: Tensor, sigma: Tensor, condition: Tensor | None) -> Tensor:
        with autocast(device, options.precision):
            return denoiser(x, sigma, condition)

    restored = condition[:, :3]
    levels = torch.tensor(SAMPLED_SIGMAS, device=device)
    sampled = integrate(denoise, restored + SAMPLED_SIGMAS[0] * noise, levels, condition)
    for name, images in (("hb_restored", restored), ("hb_sampled", sampled)):
        energy = high_band_textured(((images + 1) / 2).clamp(0, 1).float(), (truth + 1) / 2)
        record[name] = float(energy[energy.isfinite()].median())
    return record
