"""The three stages over a restored photo: in one piece, or in regions where it is large or memory is short."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ttpo_cli.device.device import free_cached, is_out_of_memory
from ttpo_cli.errors import MemoryExhausted, UsageError
from ttpo_cli.imaging.resize import imresize
from ttpo_cli.imaging.result_size import scaled
from ttpo_cli.imaging.shrinking_tiles import ShrinkingTiles
from ttpo_cli.imaging.tiles import Overlap, map_tiles
from ttpo_cli.pipeline.engine import Engine
from ttpo_cli.preference.best_of_n import compared_with_best_of_n
from ttpo_cli.preference.chooser import METRICS_CHOOSE, Chooser, ScoredCandidates
from ttpo_cli.preference.context import Alternative, Observer, Subject, stage_context
from ttpo_cli.preference.optimisation import optimise
from ttpo_cli.preference.outcome import ROWS, Outcome, of_regions
from ttpo_cli.settings.settings import Settings

# Pixels a side below which a region says too little about the photo to choose by.
SMALLEST_REGION = 128


def optimised(subject: Subject, engine: Engine, settings: Settings, chooser: Chooser, observer: Observer) -> Outcome:
    """The three stages for a photo, or a region of one, in one piece."""
    assert engine.tools is not None  # restore_photo looked
    context = stage_context(subject.on(engine.device), engine.tools, settings)
    outcome = optimise(context, chooser, observer)
    return compared_with_best_of_n(outcome, context, observer) if settings.compare else outcome


def whole_or_in_regions(subject: Subject, engine: Engine, settings: Settings, chooser: Chooser, observer: Observer) -> Outcome:
    """The three stages for the whole photo, or in regions of half its side where memory does not suffice; a pick made before holds."""
    longest = max(subject.restored.shape[-2:])
    half = max(-(-longest // 2), SMALLEST_REGION)
    device = engine.device
    picked = settings.pick

    def remember(candidates: ScoredCandidates) -> Sequence[int]:
        nonlocal picked
        assert chooser.ask is not None  # as where this is handed on
        picked = tuple(chooser.ask(candidates))
        return picked

    try:
        return optimised(subject, engine, settings, chooser if chooser.ask is None else replace(chooser, ask=remember), observer)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        if half >= longest:
            raise MemoryExhausted(_complaint(device) + f" for a photo of {longest} pixels: free memory, or use --device cpu") from error
    free_cached(device)
    outcome = in_regions(subject, engine, replace(settings, pick=picked), half, observer)
    note = f"out of memory in one piece: the three stages went on in regions of {half}"
    if settings.compare:
        note += "; no best of N was made, which takes a photo in one piece"
    return replace(outcome, pick=picked, notes=(note, *outcome.notes))


def _complaint(device: torch.device) -> str:
    return f"the three stages do not fit into the memory of {device}"


def in_regions(subject: Subject, engine: Engine, settings: Settings, side: int, observer: Observer) -> Outcome:
    """Each region of `side` goes through the three stages by itself; overlaps blend. Scores are means over the regions.

    The blended images are made where `restored` is: on the CPU where tiles made it, so that a device holds one region at a time.
    """
    if settings.region and settings.region_overlap >= settings.region:
        raise UsageError(f"--region {settings.region} must be larger than --region-overlap {settings.region_overlap}")
    scale, restored = subject.scale, subject.restored
    within = Observer(timer=observer.timer)  # the regions are the steps, not what goes on in them
    labels = [other.label for other in subject.alternatives]
    outcomes: list[Outcome] = []

    photo = subject.photo

    def region(tile: Tensor) -> Tensor:
        image, *others = tile.split(3, dim=1)
        shown = None if photo is None else others.pop()
        part = Subject(
            restored=image,
            lq=imresize(image, size=scaled((tile.shape[-2], tile.shape[-1]), 1 / scale)) if scale > 1 else image,
            photo_id=f"{subject.photo_id}/{len(outcomes)}",
            alternatives=tuple(Alternative(*pair) for pair in zip(labels, others, strict=True)),
            agreement=subject.agreement,
            photo=shown,
            degradation=subject.degradation,
        )
        outcome = optimised(part, engine, settings, METRICS_CHOOSE, within)
        outcomes.append(outcome.without_images())
        made = [outcome.contenders[outcome.rows[row]].image for row in ROWS[1:]]
        return torch.cat(made, dim=1).to(restored.device)

    multiple = round(scale) if scale >= 1 and scale == round(scale) else 1
    regions = ShrinkingTiles(
        function=region,
        overlap=Overlap(pixels=settings.region_overlap),
        smallest=SMALLEST_REGION,
        complaint=_complaint(engine.device),
        pieces="regions",
        multiple=multiple,
    )
    images = map_tiles(
        regions.run,
        torch.cat((restored, *(other.image.to(restored) for other in subject.alternatives), *(() if photo is None else (photo,))), dim=1),
        tile=side,
        overlap=min(settings.region_overlap, side // 4) if side != settings.region else settings.region_overlap,
        multiple=multiple,
        on_tile=lambda done, total: observer.on_step("regions", done, total),
    )
    blended: dict[str, Tensor] = dict(zip(ROWS, (restored, *images.split(3, dim=1)), strict=True))
    outcome = of_regions(outcomes, blended, subject.guard(settings.guard))
    return replace(outcome, notes=(*outcome.notes, *regions.notes))
