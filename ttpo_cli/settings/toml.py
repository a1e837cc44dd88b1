"""TOML, whose reader is a part of Python from 3.11 on."""

from typing import Any


def read_toml(text: str) -> dict[str, Any]:
    """The table that a text holds. Raises ValueError where it is not TOML."""
    try:
        import tomllib
    except ModuleNotFoundError:
        import tomli as tomllib  # pyright: ignore[reportMissingImports]
    return tomllib.loads(text)
