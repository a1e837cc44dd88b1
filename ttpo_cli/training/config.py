"""Options of a training from a TOML or YAML file and from `a.b=c`, checked against the dataclass that holds them."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import yaml

from ttpo_cli.errors import UsageError, shown, unknown_name
from ttpo_cli.settings.option import option_of, within
from ttpo_cli.settings.toml import read_toml

Options = TypeVar("Options")


def read_config(path: Path) -> dict[str, Any]:
    """The nested values of a .toml, .yaml, .yml or .json file. Raises UsageError for one that cannot be read as such."""
    try:
        text = path.read_text(encoding="utf-8")
        content = read_toml(text) if path.suffix.lower() == ".toml" else yaml.load(text, _Loader)
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise UsageError(f"the configuration {path} cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise UsageError(f"the configuration {path} holds no options: write them as name = value")
    return content


class _Loader(yaml.SafeLoader):
    """YAML without the rule that the last of two equal names wins silently."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [self.construct_object(name, deep=True) for name, _ in node.value]  # pyright: ignore[reportUnknownMemberType]
        twice = next((name for name, count in Counter(map(str, names)).items() if count > 1), None)
        if twice is not None:
            raise yaml.YAMLError(f"'{twice}' is given twice, line {node.start_mark.line + 1} on")
        return super().construct_mapping(node, deep)


def read_setting(text: str) -> dict[str, Any]:
    """`a.b=c` as {"a": {"b": c}}, c read as YAML reads it: 3, 0.1, true, [1, 2], text."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise UsageError(f"--set {text}: write it as name=value, for example --set admm.rho=0.1")
    try:
        nested: Any = yaml.safe_load(value)
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise UsageError(f"--set {text}: the value cannot be read ({' '.join(str(error).split())})") from error
    for part in reversed(name.strip().split(".")):
        nested = {part: nested}
    return nested


def with_values(options: Options, values: Mapping[str, Any], prefix: str = "") -> Options:
    """A copy of a (nested) dataclass with other values. Raises UsageError for an unknown name, the nearest first, or a wrong type."""
    assert is_dataclass(options) and not isinstance(options, type)
    hints = get_type_hints(type(options))
    known = [field.name for field in fields(options)]
    changed = {}
    for name, value in values.items():
        if name not in known:
            raise unknown_name("option", f"{prefix}{name}", _like(name, options, prefix) or [f"{prefix}{each}" for each in known])
        current = getattr(options, name)
        if is_dataclass(current):
            if not isinstance(value, Mapping):
                raise UsageError(f"{prefix}{name} is a group of options, not one value: set {prefix}{name}.NAME")
            changed[name] = with_values(current, value, f"{prefix}{name}.")
        elif isinstance(current, dict):
            changed[name] = {**current, **_entries(value, get_args(hints[name])[1], f"{prefix}{name}")}
        else:
            changed[name] = converted(value, hints[name], f"{prefix}{name}")
    return replace(options, **changed)


def _like(name: str, options: Any, prefix: str) -> list[str]:
    """The options of groups below that bear just this name."""
    groups = {field.name: getattr(options, field.name) for field in fields(options) if is_dataclass(getattr(options, field.name))}
    found = [f"{prefix}{group}.{name}" for group, values in groups.items() if name in {field.name for field in fields(values)}]
    return found + [each for group, values in groups.items() for each in _like(name, values, f"{prefix}{group}.")]


def _entries(value: Any, kind: Any, name: str) -> dict[str, Any]:
    """Named values of one type, which join those that stand already."""
    if not isinstance(value, Mapping):
        raise UsageError(f"{name} is a group of named values, not one value: set {name}.NAME")
    return {str(entry): converted(each, kind, f"{name}.{entry}") for entry, each in value.items()}


def converted(value: Any, kind: Any, name: str) -> Any:
    """A value of a file as the type of its field: int, float, str, bool or a tuple of one of them. Raises UsageError otherwise."""
    if get_origin(kind) is tuple:
        if not isinstance(value, (list, tuple)):
            raise UsageError(f"{name} is a list, got {shown(value)}: write [a, b]")
        return tuple(converted(item, get_args(kind)[0], name) for item in value)
    if kind is float and isinstance(value, str):
        value = _number(value)  # YAML 1.1 reads 1e-4 as text
    right = isinstance(value, (int, float) if kind is float else kind) and (kind is bool or not isinstance(value, bool))
    if not right:
        raise UsageError(f"{name} is of type {kind.__name__}, got {shown(value)}: give one of that type")
    try:
        return kind(value)
    except OverflowError as error:
        raise UsageError(f"{name} is {shown(value)}: give a number that a computer can hold") from error


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def check_limits(options: Any) -> None:
    """Raises UsageError for a number of a dataclass that is outside the limits of its option."""
    for entry in fields(options):
        described, value = option_of(entry), getattr(options, entry.name)
        if described is not None and isinstance(value, (int, float)) and not within(value, described.limits):
            least, most = described.limits
            bounds = (f" from {least}" if least is not None else "") + (f" to {most}" if most is not None else "")
            raise UsageError(f"{entry.name} is {value}: give a number{bounds}")
