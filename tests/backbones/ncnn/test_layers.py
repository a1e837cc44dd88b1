"""Every type of layer against the ncnn package, with small weights, and the sizes of blobs against those computed beforehand."""

import numpy as np
import pytest
import torch
from ncnn_models import convolution, flagged, run_ncnn, values, write_pair

from ttpo_cli.backbones.ncnn.graph import Graph
from ttpo_cli.backbones.ncnn.layers import LAYERS
from ttpo_cli.backbones.ncnn.param_file import read_param
from ttpo_cli.backbones.ncnn.weights_file import WeightsFile

SIZE = (4, 13, 10)


def load(param):
    with WeightsFile(param.with_suffix(".bin")) as file:
        return Graph(read_param(param), file)


def check(folder, *layers, size=SIZE, positive=False, target="out"):
    """The graph's result is that of the ncnn package, and has the size that was computed before."""
    param = write_pair(folder, *layers)
    graph = load(param)
    image = torch.from_numpy(values(1, *size, seed=7))
    image = image.abs().clamp(0.1, 0.9) if positive else image
    with torch.inference_mode():
        mine = graph(image)
    assert graph.shapes(*size)[graph.output] == tuple(mine.shape[1:])
    theirs = run_ncnn(param, image, target=target)
    assert mine.shape == theirs.shape
    torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-5)
    return mine


CONVOLUTIONS = {
    "same": "4=1",
    "valid": "",
    "stride": "3=2 4=1",
    "dilation": "2=2 4=2",
    "uneven margins": "4=1 15=2 14=0 16=3",
    "uneven kernel, stride 1": "11=3 14=1 4=1",
    "margins of a value": "4=1 18=0.5",
    "relu": "4=1 9=1",
    "leaky relu": "4=1 9=2 -23310=1,0.2",
    "leaky relu as a bare array": "4=1 9=2 10=0.2,",
    "clip": "4=1 9=3 -23310=2,-0.1,0.3",
    "sigmoid": "4=1 9=4",
    "mish": "4=1 9=5",
    "hard swish": "4=1 9=6 -23310=2,0.2,0.5",
}


@pytest.mark.parametrize("settings", CONVOLUTIONS.values(), ids=list(CONVOLUTIONS))
@pytest.mark.parametrize("half", [False, True])
def test_a_convolution(tmp_path, settings, half):
    check(tmp_path, convolution("c", "in", "out", 4, 5, settings=settings, half=half))


def test_a_kernel_that_is_not_square(tmp_path):
    weights = values(5, 4, 1, 3)
    line = f"Convolution c 1 1 in out 0=5 1=3 11=1 4=1 14=0 5=0 6={weights.size}"
    check(tmp_path, (line, flagged(weights)))


