"""All of `ttpo restore` for one photo: restore, propose candidates, select a pair, guide, guard, choose (arXiv 2511.19169)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from torch import Tensor

from ttpo_cli.backbones.inference import restore
from ttpo_cli.device.stage_timer import Bytes, StageTimer, greatest
from ttpo_cli.diffusion.priors.embedded import degradation_numbers
from ttpo_cli.imaging.hidden_colour import fill_hidden
from ttpo_cli.imaging.photo import Photo
from ttpo_cli.imaging.resize import imresize
from ttpo_cli.inspection.agreement import expected_agreement
from ttpo_cli.pipeline.engine import Engine
from ttpo_cli.pipeline.plan import PhotoPlan, Variant, plan_photo, shrunk
from ttpo_cli.pipeline.regions import in_regions, whole_or_in_regions
from ttpo_cli.preference.chooser import METRICS_CHOOSE, Chooser
from ttpo_cli.preference.context import Alternative, Observer, Subject
from ttpo_cli.preference.outcome import Outcome, of_restored
from ttpo_cli.progress import OnStep
from ttpo_cli.settings.settings import Settings


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
        settings: What it was made with: what was decided for this photo, and the pick of a person who was asked, among them.
        plan: What was to be done.
    """

    outcome: Outcome
    timings: Timings
    settings: Settings
    plan: PhotoPlan


def restore_photo(
    photo: Photo,
    engine: Engine,
    settings: Settings,
    on_step: OnStep | None = None,
    chooser: Chooser = METRICS_CHOOSE,
) -> Result:
    """All of `ttpo restore` for one photo.

    Args:
        photo: The photo; the seeds derive from the hash of its bytes.
        engine: What is loaded.
        settings: Everything else that the result depends on.
        on_step: Called at every step.
        chooser: Who chooses the pair of a photo done in one piece. The settings of the result hold the pick.

    Raises what the `ask` of `chooser` raises, UsageError for a size that cannot be, and MemoryExhausted where even small regions do not
    fit into the device's memory.
    """
    timer = StageTimer(engine.device)
    observer = Observer(on_step or (lambda stage, done, total: None), timer)
    shown = photo if photo.alpha is None else replace(photo, pixels=fill_hidden(photo.pixels, photo.alpha))
    plan = plan_photo(shown, engine, settings)
    photo = photo if plan.kept else shown
    restored, notes = _restored(photo.pixels, plan.first, plan, engine, settings, observer)
    timer.end_of("restore")
    optimised = plan.final_settings(settings).ttpo and engine.tools is not None
    alternatives = tuple(_alternatives(photo, plan, engine, settings, observer)) if optimised else ()
    subject = Subject(
        restored=restored,
        lq=shrunk(photo.pixels, plan.sizes.shrink).to(restored),
        photo_id=photo.content_hash,
        alternatives=alternatives,
        agreement=plan.agreement(settings),
    )
    if optimised and engine.tools is not None and engine.tools.prior.sees_photo:
        subject = _seen(subject, shown.pixels, plan)
    if not optimised:
        outcome = of_restored(restored, subject.guard(settings.guard))
        outcome = replace(outcome, reason=plan.without_stages or outcome.reason)
    elif settings.region and max(restored.shape[-2:]) > settings.region:
        outcome = in_regions(subject, engine, settings, settings.region, observer)
    else:
        outcome = whole_or_in_regions(subject, engine, settings, chooser, observer)
    timer.end_of("joining")
    outcome = replace(outcome, notes=(*decided(plan), *notes, *outcome.notes)).on_cpu()
    timings = Timings(timer.seconds, {**timer.memory, "all": greatest(tuple(timer.memory.values()))})
    made_with = replace(plan.final_settings(settings), pick=outcome.pick or settings.pick)
    return Result(outcome=outcome, timings=timings, settings=made_with, plan=plan)


def _restored(
    pixels: Tensor, variant: Variant, plan: PhotoPlan, engine: Engine, settings: Settings, observer: Observer
) -> tuple[Tensor, tuple[str, ...]]:
    """The backbone's image (1, 3, H, W) of the photo at the result's size, in [0, 1], and what was done otherwise."""
    made = restore(
        variant.backbone,
        shrunk(pixels, variant.shrink),
        engine.device,
        settings.restore,
        lambda done, total: observer.on_step("restoring", done, total),
    )
    image = made.image.clamp(0, 1)
    if tuple(image.shape[-2:]) != plan.sizes.result:
        image = imresize(image, size=plan.sizes.result).clamp(0, 1)
    return image, made.notes


def _seen(subject: Subject, pixels: Tensor, plan: PhotoPlan) -> Subject:
    """The subject with what a prior that sees the photo is given besides: the photo, enlarged, and how degraded it is."""
    assert plan.inspection is not None  # plan_photo looked, for such a prior
    size = (subject.restored.shape[-2], subject.restored.shape[-1])
    detail = plan.inspection.effective_resolution * min(1.0, max(pixels.shape[-2:]) / max(size))
    photo = imresize(pixels, size=size).clamp(0, 1).to(subject.restored)
    return replace(subject, photo=photo, degradation=degradation_numbers(expected_agreement(plan.inspection, 1.0), detail))


def _alternatives(photo: Photo, plan: PhotoPlan, engine: Engine, settings: Settings, observer: Observer) -> list[Alternative]:
    """What the other variants make of the photo."""
    made = [Alternative(variant.label, _restored(photo.pixels, variant, plan, engine, settings, observer)[0]) for variant in plan.others]
    if made:
        observer.end_of("alternatives")
    return made


def decided(plan: PhotoPlan) -> list[str]:
    """What was decided for the photo, a line each."""
    notes = []
    if plan.reason and not plan.kept:
        notes.append(f"restored by {plan.first.backbone.name}: {plan.reason}")
    if plan.sizes.shrink != 1 and not plan.kept:
        height, width = plan.sizes.shrunk
        notes.append(f"shrunk to {width}x{height} before it was restored")
    return notes
