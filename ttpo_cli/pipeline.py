"""TTPO from a photo to its result: restore, propose candidates, select a pair, guide, guard, choose (arXiv 2511.19169)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ttpo_cli.backbones.backbone import Backbone
from ttpo_cli.backbones.catalog import load_backbone
from ttpo_cli.backbones.inference import restore
from ttpo_cli.device.device import choose_device, free_cached, is_out_of_memory
from ttpo_cli.device.stage_timer import Bytes, StageTimer, greatest
from ttpo_cli.diffusion.priors.catalog import load_prior, locate
from ttpo_cli.errors import MemoryExhausted, UsageError
from ttpo_cli.imaging.resize import imresize
from ttpo_cli.imaging.shrinking_tiles import ShrinkingTiles
from ttpo_cli.imaging.tiles import Overlap, map_tiles
from ttpo_cli.metrics.catalog import load_metrics
from ttpo_cli.metrics.ranker import load_ranker
from ttpo_cli.preference.best_of_n import compared_with_best_of_n
from ttpo_cli.preference.chooser import METRICS_CHOOSE, Chooser, ScoredCandidates
from ttpo_cli.preference.context import Observer, Tools, stage_context
from ttpo_cli.preference.guard import Guard
from ttpo_cli.preference.optimisation import optimise
from ttpo_cli.preference.outcome import ROWS, Outcome, of_regions, of_restored
from ttpo_cli.progress import OnStep
from ttpo_cli.settings.engine import EngineOptions
from ttpo_cli.settings.settings import Settings
from ttpo_cli.weights.store import Store, open_store

# Pixels a side below which a region says too little about the photo to choose by.
SMALLEST_REGION = 128


@dataclass(frozen=True)
class Engine:
    """What is loaded once and serves many photos. tools: None where only the backbone is to run."""

    backbone: Backbone
    tools: Tools | None
    device: torch.device


@dataclass(frozen=True)
class Timings:
    """What a photo cost.

    Attributes:
        seconds: Stage -> seconds.
        peak_memory: Stage -> bytes at most held, and in `all` of the whole run: `process` (from its start, where the system keeps no
            timer) and `cuda`.
    """

    seconds: Mapping[str, float]
    peak_memory: Mapping[str, Bytes]


@dataclass(frozen=True)
class Result:
    """What was made of one photo.

    Attributes:
        outcome: The images, on the CPU, and the choice among them. Of a photo done in regions, its candidates are the restored image and
            the best candidate of each region.
        timings: What it cost.
        settings: What it was made with, the pick of a person who was asked among them.
    """

    outcome: Outcome
    timings: Timings
    settings: Settings


def load_engine(options: EngineOptions, settings: Settings, store: Store | None = None) -> Engine:
    """Load everything that one command's photos need under `settings`. store: where named weights are found or fetched to (None: as the
    environment says).

    Raises UsageError for unknown names or a missing device, WeightsError for weights that cannot be loaded, MemoryExhausted
    for a metric that the device cannot hold.
    """
    device = choose_device(options.device)
    store = store or open_store()
    located = locate(options.prior, store) if settings.ttpo else None
    backbone = load_backbone(options.backbone, scale=options.scale, task=options.task, blend=options.blend, store=store)
    if located is None:
        return Engine(backbone, None, device)
    files = dict(options.metric_files)
    metrics = load_metrics(options.metrics, device, files, store.find)
    for metric in metrics:
        if metric.needs_reference:
            raise UsageError(f"metric '{metric.name}' needs a reference, which a photo to restore has not: choose no-reference metrics")
    prior = load_prior(located, device, options.precision, settings.prior, store)
    return Engine(
        backbone, Tools(prior=prior, metrics=metrics, ranker=load_ranker(device, files.get("ranker"))[0], scale=backbone.scale), device
    )


def restore_photo(
    lq: Tensor,
    photo_id: str,
    engine: Engine,
    settings: Settings,
    on_step: OnStep | None = None,
    chooser: Chooser = METRICS_CHOOSE,
) -> Result:
    """All of `ttpo restore` for one photo.

    Args:
        lq: The photo, (1, 3, H, W) in [0, 1].
        photo_id: What the seeds derive from: the hash of the photo's bytes.
        engine: What is loaded.
        settings: Everything else that the result depends on.
        on_step: Called at every step.
        chooser: Who chooses the pair of a photo done in one piece. The settings of the result hold the pick.

    Raises what the `ask` of `chooser` raises, and MemoryExhausted where even small regions do not fit into the device's memory.
    """
    timer = StageTimer(engine.device)
    observer = Observer(on_step or (lambda stage, done, total: None), timer)
    first = restore(engine.backbone, lq, engine.device, settings.restore, lambda done, total: observer.on_step("restoring", done, total))
    restored = first.image.clamp(0, 1)
    timer.end_of("restore")
    lq = lq.to(restored)
    photo = _Photo(restored=restored, lq=lq, photo_id=photo_id, engine=engine)
    if not settings.ttpo or engine.tools is None:
        outcome = of_restored(restored, photo.guard(settings))
    elif settings.region and max(restored.shape[-2:]) > settings.region:
        outcome = _in_regions(photo, settings, settings.region, observer)
    else:
        outcome = _whole_or_in_regions(photo, settings, chooser, observer)
    timer.end_of("joining")
    outcome = replace(outcome, notes=(*first.notes, *outcome.notes)).on_cpu()
    timings = Timings(timer.seconds, {**timer.memory, "all": greatest(tuple(timer.memory.values()))})
    return Result(outcome, timings, replace(settings, pick=outcome.pick or settings.pick))


@dataclass(frozen=True)
class _Photo:
    """A restored photo (1, 3, H, W) with its input, and what works on it."""

    restored: Tensor
    lq: Tensor
    photo_id: str
    engine: Engine

    def guard(self, settings: Settings) -> Guard:
        return Guard(self.restored, self.lq, self.engine.backbone.scale, settings.guard)


def _optimise(photo: _Photo, settings: Settings, chooser: Chooser, observer: Observer) -> Outcome:
    """The three stages for a photo, or a region of one, in one piece."""
    engine = photo.engine
    assert engine.tools is not None  # restore_photo looked
    context = stage_context(photo.restored.to(engine.device), photo.lq.to(engine.device), photo.photo_id, engine.tools, settings)
    outcome = optimise(context, chooser, observer)
    return compared_with_best_of_n(outcome, context, observer) if settings.compare else outcome


def _whole_or_in_regions(photo: _Photo, settings: Settings, chooser: Chooser, observer: Observer) -> Outcome:
    """The three stages for the whole photo, or in regions of half its side where memory does not suffice; a pick made before holds."""
    longest = max(photo.restored.shape[-2:])
    half = max(-(-longest // 2), SMALLEST_REGION)
    device = photo.engine.device
    picked = settings.pick

    def remember(candidates: ScoredCandidates) -> Sequence[int]:
        nonlocal picked
        assert chooser.ask is not None  # as where this is handed on
        picked = tuple(chooser.ask(candidates))
        return picked

    try:
        return _optimise(photo, settings, chooser if chooser.ask is None else replace(chooser, ask=remember), observer)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        if half >= longest:
            raise MemoryExhausted(_complaint(device) + f" for a photo of {longest} pixels: free memory, or use --device cpu") from error
    free_cached(device)
    outcome = _in_regions(photo, replace(settings, pick=picked), half, observer)
    note = f"out of memory in one piece: the three stages went on in regions of {half}"
    if settings.compare:
        note += "; no best of N was made, which takes a photo in one piece"
    return replace(outcome, pick=picked, notes=(note, *outcome.notes))


def _complaint(device: torch.device) -> str:
    return f"the three stages do not fit into the memory of {device}"


def _in_regions(photo: _Photo, settings: Settings, side: int, observer: Observer) -> Outcome:
    """Each region of `side` goes through the three stages by itself; overlaps blend. Scores are means over the regions.

    The blended images are made where `restored` is: on the CPU where tiles made it, so that a device holds one region at a time.
    """
    if settings.region and settings.region_overlap >= settings.region:
        raise UsageError(f"--region {settings.region} must be larger than --region-overlap {settings.region_overlap}")
    scale, restored = photo.engine.backbone.scale, photo.restored
    within = Observer(timer=observer.timer)  # the regions are the steps, not what goes on in them
    outcomes: list[Outcome] = []

    def region(tile: Tensor) -> Tensor:
        shrunk = imresize(tile, size=(tile.shape[-2] // scale, tile.shape[-1] // scale))
        part = _Photo(restored=tile, lq=shrunk, photo_id=f"{photo.photo_id}/{len(outcomes)}", engine=photo.engine)
        outcome = _optimise(part, settings, METRICS_CHOOSE, within)
        outcomes.append(outcome.without_images())
        made = [outcome.contenders[outcome.rows[row]].image for row in ROWS[1:]]
        return torch.cat(made, dim=1).to(restored.device)

    regions = ShrinkingTiles(
        function=region,
        overlap=Overlap(pixels=settings.region_overlap),
        smallest=SMALLEST_REGION,
        complaint=_complaint(photo.engine.device),
        pieces="regions",
        multiple=scale,
    )
    images = map_tiles(
        regions.run,
        restored,
        tile=side,
        overlap=min(settings.region_overlap, side // 4) if side != settings.region else settings.region_overlap,
        multiple=scale,
        on_tile=lambda done, total: observer.on_step("regions", done, total),
    )
    blended: dict[str, Tensor] = dict(zip(ROWS, (restored, *images.split(3, dim=1)), strict=True))
    outcome = of_regions(outcomes, blended, photo.guard(settings))
    return replace(outcome, notes=(*outcome.notes, *regions.notes))
