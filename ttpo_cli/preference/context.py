"""What the three stages of one photo share: the restored image on the prior's canvas, the tools, the guard and the settings."""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from ttpo_cli.device.stage_timer import StageTimer
from ttpo_cli.diffusion.denoiser import CLEAN, CallCounter, Denoise, Prior, Scene
from ttpo_cli.imaging.colour import is_grey, without_colour
from ttpo_cli.imaging.tiles import pad_reflect
from ttpo_cli.imaging.wavelets import replace_low_band
from ttpo_cli.inspection.agreement import ROUNDING
from ttpo_cli.metrics.metric import Metric
from ttpo_cli.metrics.ranker import Ranker
from ttpo_cli.preference.candidates import Seeds, automatic_batch
from ttpo_cli.preference.guard import Guard
from ttpo_cli.preference.selection import Panel, fused_scores, panel_for, score_images
from ttpo_cli.progress import OnStep
from ttpo_cli.settings.guard import GuardOptions
from ttpo_cli.settings.settings import Settings


@dataclass(frozen=True)
class Tools:
    """What the stages work with.

    Attributes:
        prior: The diffusion prior.
        metrics: The metrics that select.
        ranker: The embedded ranker, whose score maps guide by regions.
    """

    prior: Prior
    metrics: tuple[Metric, ...]
    ranker: Ranker


@dataclass(frozen=True)
class Alternative:
    """What another backbone, or the same one on a smaller photo, made of the photo: a candidate. image: (1, 3, H, W) in [0, 1]."""

    label: str
    image: Tensor


@dataclass(frozen=True)
class Subject:
    """A restored photo, or a region of one, that the stages are to improve.

    Attributes:
        restored: (1, 3, H, W) in [0, 1].
        lq: What the backbone was given, (1, 3, h, w).
        photo_id: What the seeds derive from: the hash of the photo's bytes, and the number of the region.
        alternatives: Other restorations of the same size.
        agreement: How well the scene itself agrees with `lq`, dB, as far as is known: more than that may not be asked of a result.
        photo: What it was restored from, enlarged to its size, for a prior that sees it; None for others.
        degradation: How degraded the photo is, as of `degradation_numbers`.
    """

    restored: Tensor
    lq: Tensor
    photo_id: str
    alternatives: tuple[Alternative, ...] = ()
    agreement: float = ROUNDING
    photo: Tensor | None = None
    degradation: tuple[float, float] = CLEAN

    @property
    def scene(self) -> Scene:
        """What the prior is conditioned on."""
        return Scene(self.restored, self.photo, self.degradation)

    @property
    def scale(self) -> float:
        """How many times larger the restored image is than what the backbone was given."""
        return max(self.restored.shape[-2:]) / max(self.lq.shape[-2:])

    def guard(self, options: GuardOptions) -> Guard:
        """The guard of this photo."""
        return Guard(self.restored, self.lq, options, self.agreement)

    def on(self, device: torch.device) -> "Subject":
        """The same in the memory of a device."""
        moved = tuple(replace(one, image=one.image.to(device)) for one in self.alternatives)
        photo = None if self.photo is None else self.photo.to(device)
        return replace(self, restored=self.restored.to(device), lq=self.lq.to(device), alternatives=moved, photo=photo)


@dataclass(frozen=True)
class Canvas:
    """The restored image, padded for the prior.

    Attributes:
        latent: (1, C, h, w).
        condition: What the prior's network is given as its condition, (1, C', h, w).
        mask: (1, 1, h, w), 1 where the latent shows the photo, 0 where it shows padding.
        size: (H, W) of the image without its padding, pixels.
        pixels: How many pixels the padded image has.
    """

    latent: Tensor
    condition: Tensor
    mask: Tensor
    size: tuple[int, int]
    pixels: int


@dataclass(frozen=True)
class Observer:
    """Who watches the stages: `on_step` is called at every step, `timer` (None: nobody) takes the time and the memory of each stage."""

    on_step: OnStep = lambda stage, done, total: None
    timer: StageTimer | None = None

    def end_of(self, stage: str) -> None:
        """A stage is over."""
        if self.timer is not None:
            self.timer.end_of(stage)


