"""What is loaded once for all photos of a command: the backbones, and what the three stages work with."""

from dataclasses import dataclass

import torch

from ttpo_cli.backbones.automatic import AUTO, names_of_backbones
from ttpo_cli.backbones.backbone import Backbone
from ttpo_cli.backbones.catalog import load_backbone
from ttpo_cli.device.device import choose_device
from ttpo_cli.diffusion.priors.catalog import load_prior, locate
from ttpo_cli.errors import UsageError
from ttpo_cli.metrics.catalog import load_metrics
from ttpo_cli.metrics.ranker import load_ranker
from ttpo_cli.preference.context import Tools
from ttpo_cli.settings.engine import EngineOptions
from ttpo_cli.settings.settings import Settings
from ttpo_cli.weights.store import Store, open_store


@dataclass(frozen=True)
class Engine:
    """What is loaded once and serves many photos.

    Attributes:
        backbones: Those that were named, the first makes the restored image; or those that are chosen from photo by photo.
        tools: What the stages work with; None where only a backbone is to run.
        device: Where it computes.
        automatic: Whether each photo chooses one of the backbones.
    """

    backbones: tuple[Backbone, ...]
    tools: Tools | None
    device: torch.device
    automatic: bool = False

    @property
    def backbone(self) -> Backbone:
        """The first of them."""
        return self.backbones[0]


def load_engine(options: EngineOptions, settings: Settings, store: Store | None = None) -> Engine:
    """Load everything that one command's photos need under `settings`. store: where named weights are found or fetched to (None: as the
    environment says).

    Raises UsageError for unknown names or a missing device, WeightsError for weights that cannot be loaded, MemoryExhausted
    for a metric that the device cannot hold.
    """
    device = choose_device(options.device)
    store = store or open_store()
    located = locate(options.prior, store) if settings.ttpo else None
    backbones = load_backbones(options, store)
    automatic = options.backbone == AUTO
    if located is None:
        return Engine(backbones=backbones, tools=None, device=device, automatic=automatic)
    files = dict(options.metric_files)
    metrics = load_metrics(options.metrics, device, files, store.find)
    for metric in metrics:
        if metric.needs_reference:
            raise UsageError(f"metric '{metric.name}' needs a reference, and a photo to restore has none: choose no-reference metrics")
    prior = load_prior(located, device, options.precision, settings.prior, store)
    tools = Tools(prior=prior, metrics=metrics, ranker=load_ranker(device, files.get("ranker"))[0])
    return Engine(backbones=backbones, tools=tools, device=device, automatic=automatic)


def load_backbones(options: EngineOptions, store: Store) -> tuple[Backbone, ...]:
    """The backbones that the options name, or all that `auto` chooses from. Raises UsageError and WeightsError."""
    names = names_of_backbones(options.backbone)
    return tuple(load_backbone(name, scale=options.scale, task=options.task, blend=options.blend, store=store) for name in names)
