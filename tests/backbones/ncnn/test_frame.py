"""Scale, size rules, margins and receptive field, found from the graph alone."""

import pytest
import torch
from ncnn_models import convolution, flagged, values, write_pair

from ttpo_cli.backbones.ncnn.frame import FramedGraph, frame_of, framed, reflected
from ttpo_cli.backbones.ncnn.graph import Graph
from ttpo_cli.backbones.ncnn.param_file import read_param
from ttpo_cli.backbones.ncnn.weights_file import WeightsFile
from ttpo_cli.errors import WeightsError


def load(folder, *layers):
    param = write_pair(folder, *layers)
    with WeightsFile(param.with_suffix(".bin")) as file:
        return Graph(read_param(param), file)


def deconvolution(name, source, target, channels, settings):
    return convolution(name, source, target, channels, channels, kernel=4, settings=settings, kind="Deconvolution")


def seen(network, channels, side, scale):
    """How many input pixels away, at most, a change of an input pixel shows in the result (by gradients)."""
    image = torch.rand(1, channels, side, side, dtype=torch.float64, requires_grad=True)
    middle = side // 2
    network.double()(image)[..., middle * scale, middle * scale].sum().backward()
    assert image.grad is not None
    rows, columns = image.grad.abs().sum((0, 1)).nonzero().T
    return max(int((rows - middle).abs().max()), int((columns - middle).abs().max()))


