"""A graph of layers: any order in the file, blobs dropped after their last use, and graphs that cannot be run."""

import gc

import pytest
import torch
from ncnn_models import convolution, run_ncnn, values, write_pair

from ttpo_cli.backbones.ncnn.graph import Graph
from ttpo_cli.backbones.ncnn.param_file import read_param
from ttpo_cli.backbones.ncnn.weights_file import WeightsFile
from ttpo_cli.errors import WeightsError


def load(param):
    with WeightsFile(param.with_suffix(".bin")) as file:
        return Graph(read_param(param), file)


def test_layers_run_in_the_order_of_their_blobs_and_read_weights_in_the_order_of_the_file(tmp_path):
    first = convolution("first", "in", "a", 3, 4)
    second = convolution("second", "a", "out", 4, 2, seed=5)
    image = torch.from_numpy(values(1, 3, 9, 8))
    results = [load(write_pair(tmp_path, *layers, name=name))(image) for name, layers in (("x", (first, second)), ("y", (second, first)))]
    torch.testing.assert_close(results[0], results[1])
    torch.testing.assert_close(results[0], run_ncnn(tmp_path / "x.param", image), atol=1e-5, rtol=1e-5)


def test_a_blob_lives_until_its_last_use(tmp_path):
    layers = [
        "Split s 1 2 in a b",
        "ReLU r0 1 1 a c0",
        *(f"ReLU r{i} 1 1 c{i - 1} c{i} 0=0.1" for i in range(1, 12)),
        "BinaryOp o 2 1 b c11 out",
    ]
    graph = load(write_pair(tmp_path, *layers))
    alive = []

    def count(module, inputs, result):
        gc.collect()
        alive.append(sum(isinstance(thing, torch.Tensor) and thing.shape == (1, 3, 37, 41) for thing in gc.get_objects()))

    for step in graph.steps:
        step.register_forward_hook(count)
    with torch.inference_mode():
        graph(torch.rand(1, 3, 37, 41))
    assert max(alive) <= 4  # the image, what goes in and what comes out, and one that waits


def test_a_chain_of_thousands_of_layers_needs_no_recursion(tmp_path):
    layers = [f"ReLU r{i} 1 1 {'in' if i == 0 else f'c{i - 1}'} c{i}" for i in range(3000)]
    assert load(write_pair(tmp_path, *layers))(torch.ones(1, 3, 2, 2)).sum() == 12


def test_a_result_that_nobody_reads_is_not_computed(tmp_path):
    graph = load(write_pair(tmp_path, "Split s 1 2 in a b", "ReLU r 1 1 a unused", "Sigmoid o 1 1 b output"))
    assert (graph.output, len(graph.steps)) == ("output", 2)


WRONG = {
    "unknown layer": (["LSTM l 1 1 in out 0=3"], "layer of the type 'LSTM', which ttpo does not know: give the checkpoint"),
    "unknown setting": (["ReLU r 1 1 in out 5=1"], "has the setting 5"),
    "int8": ([convolution("c", "in", "out", 3, 3, settings="4=1 8=2")], "has the setting 8"),
    "weights of another graph": (["Convolution c 2 1 in in out 0=3 1=3 6=81 19=1"], "has the setting 19|reads 2 blobs"),
    "missing blob": (["ReLU r 1 1 absent out"], "reads the blob 'absent', which no layer makes"),
    "loop": (["BinaryOp b 2 1 in c a", "ReLU r 1 1 a c2", "Split s 1 2 c2 c out"], "a loop"),
    "loop without a result": (["Split s 1 2 in x y", "BinaryOp b 2 1 x c a", "BinaryOp d 2 1 y a c"], "loop"),
    "reads itself": (["BinaryOp b 2 1 in a a"], "loop"),
    "twice": (["ReLU r 1 1 in out", "Sigmoid s 1 1 in out"], "makes the blob 'out', which another layer makes too"),
    "two inputs": (["Input more 0 1 in2", "BinaryOp b 2 1 in in2 out"], "takes 2 inputs"),
    "two results": (["Split s 1 2 in a b", "ReLU r 1 1 a c", "ReLU t 1 1 b d"], r"has 2 results \(c, d\)"),
    "no weights": (["Convolution c 1 1 in out 0=3 1=3 6=0"], "which is not a whole number from 1"),
    "2^31 weights": (["Convolution c 1 1 in out 0=1 1=1 6=2147483647"], "needs 4 bytes|needs 8589934588 bytes"),
    "negative channels": (["Convolution c 1 1 in out 0=-3 1=3 6=81"], "0=-3, which is not a whole number from 1"),
    "channels that do not divide": (["Convolution c 1 1 in out 0=4 1=3 6=81"], "81 weights, which do not make 4 channels"),
    "unknown activation": ([convolution("c", "in", "out", 3, 3, settings="4=1 9=77")], "the activation 9=77"),
    "huge margins": ([convolution("c", "in", "out", 3, 3, settings="4=1000000000")], "4=1000000000, which is not"),
    "huge factor": (["Interp i 1 1 in out 0=2 1=1e9 2=1e9"], "resizes by 1e"),
    "huge shuffle": (["PixelShuffle p 1 1 in out 0=100000"], "0=100000"),
    "huge constant": (["MemoryData m 0 1 c 0=16777216 1=16777216 2=16777216", "BinaryOp b 2 1 in c out"], "needs .* bytes of model.bin"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_graph_that_cannot_be_run_is_refused_in_one_line(tmp_path, name):
    layers, reason = WRONG[name]
    with pytest.raises(WeightsError, match=rf"model\.param.*({reason})") as caught:
        load(write_pair(tmp_path, *layers))
    assert "\n" not in str(caught.value)


def test_a_graph_that_grows_without_end_is_refused_before_it_is_run(tmp_path):
    doubling = [
        line for i in range(60) for line in (f"Split s{i} 1 2 {f'c{i}' if i else 'in'} a{i} b{i}", f"Concat c{i} 2 1 a{i} b{i} c{i + 1}")
    ]
    graph = load(write_pair(tmp_path, *doubling))
    with pytest.raises(WeightsError, match="makes more than 65536 values of each pixel"):
        graph.shapes(3, 8, 8)


def test_sizes_that_do_not_fit_are_refused_before_they_are_computed(tmp_path):
    graph = load(write_pair(tmp_path, convolution("c", "in", "out", 3, 3, settings="")))
    assert graph.shapes(3, 9, 7)["out"] == (3, 7, 5)
    for size, reason in (((4, 9, 7), "takes 3 channels and gets 4"), ((3, 2, 7), "makes nothing of an image of this size")):
        with pytest.raises(WeightsError, match=reason):
            graph.shapes(*size)