@pytest.mark.parametrize(("groups", "outputs"), [(4, 4), (2, 6), (4, 8)])
def test_a_grouped_convolution(tmp_path, groups, outputs):
    settings = f"4=1 7={groups}"
    check(tmp_path, convolution("c", "in", "out", 4 // groups, outputs, settings=settings, kind="ConvolutionDepthWise"))


@pytest.mark.parametrize(
    "settings", ["3=2", "3=2 4=1", "3=2 4=2 15=1 14=0 16=3", "3=2 4=1 18=1 19=1", "3=3 4=1", "2=2 4=1", "3=2 4=1 9=2 -23310=1,0.1"]
)
@pytest.mark.parametrize("kernel", [2, 4])
def test_a_deconvolution(tmp_path, settings, kernel):
    check(tmp_path, convolution("c", "in", "out", 4, 5, kernel=kernel, settings=settings, kind="Deconvolution"))


@pytest.mark.parametrize(("groups", "outputs"), [(4, 4), (2, 6)])
def test_a_grouped_deconvolution(tmp_path, groups, outputs):
    settings = f"3=2 4=1 7={groups}"
    check(tmp_path, convolution("c", "in", "out", 4 // groups, outputs, settings=settings, kind="DeconvolutionDepthWise"))


def test_squeeze_and_excitation(tmp_path):
    first, second = values(2, 4), values(4, 2, seed=1)
    check(
        tmp_path,
        "Split s 1 2 in a b",
        "Pooling p 1 1 a mean 0=1 4=1",
        (f"InnerProduct f 1 1 mean small 0=2 1=1 2={first.size} 9=1", flagged(first) + values(2, seed=3).tobytes()),
        (f"InnerProduct g 1 1 small factors 0=4 1=1 2={second.size} 9=4", flagged(second, half=True) + values(4, seed=4).tobytes()),
        "BinaryOp m 2 1 b factors out 0=2",
    )


def test_a_scale_by_a_second_blob(tmp_path):
    check(tmp_path, "Split s 1 2 in a b", "Pooling p 1 1 a mean 0=1 4=1", "Scale m 2 1 b mean out 0=-233")


POINTWISE = {
    "Sigmoid": "",
    "Swish": "",
    "TanH": "",
    "Mish": "",
    "AbsVal": "",
    "Noop": "",
    "Dropout": "0=1.0",
    "ReLU": "",
    "ReLU slope": "0=0.2",
    "ELU": "0=0.7",
    "GELU": "",
    "GELU fast": "0=1",
    "HardSigmoid": "0=0.3 1=0.4",
    "HardSwish": "0=0.3 1=0.4",
    "Clip": "0=-0.2 1=0.1",
}


@pytest.mark.parametrize("name", POINTWISE)
def test_an_activation(tmp_path, name):
    check(tmp_path, f"{name.split()[0]} f 1 1 in out {POINTWISE[name]}")


@pytest.mark.parametrize("operation", range(17))
def test_a_unary_operation(tmp_path, operation):
    check(tmp_path, f"UnaryOp f 1 1 in out 0={operation}", positive=True)


@pytest.mark.parametrize("operation", range(10))
def test_a_binary_operation_of_blobs_and_of_a_number(tmp_path, operation):
    check(tmp_path, "Split s 1 2 in a b", "Sigmoid f 1 1 a c", f"BinaryOp o 2 1 b c out 0={operation}", positive=True)
    check(tmp_path, f"BinaryOp o 1 1 in out 0={operation} 1=1 2=0.7", positive=True)


@pytest.mark.parametrize("count", [1, 4])
def test_slopes_factors_and_statistics_of_channels(tmp_path, count):
    check(tmp_path, (f"PReLU f 1 1 in out 0={count}", values(count).tobytes()))
    if count == 4:
        check(tmp_path, (f"Scale f 1 1 in out 0={count} 1=1", values(2 * count).tobytes()))
        check(tmp_path, (f"Bias f 1 1 in out 0={count}", values(count).tobytes()))
        statistics = np.concatenate([values(2 * count), abs(values(count)) + 0.1, values(count, seed=2)])
        check(tmp_path, (f"BatchNorm f 1 1 in out 0={count} 1=0.001", statistics.tobytes()))


@pytest.mark.parametrize("settings", ["0=0", "0=1", "0=2", "0=1 -23301=2,0.2,1.0", "0=1 -23301=2,2.0,-1.0"])
def test_an_eltwise(tmp_path, settings):
    check(tmp_path, "Split s 1 2 in a b", "Sigmoid f 1 1 a c", f"Eltwise e 2 1 c b out {settings}")


def test_a_constant_for_each_channel_and_one_for_each_pixel(tmp_path):
    for shape in ((4, 1, 1), SIZE):
        constant = f"MemoryData m 0 1 c 0={shape[2]} 1={shape[1]} 2={shape[0]}"
        check(tmp_path, (constant, values(*shape).tobytes()), "BinaryOp o 2 1 in c out 0=2")


@pytest.mark.parametrize("kind", [1, 2, 3])
@pytest.mark.parametrize("factor", ["2.0", "4.0", "3.0", "5.000000e-01", "7.500000e-01", "1.0"])
def test_an_interpolation_by_a_factor(tmp_path, kind, factor):
    check(tmp_path, f"Interp i 1 1 in out 0={kind} 1={factor} 2={factor}", size=(4, 12, 9))


@pytest.mark.parametrize("kind", [1, 2, 3])
def test_an_interpolation_to_the_size_of_a_second_blob(tmp_path, kind):
    layers = ["Split s 1 2 in a b", convolution("c", "a", "small", 4, 4, settings="3=2 4=1")]
    check(tmp_path, *layers, f"Interp i 2 1 small b out 0={kind} 5=1")


@pytest.mark.parametrize("order", [0, 1])
def test_pixels_and_channels_change_places(tmp_path, order):
    check(tmp_path, f"PixelShuffle p 1 1 in out 0=2 1={order}", size=(8, 5, 6))
    check(tmp_path, f"Reorg p 1 1 in out 0=2 1={order}", size=(3, 8, 6))


CROPS = [
    "-23309=2,2,1 -23310=2,-2,-3 -23311=2,-2,-1",
    "-23309=1,1 -23310=1,-233 -23311=1,1",
    "-23309=1,3 -23310=1,9 -23311=1,2",
    "0=2 1=1 2=0 3=-233 4=-233 5=-233",
    "0=2 1=1 2=1 3=5 4=6 5=2",
    "0=1 1=2 2=0 3=-233 4=-233 5=-233 6=2 7=3",
]


@pytest.mark.parametrize("settings", CROPS)
def test_a_crop(tmp_path, settings):
    check(tmp_path, f"Crop c 1 1 in out {settings}")


def test_a_crop_to_the_size_of_a_second_blob(tmp_path):
    layers = ["Split s 1 2 in a b", convolution("c", "a", "small", 4, 4, settings="")]
    check(tmp_path, *layers, "Crop c 2 1 b small out 0=1 1=1")


@pytest.mark.parametrize("kind", [0, 1, 2])
def test_a_padding(tmp_path, kind):
    check(tmp_path, f"Padding p 1 1 in out 0=1 1=2 2=3 3=4 4={kind} 5=0.25")


@pytest.mark.parametrize("settings", ["1=2 2=2", "1=3 2=2", "1=3 2=2 3=1", "1=3 2=2 3=1 5=1", "1=2 2=2 5=1", "1=3 2=2 3=1 6=1", "4=1"])
@pytest.mark.parametrize("kind", [0, 1])
def test_a_pooling(tmp_path, kind, settings):
    check(tmp_path, f"Pooling p 1 1 in out 0={kind} {settings}")


@pytest.mark.parametrize("axis", ["", "0=0", "0=1", "0=-1"])
def test_a_concatenation(tmp_path, axis):
    check(tmp_path, "Split s 1 3 in a b c", "Sigmoid f 1 1 a d", f"Concat j 3 1 d b c out {axis}")


def test_every_type_is_compared(tmp_path):
    text = (__import__("pathlib").Path(__file__)).read_text()
    assert [kind for kind in LAYERS if f"{kind} " not in text and f'"{kind}' not in text] == []
