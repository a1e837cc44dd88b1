"""A user's own value of an option, in TOML or as the text of an environment variable, as its field holds it; and which values it takes."""

import os
from collections.abc import Mapping
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin

from ttpo_cli.cli.options.flags import Flag, is_files, is_mapping, is_repeated, parse
from ttpo_cli.errors import UsageError
from ttpo_cli.settings.option import within

_SWITCH = {**dict.fromkeys(("on", "true", "yes", "1"), True), **dict.fromkeys(("off", "false", "no", "0"), False)}


def value_of(flag: Flag, given: object) -> Any:
    """A value of TOML as the field holds it; of a list of words or numbers also the text that one types.

    Raises UsageError for a value of another type, or outside the range, and says what to give.
    """
    kind = _kind(flag)
    try:
        if is_mapping(kind):
            return _mapping(flag, given)
        if _is_collection(kind):
            return _several(flag, given)
        return _one(flag, kind, given)
    except ValueError as error:
        raise UsageError(f"{flag.key} = {_shown(given)}: give {expected(flag)}") from error


def value_of_text(flag: Flag, text: str) -> Any:
    """The text of an environment variable as the field holds it; several files or patterns stand between the separators of PATH.

    Raises UsageError as `value_of` does.
    """
    kind = _kind(flag)
    if is_repeated(flag.kind):
        several = [entry for entry in text.split(os.pathsep) if entry]
        pairs = [entry.partition("=") for entry in several]
        return value_of(flag, {name: file for name, _, file in pairs} if is_files(flag.kind) else several)
    if kind is bool:
        return value_of(flag, _SWITCH.get(text.lower(), text))
    for number in () if _is_collection(kind) else [one for one in (int, float) if one in (kind, *get_args(kind))]:
        try:
            return value_of(flag, number(text))
        except ValueError:
            continue
    return value_of(flag, text)


def expected(flag: Flag) -> str:
    """Which values an option takes, in words."""
    kind = _kind(flag)
    if kind is bool:
        return "true or false" if flag.option.flag else "on or off"
    if is_mapping(kind):
        return "names with files" if is_files(kind) else "names with numbers"
    if get_origin(kind) is frozenset:
        return f"some of {', '.join(flag.choices)}, or all, or none"
    if flag.choices:
        return f"one of {', '.join(flag.choices)}" + (f", or {_number(int, flag)}" if int in get_args(kind) else "")
    if get_origin(kind) is tuple:
        return f"numbers{_range(flag)}" if get_args(kind)[0] is float else "a list of words"
    return "a path" if kind is Path else "text" if kind is str else _number(kind, flag)


def toml(value: Any) -> str:
    """The value of a field as TOML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{toml(str(name))} = {toml(one)}" for name, one in value.items()) + "}"
    if isinstance(value, (tuple, frozenset, list)):
        return "[" + ", ".join(toml(one) for one in (sorted(value) if isinstance(value, frozenset) else value)) + "]"
    if isinstance(value, (int, float)):
        return repr(value)
    return '"' + "".join(_escaped(character) for character in str(value)) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    return character if character.isprintable() else f"\\u{ord(character):04x}"


def _kind(flag: Flag) -> Any:
    """The type of a value that is given, without None."""
    kinds = [one for one in get_args(flag.kind) if one is not NoneType]
    return kinds[0] if NoneType in get_args(flag.kind) and len(kinds) == 1 else flag.kind


def _is_collection(kind: Any) -> bool:
    return is_mapping(kind) or get_origin(kind) in (tuple, frozenset)


def _one(flag: Flag, kind: Any, given: object) -> Any:
    """A single value. Raises ValueError for one that the option does not take."""
    if kind is bool:
        given = {"on": True, "off": False}.get(given, given) if isinstance(given, str) and not flag.option.flag else given
        return _checked(given, isinstance(given, bool))
    if isinstance(given, bool):
        raise ValueError
    if flag.choices:
        word = f"{given:g}" if isinstance(given, (int, float)) else given
        if word in flag.choices:
            return word
        return _checked(given, int in get_args(kind) and isinstance(given, int) and within(given, flag.option.limits))
    if kind in (int, float):
        is_number = isinstance(given, int if kind is int else (int, float))
        return kind(_checked(given, is_number and within(given, flag.option.limits)))  # pyright: ignore[reportArgumentType]
    return kind(_checked(given, isinstance(given, str)))


def _several(flag: Flag, given: object) -> Any:
    """The values of a list or a set, which may be given as the text that one types. Raises ValueError."""
    kind = _kind(flag)
    value: Any
    if isinstance(given, str):
        value = (given,) if is_repeated(kind) else parse(flag, given)
    else:
        wanted = (int, float) if get_args(kind)[0] is float else str
        value = _checked(given, isinstance(given, list))
        for one in value:
            _checked(one, isinstance(one, wanted) and not isinstance(one, bool))
        value = frozenset(value) if get_origin(kind) is frozenset else tuple(float(one) if wanted is not str else one for one in value)
    if get_origin(kind) is frozenset:
        return _checked(value, value <= {*flag.choices})
    for one in value if get_args(kind)[0] is float else ():
        _checked(one, within(one, flag.option.limits))
    return value


def _mapping(flag: Flag, given: object) -> Any:
    """Names with numbers or files. Raises ValueError."""
    if isinstance(given, str) and not is_files(flag.kind):
        return parse(flag, given)
    wanted = str if is_files(flag.kind) else (int, float)
    pairs = _checked(given, isinstance(given, dict))
    for one in pairs.values():
        _checked(one, isinstance(one, wanted) and not isinstance(one, bool) and one != "")
    return {name: Path(one) if is_files(flag.kind) else float(one) for name, one in pairs.items()}


def _checked(value: Any, right: bool) -> Any:
    if not right:
        raise ValueError
    return value


def _number(kind: Any, flag: Flag) -> str:
    return ("a whole number" if kind is int else "a number") + _range(flag)


def _range(flag: Flag) -> str:
    least, most = flag.option.limits
    return (f" from {least}" if least is not None else "") + (f" to {most}" if most is not None else "")


def _shown(given: object) -> str:
    return toml(given) if isinstance(given, (bool, int, float, str, list, tuple, dict)) else str(given)
