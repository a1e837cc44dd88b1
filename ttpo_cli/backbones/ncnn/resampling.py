"""ncnn's layers that move, cut and gather pixels: Interp, PixelShuffle, Crop, Padding, Pooling, Concat, Split (Tencent/ncnn)."""

from fractions import Fraction

import torch
from torch import Tensor
from torch.nn import functional

from ttpo_cli.backbones.ncnn.convolutions import LARGEST_STEP
from ttpo_cli.backbones.ncnn.param_file import Layer
from ttpo_cli.backbones.ncnn.reach import WHOLE_IMAGE, Reach, join
from ttpo_cli.backbones.ncnn.shape import Shape, check_image, check_same, check_size
from ttpo_cli.backbones.ncnn.step import Step
from ttpo_cli.backbones.ncnn.weights_file import WeightsFile

KEEP = -233
MOST_ENLARGED = 64
INTERPOLATIONS = {1: "nearest", 2: "bilinear", 3: "bicubic"}
PADDINGS = {0: "constant", 1: "replicate", 2: "reflect"}

# Pixels that an interpolation reads to either side of the one it is at.
_NEIGHBOURS = {1: 1, 2: 1, 3: 2}


class Interp(Step):
    """Resize by a factor, or to the size of a second blob."""

    def __init__(self, layer: Layer, file: WeightsFile) -> None:
        super().__init__()
        layer.check_known(0, 1, 2, 5, 6)
        self.layer, self.kind = layer, layer.integer(0, 1, least=1, most=3)
        self.factor = layer.number(1, 1.0)
        self.align = layer.flag(6) and self.kind != 1
        self.by_blob = layer.flag(5) or len(layer.inputs) == 2
        layer.check_blobs(2 if self.by_blob else 1)
        width = layer.number(2, 1.0)
        if not self.by_blob and (self.factor != width or not 1 / MOST_ENLARGED <= width <= MOST_ENLARGED):
            raise layer.error(f"resizes by {self.factor:g} x {width:g}, which ttpo does not: give another checkpoint")

    def shape(self, blob: Shape, reference: Shape | None = None) -> Shape:
        check_image(self.layer, blob)
        if reference is not None:
            check_image(self.layer, reference)
            return (blob[0], *reference[1:])
        return check_size(self.layer, (blob[0], *(int(side * self.factor) for side in blob[1:])))

    def forward(self, image: Tensor, reference: Tensor | None = None) -> Tensor:
        mode, align = INTERPOLATIONS[self.kind], None if self.kind == 1 else self.align
        if reference is None:  # the factor, and not the rounded size, says where a pixel lies
            return functional.interpolate(image, scale_factor=self.factor, mode=mode, align_corners=align)
        return functional.interpolate(image, size=reference.shape[-2:], mode=mode, align_corners=align)

    def reach(self, blob: Reach, reference: Reach | None = None) -> Reach:
        neighbours = Fraction(_NEIGHBOURS[self.kind])
        if self.align:  # the factor is not quite the same at every size
            return Reach(scale=blob.scale and blob.scale * Fraction(self.factor).limit_denominator(1024), whole=True)
        if reference is None:
            return blob.read(-neighbours, neighbours, Fraction(self.factor).limit_denominator(1024))
        if blob.scale is None or reference.scale is None:
            return Reach(scale=reference.scale, low=blob.low, high=blob.high, whole=blob.whole)
        return blob.read(-neighbours, neighbours, reference.scale / blob.scale)


class _ByFactor(Step):
    """Pixels and channels exchanged by a factor, in one of two orders."""

    def __init__(self, layer: Layer, file: WeightsFile) -> None:
        super().__init__()
        layer.check_known(0, 1)
        layer.check_blobs(1)
        self.layer, self.factor, self.other_order = layer, layer.integer(0, 1, least=1, most=MOST_ENLARGED), layer.flag(1)


class PixelShuffle(_ByFactor):
    """Channels to pixels: (C * r^2, h, w) -> (C, h * r, w * r); setting 1: the channels of one pixel are those of one sub-pixel."""

    def shape(self, blob: Shape) -> Shape:
        channels, height, width = check_image(self.layer, blob)
        if channels % self.factor**2:
            raise self.layer.error(f"spreads {channels} channels over {self.factor**2} pixels: give another checkpoint")
        return channels // self.factor**2, height * self.factor, width * self.factor

    def forward(self, image: Tensor) -> Tensor:
        if self.other_order:
            image = image.unflatten(1, (self.factor**2, -1)).transpose(1, 2).flatten(1, 2)
        return functional.pixel_shuffle(image, self.factor)

    def reach(self, blob: Reach) -> Reach:
        return blob.read(Fraction(1 - self.factor, self.factor), Fraction(0), Fraction(self.factor))


