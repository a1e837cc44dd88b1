"""The layer types of ncnn that are read, each with what makes it from its line and the weights (Tencent/ncnn)."""

from collections.abc import Callable

from ttpo_cli.backbones.ncnn import pointwise, resampling
from ttpo_cli.backbones.ncnn.convolutions import Convolution, Deconvolution, InnerProduct
from ttpo_cli.backbones.ncnn.param_file import Layer
from ttpo_cli.backbones.ncnn.step import Step
from ttpo_cli.backbones.ncnn.weights_file import WeightsFile
from ttpo_cli.errors import WeightsError

# Each reads its weights from the file as it is made, so layers are made in the order of the .param.
LAYERS: dict[str, Callable[[Layer, WeightsFile], Step]] = {
    "BatchNorm": pointwise.ChannelStatistics,
    "Bias": pointwise.ChannelStatistics,
    "BinaryOp": pointwise.BinaryOp,
    "Clip": pointwise.clip,
    "Concat": resampling.Concat,
    "Convolution": Convolution,
    "ConvolutionDepthWise": Convolution,
    "Crop": resampling.Crop,
    "Deconvolution": Deconvolution,
    "DeconvolutionDepthWise": Deconvolution,
    "Dropout": pointwise.unchanged,
    "ELU": pointwise.elu,
    "Eltwise": pointwise.Eltwise,
    "GELU": pointwise.gelu,
    "HardSigmoid": pointwise.hard_activation,
    "HardSwish": pointwise.hard_activation,
    "InnerProduct": InnerProduct,
    "Interp": resampling.Interp,
    "MemoryData": pointwise.MemoryData,
    "Noop": pointwise.unchanged,
    "PReLU": pointwise.PReLU,
    "Padding": resampling.Padding,
    "PixelShuffle": resampling.PixelShuffle,
    "Pooling": resampling.Pooling,
    "ReLU": pointwise.relu,
    "Reorg": resampling.Reorg,
    "Scale": pointwise.Scale,
    "Split": resampling.Split,
    "UnaryOp": pointwise.unary,
    **dict.fromkeys(pointwise.WITHOUT_SETTINGS, pointwise.plain_activation),
}


def make_layer(layer: Layer, file: WeightsFile) -> Step:
    """The layer with its weights. Raises WeightsError for a type or setting that is not known, and for weights that do not fit."""
    if layer.kind not in LAYERS:
        raise WeightsError(
            f"{layer.file} has a layer of the type '{layer.kind[:40]}', which ttpo does not know: "
            "give the checkpoint from which it was converted (.pth, .safetensors)"
        )
    return LAYERS[layer.kind](layer, file)
