"""The .bin: float32 and float16 as they were written, every byte used, and anything else refused before it is read."""

import struct

import numpy as np
import pytest
import torch
from ncnn_models import flagged, values

from ttpo_cli.backbones.ncnn.param_file import Layer
from ttpo_cli.backbones.ncnn.weights_file import WeightsFile
from ttpo_cli.errors import WeightsError

LAYER = Layer(file="model.param", kind="Convolution", name="c", inputs=("in",), outputs=("out",))


def opened(folder, content):
    path = folder / "model.bin"
    path.write_bytes(content)
    return WeightsFile(path)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
@pytest.mark.parametrize("half", [False, True])
def test_weights_come_back_and_halves_are_filled_to_four_bytes(tmp_path, count, half):
    weights, bias = values(count), values(3, seed=1)
    with opened(tmp_path, flagged(weights, half) + bias.tobytes()) as file:
        expected = weights.astype(np.float16).astype(np.float32) if half else weights
        assert torch.equal(file.flagged(LAYER, count), torch.from_numpy(expected))
        assert torch.equal(file.plain(LAYER, 3), torch.from_numpy(bias))
        file.finish()


def test_the_other_flag_of_float32_is_known(tmp_path):
    weights = values(5)
    with opened(tmp_path, struct.pack("<I", 0x0002C056) + weights.tobytes()) as file:
        assert torch.equal(file.flagged(LAYER, 5), torch.from_numpy(weights))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "needs 4 bytes of model.bin, where 0 are left"),
        (flagged(values(4))[:-1], "needs 16 bytes of model.bin, where 15 are left: cut short"),
        (struct.pack("<I", 0x000D4B38) + bytes(16), "int8 weights.*give the checkpoint from which it was quantised"),
        (struct.pack("<I", 0x00000012) + bytes(2000), "begins with 0x00000012 in model.bin: a quantisation table"),
    ],
)
def test_other_content_is_refused(tmp_path, content, reason):
    with opened(tmp_path, content) as file, pytest.raises(WeightsError, match=f"model.param: Convolution 'c' .*{reason}"):
        file.flagged(LAYER, 4)


@pytest.mark.parametrize("count", [2**31, 2**62, 0, -1])
def test_a_count_that_the_file_cannot_hold_is_refused_before_anything_is_allocated(tmp_path, count):
    for read in ("plain", "flagged"):
        with opened(tmp_path, flagged(values(4))) as file, pytest.raises(WeightsError, match="needs|asks for"):
            getattr(file, read)(LAYER, count)


def test_bytes_that_are_left_over_are_refused(tmp_path):
    with opened(tmp_path, flagged(values(4)) + b"12") as file:
        file.flagged(LAYER, 4)
        with pytest.raises(WeightsError, match="2 bytes longer than its .param asks for: the two do not belong together"):
            file.finish()


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(WeightsError, match="cannot be read"):
        WeightsFile(tmp_path / "absent.bin")
