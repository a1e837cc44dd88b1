"""Which input pixels a pixel of a blob depends on: the receptive field, as an interval that every layer widens and shifts."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Reach:
    """Pixel i of a blob reads the input's pixels from i / scale + low to i / scale + high.

    Attributes:
        scale: The blob's pixels an input pixel; None for a vector, and for constants.
        low, high: Input pixels.
        whole: Whether it depends on the whole image besides, as by a mean of all pixels.
    """

    scale: Fraction | None = Fraction(1)
    low: Fraction = Fraction(0)
    high: Fraction = Fraction(0)
    whole: bool = False

    def read(self, first: Fraction, last: Fraction, by: Fraction = Fraction(1)) -> "Reach":
        """The reach of a layer whose pixel i reads this blob's pixels from i / by + first to i / by + last."""
        if self.scale is None:
            return self
        return Reach(scale=self.scale * by, low=self.low + first / self.scale, high=self.high + last / self.scale, whole=self.whole)


CONSTANT = Reach(scale=None)
WHOLE_IMAGE = Reach(scale=None, whole=True)


def join(reaches: Iterable[Reach]) -> Reach:
    """The reach of a layer that reads the same pixel of several blobs."""
    reaches = list(reaches)
    local = [reach for reach in reaches if reach.scale is not None]
    return Reach(
        scale=local[0].scale if local else None,
        low=min((reach.low for reach in local), default=Fraction(0)),
        high=max((reach.high for reach in local), default=Fraction(0)),
        whole=any(reach.whole for reach in reaches),
    )
