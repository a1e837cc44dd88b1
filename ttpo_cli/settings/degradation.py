"""How a good photo is made worse: options of `ttpo degrade`."""

from dataclasses import dataclass

from ttpo_cli.settings.option import option


@dataclass(frozen=True)
class DegradeOptions:
    """The steps of a classical degradation, in their order. jpeg: a quality, or None."""

    scale: int = option(4, "Shrink by this factor (MATLAB bicubic); sides are cut to a multiple.", limits=(1, 16))
    blur: float = option(0.0, "Gaussian blur before shrinking: deviation in pixels of IN.", limits=(0, None))
    noise: float = option(0.0, "Gaussian noise after shrinking: deviation out of 255.", limits=(0, None))
    jpeg: int | None = option(None, "JPEG quality, last of all.", limits=(1, 100))
