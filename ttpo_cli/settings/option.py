"""An option declared in one line of a dataclass: its default, its help, and what else its flag needs. Imports no torch and no Typer."""

import math
from collections.abc import Iterator
from dataclasses import Field, dataclass, field, fields, is_dataclass
from typing import Any

# Panels of --help for options that belong to no stage.
MODEL, SIZE, FILES, COMPUTE = "What restores", "How large the result is", "Files", "How it computes"
Limits = tuple[float | None, float | None]
_KEY = "option"
_ALWAYS = object()  # of an option that is as old as the records


@dataclass(frozen=True)
class Option:
    """What a field says of its flag beyond its name, type and default.

    Attributes:
        help: one line for --help and the reference page.
        flag: the flag where it does not follow from stage and field, such as "--recursive -r" or "--mark/--no-mark"; a bool with a flag of
            its own is a switch, any other is on|off.
        aliases: former flags, which keep working and are hidden.
        recorded: the field's name in sidecars and journals where that is another.
        panel: where --help shows it; None: with its stage.
        limits: the least and the greatest number allowed, None for none; of a list, for each of its numbers.
        brief: the help in a few words, of a photographer's option; the others are left out of --help, and in --help-all.
        paper: what a paper uses or says, in a few words; where the paper is another than TTPO's (arXiv 2511.19169), with its number.
        before: the value that says what was done before the option existed. It is not recorded, and read where a record lacks the field,
            so that old records and folders keep their meaning.
    """

    help: str
    flag: str | None = None
    aliases: tuple[str, ...] = ()
    recorded: str | None = None
    panel: str | None = None
    limits: Limits = (None, None)
    brief: str = ""
    paper: str = ""
    before: Any = _ALWAYS

    @property
    def is_new(self) -> bool:
        """Whether there are records from before it."""
        return self.before is not _ALWAYS


def option(default: Any, help: str, **said: Any) -> Any:
    """A dataclass field that the command line, --help and docs/reference/options.md know too.

    said: further fields of Option.
    """
    metadata = {_KEY: Option(help, **said)}
    if isinstance(default, dict):
        return field(default_factory=lambda: dict(default), metadata=metadata)  # pyright: ignore[reportUnknownArgumentType]
    return field(default=default, metadata=metadata)


def option_of(entry: Field[Any]) -> Option | None:
    """What a field says of its flag; None for a field without one."""
    return entry.metadata.get(_KEY)


def within(number: float, limits: Limits) -> bool:
    """Whether a number is one, and lies within limits."""
    least, most = limits
    return math.isfinite(number) and (least is None or number >= least) and (most is None or number <= most)


def recorded_name(entry: Field[Any]) -> str:
    """The name of a field in files."""
    described = option_of(entry)
    return entry.name if described is None or described.recorded is None else described.recorded


def recorded_values(options: Any) -> dict[str, Any]:
    """What a sidecar says of options: `dataclasses.asdict` under the recorded names."""
    return {name: recorded_values(value) if is_dataclass(value) else value for name, value in _recorded(options)}


def recorded_texts(settings: Any) -> dict[str, Any]:
    """What a folder's journal hashes: each stage's options as text, under the recorded names; other options as they are."""
    return {name: _text(value) if is_dataclass(value) else value for name, value in _recorded(settings)}


def values_before(kind: type) -> dict[str, Any]:
    """Field -> the value that says what was done before it existed, of the options that are newer than records are."""
    described = {entry.name: option_of(entry) for entry in fields(kind)}
    return {name: known.before for name, known in described.items() if known is not None and known.is_new}


def _text(options: Any) -> str:
    """`repr` under the recorded names."""
    return f"{type(options).__name__}({', '.join(f'{name}={value!r}' for name, value in _recorded(options))})"


def _recorded(options: Any) -> Iterator[tuple[str, Any]]:
    """Recorded name and value of each field, without new options that change nothing, and without stages that hold only such."""
    before = values_before(type(options))
    for entry in fields(options):
        value = getattr(options, entry.name)
        unchanged = entry.name in before and value == before[entry.name]
        if not unchanged and not (is_dataclass(value) and fields(value) and not any(_recorded(value))):
            yield recorded_name(entry), value
