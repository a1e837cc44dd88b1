"""ncnn's layers that treat every pixel alike: activations, sums and products of blobs, per-channel factors (Tencent/ncnn)."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from ttpo_cli.backbones.ncnn.convolutions import MOST_CHANNELS, frozen
from ttpo_cli.backbones.ncnn.param_file import Layer
from ttpo_cli.backbones.ncnn.reach import CONSTANT, Reach
from ttpo_cli.backbones.ncnn.shape import Shape, check_channels, check_same
from ttpo_cli.backbones.ncnn.step import Step
from ttpo_cli.backbones.ncnn.weights_file import WeightsFile

BINARY: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (
    torch.add,
    torch.sub,
    torch.mul,
    torch.div,
    torch.maximum,
    torch.minimum,
    torch.pow,
    lambda first, second: second - first,
    lambda first, second: second / first,
    lambda first, second: second**first,
)

UNARY: tuple[Callable[[Tensor], Tensor], ...] = (
    torch.abs,
    torch.neg,
    torch.floor,
    torch.ceil,
    torch.square,
    torch.sqrt,
    torch.rsqrt,
    torch.exp,
    torch.log,
    torch.sin,
    torch.cos,
    torch.tan,
    torch.asin,
    torch.acos,
    torch.atan,
    torch.reciprocal,
    torch.tanh,
)

WITHOUT_SETTINGS: dict[str, Callable[[Tensor], Tensor]] = {
    "Sigmoid": torch.sigmoid,
    "Swish": functional.silu,
    "TanH": torch.tanh,
    "Mish": functional.mish,
    "AbsVal": torch.abs,
}


class Pointwise(Step):
    """A function of one blob's values."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, blob: Tensor) -> Tensor:
        return self.function(blob)


def plain_activation(layer: Layer, file: WeightsFile) -> Step:
    """One of WITHOUT_SETTINGS, by its type."""
    layer.check_known()
    layer.check_blobs(1)
    return Pointwise(WITHOUT_SETTINGS[layer.kind])


def unchanged(layer: Layer, file: WeightsFile) -> Step:
    """Noop, and Dropout, which does nothing after training. Raises WeightsError for a Dropout that scales."""
    layer.check_blobs(1)
    if layer.number(0, 1.0) != 1:
        raise layer.error("scales its blob, which ttpo does not know: give another checkpoint")
    return Pointwise(lambda blob: blob)


def relu(layer: Layer, file: WeightsFile) -> Step:
    """max(x, 0) + slope * min(x, 0)."""
    layer.check_known(0)
    layer.check_blobs(1)
    slope = layer.number(0)
    return Pointwise(lambda blob: functional.leaky_relu(blob, slope))


def elu(layer: Layer, file: WeightsFile) -> Step:
    """x, or alpha * (exp(x) - 1) below 0."""
    layer.check_known(0)
    layer.check_blobs(1)
    alpha = layer.number(0, 0.1)
    return Pointwise(lambda blob: functional.elu(blob, alpha))


def gelu(layer: Layer, file: WeightsFile) -> Step:
    """GELU, exact or by its tanh approximation (setting 0)."""
    layer.check_known(0)
    layer.check_blobs(1)
    approximation = "tanh" if layer.flag(0) else "none"
    return Pointwise(lambda blob: functional.gelu(blob, approximate=approximation))


def hard_activation(layer: Layer, file: WeightsFile) -> Step:
    """HardSigmoid: alpha * x + beta within [0, 1]; HardSwish: that times x."""
    layer.check_known(0, 1)
    layer.check_blobs(1)
    alpha, beta, swish = layer.number(0, 0.2), layer.number(1, 0.5), layer.kind == "HardSwish"
    return Pointwise(lambda blob: (alpha * blob + beta).clamp(0, 1) * (blob if swish else 1))


def clip(layer: Layer, file: WeightsFile) -> Step:
    """Values within [setting 0, setting 1]."""
    layer.check_known(0, 1)
    layer.check_blobs(1)
    least, most = layer.number(0, -3.4e38), layer.number(1, 3.4e38)
    return Pointwise(lambda blob: blob.clamp(least, most))


def unary(layer: Layer, file: WeightsFile) -> Step:
    """One of UNARY, by its number."""
    layer.check_known(0)
    layer.check_blobs(1)
    return Pointwise(UNARY[layer.integer(0, least=0, most=len(UNARY) - 1)])


class PReLU(Step):
    """A slope below 0 for each channel, or one for all."""

    def __init__(self, layer: Layer, file: WeightsFile) -> None:
        super().__init__()
        layer.check_known(0)
        layer.check_blobs(1)
        self.layer = layer
        self.slopes = frozen(file.plain(layer, layer.integer(0, least=1, most=MOST_CHANNELS)))

    def shape(self, blob: Shape) -> Shape:
        if len(self.slopes) > 1:
            check_channels(self.layer, blob, len(self.slopes))
        return blob

    def forward(self, blob: Tensor) -> Tensor:
        return functional.prelu(blob, self.slopes.to(blob.dtype))


