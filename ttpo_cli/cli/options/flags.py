"""The flags of the pipeline's commands, made from the options that `ttpo_cli.settings` declares: name, type, default, help, panel.

`--<stage>-<field>` sets a field of a stage, `--<field>` any other, unless the field names its own flag.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property
from inspect import Parameter
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import typer

from ttpo_cli.cli.terminal.console import Terminal
from ttpo_cli.errors import UsageError
from ttpo_cli.settings.engine import EngineOptions
from ttpo_cli.settings.option import Option, option_of
from ttpo_cli.settings.output import Encoding, Outputs
from ttpo_cli.settings.run import Executor, Glob, PathOptions, RunOptions
from ttpo_cli.settings.settings import Settings

# Part -> its options: what the engine is made of, what concerns the whole photo, and every stage.
ENGINE, WHOLE = "engine", "settings"
_TYPES = get_type_hints(Settings)
STAGES: dict[str, type] = {entry.name: _TYPES[entry.name] for entry in fields(Settings) if is_dataclass(_TYPES[entry.name])}
PARTS: dict[str, type] = {ENGINE: EngineOptions, WHOLE: Settings, **STAGES}
# The same of a run over photos, in the order of --help.
RUN_PARTS: dict[str, type] = {
    "paths": PathOptions,
    "encoding": Encoding,
    "run": RunOptions,
    "outputs": Outputs,
    "executor": Executor,
}

Values = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Flag:
    """One option of the command line, and the field that it sets.

    Attributes:
        part: a key of PARTS or RUN_PARTS.
        field: the field's name there.
        kind: the field's type.
        default: the field's default.
        option: what the field says of its flag.
    """

    part: str
    field: str
    kind: Any
    default: Any
    option: Option

    @property
    def name(self) -> str:
        """The name of the command's parameter."""
        if self.part in RUN_PARTS and self.option.flag:
            return self.option.flag.split()[0].partition("/")[0].strip("-").replace("-", "_")
        return f"{self.part}_{self.field}" if self.part in STAGES else self.field

    @property
    def spelling(self) -> str:
        """As it is typed; a switch has both spellings."""
        return self.spellings[0]

    @property
    def spellings(self) -> list[str]:
        """As it is typed, the short form last where there is one."""
        return self.option.flag.split() if self.option.flag else ["--" + self.name.replace("_", "-")]

    @property
    def key(self) -> str:
        """Its name in a settings file: as it is typed, without the dashes."""
        return self.spelling.partition("/")[0].lstrip("-")

    @cached_property
    def choices(self) -> tuple[str, ...]:
        """The words that it takes; () for one that takes other values."""
        return _choices(self.kind)

    @cached_property
    def annotation(self) -> Any:
        """The parameter's type for Typer; what Typer has no type for is given as text."""
        if self.kind is bool:
            return bool if self.option.flag else Literal["on", "off"]
        if is_repeated(self.kind):
            return list[str] | None
        choices = _choices(self.kind)
        if get_origin(self.kind) in (tuple, frozenset) or is_mapping(self.kind) or (choices and int in get_args(self.kind)):
            return str
        return Literal[choices] if choices else self.kind

    @property
    def metavar(self) -> str | None:
        """The shape of a text that holds several values."""
        if is_repeated(self.kind):
            return "NAME=FILE" if is_files(self.kind) else "GLOB"
        return "A=1,B=2,.." if is_mapping(self.kind) else "A,B,.." if get_origin(self.kind) is tuple else None

    def typer_option(self, *spellings: str, hidden: bool = False) -> Any:
        """The Typer option. spellings: others than its own."""
        return typer.Option(
            *(spellings or self.spellings),
            help=self.option.help,
            rich_help_panel=self.option.panel or (f"Stage: {self.part}" if self.part in STAGES else None),
            metavar=self.metavar,
            min=self.option.limits[0],
            max=self.option.limits[1],
            hidden=hidden,
        )

    @cached_property
    def parameter(self) -> Parameter:
        """The command's parameter, made once for all commands that have it."""
        return _keyword(self.name, as_text(self.default, self), Annotated[self.annotation, self.typer_option()])

    @cached_property
    def alias_parameters(self) -> list[Parameter]:
        """A hidden parameter for each former flag, None where it is not given."""
        kind = self.annotation | None
        return [_keyword(_alias_name(alias), None, Annotated[kind, self.typer_option(alias, hidden=True)]) for alias in self.option.aliases]


def flags_of(parts: Mapping[str, type]) -> dict[str, Flag]:
    """Every option that a dataclass of these parts declares, in their order, by the name of its parameter."""
    found: list[Flag] = []
    for part, options in parts.items():
        kinds, defaults = get_type_hints(options), options()
        for entry in fields(options):
            described = option_of(entry)
            if described is not None:
                found.append(Flag(part, entry.name, kind=kinds[entry.name], default=getattr(defaults, entry.name), option=described))
    return {flag.name: flag for flag in found}


FLAGS = flags_of(PARTS)
RUN_FLAGS = flags_of(RUN_PARTS)


def parameters(flags: Sequence[Flag]) -> list[Parameter]:
    """The parameters of these flags, those of their former flags last."""
    return [*(flag.parameter for flag in flags), *(one for flag in flags for one in flag.alias_parameters)]


