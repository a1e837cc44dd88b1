"""How large a result becomes, and how far its photo is shrunk before it is restored. Sizes are (height, width), pixels."""

from dataclasses import dataclass

from ttpo_cli.errors import UsageError
from ttpo_cli.settings.size import SizeOptions

# The shares of its sides to which a photo may be shrunk, and how much detail beyond a share may be lost to it.
SHRINKS = (1.0, 0.75, 0.5, 0.25)
TOLERANCE = 1.1
# The least side of what a network is given, and the megapixels up to which it is given all of a photo.
SMALLEST = 16
AFFORDABLE = 2.0

Size = tuple[int, int]


class ResultTooLarge(UsageError):
    """A result above --max-megapixels. result: its size."""

    def __init__(self, result: Size, limit: float) -> None:
        super().__init__(
            f"the result would have {result[1]}x{result[0]} pixels, {result[0] * result[1] / 1e6:.0f} megapixels and more than "
            f"--max-megapixels {limit:g}: ask for less with --scale, --long-edge or --megapixels, or raise the limit"
        )
        self.result = result


@dataclass(frozen=True)
class Sizes:
    """What is made of one photo.

    Attributes:
        photo: The photo's size.
        shrink: The share of its sides that it is shrunk to before it is restored, 1 for none.
        result: The result's size.
    """

    photo: Size
    shrink: float
    result: Size

    @property
    def shrunk(self) -> Size:
        """What the backbone is given."""
        return scaled(self.photo, self.shrink)

    @property
    def factor(self) -> float:
        """How many times larger the result is than the photo."""
        return max(self.result) / max(self.photo)


def plan_sizes(photo: Size, native: int, options: SizeOptions, detail: float = 1.0) -> Sizes:
    """The sizes for a photo.

    Args:
        photo: The photo's size.
        native: How many times larger the backbone makes it.
        options: What was asked for.
        detail: The share of its sides that would hold the photo's detail, 1 for a sharp photo.

    Raises UsageError for more than one size, a size that makes no picture, or one above the limit.
    """
    factor = _factor(photo, native, options)
    if not 0 < factor < float("inf"):
        raise UsageError(f"a result {factor:g} times as large as the photo: give a size above 0")
    result = scaled(photo, factor)
    if result[0] * result[1] > options.max_megapixels * 1e6:
        raise ResultTooLarge(result, options.max_megapixels)
    return Sizes(photo=photo, shrink=_shrink(photo, options, detail, factor / native), result=result)


def scaled(size: Size, factor: float) -> Size:
    """Both sides times a factor, at least 1."""
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _factor(photo: Size, native: int, options: SizeOptions) -> float:
    """How many times larger the result is to be."""
    given = {"--scale": options.scale, "--long-edge": options.long_edge, "--megapixels": options.megapixels}
    asked = [flag for flag, value in given.items() if value is not None]
    if len(asked) > 1:
        raise UsageError(f"{' and '.join(asked)} both say how large the result is: give one of them")
    if options.scale is not None:
        return options.scale
    if options.long_edge is not None:
        return options.long_edge / max(photo)
    if options.megapixels is not None:
        if options.megapixels <= 0:
            raise UsageError(f"--megapixels {options.megapixels:g}: give a number above 0")
        return (options.megapixels * 1e6 / (photo[0] * photo[1])) ** 0.5
    return default_factor(photo, native, options.ceiling)


def default_factor(photo: Size, native: int, ceiling: float) -> int:
    """The backbone's own factor if the result has at most `ceiling` megapixels (0: however many), else the largest of 2 and 1 that does."""
    choices = [native, *(factor for factor in (2, 1) if factor < native)]
    fitting = [factor for factor in choices if not ceiling or photo[0] * photo[1] * factor**2 <= ceiling * 1e6]
    return next(iter(fitting), min(native, 1))


def _shrink(photo: Size, options: SizeOptions, detail: float, needed: float) -> float:
    """The share asked for; auto: all of a small photo, and of a large one the smallest share that holds its detail.

    Less than all of it loses by judges with truth, however blurred the photo is (docs/results/restorers.md): a restorer of real photos has
    learned blur, and what a face is does not survive in half of its pixels. A large photo would take minutes a megapixel.
    needed: the share at which the network's image has the result's size. What is still large after that is shrunk to it, whatever its
    detail. A photo never becomes smaller than a network takes.
    """
    if options.shrink != "auto":
        return float(options.shrink)
    if photo[0] * photo[1] <= AFFORDABLE * 1e6:
        return 1.0
    possible = [share for share in SHRINKS if min(photo) * share >= SMALLEST]
    share = min((share for share in possible if share * TOLERANCE >= detail), default=1.0)
    if photo[0] * photo[1] * share**2 > AFFORDABLE * 1e6:
        share = min((less for less in possible if needed <= less <= share), default=share)
    return share
