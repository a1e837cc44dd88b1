"""ncnn's layers with weights over channels: Convolution, Deconvolution, their grouped forms, and InnerProduct (Tencent/ncnn)."""

import math
from collections.abc import Callable
from fractions import Fraction

import torch
from torch import Tensor, nn
from torch.nn import functional

from ttpo_cli.backbones.ncnn.param_file import Layer
from ttpo_cli.backbones.ncnn.reach import WHOLE_IMAGE, Reach
from ttpo_cli.backbones.ncnn.shape import Shape, check_channels, check_image, check_size
from ttpo_cli.backbones.ncnn.step import Step
from ttpo_cli.backbones.ncnn.weights_file import WeightsFile

MOST_CHANNELS = 2**16
LARGEST_STEP = 512

Activation = Callable[[Tensor], Tensor]


def frozen(weights: Tensor) -> nn.Parameter:
    """Weights that move with the network and are not trained."""
    return nn.Parameter(weights, requires_grad=False)


def activation_of(layer: Layer) -> Activation | None:
    """What a layer applies to its own result: settings 9 (which) and 10 (its values). None: nothing. Raises WeightsError."""
    kind, values = layer.integer(9), layer.arrays.get(10, ())
    if kind == 0:
        return None
    count = {1: 0, 2: 1, 3: 2, 4: 0, 5: 0, 6: 2}.get(kind)
    if count is None or len(values) < count:
        raise layer.error(f"has the activation 9={kind} with {len(values)} values, which ttpo does not know: give another checkpoint")
    first, second = (float(value) for value in (*values[:2], 0, 0)[:2])
    known: dict[int, Activation] = {
        1: functional.relu_,
        2: lambda image: functional.leaky_relu_(image, first),
        3: lambda image: image.clamp_(first, second),
        4: torch.sigmoid_,
        5: lambda image: functional.mish(image, inplace=True),
        6: lambda image: image * (first * image + second).clamp_(0, 1),
    }
    return known[kind]


class Geometry:
    """Kernel, stride, dilation and margins of a convolution; each a pair (height, width), margins as (left, right, top, bottom)."""

    def __init__(self, layer: Layer) -> None:
        width = layer.integer(1, least=1, most=LARGEST_STEP)
        self.kernel = (layer.integer(11, width, least=1, most=LARGEST_STEP), width)
        step = layer.integer(2, 1, least=1, most=LARGEST_STEP)
        self.dilation = (layer.integer(12, step, least=1, most=LARGEST_STEP), step)
        step = layer.integer(3, 1, least=1, most=LARGEST_STEP)
        self.stride = (layer.integer(13, step, least=1, most=LARGEST_STEP), step)
        left = layer.integer(4, least=0, most=LARGEST_STEP)
        top = layer.integer(14, left, least=0, most=LARGEST_STEP)
        right, bottom = layer.integer(15, left, least=0, most=LARGEST_STEP), layer.integer(16, top, least=0, most=LARGEST_STEP)
        self.margins = (left, right, top, bottom)

    @property
    def even_margins(self) -> tuple[int, int] | None:
        """(height, width) where both sides are alike, else None."""
        left, right, top, bottom = self.margins
        return (top, left) if (left, top) == (right, bottom) else None

    @property
    def span(self) -> int:
        """Pixels from the kernel's first to its last, the longer way."""
        return max(dilation * (kernel - 1) for dilation, kernel in zip(self.dilation, self.kernel, strict=True))


def _weights(layer: Layer, file: WeightsFile, geometry: Geometry) -> tuple[Tensor, Tensor | None, int]:
    """Weights (outputs, inputs of a group, height, width), bias, groups."""
    outputs = layer.integer(0, least=1, most=MOST_CHANNELS)
    groups = layer.integer(7, 1, least=1, most=MOST_CHANNELS)
    count = layer.integer(6, least=1)
    height, width = geometry.kernel
    if count % (outputs * height * width) or outputs % groups:
        raise layer.error(f"has {count} weights, which do not make {outputs} channels in {groups} groups: give another checkpoint")
    weights = file.flagged(layer, count).view(outputs, -1, height, width)
    return weights, file.plain(layer, outputs) if layer.flag(5) else None, groups


