"""ncnn's .bin: the weights of a .param's layers, one after the other without names (Tencent/ncnn)."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ttpo_cli.backbones.ncnn.param_file import Layer
from ttpo_cli.errors import WeightsError

FLOAT32 = 0
FLOAT32_RAW = 0x0002C056
FLOAT16 = 0x01306B47
INT8 = 0x000D4B38


class WeightsFile:
    """Reads a .bin from its start; every size is compared with the bytes that are left before anything is read."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        try:
            self._stream = path.open("rb")
            self._left = path.stat().st_size
        except OSError as error:
            raise WeightsError(f"{path} cannot be read ({error.strerror}): check the path of the .bin") from error

    def __enter__(self) -> "WeightsFile":
        return self

    def __exit__(self, *error: Any) -> None:
        self._stream.close()

    def plain(self, layer: Layer, count: int) -> Tensor:
        """The next `count` weights, float32 without a flag: biases, slopes and constants."""
        return self._read(layer, count, np.dtype("<f4"))

    def flagged(self, layer: Layer, count: int) -> Tensor:
        """The next `count` weights as float32: four bytes that say how they are stored, then they. Raises WeightsError."""
        flag = int(np.frombuffer(self._take(layer, 4), "<u4")[0])
        if flag in (FLOAT32, FLOAT32_RAW):
            return self._read(layer, count, np.dtype("<f4"))
        if flag == FLOAT16:
            weights = self._read(layer, count, np.dtype("<f2"))
            self._take(layer, 2 * (count % 2))  # to a multiple of four bytes
            return weights
        if flag == INT8:
            raise layer.error("has int8 weights, which ttpo does not read: give the checkpoint from which it was quantised")
        raise layer.error(f"begins with 0x{flag:08x} in {self.name}: a quantisation table, or the .bin of another .param; give float ones")

    def finish(self) -> None:
        """Refuse bytes that no layer has read. Raises WeightsError."""
        if self._left:
            raise WeightsError(f"{self.name} is {self._left} bytes longer than its .param asks for: the two do not belong together")

    def _read(self, layer: Layer, count: int, dtype: np.dtype) -> Tensor:
        if count < 1:
            raise layer.error(f"asks for {count} weights: give another checkpoint")
        values = np.frombuffer(self._take(layer, count * dtype.itemsize), dtype)
        return torch.from_numpy(values.astype(np.float32))

    def _take(self, layer: Layer, size: int) -> bytes:
        content = self._stream.read(size) if size <= self._left else b""
        if len(content) != size:
            raise layer.error(f"needs {size} bytes of {self.name}, where {self._left} are left: cut short, or the .bin of another .param")
        self._left -= size
        return content
