"""The options of the commands that run the pipeline: what restores, how it computes, every option of the stages, and those of a run."""

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from ttpo_cli.cli.options import shared as options
from ttpo_cli.cli.options.flags import ENGINE, FLAGS, PARTS, RUN_FLAGS, STAGES, WHOLE, Flag, parameters, parsed, renamed
from ttpo_cli.cli.terminal.console import Terminal
from ttpo_cli.settings.engine import EngineOptions
from ttpo_cli.settings.output import Encoding, Outputs
from ttpo_cli.settings.run import Executor, PathOptions, RunOptions
from ttpo_cli.settings.settings import Settings

_CONTEXT = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=typer.Context)
_OTHERS = [
    inspect.Parameter("offline", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=options.Offline),
    inspect.Parameter("manifest", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=options.Manifest),
]


@dataclass(frozen=True)
class Asked:
    """The options of the pipeline, and of a run where the command has them, as given."""

    values: dict[str, Any]

    def build(self, terminal: Terminal, picks_in: Sequence[Path] = (), **own: Any) -> tuple[EngineOptions, Settings]:
        """What to load, and what to do with it. An option that the command does not have keeps its default.

        own: values of options that the command declares itself.
        picks_in: output folders with the picks that --selection-weights learned is to follow.
        Raises UsageError for text that is not a value of its option, TtpoError for weights that cannot be learned or read.
        """
        from ttpo_cli.cli.options.selection_weights import weights_by_picks

        given = {**self.values, **own}
        given |= weights_by_picks(given, picks_in)
        values = parsed(given)
        for_engine, for_whole = values[ENGINE], values[WHOLE]
        if "precision" in values["restore"]:
            for_engine["precision"] = values["restore"]["precision"]
        scale = values["size"].get("scale")
        for_engine["scale"] = int(scale) if scale is not None and scale >= 1 and scale == int(scale) else None
        if not for_whole.get("ttpo", True):
            for_engine["metrics"] = ()
        elif "metrics" in given:
            for_engine["metrics"] = options.metric_names(given["metrics"], terminal)
        return EngineOptions(**for_engine), Settings(**for_whole, **{stage: PARTS[stage](**values[stage]) for stage in STAGES})

    def run(self) -> RunOptions:
        """What a run is to do."""
        values = parsed(self.values, RUN_FLAGS)
        return RunOptions(
            **values["run"],
            paths=PathOptions(**values["paths"]),
            outputs=Outputs(**values["outputs"], encoding=Encoding(**values["encoding"])),
            executor=Executor(**values["executor"]),
        )


def with_pipeline(*left_out: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a Typer command every option of the pipeline, but those `left_out`; it receives them together as `asked`."""
    flags = [flag for name, flag in FLAGS.items() if name not in left_out]
    return _with([*parameters(flags), *_OTHERS])


def with_run() -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a Typer command every option of a run over photos, then every one of the pipeline. `--device` is that of the run."""
    run, others = list(RUN_FLAGS.values()), [flag for name, flag in FLAGS.items() if name not in RUN_FLAGS]
    return _with([*parameters(others), *_OTHERS], first=parameters(run))


def with_prior() -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a Typer command the options that restore a photo and load a prior; it receives them together as `asked`."""

    def is_needed(flag: Flag) -> bool:
        return flag.part == "prior" or flag.name in ("backbone", "size_scale", "prior", "device")

    return _with(parameters([flag for flag in FLAGS.values() if is_needed(flag)]))


def _with(
    more: Sequence[inspect.Parameter], first: Sequence[inspect.Parameter] = ()
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command more parameters, which it receives together as `asked`; `first`: those that --help shows before the command's own."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        declared = inspect.signature(command, eval_str=True).parameters.values()
        own = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in declared if one.name != "asked"]
        takes_context = any(one.name == _CONTEXT.name for one in own)

        @functools.wraps(command)
        def wrapped(**arguments: Any) -> None:
            given = {parameter.name: arguments.pop(parameter.name) for parameter in (*first, *more)}
            context = arguments.get(_CONTEXT.name) if takes_context else arguments.pop(_CONTEXT.name, None)
            command(**arguments, asked=Asked(renamed(given, functools.partial(_is_typed, context))))

        together = [*first, *own, *more, *([] if takes_context else [_CONTEXT])]
        wrapped.__signature__ = inspect.Signature(together)  # type: ignore[attr-defined]
        wrapped.__annotations__ = {one.name: one.annotation for one in together}
        return wrapped

    return decorate


def _is_typed(context: typer.Context | None, name: str) -> bool:
    """Whether a parameter stands on the command line."""
    source = None if context is None else context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