class BinaryOp(Step):
    """Two blobs, or a blob and a number, by one of BINARY."""

    def __init__(self, layer: Layer, file: WeightsFile) -> None:
        super().__init__()
        layer.check_known(0, 1, 2)
        self.layer, self.function = layer, BINARY[layer.integer(0, least=0, most=len(BINARY) - 1)]
        self.scalar = layer.number(2) if layer.flag(1) else None
        layer.check_blobs(2 if self.scalar is None else 1)

    def shape(self, first: Shape, second: Shape | None = None) -> Shape:
        if second is None:
            return first
        aligned = aligned_shape(first, second), aligned_shape(second, first)
        if any(1 not in sizes and sizes[0] != sizes[1] for sizes in zip(*aligned, strict=True)):
            raise self.layer.error(f"joins blobs of the sizes {first} and {second}: give another checkpoint")
        return tuple(max(sizes) for sizes in zip(*aligned, strict=True))

    def forward(self, first: Tensor, second: Tensor | None = None) -> Tensor:
        if second is None:
            return self.function(first, torch.as_tensor(self.scalar, dtype=first.dtype, device=first.device))
        one, other = tuple(first.shape[1:]), tuple(second.shape[1:])
        return self.function(first.reshape(1, *aligned_shape(one, other)), second.reshape(1, *aligned_shape(other, one)))


class Eltwise(Step):
    """Product, weighted sum or maximum of blobs of one size."""

    def __init__(self, layer: Layer, file: WeightsFile) -> None:
        super().__init__()
        layer.check_known(0, 1)
        layer.check_blobs(None)
        self.layer, self.kind = layer, layer.integer(0, least=0, most=2)
        self.factors = tuple(float(factor) for factor in layer.arrays.get(1, ()))
        if len(layer.inputs) < 2 or (self.factors and len(self.factors) != len(layer.inputs)):
            raise layer.error(f"reads {len(layer.inputs)} blobs with {len(self.factors)} factors: give another checkpoint")

    def shape(self, *blobs: Shape) -> Shape:
        return check_same(self.layer, blobs)

    def forward(self, *blobs: Tensor) -> Tensor:
        if self.kind == 1 and self.factors:
            total = blobs[0] * self.factors[0]
            for blob, factor in zip(blobs[1:], self.factors[1:], strict=True):
                total = torch.add(total, blob, alpha=factor)
            return total
        result = blobs[0]
        for blob in blobs[1:]:
            result = (torch.mul, torch.add, torch.maximum)[self.kind](result, blob)
        return result


class Scale(Step):
    """Each channel times a factor, of the file or (setting 0 = -233) of a second blob, plus a bias."""

    def __init__(self, layer: Layer, file: WeightsFile) -> None:
        super().__init__()
        layer.check_known(0, 1)
        count = layer.integer(0, most=MOST_CHANNELS)
        layer.check_blobs(2 if count == -233 else 1)
        self.layer = layer
        self.factors = None if count == -233 else frozen(file.plain(layer, count))
        self.bias = frozen(file.plain(layer, count)) if layer.flag(1) else None

    def shape(self, blob: Shape, factors: Shape | None = None) -> Shape:
        check_channels(self.layer, blob, len(self.factors) if self.factors is not None else math.prod(factors or ()))
        return blob

    def forward(self, blob: Tensor, factors: Tensor | None = None) -> Tensor:
        chosen = self.factors if factors is None else factors.flatten()
        assert chosen is not None
        blob = blob * _a_channel(chosen, blob)
        return blob if self.bias is None else blob + _a_channel(self.bias, blob)


class ChannelStatistics(Step):
    """BatchNorm: slope * (x - mean) / sqrt(variance + epsilon) + bias; Bias: the last alone. A value of each a channel."""

    def __init__(self, layer: Layer, file: WeightsFile) -> None:
        super().__init__()
        layer.check_known(*((0, 1) if layer.kind == "BatchNorm" else (0,)))
        layer.check_blobs(1)
        self.layer = layer
        count = layer.integer(0, least=1, most=MOST_CHANNELS)
        if layer.kind == "BatchNorm":
            slope, mean, variance, bias = (file.plain(layer, count) for _ in range(4))
            factor = slope / (variance + layer.number(1)).sqrt()
            self.factor, self.bias = frozen(factor), frozen(bias - factor * mean)
        else:
            self.factor, self.bias = None, frozen(file.plain(layer, count))

    def shape(self, blob: Shape) -> Shape:
        check_channels(self.layer, blob, len(self.bias))
        return blob

    def forward(self, blob: Tensor) -> Tensor:
        return (blob if self.factor is None else blob * _a_channel(self.factor, blob)) + _a_channel(self.bias, blob)


class MemoryData(Step):
    """A constant of the file."""

    def __init__(self, layer: Layer, file: WeightsFile) -> None:
        super().__init__()
        layer.check_known(0, 1, 2, 21)
        layer.check_blobs(0)
        sizes = [layer.integer(key, least=0, most=2**24) for key in (2, 1, 0)]
        shape = [size for size in sizes if size]
        if not shape or sizes[len(sizes) - len(shape) :] != shape:
            raise layer.error(f"has the shape {sizes}: give another checkpoint")
        count = shape[0] * (shape[1] if len(shape) > 1 else 1) * (shape[2] if len(shape) > 2 else 1)
        values = file.plain(layer, count) if layer.integer(21, 1, least=0, most=1) else file.flagged(layer, count)
        self.values = frozen(values.view(1, *shape))

    def shape(self) -> Shape:
        return tuple(self.values.shape[1:])

    def forward(self) -> Tensor:
        return self.values

    def reach(self) -> Reach:
        return CONSTANT


def _a_channel(values: Tensor, blob: Tensor) -> Tensor:
    """(C,) as a factor or bias of (1, C, ...)."""
    return values.view(1, -1, *[1] * (blob.ndim - 2))


def aligned_shape(blob: Shape, other: Shape) -> Shape:
    """The blob's shape with as many dimensions as the other has: a vector of the other's channels is one value a channel, else a row."""
    missing = len(other) - len(blob)
    if missing <= 0:
        return blob
    if len(blob) == 1 and blob[0] != other[0]:
        return (*[1] * missing, *blob)
    return (*blob, *[1] * missing)
