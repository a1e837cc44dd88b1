"""What is to be done with one photo: which backbones, at what sizes, and what the guard may ask of it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from torch import Tensor, nn

from ttpo_cli.backbones.automatic import backbones_for
from ttpo_cli.backbones.backbone import Backbone
from ttpo_cli.backbones.catalog import identity
from ttpo_cli.errors import UsageError
from ttpo_cli.imaging.photo import Photo
from ttpo_cli.imaging.resize import imresize
from ttpo_cli.imaging.result_size import SMALLEST, Sizes, plan_sizes, scaled
from ttpo_cli.inspection.agreement import ROUNDING, expected_agreement
from ttpo_cli.inspection.inspection import Inspection, inspect_photo
from ttpo_cli.pipeline.engine import Engine
from ttpo_cli.settings.settings import Settings

TOO_LARGE = "the stages are left out for a result this large: --stages-megapixels says from where on"
KEPT = "the photo is clean and its size stays: there is nothing to repair"


@dataclass(frozen=True)
class Variant:
    """One way to restore a photo: by this backbone, shrunk to this share of its sides first."""

    backbone: Backbone
    shrink: float

    @property
    def label(self) -> str:
        """What it is called among candidates."""
        return self.backbone.name if self.shrink == 1 else f"{self.backbone.name} from {self.shrink:g}"


@dataclass(frozen=True)
class PhotoPlan:
    """What is to be done with one photo.

    Attributes:
        first: What makes the restored image.
        others: What makes further candidates.
        sizes: Of the photo, what the backbone is given, and the result.
        inspection: What was found in the photo; None where nothing depends on it.
        reason: Why this backbone; empty where the user named it.
        kept: Whether the photo itself is the result, at most made smaller.
        too_large: Whether the stages are left out because the result is large.
    """

    first: Variant
    others: tuple[Variant, ...]
    sizes: Sizes
    inspection: Inspection | None = None
    reason: str = ""
    kept: bool = False
    too_large: bool = False

    @property
    def backbones(self) -> tuple[str, ...]:
        """The names of those that take part, the first first."""
        return tuple(dict.fromkeys(variant.backbone.name for variant in (self.first, *self.others)))

    @property
    def without_stages(self) -> str | None:
        """Why the stages are left out; None where they are not."""
        return KEPT if self.kept else TOO_LARGE if self.too_large else None

    @property
    def _has_smaller(self) -> bool:
        """Whether candidates are made of a photo that was shrunk further."""
        return any(variant.shrink < self.first.shrink for variant in self.others)

    @property
    def scale(self) -> float:
        """How many times larger the result is than what the backbone is given."""
        return max(self.sizes.result) / max(self.sizes.shrunk)

    def agreement(self, settings: Settings) -> float:
        """How well the scene agrees with what the backbone is given, dB, as far as its degradation is known."""
        if self.inspection is None or not settings.guard.degradation:
            return ROUNDING
        return expected_agreement(self.inspection, self.sizes.shrink)

    def final_settings(self, settings: Settings) -> Settings:
        """The settings with what was decided for this photo, so that a record says it and a repetition does it again."""
        return replace(
            settings,
            size=replace(settings.size, shrink=f"{self.sizes.shrink:g}"),
            candidates=settings.candidates if self._has_smaller else replace(settings.candidates, shrinks=()),
            ttpo=settings.ttpo and self.without_stages is None,
        )


def engine_for(plan: PhotoPlan, engine: Engine) -> Engine:
    """The engine without the choice that a plan made: every photo is restored as that one."""
    if not engine.automatic:
        return engine
    named = {variant.backbone.name: variant.backbone for variant in (plan.first, *plan.others)}
    return replace(engine, backbones=tuple(named.values()), automatic=False)


def plan_photo(photo: Photo, engine: Engine, settings: Settings) -> PhotoPlan:
    """What to do with a photo. Raises UsageError for a size that cannot be."""
    plan = _planned(photo, engine, settings)
    pixels = plan.sizes.result[0] * plan.sizes.result[1]
    if not settings.ttpo or plan.kept or not settings.stages_megapixels or pixels <= settings.stages_megapixels * 1e6:
        return plan
    return replace(plan, others=(), too_large=True)


def _planned(photo: Photo, engine: Engine, settings: Settings) -> PhotoPlan:
    """The plan but for what a large result leaves out."""
    seen = engine.tools is not None and engine.tools.prior.sees_photo
    inspected = engine.automatic or (settings.ttpo and (settings.guard.degradation or seen))
    inspection = inspect_photo(photo) if inspected else None
    if engine.automatic:
        assert inspection is not None
        return _automatic(photo, inspection, engine, settings)
    size = (photo.pixels.shape[-2], photo.pixels.shape[-1])
    options = replace(settings.size, shrink="1") if settings.size.shrink == "auto" else settings.size
    sizes = plan_sizes(size, engine.backbone.scale, options)
    others = [Variant(backbone, sizes.shrink) for backbone in engine.backbones[1:]] if settings.ttpo else []
    return PhotoPlan(
        first=Variant(engine.backbone, sizes.shrink),
        others=(*others, *_shrunk_variants(engine.backbones, sizes, settings)),
        sizes=sizes,
        inspection=inspection,
    )


def _automatic(photo: Photo, inspection: Inspection, engine: Engine, settings: Settings) -> PhotoPlan:
    """The plan with the backbones and the size that the photo's state asks for."""
    size = (photo.pixels.shape[-2], photo.pixels.shape[-1])
    names, reason = backbones_for(inspection)
    backbone, *others = [next(known for known in engine.backbones if known.name == name) for name in names]
    sizes = plan_sizes(size, backbone.scale, settings.size, inspection.effective_resolution)
    if inspection.is_clean and sizes.factor <= 1 and settings.size.shrink == "auto":
        unshrunk = replace(sizes, shrink=1.0)
        return PhotoPlan(first=Variant(identity(None, 1.0), 1.0), others=(), sizes=unshrunk, inspection=inspection, reason=KEPT, kept=True)
    variants = [Variant(other, sizes.shrink) for other in others] if settings.ttpo else []
    return PhotoPlan(
        first=Variant(backbone, sizes.shrink),
        others=tuple(variants or _shrunk_variants((backbone,), sizes, settings)),
        sizes=sizes,
        inspection=inspection,
        reason=reason,
    )


def _shrunk_variants(backbones: tuple[Backbone, ...], sizes: Sizes, settings: Settings) -> Iterator[Variant]:
    """The same backbones on the photo made smaller still, as the settings of the candidates ask. None without the stages."""
    for share in settings.candidates.shrinks if settings.ttpo else ():
        if not 0 < share < 1:
            raise UsageError(f"--candidates-shrinks {share:g}: give shares between 0 and 1 of what the backbone is given")
        if min(scaled(sizes.shrunk, share)) >= SMALLEST:
            yield from (Variant(backbone, sizes.shrink * share) for backbone in backbones if isinstance(backbone.network, nn.Module))


def shrunk(pixels: Tensor, share: float) -> Tensor:
    """The photo (1, 3, H, W) in [0, 1] at a share of its sides, antialiased."""
    if share == 1:
        return pixels
    return imresize(pixels, size=scaled((pixels.shape[-2], pixels.shape[-1]), share)).clamp(0, 1)
