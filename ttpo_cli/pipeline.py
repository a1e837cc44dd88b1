"""TTPO from a photo to its result: restore, propose candidates, select a pair, guide, guard, choose (arXiv 2511.19169)."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

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
from ttpo_cli.imaging.tiles import map_tiles
from ttpo_cli.metrics.catalog import load_metrics
from ttpo_cli.metrics.ranker import load_ranker
from ttpo_cli.preference.chooser import METRICS_CHOOSE, Chooser, ScoredCandidates
from ttpo_cli.preference.guided import Tools
from ttpo_cli.preference.optimisation import optimise
from ttpo_cli.preference.outcome import Outcome, of_regions, of_restored
from ttpo_cli.progress import OnStep
from ttpo_cli.settings.engine import EngineOptions
from ttpo_cli.settings.option import recorded_values
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
class Result:
    """The outcome for one photo; images (1, 3, H, W) in [0, 1] on the CPU, rows named restored, best candidate, guided, result.

    candidates[0] is the restored image itself; of a photo done in regions, only it and the best of each region are kept.
    peak_memory: bytes at most held in each stage, and in `all`: `process` (from its start, where the system keeps no timer) and `cuda`.
    """

    restored: Tensor
    best: Tensor
    guided: Tensor | None
    final: Tensor
    chosen: str
    reason: str
    candidates: Tensor
    candidate_labels: tuple[str, ...]
    preferred: int
    dispreferred: int
    metric_names: tuple[str, ...]
    scores: dict[str, dict[str, float]]
    fidelity: dict[str, float]
    consistency: dict[str, float]
    guard: dict[str, str]
    network_calls: dict[str, int]
    seconds: dict[str, float]
    seeds: dict[str, int]
    notes: tuple[str, ...]
    settings: dict[str, Any]
    rival: Tensor | None = None
    peak_memory: dict[str, Bytes] = field(default_factory=dict)


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
    return Engine(backbone, Tools(prior, metrics, load_ranker(device, files.get("ranker"))[0], backbone.scale), device)


def restore_photo(
    lq: Tensor,
    content_hash: str,
    engine: Engine,
    settings: Settings,
    on_step: OnStep | None = None,
    chooser: Chooser = METRICS_CHOOSE,
) -> Result:
    """All of `ttpo restore` for one photo: lq (1, 3, H, W) in [0, 1], content_hash naming its bytes for the seeds.

    chooser: of a photo done in one piece; the result's settings hold the pick that was asked for. Raises what its `ask` raises.
    """
    timer = StageTimer(engine.device)
    report = on_step or (lambda stage, done, total: None)
    first = restore(engine.backbone, lq, engine.device, settings.restore, lambda done, total: report("restoring", done, total))
    restored = first.image.clamp(0, 1)
    timer.end_of("restore")
    lq = lq.to(restored)
    if not settings.ttpo or engine.tools is None:
        outcome = of_restored(restored, lq, engine.backbone.scale, settings.guard)
    elif settings.region and max(restored.shape[-2:]) > settings.region:
        outcome = _in_regions(restored, lq, content_hash, engine, settings, settings.region, report, timer)
    else:
        outcome = _whole_or_in_regions(restored, lq, content_hash, engine, settings, report, timer, chooser)
    timer.end_of("joining")
    return _result(outcome, settings, timer, first.notes)


def _optimise(
    restored: Tensor, lq: Tensor, content_hash: str, engine: Engine, settings: Settings, report: OnStep, timer: StageTimer, chooser: Chooser
) -> Outcome:
    assert engine.tools is not None  # restore_photo looked
    restored, lq = restored.to(engine.device), lq.to(engine.device)
    stages = (settings.candidates, settings.selection, settings.guidance, settings.guard)
    return optimise(
        restored, lq, content_hash, settings.seed, engine.tools, *stages, report, settings.compare, timer, settings.pick, chooser
    )


def _whole_or_in_regions(
    restored: Tensor, lq: Tensor, content_hash: str, engine: Engine, settings: Settings, report: OnStep, timer: StageTimer, chooser: Chooser
) -> Outcome:
    """The three stages for the whole photo, or in regions of half its side where memory does not suffice; a pick made before holds."""
    longest = max(restored.shape[-2:])
    half = max(-(-longest // 2), SMALLEST_REGION)
    picked = settings.pick

    def remember(offer: ScoredCandidates) -> Sequence[int]:
        nonlocal picked
        assert chooser.ask is not None  # as where this is handed on
        picked = tuple(chooser.ask(offer))
        return picked

    chosen_by = chooser if chooser.ask is None else replace(chooser, ask=remember)
    try:
        return _optimise(restored, lq, content_hash, engine, settings, report, timer, chosen_by)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        if half >= longest:
            raise MemoryExhausted(_complaint(engine) + f" for a photo of {longest} pixels: free memory, or use --device cpu") from error
    free_cached(engine.device)
    outcome = replace(_in_regions(restored, lq, content_hash, engine, replace(settings, pick=picked), half, report, timer), pick=picked)
    compared = ("; no rival was made, which takes a photo in one piece",) if settings.compare else ()
    note = "".join((f"out of memory in one piece: the three stages went on in regions of {half}", *compared))
    return replace(outcome, notes=(note, *outcome.notes))


def _complaint(engine: Engine) -> str:
    return f"the three stages do not fit into the memory of {engine.device}"


def _in_regions(
    restored: Tensor, lq: Tensor, content_hash: str, engine: Engine, settings: Settings, side: int, report: OnStep, timer: StageTimer
) -> Outcome:
    """Each region of `side` goes through the three stages by itself; overlaps blend. Scores are means over the regions.

    The blended images are made where `restored` is: on the CPU where tiles made it, so that a device holds one region at a time.
    """
    if settings.region and settings.region_overlap >= settings.region:
        raise UsageError(f"--region {settings.region} must be larger than --region-overlap {settings.region_overlap}")
    scale = engine.backbone.scale
    outcomes: list[Outcome] = []

    def region(tile: Tensor) -> Tensor:
        shrunk = imresize(tile, size=(tile.shape[-2] // scale, tile.shape[-1] // scale))
        outcome = _optimise(tile, shrunk, f"{content_hash}/{len(outcomes)}", engine, settings, lambda *_: None, timer, METRICS_CHOOSE)
        outcomes.append(outcome.without_candidates())
        return torch.cat((outcome.best, outcome.guided, outcome.final), dim=1).to(restored.device)

    regions = ShrinkingTiles(region, settings.region_overlap, SMALLEST_REGION, _complaint(engine), "regions", multiple=scale)
    images = map_tiles(
        regions.run,
        restored,
        tile=side,
        overlap=min(settings.region_overlap, side // 4) if side != settings.region else settings.region_overlap,
        multiple=scale,
        on_tile=lambda done, total: report("regions", done, total),
    )
    best, guided, final = images.split(3, dim=1)
    outcome = of_regions(outcomes, restored, best, guided, final, lq, scale, settings.guard)
    return replace(outcome, notes=(*outcome.notes, *regions.notes))


def _result(outcome: Outcome, settings: Settings, timer: StageTimer, notes: Sequence[str]) -> Result:
    return Result(
        restored=outcome.restored.cpu(),
        best=outcome.best.cpu(),
        guided=outcome.guided.cpu() if settings.ttpo else None,
        final=outcome.final.cpu(),
        chosen=outcome.chosen,
        reason=outcome.reason,
        candidates=outcome.candidates.cpu(),
        candidate_labels=outcome.labels,
        preferred=outcome.preferred,
        dispreferred=outcome.dispreferred,
        metric_names=outcome.metric_names,
        scores=outcome.scores,
        fidelity={row: verdict.fidelity for row, verdict in outcome.verdicts.items()},
        consistency={row: verdict.consistency for row, verdict in outcome.verdicts.items()},
        guard={row: verdict.refused or "kept" for row, verdict in outcome.verdicts.items()},
        network_calls=outcome.calls,
        seconds=timer.seconds,
        seeds=outcome.seeds,
        notes=(*notes, *outcome.notes),
        settings=recorded_values(replace(settings, pick=outcome.pick or settings.pick)),
        rival=None if outcome.rival is None else outcome.rival.cpu(),
        peak_memory={**timer.memory, "all": greatest(tuple(timer.memory.values()))},
    )
