"""Whether a value out of a file is of the type that a field's annotation names (PEP 484): JSON knows no dataclasses."""

from collections.abc import Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

_PLAIN = (bool, int, str, NoneType)


def fits(value: Any, hint: Any) -> bool:
    """Whether `value`, as JSON gives it, can stand where `hint` is asked for; true of a kind that JSON does not know.

    A whole number is a float too, a bool is no number, a list is a tuple, and a text is a path.
    """
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Literal:
        return any(value == part and type(value) is type(part) for part in parts)
    if origin in (Union, UnionType):
        return any(fits(value, part) for part in parts)
    if origin in (tuple, list, frozenset):
        return isinstance(value, (list, tuple, frozenset)) and all(fits(entry, parts[0]) for entry in value)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return isinstance(value, Mapping) and all(fits(name, parts[0]) and fits(entry, parts[1]) for name, entry in value.items())
    if hint is Path:
        return isinstance(value, (str, Path))
    if hint is float:
        return type(value) in (int, float)
    return type(value) is hint if hint in _PLAIN else True
