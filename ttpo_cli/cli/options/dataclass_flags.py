"""A command's flags, made from the options that one dataclass declares."""

import inspect
from collections.abc import Callable
from typing import Any

from ttpo_cli.cli.options.flags import flags_of, parameters, parsed

_PART = "options"


def with_flags(command: Callable[..., None], kind: type, name: str) -> Callable[..., None]:
    """The command of this name with a flag for every described field of `kind`, whose values it gets as the argument `options`."""
    flags = flags_of({_PART: kind})
    own = [each for each in inspect.signature(command).parameters.values() if each.name != "options"]

    def called(**given: Any) -> None:
        values = {name: given.pop(name) for name in flags}
        command(**given, options=kind(**parsed(values, flags)[_PART]))

    called.__name__, called.__doc__ = name, command.__doc__
    keyword = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own]
    called.__signature__ = inspect.Signature([*keyword, *parameters(list(flags.values()))])  # pyright: ignore[reportFunctionMemberAccess]
    return called
