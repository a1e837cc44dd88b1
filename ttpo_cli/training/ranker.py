"""Training the ranker on versions of one crop ordered by a full-reference score (RankIQA, Liu et al. 2017; Bradley & Terry 1952)."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from ttpo_cli.diffusion.denoiser import Prior
from ttpo_cli.metrics.ranker import Ranker, ranker_metadata
from ttpo_cli.preference.candidates import Seeds, generate
from ttpo_cli.preference.guard import keep_low_band
from ttpo_cli.progress import OnTrainingStep
from ttpo_cli.settings.candidates import CandidateOptions
from ttpo_cli.settings.guard import GuardOptions
from ttpo_cli.settings.training import RankerOptions
from ttpo_cli.training.cache import checksum, read_cached, write_cached
from ttpo_cli.training.config import check_limits
from ttpo_cli.training.crop_bank import Bank
from ttpo_cli.training.data import dihedral, step_generator, to_float, to_uint8
from ttpo_cli.training.degradation.distortions import FAULTS, HELD_BACK_FAULT, draw_fault
from ttpo_cli.training.haar_similarity import haar_similarity
from ttpo_cli.training.loop import Method, Pace, descent, train
from ttpo_cli.training.precision import autocast, check_precision
from ttpo_cli.training.run import Record, RunFolder, channels_last
from ttpo_cli.weights.checkpoint import save_checkpoint


def check(options: RankerOptions) -> None:
    """Raises UsageError for invalid values, before anything is made."""
    check_precision(options.precision)
    check_limits(options)


@dataclass(frozen=True)
class RankerData:
    """What a ranker is trained and validated on.

    Attributes:
        bank: The crops to train on.
        held: Crops of photos never trained on.
        prior: Whose candidates for the crops are ordered.
        held_prior: A prior whose candidates are only validated on, or None.
    """

    bank: Bank
    held: Bank
    prior: Prior
    held_prior: Prior | None = None


def train_ranker(
    data: RankerData,
    folder: Path,
    options: RankerOptions,
    device: torch.device,
    *,
    resume: bool = False,
    every: int = 250,
    on_step: OnTrainingStep = lambda step: None,
) -> Iterator[Record]:
    """Train on the bank's crops and the prior's candidates for them; yields a record every `every` steps.

    Writes `ranker.safetensors` into `folder`. Raises UsageError for a run that exists or differs in options or crops, TtpoError for a
    loss that is not finite.
    """
    check(options)
    run = RunFolder(folder, options)
    state = run.prepare(resume)
    run.check_photos(state, [bank_fingerprint("bank", data.bank), bank_fingerprint("held", data.held)])
    bank, held = spread(data.bank, options.crops), data.held

    def candidates(name: str, crops: Bank, prior: Prior) -> Tensor:
        return load_or_make_candidates(folder / f"{name}.safetensors", crops, prior, options, device, resumed=state is not None)

    made, held_made = candidates("candidates", bank, data.prior), candidates("held", held, data.prior)
    other_made = None if data.held_prior is None else candidates("held_prior", held, data.held_prior)
    torch.manual_seed(options.seed)
    ranker = channels_last(Ranker(options.width).to(device))
    optimizer = torch.optim.AdamW(ranker.parameters(), lr=options.learning_rate, weight_decay=1e-3)
    pace = Pace(
        steps=options.steps, start=options.learning_rate, end=options.final_learning_rate, warm_up=100, ema=options.ema, every=every
    )

    def loss(step: int) -> Tensor:
        versions, quality = draw_versions(bank, made, options, step_generator(options.seed, step))
        return ranking_loss(ranker, versions.to(device), quality.to(device), options)

    def write(average: Ranker, record: Record) -> None:
        facts = {name: round(float(value), 4) for name, value in record.items() if name not in ("learning_rate", "seconds")}
        metadata = ranker_metadata(average, **facts, **levels(average, held, device))
        save_checkpoint(folder / "ranker.safetensors", average.state_dict(), metadata)

    method = Method[Ranker](
        network=ranker,
        parts={"network": ranker, "optimizer": optimizer},
        step=descent(ranker, optimizer, pace, loss, run),
        validate=lambda average: (validate(average, held, held_made, other_made, options, device), {}),
        write=write,
    )
    yield from train(run, state, pace, method, on_step)


def spread(bank: Bank, count: int) -> Bank:
    """At most `count` crops of the bank, evenly spaced, so that all photos and restorers are among them."""
    if count >= len(bank.truth):
        return bank
    chosen = torch.linspace(0, len(bank.truth) - 1, count).long()
    kinds, scales = (tuple(values[index] for index in chosen.tolist()) for values in (bank.kinds, bank.scales))
    return Bank(bank.restored[chosen], bank.truth[chosen], kinds=kinds, scales=scales)


def bank_fingerprint(name: str, bank: Bank) -> str:
    """A line that changes with any crop of the bank, as `RunFolder.check_photos` compares them."""
    return f"{name} {len(bank.truth)} {checksum(bank.restored, bank.truth, str(bank.scales))}"


def load_or_make_candidates(
    path: Path, bank: Bank, prior: Prior, options: RankerOptions, device: torch.device, *, resumed: bool = False
) -> Tensor:
    """uint8 (M, strengths, 3, side, side): the prior's candidates for each restored crop, low band kept, as `ttpo restore` makes them.

    Those stored at `path` are used again. Raises UsageError for stored ones of another bank, another prior or other options.
    """
    facts = {
        "crops": f"{len(bank.restored)} ({checksum(bank.restored, str(bank.scales))})",
        "prior": prior.sha256 or prior.name,
        "strengths": options.strengths,
        "denoising_steps": options.denoising_steps,
        "seed": options.seed,
    }
    cached = read_cached(path, facts, resumed=resumed)
    if cached is not None:
        return cached[0]["candidates"]
    settings = CandidateOptions(mode="noising", strengths=options.strengths, per_strength=1, steps=options.denoising_steps)
    guard = GuardOptions()
    made = []
    for index, crop in enumerate(bank.restored):
        restored = to_float(crop[None]).to(device)
        candidates = generate(prior.denoise, prior.encode(restored), Seeds(f"crop {index}", options.seed), settings)
        images = keep_low_band(prior.decode(candidates.latents), restored, bank.scales[index], guard)
        made.append(to_uint8(images).cpu())
    candidates = torch.stack(made)
    write_cached(path, {"candidates": candidates}, {"ttpo": "candidates"}, facts)
    return candidates


def draw_versions(
    bank: Bank, candidates: Tensor, options: RankerOptions, generator: torch.Generator, faults: list[str] | None = None
) -> tuple[Tensor, Tensor]:
    """(B, V, 3, crop, crop) versions, the truth first, and the reference score of each (B, V)."""
    names = faults or [name for name in FAULTS if name != HELD_BACK_FAULT]
    sets = []
    for index in torch.randint(len(bank.truth), (options.batch,), generator=generator).tolist():
        top, left = (2 * int(torch.randint((bank.truth.shape[2] - options.crop) // 2 + 1, (1,), generator=generator)) for _ in range(2))
        symmetry = int(torch.randint(8, (1,), generator=generator))
        window = (slice(None), slice(top, top + options.crop), slice(left, left + options.crop))
        truth, restored = (dihedral(to_float(crops[index][window]), symmetry)[None] for crops in (bank.truth, bank.restored))
        proposals = torch.stack([dihedral(to_float(candidate[window]), symmetry) for candidate in candidates[index]])
        sets.append(torch.cat((truth, restored, proposals, *_synthetic(truth, restored, proposals, names, generator))))
    versions = torch.stack(sets)
    count = versions.shape[1]
    quality = haar_similarity(versions.flatten(0, 1), versions[:, :1].expand(-1, count, -1, -1, -1).flatten(0, 1))
    return versions, quality.view(len(sets), count)


def _synthetic(truth: Tensor, restored: Tensor, proposals: Tensor, names: list[str], generator: torch.Generator) -> list[Tensor]:
    """Two faults of the truth, two of the restored crop, one of a candidate, and two blends: between kinds, and a candidate too weak."""
    candidate = proposals[int(torch.randint(len(proposals), (1,), generator=generator))][None]
    share = float(torch.rand(1, generator=generator))
    faulty = [draw_fault(image, names, generator) for image in (truth, truth, restored, restored, candidate)]
    return [*faulty, share * candidate + (1 - share) * restored, share * truth + (1 - share) * restored]


def ranking_loss(ranker: nn.Module, versions: Tensor, quality: Tensor, options: RankerOptions) -> Tensor:
    """Bradley-Terry cross entropy over every pair of versions of one crop, targets soft in the difference of the reference scores."""
    with autocast(versions.device, options.precision):
        maps = ranker(versions.flatten(0, 1).contiguous(memory_format=torch.channels_last))
    scores = maps.float().mean(dim=(1, 2, 3)).view(quality.shape)
    first, second = torch.triu_indices(quality.shape[1], quality.shape[1], offset=1, device=quality.device)
    target = torch.sigmoid(options.sharpness * (quality[:, first] - quality[:, second]))
    return functional.binary_cross_entropy_with_logits(scores[:, first] - scores[:, second], target)


@torch.no_grad()
def validate(
    ranker: nn.Module, held: Bank, made: Tensor, other: Tensor | None, options: RankerOptions, device: torch.device, rounds: int = 12
) -> Record:
    """Pairwise accuracy (pairs the reference score separates by 0.02 or more), mean SROCC, and how often the truth comes first.

    On held-back photos; on a held-back degradation; and, where given, on the candidates of a held-back prior.
    """
    record: Record = {}
    sets: list[tuple[str, Tensor, list[str] | None]] = [("photos", made, None), ("degradation", made, [HELD_BACK_FAULT])]
    if other is not None:
        sets.append(("prior", other, None))
    for name, candidates, faults in sets:
        scored = [_scored(ranker, held, candidates, options, faults, turn, device) for turn in range(rounds)]
        scores, quality = torch.cat([pair[0] for pair in scored]), torch.cat([pair[1] for pair in scored])
        record[f"accuracy_{name}"] = pairwise_accuracy(scores, quality)
        record[f"srocc_{name}"] = mean_srocc(scores, quality)
        record[f"truth_first_{name}"] = float((scores.argmax(dim=1) == 0).float().mean())
    return record


def _scored(
    ranker: nn.Module, held: Bank, candidates: Tensor, options: RankerOptions, faults: list[str] | None, turn: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    versions, quality = draw_versions(held, candidates, options, step_generator(options.seed + 1, turn), faults)
    scores = ranker(versions.flatten(0, 1).to(device)).mean(dim=(1, 2, 3)).cpu().view(quality.shape)
    return scores, quality


def pairwise_accuracy(scores: Tensor, quality: Tensor, least: float = 0.02) -> float:
    """Share of the pairs within a row that the reference score separates by `least` or more and the scores order as it does."""
    first, second = torch.triu_indices(quality.shape[1], quality.shape[1], offset=1)
    difference = quality[:, first] - quality[:, second]
    decided = difference.abs() >= least
    agrees = (scores[:, first] - scores[:, second]).sign() == difference.sign()
    return float(agrees[decided].float().mean())


def mean_srocc(scores: Tensor, quality: Tensor) -> float:
    """Spearman's rank correlation within each row (no ties expected), averaged."""
    ranks = [values.argsort(dim=1).argsort(dim=1).double() for values in (scores, quality)]
    centred = [rank - rank.mean(dim=1, keepdim=True) for rank in ranks]
    product = (centred[0] * centred[1]).sum(dim=1)
    return float((product / (centred[0].norm(dim=1) * centred[1].norm(dim=1))).mean())


@torch.no_grad()
def levels(ranker: nn.Module, held: Bank, device: torch.device) -> dict[str, float]:
    """pristine: the median score of held-back true crops; scale: the interquartile range over their restored versions."""

    def score(crops: Tensor) -> Tensor:
        return torch.stack([ranker(to_float(crop[None]).to(device)).mean().cpu() for crop in crops])

    restored = score(held.restored)
    spread_of = float(restored.quantile(0.75) - restored.quantile(0.25))
    return {"pristine": round(float(score(held.truth).median()), 5), "scale": round(spread_of, 5)}