DOWN_AND_UP = [
    convolution("a", "in", "x", 3, 3, kernel=2, settings="3=2"),
    convolution("b", "x", "out", 3, 3, kernel=2, settings="3=2", kind="Deconvolution"),
]
GRAPHS = {
    "same size": ([convolution("a", "in", "x", 3, 4), convolution("b", "x", "out", 4, 3)], (1, 1, 0, 2)),
    "dilation": ([convolution("a", "in", "out", 3, 3, settings="2=3 4=3")], (1, 1, 0, 3)),
    "cut border": ([convolution("a", "in", "x", 3, 4, settings=""), convolution("b", "x", "out", 4, 3, settings="")], (1, 1, 2, 2)),
    "cut border on one side": ([convolution("a", "in", "out", 3, 3, settings="4=1 15=0 16=0")], (1, 1, 1, 2)),
    "shuffle": ([convolution("a", "in", "x", 3, 12), "PixelShuffle p 1 1 x out 0=2"], (2, 1, 0, 2)),
    "nearest": (["Interp i 1 1 in x 0=1 1=4.0 2=4.0", convolution("a", "x", "out", 3, 3)], (4, 1, 0, 2)),
    "bicubic half of four": (["Interp i 1 1 in x 0=2 1=4.0 2=4.0", "Interp j 1 1 x out 0=3 1=0.5 2=0.5"], (2, 1, 0, 2)),
    "upconvolution": ([convolution("a", "in", "x", 3, 3, settings=""), deconvolution("b", "x", "out", 3, "3=2 4=3")], (2, 1, 2, 2)),
    "down and up": (DOWN_AND_UP, (1, 2, 0, 2)),
    "unshuffled first": (["Reorg r 1 1 in y 0=2", convolution("a", "y", "x", 12, 12), "PixelShuffle p 1 1 x out 0=2"], (1, 2, 0, 4)),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_scale_multiple_margin_and_context_are_those_of_the_layers(tmp_path, name):
    layers, (scale, multiple, margin, reach) = GRAPHS[name]
    graph = load(tmp_path, *layers)
    frame = frame_of(graph, "model.param")
    assert (frame.scale, frame.multiple, frame.margin, frame.channels, frame.whole) == (scale, multiple, margin, 3, False)
    network = FramedGraph(graph, frame)
    for height, width in ((1, 1), (3, 5), (8, 6)):
        height, width = height * multiple, width * multiple
        if min(height, width) >= frame.minimum:
            assert network(torch.rand(1, 3, height, width)).shape == (1, 3, height * scale, width * scale)
    found = seen(network, 3, 24, scale)
    assert found <= frame.context <= reach + 1
    assert found >= reach - 2


def test_what_comes_out_lies_where_it_came_from(tmp_path):
    """An identity that cuts its border and doubles: every pixel of the image is back at its place."""
    weights = torch.zeros(3, 3, 3, 3)
    weights[range(3), range(3), 1, 1] = 1
    line = "Convolution c 1 1 in x 0=3 1=3 5=0 6=81"
    graph = load(tmp_path, (line, flagged(weights.numpy())), "Interp i 1 1 x out 0=1 1=2.0 2=2.0")
    image = torch.rand(1, 3, 6, 9)
    assert torch.equal(framed(graph, "model.param")(image), image.repeat_interleave(2, -1).repeat_interleave(2, -2))


def test_a_mean_of_the_whole_image_is_known_as_such(tmp_path):
    layers = ["Split s 1 2 in a b", "Pooling p 1 1 a mean 0=1 4=1", "BinaryOp m 2 1 b mean out 0=2"]
    assert frame_of(load(tmp_path, *layers), "model.param").whole


def test_a_grey_network_has_one_channel(tmp_path):
    assert frame_of(load(tmp_path, convolution("a", "in", "out", 1, 1)), "model.param").channels == 1


@pytest.mark.parametrize(("level", "residual"), [(0.5, False), (0.0, True)])
def test_an_enlarger_that_makes_nothing_of_grey_computes_a_difference(tmp_path, level, residual):
    weights = 0 * values(12, 3, 1, 1)
    bias = torch.full((12,), level).numpy()
    graph = load(tmp_path, ("Convolution c 1 1 in x 0=12 1=1 5=1 6=36", flagged(weights) + bias.tobytes()), "PixelShuffle p 1 1 x out 0=2")
    network, image = framed(graph, "model.param"), torch.rand(1, 3, 5, 7)
    assert network.frame.residual is residual
    expected = image.repeat_interleave(2, -1).repeat_interleave(2, -2) if residual else torch.full((1, 3, 10, 14), level)
    torch.testing.assert_close(network(image), expected)


COARSE = [convolution(f"c{i}", f"b{i - 1}" if i else "in", f"b{i}", 3, 3, settings="3=500 4=1") for i in range(2)]
WRONG = {
    "two channels": ([convolution("a", "in", "out", 2, 2)], "takes 2 channels and gets 3"),
    "more channels": ([convolution("a", "in", "out", 3, 8)], "turns 3 channels into a blob of the size"),
    "a vector": (["Pooling p 1 1 in out 0=1 4=1"], "turns 3 channels into a blob of the size"),
    "a smaller image": ([convolution("a", "in", "out", 3, 3, settings="3=2 4=1")], "enlarges by 0.5 x 0.5"),
    "too large an image": (["Interp i 1 1 in out 0=2 1=32.0 2=32.0"], "enlarges by 32 x 32"),
    "fixed size": (["Crop c 1 1 in out 3=64 4=64 5=3"], "enlarges by 0 x 0"),
    "a grid of thousands": (COARSE, "needs sides that are multiples of 250000"),
    "distorting": ([convolution("a", "in", "out", 3, 3, settings="3=2 13=1 4=1")], "would distort"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_graph_that_restores_no_image_is_refused(tmp_path, name):
    layers, reason = WRONG[name]
    with pytest.raises(WeightsError, match=f"model.param.*{reason}"):
        frame_of(load(tmp_path, *layers), "model.param")


def test_reflection_repeats_no_edge_and_goes_on_where_the_image_is_small():
    assert reflected(4, 2, 3).tolist() == [2, 1, 0, 1, 2, 3, 2, 1, 0]
    assert reflected(2, 3, 2).tolist() == [1, 0, 1, 0, 1, 0, 1]
    assert reflected(1, 2, 1).tolist() == [0, 0, 0, 0]