class Convolution(Step):
    """Convolution and ConvolutionDepthWise."""

    def __init__(self, layer: Layer, file: WeightsFile) -> None:
        super().__init__()
        layer.check_known(0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 18)
        layer.check_blobs(1)
        self.layer, self.geometry, self.activation = layer, Geometry(layer), activation_of(layer)
        self.margin_value = layer.number(18)
        weights, bias, self.groups = _weights(layer, file, self.geometry)
        self.weights, self.bias = frozen(weights), None if bias is None else frozen(bias)
        self.channels = self.weights.shape[1] * self.groups

    def shape(self, blob: Shape) -> Shape:
        check_image(self.layer, blob)
        check_channels(self.layer, blob, self.channels)
        geometry = self.geometry
        left, right, top, bottom = geometry.margins
        height, width = (
            (size + margins - dilation * (kernel - 1) - 1) // stride + 1
            for size, margins, dilation, kernel, stride in zip(
                blob[1:], (top + bottom, left + right), geometry.dilation, geometry.kernel, geometry.stride, strict=True
            )
        )
        return check_size(self.layer, (self.weights.shape[0], height, width))

    def forward(self, image: Tensor) -> Tensor:
        geometry, margins = self.geometry, self.geometry.even_margins
        if margins is None or self.margin_value:
            image, margins = functional.pad(image, geometry.margins, value=self.margin_value), (0, 0)
        image = functional.conv2d(image, self.weights, self.bias, geometry.stride, margins, geometry.dilation, self.groups)
        return image if self.activation is None else self.activation(image)

    def reach(self, blob: Reach) -> Reach:
        geometry = self.geometry
        check_square(self.layer, geometry)
        left, _, top, _ = geometry.margins
        return blob.read(Fraction(-max(left, top)), Fraction(geometry.span - min(left, top)), Fraction(1, geometry.stride[0]))


class Deconvolution(Step):
    """Deconvolution and DeconvolutionDepthWise: the transpose of a convolution, its margins cut off."""

    def __init__(self, layer: Layer, file: WeightsFile) -> None:
        super().__init__()
        layer.check_known(0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 18, 19)
        layer.check_blobs(1)
        self.layer, self.geometry, self.activation = layer, Geometry(layer), activation_of(layer)
        # Settings 18 and 19 extend the result to the right and below before the margins are cut.
        extra = [layer.integer(key, least=0, most=LARGEST_STEP) for key in (18, 19)]
        self.extra = (extra[1], extra[0])
        weights, bias, self.groups = _weights(layer, file, self.geometry)
        outputs, inputs, height, width = weights.shape
        grouped = weights.view(self.groups, outputs // self.groups, inputs, height, width).transpose(1, 2)
        self.weights = frozen(grouped.reshape(self.groups * inputs, -1, height, width).contiguous())
        self.bias = None if bias is None else frozen(bias)

    def shape(self, blob: Shape) -> Shape:
        check_image(self.layer, blob)
        check_channels(self.layer, blob, self.weights.shape[0])
        geometry = self.geometry
        left, right, top, bottom = geometry.margins
        height, width = (
            (size - 1) * stride + dilation * (kernel - 1) + 1 + extra - margins
            for size, stride, dilation, kernel, extra, margins in zip(
                blob[1:], geometry.stride, geometry.dilation, geometry.kernel, self.extra, (top + bottom, left + right), strict=True
            )
        )
        return check_size(self.layer, (self.weights.shape[1] * self.groups, height, width))

    def forward(self, image: Tensor) -> Tensor:
        geometry = self.geometry
        image = functional.conv_transpose2d(
            image, self.weights, self.bias, geometry.stride, 0, self.extra, self.groups, geometry.dilation
        )  # fmt: skip
        left, right, top, bottom = geometry.margins
        image = image[..., top : image.shape[-2] - bottom, left : image.shape[-1] - right]
        return image if self.activation is None else self.activation(image)

    def reach(self, blob: Reach) -> Reach:
        geometry = self.geometry
        check_square(self.layer, geometry)
        stride = geometry.stride[0]
        left, _, top, _ = geometry.margins
        first, last = min(left, top) - geometry.span, max(left, top)
        return blob.read(Fraction(first, stride), Fraction(last, stride), Fraction(stride))


class InnerProduct(Step):
    """A matrix times all values of the blob: in restorers, of the means of its channels."""

    def __init__(self, layer: Layer, file: WeightsFile) -> None:
        super().__init__()
        layer.check_known(0, 1, 2, 9, 10)
        layer.check_blobs(1)
        outputs, count = layer.integer(0, least=1, most=MOST_CHANNELS), layer.integer(2, least=1)
        if count % outputs:
            raise layer.error(f"has {count} weights, which do not make {outputs} values: give another checkpoint")
        self.layer, self.activation = layer, activation_of(layer)
        self.weights = frozen(file.flagged(layer, count).view(outputs, -1))
        self.bias = frozen(file.plain(layer, outputs)) if layer.flag(1) else None

    def shape(self, blob: Shape) -> Shape:
        check_channels(self.layer, (math.prod(blob),), self.weights.shape[1])
        return (self.weights.shape[0],)

    def forward(self, blob: Tensor) -> Tensor:
        result = functional.linear(blob.flatten(1), self.weights, self.bias)
        return result if self.activation is None else self.activation(result)

    def reach(self, blob: Reach) -> Reach:
        return WHOLE_IMAGE


def check_square(layer: Layer, geometry: Geometry) -> None:
    """Refuse strides that change the photo's aspect. Raises WeightsError."""
    if geometry.stride[0] != geometry.stride[1]:
        raise layer.error(f"has the strides {geometry.stride}, which would distort a photo: give another checkpoint")
