"""A face that was found in a photo, as a value."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Face:
    """A face in a photo. Coordinates are pixels of that photo from its upper left edge, so that the first pixel's centre is at 0.5.

    Attributes:
        box: Left, top, right, bottom; it may reach beyond the photo.
        points: (5, 2) float64, x and y of the eyes, the nose and the corners of the mouth; of each pair the one further left in an upright
            face first.
        score: How sure the detector is, 0 to 1.
    """

    box: tuple[float, float, float, float]
    points: Tensor
    score: float

    @property
    def size(self) -> float:
        """The longer side of the box, pixels."""
        left, top, right, bottom = self.box
        return max(right - left, bottom - top)

    def scaled(self, factor: float) -> "Face":
        """The same face in the photo enlarged by `factor`."""
        left, top, right, bottom = (factor * edge for edge in self.box)
        return Face(box=(left, top, right, bottom), points=factor * self.points, score=self.score)


def turned_back(face: Face, turns: int, height: int, width: int) -> Face:
    """A face found in a photo of height x width pixels after `turns` quarter turns (torch.rot90), in the photo as it was."""
    corners = torch.tensor([face.box[:2], face.box[2:]], dtype=torch.float64)
    both = torch.cat((corners, face.points))
    x, y = both.unbind(dim=1)
    moved = {0: (x, y), 1: (width - y, x), 2: (width - x, height - y), 3: (y, height - x)}[turns % 4]
    both = torch.stack(moved, dim=1)
    least, greatest = both[:2].amin(dim=0).tolist(), both[:2].amax(dim=0).tolist()
    return Face(box=(least[0], least[1], greatest[0], greatest[1]), points=both[2:], score=face.score)
