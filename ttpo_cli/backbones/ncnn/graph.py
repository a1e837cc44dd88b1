"""A network of ncnn as a torch module: its layers in an order in which every blob is made before it is read, and dropped after its last."""

import math
from collections.abc import Iterable

from torch import Tensor, nn

from ttpo_cli.backbones.ncnn.layers import make_layer
from ttpo_cli.backbones.ncnn.param_file import Layer
from ttpo_cli.backbones.ncnn.reach import Reach
from ttpo_cli.backbones.ncnn.shape import Shape
from ttpo_cli.backbones.ncnn.weights_file import WeightsFile
from ttpo_cli.errors import WeightsError

# Values a blob may have for each pixel of the image: real networks stay below 2048 (64 channels, four times as high and wide).
MOST_VALUES = 2**16

# What blobs that nobody reads are called where more than one is left over.
_OUTPUTS = ("output", "out0", "out")


class Graph(nn.Module):
    """The layers, run one after the other.

    Attributes:
        name: The .param file, for messages.
        input, output: The blobs that go in and come out.
    """

    def __init__(self, layers: tuple[Layer, ...], file: WeightsFile) -> None:
        super().__init__()
        inputs = [layer for layer in layers if layer.kind == "Input"]
        name = layers[0].file
        if len(inputs) != 1 or len(inputs[0].outputs) != 1 or inputs[0].inputs:
            raise WeightsError(f"{name} takes {len(inputs)} inputs, and a restorer takes one image: give another checkpoint")
        check_blobs(layers)
        self.name, self.input, self.output = name, inputs[0].outputs[0], output_of(layers)
        # In the file's order, which is the weights'.
        made = {id(layer): make_layer(layer, file) for layer in layers if layer.kind != "Input"}
        file.finish()
        order = needed(in_order([layer for layer in layers if layer.kind != "Input"], self.input), self.output)
        self._run = [(made[id(layer)], layer, done) for layer, done in zip(order, last_uses(order, self.output), strict=True)]
        self.steps = nn.ModuleList(step for step, _, _ in self._run)

    def forward(self, image: Tensor) -> Tensor:
        """The output blob of (1, channels, h, w)."""
        blobs: dict[str, Tensor] = {self.input: image}
        for step, layer, finished in self._run:
            result = step(*(blobs[name] for name in layer.inputs))
            for name in finished:
                del blobs[name]
            blobs.update(zip(layer.outputs, (result,) if isinstance(result, Tensor) else result, strict=True))
            del result
        return blobs[self.output]

    def shapes(self, *image: int) -> dict[str, Shape]:
        """The size of every blob for an input of (channels, h, w), without computing any. Raises WeightsError where layers do not fit."""
        found: dict[str, Shape] = {self.input: image}
        largest = MOST_VALUES * image[1] * image[2]
        for step, layer, _ in self._run:
            shape = step.shape(*(found[name] for name in layer.inputs))
            if math.prod(shape) > largest:
                raise layer.error(f"makes more than {MOST_VALUES} values of each pixel: do not trust this file")
            found.update(dict.fromkeys(layer.outputs, shape))
        return found

    def reaches(self) -> dict[str, Reach]:
        """The receptive field of every blob."""
        found = {self.input: Reach()}
        for step, layer, _ in self._run:
            reach = step.reach(*(found[name] for name in layer.inputs))
            found.update(dict.fromkeys(layer.outputs, reach))
        return found


def check_blobs(layers: Iterable[Layer]) -> None:
    """Refuse a blob that two layers make, and one that a layer reads and none makes. Raises WeightsError."""
    made: set[str] = set()
    for layer in layers:
        for name in layer.outputs:
            if name in made:
                raise layer.error(f"makes the blob '{name[:60]}', which another layer makes too: give another checkpoint")
            made.add(name)
    for layer in layers:
        for name in layer.inputs:
            if name not in made:
                raise layer.error(f"reads the blob '{name[:60]}', which no layer makes: it is damaged, give it again")


def output_of(layers: Iterable[Layer]) -> str:
    """The blob that is made and not read. Raises WeightsError where none, or more than one that could be meant, is left."""
    read = {name for layer in layers for name in layer.inputs}
    left = {name: layer for layer in layers for name in layer.outputs if name not in read}
    unread = [name for name, layer in left.items() if layer.kind != "Split"] or list(left)
    if len(unread) > 1:
        unread = [name for name in _OUTPUTS if name in unread][:1] or unread
    if len(unread) != 1:
        file = next(iter(layers)).file
        shown = f" ({', '.join(name[:30] for name in unread[:3])})" if unread else ": its layers form a loop"
        raise WeightsError(f"{file} has {len(unread)} results{shown}, and a restorer has one: give another checkpoint")
    return unread[0]


def in_order(layers: list[Layer], first: str) -> list[Layer]:
    """The layers sorted so that each comes after those whose blobs it reads (Kahn). Raises WeightsError for a loop."""
    waiting = {id(layer): len(set(layer.inputs) - {first}) for layer in layers}
    readers: dict[str, list[Layer]] = {}
    for layer in layers:
        for name in set(layer.inputs):
            readers.setdefault(name, []).append(layer)
    ready = [layer for layer in reversed(layers) if not waiting[id(layer)]]
    ordered: list[Layer] = []
    while ready:
        layer = ready.pop()
        ordered.append(layer)
        for name in layer.outputs:
            for reader in reversed(readers.get(name, [])):
                waiting[id(reader)] -= 1
                if not waiting[id(reader)]:
                    ready.append(reader)
    if len(ordered) < len(layers):
        stuck = next(layer for layer in layers if waiting[id(layer)])
        raise stuck.error("reads, by way of other layers, what it makes itself: a loop, so give another checkpoint")
    return ordered


def needed(ordered: list[Layer], output: str) -> list[Layer]:
    """Those layers that the output depends on."""
    wanted, kept = {output}, []
    for layer in reversed(ordered):
        if wanted.intersection(layer.outputs):
            wanted.update(layer.inputs)
            kept.append(layer)
    return kept[::-1]


def last_uses(ordered: list[Layer], output: str) -> list[tuple[str, ...]]:
    """For each layer the blobs that no later one reads; those that nobody reads at all are kept, as are few."""
    seen, finished = {output}, []
    for layer in reversed(ordered):
        finished.append(tuple(set(layer.inputs) - seen))
        seen.update(layer.inputs)
    return finished[::-1]