@dataclass(frozen=True)
class StageContext:
    """What the three stages share for one photo, or for one region of a large photo.

    Attributes:
        restored: (1, 3, H, W) in [0, 1], on the device that computes.
        canvas: The same image as the prior sees it.
        tools: Prior, metrics and ranker.
        seeds: What every seed of the photo derives from.
        settings: Everything asked for, the number of candidates a network call made definite.
        panel: The metrics that can score an image of this size.
        guard: Gives a verdict on each result.
        alternatives: Other restorations, which are candidates too.
        grey: Whether the photo has no colour, so that no result may have any.
        counter: Counts the network calls of each stage.
        notes: Gains a line for what memory did not allow.
    """

    restored: Tensor
    canvas: Canvas
    tools: Tools
    seeds: Seeds
    settings: Settings
    panel: Panel
    guard: Guard
    alternatives: tuple[Alternative, ...] = ()
    grey: bool = False
    counter: CallCounter = field(default_factory=CallCounter)
    notes: list[str] = field(default_factory=list)

    def denoise(self, stage: str) -> Denoise:
        """The prior's denoiser, its calls counted as those of `stage`."""
        return self.counter.wrap(self.tools.prior.denoise, stage)

    def images_of(self, latents: Tensor) -> Tensor:
        """(N, C, h, w) -> (N, 3, H, W) in [0, 1]: decoded, cropped to the photo, colours and low band put back to the restored image's."""
        height, width = self.canvas.size
        images = torch.cat([self.tools.prior.decode(latent[None])[..., :height, :width] for latent in latents])
        if self.tools.prior.colour_fix:
            images = replace_low_band(images, self.restored)
        if self.grey:
            images = without_colour(images)
        return self.guard.keep_low_band(images).clamp(0, 1)

    def scores_of(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, M) under the metrics of the panel, in their own directions."""
        return score_images(images, self.panel, self.notes)

    def fused(self, scores: Tensor) -> Tensor:
        """(N, M) -> (N,): one score a row, relative to the other rows, higher is better."""
        return fused_scores(scores, self.panel, self.settings.selection)

    def score_latents(self, latents: Tensor) -> Tensor:
        """(N, C, h, w) -> (N,): the fused scores of the images that latents stand for."""
        return self.fused(self.scores_of(self.images_of(latents)))


def stage_context(subject: Subject, tools: Tools, settings: Settings) -> StageContext:
    """The context of one photo, which is on the device that computes."""
    canvas = prepare(subject.scene, tools.prior)
    batch = settings.candidates.batch or automatic_batch(canvas.pixels, subject.restored.device)
    return StageContext(
        restored=subject.restored,
        canvas=canvas,
        tools=tools,
        seeds=Seeds(subject.photo_id, settings.seed),
        settings=replace(settings, candidates=replace(settings.candidates, batch=batch)),
        panel=panel_for(tools.metrics, *subject.restored.shape[-2:]),
        guard=subject.guard(settings.guard),
        alternatives=subject.alternatives,
        grey=is_grey(subject.lq) and is_grey(subject.restored),
    )


def prepare(scene: Scene, prior: Prior) -> Canvas:
    """Pad the restored image to the prior's size by reflection, and mark what is padding so that no loss sees it."""
    padded, size = pad_reflect(scene.restored, prior.multiple)
    latent = prior.encode(padded)
    mask = latent.new_zeros(1, 1, *latent.shape[-2:])
    factor = padded.shape[-1] // latent.shape[-1]
    mask[..., : -(-size[0] // factor), : -(-size[1] // factor)] = 1
    photo = None if scene.photo is None else pad_reflect(scene.photo, prior.multiple)[0]
    condition = latent if prior.condition is None else prior.condition(replace(scene, restored=padded, photo=photo))
    return Canvas(latent=latent, condition=condition, mask=mask, size=size, pixels=padded.shape[-2] * padded.shape[-1])
