"""How the picture that metadata describes becomes the one it is to describe: turned as EXIF's orientation says, then resized."""

from dataclasses import dataclass

Point = tuple[float, float]
Size = tuple[int, int]
# EXIF orientation -> where a point of the stored picture, as shares of its sides, comes to lie in the upright one.
_TURNS = {
    1: lambda x, y: (x, y),
    2: lambda x, y: (1 - x, y),
    3: lambda x, y: (1 - x, 1 - y),
    4: lambda x, y: (x, 1 - y),
    5: lambda x, y: (y, x),
    6: lambda x, y: (1 - y, x),
    7: lambda x, y: (1 - y, 1 - x),
    8: lambda x, y: (y, 1 - x),
}


@dataclass(frozen=True)
class Change:
    """before, after: width and height, before as stored and after upright; orientation: EXIF's, of the picture before."""

    before: Size
    after: Size
    orientation: int = 1

    @property
    def sideways(self) -> bool:
        """Whether width and height change places."""
        return self.orientation >= 5

    @property
    def turned(self) -> bool:
        """Whether it is turned or mirrored."""
        return self.orientation != 1

    @property
    def upright(self) -> Size:
        """The size before, turned."""
        width, height = self.before
        return (height, width) if self.sideways else (width, height)

    @property
    def scale(self) -> tuple[float, float]:
        """How many times as wide and as high the upright picture becomes."""
        width, height = self.upright
        return self.after[0] / width, self.after[1] / height

    def share(self, point: Point) -> Point:
        """A point in shares of the sides."""
        return _TURNS[self.orientation](*point)

    def size_share(self, width: float, height: float) -> tuple[float, float]:
        """The size of something, in shares of the sides."""
        return (height, width) if self.sideways else (width, height)

    def pixels(self, point: Point, reference: Size | None = None) -> Point:
        """A point in pixels; reference: the size that its numbers are of, where that is not the size before."""
        width, height = reference or self.before
        x, y = self.share((point[0] / width, point[1] / height))
        return x * self.after[0], y * self.after[1]

    def size_pixels(self, width: float, height: float, reference: Size | None = None) -> tuple[float, float]:
        """The size of something, in pixels."""
        of = reference or self.before
        across, along = self.size_share(width / of[0], height / of[1])
        return across * self.after[0], along * self.after[1]


def same_shape(one: tuple[float, float], two: tuple[float, float]) -> bool:
    """Whether two sizes have one aspect ratio, within what rounding to pixels makes of it."""
    return min(*one, *two) > 0 and abs(one[0] * two[1] / (one[1] * two[0]) - 1) < 0.02