class Reorg(_ByFactor):
    """Pixels to channels: (C, h, w) -> (C * r^2, h / r, w / r); setting 1: the channels of one sub-pixel stay together."""

    def shape(self, blob: Shape) -> Shape:
        channels, height, width = check_image(self.layer, blob)
        return check_size(self.layer, (channels * self.factor**2, height // self.factor, width // self.factor))

    def forward(self, image: Tensor) -> Tensor:
        height, width = (side // self.factor * self.factor for side in image.shape[-2:])
        image = functional.pixel_unshuffle(image[..., :height, :width], self.factor)
        return image.unflatten(1, (-1, self.factor**2)).transpose(1, 2).flatten(1, 2) if self.other_order else image

    def reach(self, blob: Reach) -> Reach:
        return blob.read(Fraction(0), Fraction(self.factor - 1), Fraction(1, self.factor))


class Crop(Step):
    """Cut off margins: to the size of a second blob from an offset, from starts to ends, or by offsets at both sides."""

    def __init__(self, layer: Layer, file: WeightsFile) -> None:
        super().__init__()
        layer.check_known(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
        layer.check_blobs(len(layer.inputs) if len(layer.inputs) in (1, 2) else 1)
        self.layer = layer
        self.starts, self.ends, self.axes = (layer.integers(key) for key in (9, 10, 11))
        # (channels, height, width)
        self.offsets = tuple(layer.integer(key) for key in (2, 1, 0))
        self.sizes = tuple(layer.integer(key) for key in (5, 4, 3))
        self.ends_cut = tuple(layer.integer(key) for key in (8, 7, 6))
        if len(self.starts) != len(self.ends) or (self.axes and len(self.axes) != len(self.starts)):
            raise layer.error("has starts, ends and axes of different lengths: give another checkpoint")

    def shape(self, blob: Shape, reference: Shape | None = None) -> Shape:
        spans = self._spans(blob, reference)
        for size, (start, stop) in zip(blob, spans, strict=True):
            if not 0 <= start < stop <= size:
                raise self.layer.error(f"cuts {start}:{stop} out of {size}: give another checkpoint")
        return tuple(stop - start for start, stop in spans)

    def forward(self, blob: Tensor, reference: Tensor | None = None) -> Tensor:
        spans = self._spans(tuple(blob.shape[1:]), None if reference is None else tuple(reference.shape[1:]))
        for dim, (start, stop) in enumerate(spans, 1):
            blob = blob.narrow(dim, start, stop - start)
        return blob

    def _spans(self, sizes: Shape, reference: Shape | None) -> list[tuple[int, int]]:
        """(start, stop) of each dimension of a blob of these sizes."""
        if self.starts:
            spans = [(0, size) for size in sizes]
            axes = self.axes or tuple(range(len(self.starts)))
            for start, end, axis in zip(self.starts, self.ends, axes, strict=True):
                if not -len(sizes) <= axis < len(sizes):
                    raise self.layer.error(f"cuts along axis {axis} of {len(sizes)}: give another checkpoint")
                size = sizes[axis]
                start = 0 if start == KEEP else start + (size if start < 0 else 0)
                spans[axis] = (start, size if end == KEEP else min(size, end + (size if end <= 0 else 0)))
            return spans
        spans = []
        for dim, size in enumerate(sizes, 3 - len(sizes)):
            start = 0 if self.offsets[dim] == KEEP else self.offsets[dim]
            if reference is None:
                stop = size - self.ends_cut[dim]
                spans.append((start, stop if self.sizes[dim] == KEEP else min(stop, start + self.sizes[dim])))
            else:
                spans.append((start, start + reference[dim - 3 + len(reference)]))
        return spans

    def reach(self, blob: Reach, reference: Reach | None = None) -> Reach:
        offsets = [offset for offset in self.offsets[1:] if offset != KEEP]
        axes = self.axes or tuple(range(len(self.starts)))
        moved = [start for start, axis in zip(self.starts, axes, strict=True) if axis not in (0, -3) and start != KEEP]
        if any(offset < 0 for offset in moved):
            raise self.layer.error("counts from the far edge, which ttpo does not: give another checkpoint")
        offsets = moved if self.starts else offsets
        return blob.read(Fraction(min(offsets, default=0)), Fraction(max(offsets, default=0)))


class Padding(Step):
    """Margins of a constant, of the outermost pixels, or by reflection."""

    def __init__(self, layer: Layer, file: WeightsFile) -> None:
        super().__init__()
        layer.check_known(0, 1, 2, 3, 4, 5)
        layer.check_blobs(1)
        # (left, right, top, bottom)
        self.margins = tuple(layer.integer(key, least=0, most=LARGEST_STEP) for key in (2, 3, 0, 1))
        self.layer, self.mode, self.value = layer, PADDINGS[layer.integer(4, least=0, most=2)], layer.number(5)

    def shape(self, blob: Shape) -> Shape:
        channels, height, width = check_image(self.layer, blob)
        if self.mode == "reflect" and max(self.margins) >= min(height, width):
            raise self.layer.error(f"reflects {max(self.margins)} pixels of {min(height, width)}: give another checkpoint")
        left, right, top, bottom = self.margins
        return channels, height + top + bottom, width + left + right

    def forward(self, image: Tensor) -> Tensor:
        return functional.pad(image, self.margins, self.mode, self.value if self.mode == "constant" else None)

    def reach(self, blob: Reach) -> Reach:
        left, _, top, _ = self.margins
        widest = 0 if self.mode == "constant" else max(self.margins)
        return blob.read(Fraction(-max(left, top) - widest), Fraction(widest - min(left, top)))


class Pooling(Step):
    """Maximum or mean of the whole image, as a vector of channels, or of windows."""

    def __init__(self, layer: Layer, file: WeightsFile) -> None:
        super().__init__()
        layer.check_known(0, 1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15)
        layer.check_blobs(1)
        self.layer, self.mean, self.whole = layer, layer.flag(0), layer.flag(4)
        width = layer.integer(1, least=0 if self.whole else 1, most=LARGEST_STEP)
        self.kernel = (layer.integer(11, width, least=0, most=LARGEST_STEP), width)
        step = layer.integer(2, 1, least=1, most=LARGEST_STEP)
        self.stride = (layer.integer(12, step, least=1, most=LARGEST_STEP), step)
        left = layer.integer(3, least=0, most=LARGEST_STEP)
        top = layer.integer(13, left, least=0, most=LARGEST_STEP)
        self.margins = (left, layer.integer(14, left, least=0, most=LARGEST_STEP), top, layer.integer(15, top, least=0, most=LARGEST_STEP))
        self.covers_all, self.counts_margins = layer.integer(5, least=0, most=1) == 0, layer.flag(6)

    def shape(self, blob: Shape) -> Shape:
        channels, *sides = check_image(self.layer, blob)
        if self.whole:
            return (channels,)
        left, right, top, bottom = self._margins(*sides)
        height, width = (
            (side + margins - kernel) // stride + 1
            for side, margins, kernel, stride in zip(sides, (top + bottom, left + right), self.kernel, self.stride, strict=True)
        )
        return check_size(self.layer, (channels, height, width))

    def _margins(self, *sides: int) -> list[int]:
        """(left, right, top, bottom) with what must be added on the right and below for windows to reach every pixel."""
        margins = list(self.margins)
        for dim, at in ((1, 1), (0, 3)):
            over = (sides[dim] + margins[at - 1] + margins[at] - self.kernel[dim]) % self.stride[dim]
            margins[at] += self.stride[dim] - over if self.covers_all and over else 0
        return margins

    def forward(self, image: Tensor) -> Tensor:
        if self.whole:
            return image.mean((-2, -1)) if self.mean else image.amax((-2, -1))
        margins = self._margins(*image.shape[-2:])
        if not self.mean:
            return functional.max_pool2d(functional.pad(image, margins, value=torch.finfo(image.dtype).min), self.kernel, self.stride)
        sums = functional.avg_pool2d(functional.pad(image, margins), self.kernel, self.stride)
        if self.counts_margins:
            return sums
        share = functional.avg_pool2d(functional.pad(torch.ones_like(image[:, :1]), margins), self.kernel, self.stride)
        return sums / share

    def reach(self, blob: Reach) -> Reach:
        if self.whole:
            return WHOLE_IMAGE
        if self.stride[0] != self.stride[1]:
            raise self.layer.error(f"has the strides {self.stride}, which would distort a photo: give another checkpoint")
        left, _, top, _ = self.margins
        return blob.read(Fraction(-max(left, top)), Fraction(max(self.kernel) - 1 - min(left, top)), Fraction(1, self.stride[0]))


class Concat(Step):
    """Blobs one after the other, along the channels unless setting 0 says otherwise."""

    def __init__(self, layer: Layer, file: WeightsFile) -> None:
        super().__init__()
        layer.check_known(0)
        layer.check_blobs(None)
        self.layer, self.axis = layer, layer.integer(0)

    def shape(self, *blobs: Shape) -> Shape:
        dims = len(blobs[0])
        if not -dims <= self.axis < dims or any(len(blob) != dims for blob in blobs):
            raise self.layer.error(f"joins blobs of {dims} dimensions along axis {self.axis}: give another checkpoint")
        axis = self.axis % dims
        rest = check_same(self.layer, [(*blob[:axis], *blob[axis + 1 :]) for blob in blobs])
        return (*rest[:axis], sum(blob[axis] for blob in blobs), *rest[axis:])

    def forward(self, *blobs: Tensor) -> Tensor:
        return torch.cat(blobs, self.axis if self.axis < 0 else self.axis + 1)

    def reach(self, *blobs: Reach) -> Reach:
        if any(blob.scale is not None for blob in blobs) and self.axis not in (0, -3):
            raise self.layer.error("joins images side by side, which ttpo does not: give another checkpoint")
        return join(blobs)


class Split(Step):
    """The blob under several names."""

    def __init__(self, layer: Layer, file: WeightsFile) -> None:
        super().__init__()
        layer.check_known()
        layer.check_blobs(1, None)
        self.copies = len(layer.outputs)

    def forward(self, blob: Tensor) -> tuple[Tensor, ...]:
        return (blob,) * self.copies
