"""How an image is set into a graph that cuts its border or needs even sides: margins by reflection, and what is cut afterwards."""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from ttpo_cli.backbones.ncnn.graph import Graph
from ttpo_cli.backbones.ncnn.shape import Shape
from ttpo_cli.errors import WeightsError

MOST_ENLARGED = 16
LARGEST_MULTIPLE = 256

# Sides at which the graph's size rules are probed: the first that it accepts.
_PROBES = (256, 1024)

# The side of the grey image that is tried, and what its result stays below where only a difference comes out.
_TRIED = 8
_NOTHING = 0.1


@dataclass(frozen=True)
class Frame:
    """What a graph makes of an image, and what must be done around it.

    Attributes:
        scale, channels: As of a Backbone.
        multiple, minimum: The image's sides are multiples of the one, and at least the other.
        margin: Pixels of reflection on each side.
        extra: Pixels of reflection on the right and below besides.
        residual: Whether what comes out is to be added to the enlarged image.
        cut: Pixels of the result before the image's own first.
        context: Input pixels around a pixel on which its result depends, by the layers' kernels.
        whole: Whether it depends on the whole image besides.
    """

    scale: int
    channels: int
    multiple: int
    minimum: int
    margin: int
    extra: int
    cut: int
    context: int
    whole: bool
    residual: bool = False


class FramedGraph(nn.Module):
    """(1, channels, h, w) -> (1, channels, h * scale, w * scale) by a graph that may cut its border."""

    def __init__(self, graph: Graph, frame: Frame) -> None:
        super().__init__()
        self.graph, self.frame = graph, frame

    def forward(self, image: Tensor) -> Tensor:
        frame, (height, width), given = self.frame, image.shape[-2:], image
        if frame.margin or frame.extra:
            for dim, side in ((-2, height), (-1, width)):
                image = image.index_select(dim, reflected(side, frame.margin, frame.margin + frame.extra).to(image.device))
        image = self.graph(image)
        top, bottom, right = frame.cut, frame.cut + height * frame.scale, frame.cut + width * frame.scale
        image = image[..., top:bottom, top:right]
        return image + functional.interpolate(given, scale_factor=frame.scale, mode="nearest") if frame.residual else image


def reflected(side: int, before: int, after: int) -> Tensor:
    """Indices -before .. side + after - 1 folded into 0 .. side - 1 by reflection about the first and the last (neither repeated)."""
    if side == 1:
        return torch.zeros(before + 1 + after, dtype=torch.long)
    position = torch.arange(-before, side + after) % (2 * (side - 1))
    return torch.where(position < side, position, 2 * (side - 1) - position)


def framed(graph: Graph, file: str) -> FramedGraph:
    """The graph as a network of images. Raises WeightsError where it cannot be one.

    A graph that enlarges and turns grey into nothing computes what is missing from the enlarged image, as Real-CUGAN x4 does.
    """
    frame = frame_of(graph, file)
    network = FramedGraph(graph, frame).to(memory_format=torch.channels_last).eval()  # a tenth faster for Real-ESRGAN x4plus
    if frame.scale == 1:
        return network
    side = math.ceil(max(_TRIED, frame.minimum) / frame.multiple) * frame.multiple
    with torch.inference_mode():
        grey = network(torch.full((1, frame.channels, side, side), 0.5))
    return FramedGraph(graph, replace(frame, residual=bool(grey.abs().mean() < _NOTHING))).eval()


def frame_of(graph: Graph, file: str) -> Frame:
    """Scale, channels, size rules and receptive field, from the sizes of blobs at two sizes of the image. Raises WeightsError."""
    reaches = graph.reaches()
    multiple = math.lcm(*(reach.scale.denominator for reach in reaches.values() if reach.scale is not None))
    if multiple > LARGEST_MULTIPLE:
        raise WeightsError(f"{file} needs sides that are multiples of {multiple}, and ttpo gives up to {LARGEST_MULTIPLE}: give another")
    base, first, second = _probe(graph, multiple)
    channels = first[0]
    growth = [later - earlier for later, earlier in zip(second[1:], first[1:], strict=True)]
    scale = growth[0] // multiple
    if growth[0] != growth[1] or growth[0] != scale * multiple or first[1] != first[2] or not 1 <= scale <= MOST_ENLARGED:
        factors = " x ".join(f"{pixels / multiple:.3g}" for pixels in growth)
        raise WeightsError(
            f"{file} enlarges by {factors}, and ttpo needs a whole number from 1 to {MOST_ENLARGED}: give another checkpoint"
        )
    missing = scale * base - first[1]
    margin = max(0, math.ceil(missing / (2 * scale)))
    cut = (2 * scale * margin - missing) // 2
    extra = (base - 2 * margin) % multiple
    reach = reaches[graph.output]
    shift = cut / scale - margin
    return Frame(
        scale=scale,
        channels=channels,
        multiple=multiple,
        minimum=_minimum(graph, channels, multiple, 2 * margin + extra),
        margin=margin,
        extra=extra,
        cut=cut,
        context=max(0, math.ceil(-(reach.low + shift)), math.ceil(reach.high + shift)),
        whole=reach.whole,
    )


def _probe(graph: Graph, multiple: int) -> tuple[int, Shape, Shape]:
    """A side that the graph accepts, and its results for that side and for `multiple` more. Raises the first WeightsError."""
    refused: WeightsError | None = None
    for side in (near + rest for near in _PROBES for rest in range(multiple)):
        for channels in (3, 1):
            try:
                first, second = (graph.shapes(channels, *[size] * 2)[graph.output] for size in (side, side + multiple))
            except WeightsError as error:
                refused = refused or error
                continue
            if len(first) != 3 or first[0] != channels:
                raise WeightsError(f"{graph.name} turns {channels} channels into a blob of the size {first}: ttpo needs one of images")
            return side, first, second
    assert refused is not None
    raise refused


def _minimum(graph: Graph, channels: int, multiple: int, margins: int) -> int:
    """The least side that the graph accepts: the first at once, or by halving."""

    def fits(count: int) -> bool:
        try:
            graph.shapes(channels, *[count * multiple + margins] * 2)
        except WeightsError:
            return False
        return True

    if fits(1):
        return multiple
    low, high = 1, max(_PROBES) // multiple + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle, high)
    return high * multiple
