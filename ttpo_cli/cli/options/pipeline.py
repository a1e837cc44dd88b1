"""The options of the commands that run the pipeline, declared once: what restores, how it computes, and every knob of the stages."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from inspect import Parameter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ttpo_cli.cli.options import shared as options
from ttpo_cli.cli.options.selection_weights import weights_by_picks
from ttpo_cli.cli.options.stages import KNOBS, add_parameters, build_settings, knob_parameter, parse_knobs
from ttpo_cli.cli.terminal.console import Terminal

if TYPE_CHECKING:
    from ttpo_cli.settings.engine import EngineOptions
    from ttpo_cli.settings.settings import Settings

_SHARED: dict[str, tuple[Any, Any]] = {
    "backbone": (options.Backbone, "lfc-sr-small"),
    "scale": (options.Scale, None),
    "task": (options.Task, None),
    "blend": (options.Blend, 1.0),
    "prior": (options.Prior, "haar-prior"),
    "metrics": (options.Metrics, "ranker,niqe"),
    "metric_weights": (options.MetricWeights, None),
    "ttpo": (options.Ttpo, True),
    "compare": (options.Compare, False),
    "device": (options.Device, "auto"),
    "precision": (options.Precision, "auto"),
    "tile": (options.Tile, "auto"),
    "overlap": (options.Overlap, 32),
    "region": (options.Region, 1024),
    "region_overlap": (options.RegionOverlap, 64),
    "seed": (options.Seed, 0),
    "offline": (options.Offline, False),
    "manifest": (options.Manifest, None),
}


@dataclass(frozen=True)
class Asked:
    """The shared options as given."""

    values: dict[str, Any]

    def build(self, terminal: Terminal, picks_in: Sequence[Path] = (), **own: Any) -> "tuple[EngineOptions, Settings]":
        """What to load, and what to do with it. own: the values of shared options that the command declares itself. picks_in: output
        folders with the picks that --weights learned is to follow.

        Raises UsageError for text that is no tile size, metric file or knob, TtpoError for weights that cannot be learned or read.
        """
        from ttpo_cli.settings.engine import EngineOptions
        from ttpo_cli.settings.restore import RestoreOptions

        given = {**self.values, **own}
        given |= weights_by_picks(given, picks_in)
        for_engine = ("backbone", "prior", "device", "precision", "scale", "task", "blend")
        engine = EngineOptions(
            **{name: given[name] for name in for_engine},
            metrics=options.metric_names(given["metrics"], terminal) if given["ttpo"] else (),
            metric_files=options.metric_files(given["metric_weights"]),
        )
        pieces = RestoreOptions(precision=given["precision"], tile=options.tile_size(given["tile"]), overlap=given["overlap"])
        for_settings = ("seed", "ttpo", "region", "region_overlap", "compare")
        named = {name: given[name] for name in for_settings if name in given}
        return engine, build_settings(parse_knobs(given), restore=pieces, **named)


def with_pipeline(*left_out: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a Typer command the shared options, but those `left_out`, and every knob; it receives them together as `asked`."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        keyword = Parameter.KEYWORD_ONLY
        shared = [
            Parameter(name, keyword, default=default, annotation=annotation)
            for name, (annotation, default) in _SHARED.items()
            if name not in left_out
        ]
        return add_parameters(command, "asked", [*shared, *map(knob_parameter, KNOBS)], Asked)

    return decorate
