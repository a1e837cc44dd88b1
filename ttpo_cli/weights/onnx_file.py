"""Read and check an ONNX model before anything runs it: its operations, and where its weights lie (the ONNX IR, onnx/onnx)."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import torch
from torch import Tensor

from ttpo_cli.errors import WeightsError

LARGEST = 2**31 - 1  # what a protobuf message can hold

# Operations of onnxruntime itself. What is not in them is a custom operation, or a function that the model defines.
_DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft")
# A node that has another file loaded, as code for a processor.
_COMPILED = "EPContext"


@dataclass(frozen=True)
class OnnxFile:
    """A checked model.

    Attributes:
        path: Where it lies.
        content: Its bytes, as they were checked.
        external: The files next to it that hold weights.
        sha256: Of the content, and of the external files after it in the order of their names.
    """

    path: Path
    content: bytes
    external: tuple[Path, ...]
    sha256: str

    @property
    def source(self) -> bytes | str:
        """What onnxruntime opens: the bytes that were checked, or the path where it must find files next to the model."""
        return str(self.path) if self.external else self.content


def read_onnx(path: Path) -> OnnxFile:
    """Read a model. Nothing of it is run, and no other file than those of its weights is opened.

    Raises WeightsError for a file that cannot be read or is no model, for operations that onnxruntime does not have, and for weights
    outside the model's folder.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        if path.stat().st_size > LARGEST:
            raise WeightsError(f"{path.name} is larger than 2 GiB, which no ONNX model in one file is: keep its weights as external data")
        content = path.read_bytes()
        model = onnx.ModelProto.FromString(content)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read ({error.strerror}): check the path of the model") from error
    except DecodeError as error:
        raise WeightsError(f"{path.name} is no ONNX model, or damaged: give another file, or download it again") from error
    if not model.ir_version or not model.graph.node or not model.graph.output:
        raise WeightsError(f"{path.name} holds no network: it is no ONNX model, or damaged")
    _check_operations(path, model)
    external = _external_files(path, model)
    digest = hashlib.sha256(content)
    for file in external:
        with file.open("rb") as stream:
            while block := stream.read(2**20):
                digest.update(block)
    return OnnxFile(path=path, content=content, external=external, sha256=digest.hexdigest())


def read_initialisers(path: Path) -> dict[str, Tensor]:
    """The weights of a model by their names, without its graph, for a network that is written out in torch. Raises WeightsError as
    `read_onnx` does, and for weights that lie outside the model's file."""
    import onnx
    from onnx import numpy_helper

    read = read_onnx(path)
    if read.external:
        raise WeightsError(f"{path.name} keeps weights in other files: give one that holds them all")
    graph = onnx.ModelProto.FromString(read.content).graph
    return {tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy()) for tensor in graph.initializer}


def _messages(message: Any, kind: str) -> Iterator[Any]:
    """Every message of a type in a message, however deep: in subgraphs, functions and attributes."""
    from google.protobuf.message import Message

    if message.DESCRIPTOR.full_name == kind:
        yield message
    if message.DESCRIPTOR.full_name == "onnx.TensorProto":
        return
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for part in [value] if isinstance(value, Message) else value:
            yield from _messages(part, kind)


def _check_operations(path: Path, model: Any) -> None:
    own = {(function.domain, function.name) for function in model.functions}
    for node in _messages(model, "onnx.NodeProto"):
        if node.op_type == _COMPILED:
            raise WeightsError(f"{path.name} was compiled for one processor ({_COMPILED}): give the model it was made from")
        if node.domain not in _DOMAINS and (node.domain, node.op_type) not in own:
            raise WeightsError(
                f"{path.name} needs the custom operation {node.domain}.{node.op_type}, which onnxruntime does not have: "
                "export the network with standard operations alone"
            )


def _external_files(path: Path, model: Any) -> tuple[Path, ...]:
    """The files that hold the weights which are not in the model itself, each once. Raises WeightsError for one outside the folder."""
    folder = path.resolve().parent
    locations = {
        entry.value for tensor in _messages(model, "onnx.TensorProto") for entry in tensor.external_data if entry.key == "location"
    }
    unnamed = any(
        tensor.data_location == tensor.EXTERNAL and not any(entry.key == "location" for entry in tensor.external_data)
        for tensor in _messages(model, "onnx.TensorProto")
    )
    if unnamed:
        raise WeightsError(f"{path.name} does not say where its weights are: it is damaged, export it again")
    files = []
    for location in sorted(locations):
        parts = PurePosixPath(location.replace("\\", "/")).parts
        if not parts or parts[0] == "/" or ".." in parts or ":" in location or "\0" in location:
            raise WeightsError(f"{path.name} wants its weights from {location!r}: they must lie in the model's own folder")
        file = folder.joinpath(*parts)
        if not file.is_file():
            raise WeightsError(f"{path.name} needs the file {location!r} next to it, which is missing: download both into one folder")
        if not file.resolve().is_relative_to(folder):
            raise WeightsError(f"{path.name} wants its weights from {location!r}, a link that leaves the model's own folder")
        files.append(file)
    return tuple(files)
