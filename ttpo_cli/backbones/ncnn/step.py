"""A layer of a graph as a torch module that knows, before anything is computed, the size and the reach of what it makes."""

from typing import Any

from torch import nn

from ttpo_cli.backbones.ncnn.reach import Reach, join
from ttpo_cli.backbones.ncnn.shape import Shape


class Step(nn.Module):
    """A layer. Its forward takes the blobs it reads, each with a batch of one, and returns a blob, or a tuple of copies."""

    def shape(self, *blobs: Any, **named: Any) -> Shape:
        """The size of what it makes of blobs of these sizes: that of the first, unless a layer says otherwise. Raises WeightsError."""
        return blobs[0]

    def reach(self, *blobs: Any, **named: Any) -> Reach:
        """The reach of what it makes of blobs of these reaches: theirs, unless a layer says otherwise. Raises WeightsError."""
        return join(blobs)
