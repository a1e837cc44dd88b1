"""What the three stages of one photo share: the restored image on the prior's canvas, the tools, the guard and the settings."""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from ttpo_cli.device.stage_timer import StageTimer
from ttpo_cli.diffusion.denoiser import CallCounter, Denoise, Prior
from ttpo_cli.imaging.tiles import pad_reflect
from ttpo_cli.imaging.wavelets import replace_low_band
from ttpo_cli.metrics.metric import Metric
from ttpo_cli.metrics.ranker import Ranker
from ttpo_cli.preference.candidates import Seeds, automatic_batch
from ttpo_cli.preference.guard import Guard
from ttpo_cli.preference.selection import Panel, fused_scores, panel_for, score_images
from ttpo_cli.progress import OnStep
from ttpo_cli.settings.settings import Settings


@dataclass(frozen=True)
class Tools:
    """What the stages work with.

    Attributes:
        prior: The diffusion prior.
        metrics: The metrics that select.
        ranker: The embedded ranker, whose score maps guide by regions.
        scale: The scale of the task; 1 where nothing shrinks.
    """

    prior: Prior
    metrics: tuple[Metric, ...]
    ranker: Ranker
    scale: int


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
        tools: Prior, metrics, ranker and scale.
        seeds: What every seed of the photo derives from.
        settings: Everything asked for, the number of candidates a network call made definite.
        panel: The metrics that can score an image of this size.
        guard: Gives a verdict on each result.
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


def stage_context(restored: Tensor, lq: Tensor, photo_id: str, tools: Tools, settings: Settings) -> StageContext:
    """The context of one photo.

    Args:
        restored: (1, 3, H, W) in [0, 1], on the device that computes.
        lq: The input (1, 3, h, w), on the same device.
        photo_id: What the seeds derive from: the hash of the photo's bytes, and the number of the region.
        tools: What the stages work with.
        settings: Everything asked for.
    """
    canvas = prepare(restored, tools.prior)
    batch = settings.candidates.batch or automatic_batch(canvas.pixels, restored.device)
    return StageContext(
        restored=restored,
        canvas=canvas,
        tools=tools,
        seeds=Seeds(photo_id, settings.seed),
        settings=replace(settings, candidates=replace(settings.candidates, batch=batch)),
        panel=panel_for(tools.metrics, *restored.shape[-2:]),
        guard=Guard(restored, lq, tools.scale, settings.guard),
    )


def prepare(restored: Tensor, prior: Prior) -> Canvas:
    """Pad the image to the prior's size by reflection, and mark what is padding so that no loss sees it."""
    padded, size = pad_reflect(restored, prior.multiple)
    latent = prior.encode(padded)
    mask = latent.new_zeros(1, 1, *latent.shape[-2:])
    factor = padded.shape[-1] // latent.shape[-1]
    mask[..., : -(-size[0] // factor), : -(-size[1] // factor)] = 1
    condition = latent if prior.condition is None else prior.condition(padded)
    return Canvas(latent=latent, condition=condition, mask=mask, size=size, pixels=padded.shape[-2] * padded.shape[-1])
