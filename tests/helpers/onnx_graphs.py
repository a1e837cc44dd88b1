"""Small ONNX models of tests: exported from torch, or a graph built node by node."""

import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

FLOAT, HALF, BYTE = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.UINT8


def exported(network: nn.Module, path: Path, image: Tensor, *, dynamic: bool) -> Path:
    """`network` as torch exports it, for images of the size of `image` or (dynamic) of any size."""
    axes = {"input": {2: "height", 3: "width"}, "output": {2: "out_height", 3: "out_width"}} if dynamic else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(network, (image,), path, dynamo=False, input_names=["input"], output_names=["output"], dynamic_axes=axes)
    return path


def enlarger(scale: int = 2, *, shape: tuple[int | str | None, ...] = (1, 3, "h", "w"), kind: int = FLOAT, **more: int) -> onnx.ModelProto:
    """A graph that repeats each pixel `scale` times, by a convolution and a depth-to-space. channels: of the weights, 3."""
    channels = more.get("channels", 3)
    weights = np.repeat(np.eye(channels, dtype=np.float32), scale**2, axis=0)[:, :, None, None]
    array = numpy_helper.from_array(weights.astype(helper.tensor_dtype_to_np_dtype(kind)), "weights")
    order = helper.make_node("DepthToSpace", ["spread"], ["output"], blocksize=scale, mode="CRD")
    return model([helper.make_node("Conv", ["input", "weights"], ["spread"]), order], [array], shape, kind)


def model(
    nodes: list[onnx.NodeProto],
    weights: list[TensorProto],
    shape: tuple[int | str | None, ...] = (1, 3, "h", "w"),
    kind: int = FLOAT,
    inputs: list[onnx.ValueInfoProto] | None = None,
    outputs: list[onnx.ValueInfoProto] | None = None,
    domains: tuple[str, ...] = (),
) -> onnx.ModelProto:
    """A model of one image called `input`, and whatever `inputs` adds, that gives `output`, or `outputs`."""
    taken = [helper.make_tensor_value_info("input", kind, shape), *(inputs or [])]
    given = outputs or [helper.make_tensor_value_info("output", kind, None)]
    imported = [helper.make_opsetid("", 17), *(helper.make_opsetid(domain, 1) for domain in domains)]
    return helper.make_model(helper.make_graph(nodes, "net", taken, given, weights), opset_imports=imported, ir_version=8)


def saved(content: onnx.ModelProto, path: Path) -> Path:
    path.write_bytes(content.SerializeToString())
    return path


def with_external_weights(content: onnx.ModelProto, location: str) -> onnx.ModelProto:
    """The same model with its weights said to be in the file `location`."""
    for tensor in content.graph.initializer:
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        entry = tensor.external_data.add()
        entry.key, entry.value = "location", location
    return content
