"""A face turned, moved and sized so that its five points lie where a network expects them, and the way back (Umeyama, TPAMI 1991)."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ttpo_cli.faces.face import Face
from ttpo_cli.imaging.resize import imresize


@dataclass(frozen=True)
class Template:
    """Where the five points of an aligned face are: x and y, pixels of a square of `side`."""

    side: int
    points: tuple[tuple[float, float], ...]

    def at(self, side: int) -> "Template":
        """The same in a square of another size."""
        return Template(side, tuple((x * side / self.side, y * side / self.side) for x, y in self.points))


# FFHQ's aligned faces at 512 pixels (Karras et al., CVPR 2019), on which face restorers are trained.
FFHQ = Template(512, ((192.98, 239.95), (318.90, 240.19), (256.63, 314.02), (201.26, 371.41), (313.09, 371.15)))
# The chips of dlib's face descriptor: the medians over faces of where these five points lie in them.
DLIB = Template(150, ((46.8, 44.2), (100.7, 44.3), (73.7, 77.5), (49.4, 100.4), (97.2, 100.4)))
# Pixels around a region that interpolation looks at.
_MARGIN = 4


@dataclass(frozen=True)
class Similarity:
    """x' = a x - b y + shift_x, y' = b x + a y + shift_y: a turn, one scale and a shift."""

    a: float
    b: float
    shift_x: float
    shift_y: float

    @property
    def scale(self) -> float:
        """How many times larger things get."""
        return math.hypot(self.a, self.b)

    def __call__(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        return self.a * x - self.b * y + self.shift_x, self.b * x + self.a * y + self.shift_y

    @property
    def inverse(self) -> "Similarity":
        """The way back."""
        square = max(self.a**2 + self.b**2, 1e-12)
        a, b = self.a / square, -self.b / square
        return Similarity(a, b, shift_x=-(a * self.shift_x - b * self.shift_y), shift_y=-(b * self.shift_x + a * self.shift_y))


def to_template(face: Face, template: Template) -> Similarity:
    """The similarity that brings the face's points nearest to the template's, by least squares over both coordinates."""
    source = torch.view_as_complex(face.points.contiguous())
    target = torch.view_as_complex(torch.tensor(template.points, dtype=torch.float64))
    centred, wanted = source - source.mean(), target - target.mean()
    factor = (centred.conj() * wanted).sum() / centred.abs().square().sum().clamp(min=1e-9)
    shift = target.mean() - factor * source.mean()
    return Similarity(a=float(factor.real), b=float(factor.imag), shift_x=float(shift.real), shift_y=float(shift.imag))


def aligned(image: Tensor, face: Face, template: Template) -> Tensor:
    """The face cut out of a photo (1, 3, H, W) as `template` wants it, (1, 3, side, side) in [0, 1]; edge pixels go on outside."""
    return sampled(image, to_template(face, template).inverse, (template.side, template.side)).clamp(0, 1)


def sampled(image: Tensor, mapping: Similarity, size: tuple[int, int], offset: tuple[int, int] = (0, 0)) -> Tensor:
    """An image (1, C, H, W) seen through a mapping, (1, C, *size), by bicubic interpolation, antialiased where it shrinks.

    mapping: coordinates of the output -> coordinates of the image. offset: (top, left) of the output within its own plane.
    """
    x, y = mapping(*centres(size, offset))
    image, (x, y) = _shrunk_region(image, x, y, mapping.scale)
    height, width = image.shape[-2:]
    grid = torch.stack((2 * x / width - 1, 2 * y / height - 1), dim=-1).to(image)[None]
    return functional.grid_sample(image, grid, mode="bicubic", padding_mode="border", align_corners=False)


def centres(size: tuple[int, int], offset: tuple[int, int] = (0, 0)) -> tuple[Tensor, Tensor]:
    """x and y of the centres of the pixels of a region of `size` (height, width), each (height, width) float64."""
    rows = torch.arange(size[0], dtype=torch.float64) + offset[0] + 0.5
    columns = torch.arange(size[1], dtype=torch.float64) + offset[1] + 0.5
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    return x, y


def _shrunk_region(image: Tensor, x: Tensor, y: Tensor, step: float) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """The part of an image that coordinates x and y need, shrunk where neighbouring ones are more than a pixel apart; and x and y in it."""
    height, width = image.shape[-2:]
    margin = math.ceil(_MARGIN * max(step, 1.0))
    left, right = _span(x, margin, width)
    top, bottom = _span(y, margin, height)
    part = image[..., top:bottom, left:right]
    size = (bottom - top, right - left)
    if step > 1:
        part = imresize(part, size=(max(1, round(size[0] / step)), max(1, round(size[1] / step))))
    return part, ((x - left) * part.shape[-1] / size[1], (y - top) * part.shape[-2] / size[0])


def _span(coordinates: Tensor, margin: int, length: int) -> tuple[int, int]:
    """First and last pixel, exclusive, that coordinates need, at least one pixel of the image."""
    first = min(max(math.floor(float(coordinates.min())) - margin, 0), length - 1)
    return first, max(min(math.ceil(float(coordinates.max())) + margin, length), first + 1)
