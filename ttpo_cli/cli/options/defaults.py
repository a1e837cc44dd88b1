"""A user's own defaults of `ttpo restore`: a file of the user's, one that --config names, and variables of the environment.

Their order, the weaker first: default, preset, the user's file, --config, environment, command line.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from ttpo_cli.cli.options.flags import FLAGS, RUN_FLAGS, STAGES, Flag, as_text
from ttpo_cli.cli.options.values import value_of, value_of_text
from ttpo_cli.errors import TtpoError, UsageError, unknown_name
from ttpo_cli.settings.option import FILES
from ttpo_cli.settings.toml import read_toml

# Every option that a user can set, by its key; that of a run where both have it.
OPTIONS: dict[str, Flag] = {flag.key: flag for flag in {**FLAGS, **RUN_FLAGS}.values()}
PREFIX = "TTPO_"
# Variables with this prefix that are not options.
OTHER_VARIABLES = frozenset({"TTPO_HOME", "TTPO_MANIFEST", "TTPO_DEBUG", "TTPO_CONFIG"})


@dataclass(frozen=True)
class Own:
    """A value that holds in place of a default, and where it comes from, as people read it."""

    value: Any
    source: str


Layer = Mapping[str, Own]


def variable(flag: Flag) -> str:
    """The variable of the environment that sets an option."""
    return PREFIX + flag.key.upper().replace("-", "_")


def user_file() -> Path:
    """The user's own file, which need not exist: ttpo.toml in the platform's folder for settings."""
    return Path(typer.get_app_dir("ttpo")) / "ttpo.toml"


def own_defaults(config: Path | None, environment: Mapping[str, str] = os.environ) -> dict[str, Own]:
    """Key -> what holds instead of a default, of all layers together.

    config: the file of --config; without it that of TTPO_CONFIG.
    Raises UsageError for a key or a value that cannot be, TtpoError for a file that cannot be read.
    """
    named = config or (Path(environment["TTPO_CONFIG"]) if environment.get("TTPO_CONFIG") else None)
    preset: Layer = {}  # the place of presets, once there are any
    mine = user_file()
    of_user = _of_file(mine) if mine.is_file() else {}
    of_config = {} if named is None else _of_file(named)
    return {**preset, **of_user, **of_config, **_of_environment(environment)}


def unknown_variables(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Variables with the prefix that set nothing."""
    known = {variable(flag) for flag in OPTIONS.values()} | OTHER_VARIABLES
    return sorted(name for name in environment if name.startswith(PREFIX) and name not in known)


def _of_file(path: Path) -> dict[str, Own]:
    """The values of a file in TOML."""
    try:
        table = read_toml(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise TtpoError(f"'{path}' cannot be read ({getattr(error, 'strerror', None) or error}): give a file in TOML") from error
    found: dict[str, Own] = {}
    for key, given in _entries(table):
        try:
            if key not in OPTIONS:
                raise unknown_name("option", key, _like(key), "ttpo options")
            found[key] = Own(value_of(OPTIONS[key], given), str(path))
        except UsageError as error:
            raise UsageError(f"{path}: {error}") from error
    return found


def _like(key: str) -> list[str]:
    """The options that an unknown one may mean: those of its stage where it names one."""
    stage = key.partition("-")[0]
    return [known for known in OPTIONS if stage not in STAGES or known.startswith(f"{stage}-")]


def _of_environment(environment: Mapping[str, str]) -> dict[str, Own]:
    found: dict[str, Own] = {}
    for key, flag in OPTIONS.items():
        text = environment.get(variable(flag), "")
        if text:
            try:
                found[key] = Own(value_of_text(flag, text), variable(flag))
            except UsageError as error:
                raise UsageError(f"{variable(flag)}: {error}") from error
    return found


def _entries(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(key, value) of a table and of the tables in it, which are named after stages."""
    for name, value in table.items():
        key = f"{prefix}{name}".replace("_", "-")
        if isinstance(value, dict) and key not in OPTIONS:
            yield from _entries(value, f"{key}-")
        else:
            yield key, value


def _use_defaults(context: typer.Context, file: Path | None) -> Path | None:
    """Before the other options are read: those that are not typed take the user's own defaults."""
    if not context.resilient_parsing:
        own = own_defaults(file)
        context.default_map = {OPTIONS[key].name: as_text(one.value, OPTIONS[key]) for key, one in own.items()}
    return file


Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="Your defaults, in TOML, over those of your ttpo.toml (so does TTPO_CONFIG); `ttpo config` shows what holds.",
        callback=_use_defaults,
        is_eager=True,
        show_default=False,
        rich_help_panel=FILES,
    ),
]