def renamed(given: Mapping[str, Any], is_typed: Callable[[str], bool] = lambda name: False) -> dict[str, Any]:
    """The options given, with former flags under their present names; a line on standard error names the present flag.

    is_typed: whether a parameter stands on the command line, be it with its default.
    Raises UsageError where both are typed.
    """
    values = dict(given)
    for flag in (*FLAGS.values(), *RUN_FLAGS.values()):
        for alias in flag.option.aliases:
            value = values.pop(_alias_name(alias), None)
            if value is None:
                continue
            if is_typed(flag.name):
                raise UsageError(f"{alias} is the former name of {flag.spelling}: give only {flag.spelling}")
            Terminal().warn(f"{alias} is now called {flag.spelling}")
            values[flag.name] = value
    return values


def parsed(given: Mapping[str, Any], flags: Mapping[str, Flag] = FLAGS) -> Values:
    """Part -> field -> value, of the options given that are fields. Raises UsageError for text that is not a value of its field."""
    values: Values = {flag.part: {} for flag in flags.values()}
    for flag in flags.values():
        if flag.name in given:
            values[flag.part][flag.field] = parse(flag, given[flag.name])
    return values


def as_text(value: Any, flag: Flag) -> Any:
    """A value as one types it; numbers, names and switches stay what they are."""
    if isinstance(value, bool):
        return value if flag.option.flag else "on" if value else "off"
    if isinstance(value, frozenset):
        every = _choices(flag.kind)
        return "all" if value == {*every} else ",".join(word for word in every if word in value) or "none"
    if isinstance(value, tuple):
        if is_repeated(flag.kind):
            return list(value) or None  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        return ",".join(str(entry) for entry in value)
    if isinstance(value, Mapping):
        if is_files(flag.kind):
            return [f"{name}={file}" for name, file in value.items()] or None
        return ",".join(f"{name}={number}" for name, number in value.items())
    return str(value) if flag.annotation is str else value


def parse(flag: Flag, given: Any) -> Any:
    """The opposite of `as_text`. Raises UsageError for text that is not a value of the field."""
    if flag.kind is bool:
        return given if flag.option.flag else given == "on"
    if is_files(flag.kind):
        return name_files(given, flag.spelling)
    if is_repeated(flag.kind):
        return tuple(given or ())
    if get_origin(flag.kind) is frozenset:
        return frozenset({"all": _choices(flag.kind), "none": ()}.get(given, names(given)))
    if get_origin(flag.kind) is tuple:
        return _list(flag, given, get_args(flag.kind)[0])
    if is_mapping(flag.kind):
        return _numbers(flag, given)
    choices = _choices(flag.kind)
    if not choices or flag.annotation is not str or given in choices:
        return given
    if not given.isdecimal():
        raise UsageError(f"{flag.spelling} '{given}': give {', '.join(choices)} or a whole number")
    return int(given)


def names(text: str) -> tuple[str, ...]:
    """The entries of "a,b", without blanks."""
    return tuple(entry.strip() for entry in text.split(",") if entry.strip())


def name_files(given: Sequence[str] | None, flag: str) -> dict[str, Path]:
    """NAME=FILE, as often as given. Raises UsageError for another shape."""
    pairs = [entry.partition("=") for entry in given or ()]
    for name, equals, file in pairs:
        if not (name and equals and file):
            raise UsageError(f"{flag} '{name}{equals}{file}': give NAME=FILE, such as niqe=pristine.safetensors")
    return {name: Path(file) for name, _, file in pairs}


def _list(flag: Flag, given: str, kind: type) -> tuple[Any, ...]:
    try:
        return tuple(kind(entry) for entry in names(given))
    except ValueError as error:
        raise UsageError(f"{flag.spelling} '{given}': give numbers such as 0.1,0.2") from error


def _numbers(flag: Flag, given: str) -> dict[str, float]:
    try:
        return {name.strip(): float(value) for name, value in (entry.split("=") for entry in names(given))}
    except ValueError as error:
        raise UsageError(f"{flag.spelling} '{given}': give names with numbers such as niqe=1,ranker=2") from error


def is_mapping(kind: Any) -> bool:
    return get_origin(kind) is not None and isinstance(get_origin(kind), type) and issubclass(get_origin(kind), Mapping)


def is_files(kind: Any) -> bool:
    return is_mapping(kind) and get_args(kind)[1] is Path


def is_repeated(kind: Any) -> bool:
    """Whether the flag is given once for each value, as these may hold commas."""
    return is_files(kind) or get_args(kind)[:1] == (Glob,)


def _choices(kind: Any) -> tuple[str, ...]:
    """The words of a type such as Literal["auto"] | Literal["fp32", "fp16"], or of a set of them; () for one without."""
    if get_origin(kind) is Literal:
        return get_args(kind)
    alternatives = get_args(kind) if get_origin(kind) in (Union, UnionType, frozenset) else ()
    return tuple(word for one in alternatives for word in _choices(one))


def _alias_name(alias: str) -> str:
    return alias.strip("-").replace("-", "_")


def _keyword(name: str, default: Any, annotation: Any) -> Parameter:
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
