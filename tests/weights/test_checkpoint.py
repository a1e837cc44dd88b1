"""Checkpoints: what is saved comes back, and a damaged or hostile file is refused in one line."""

import json
import struct

import pytest
import torch

from ttpo_cli.errors import WeightsError
from ttpo_cli.weights.checkpoint import LARGEST_HEADER, load_checkpoint, save_checkpoint
from ttpo_cli.weights.sha256 import file_sha256

STATE = {"a.weight": torch.arange(6.0).view(2, 3), "b": torch.tensor([1.5], dtype=torch.bfloat16), "transposed": torch.rand(3, 4).T}
METADATA = {
    "ttpo": "lfc-sr",
    "scale": "4",
    "steps": 3500,
    "options": {"rho": 1e-4, "dual": None},
    "quoted": '"x"',
    "truth": True,
    "empty": "",
}


def test_tensors_and_metadata_come_back_as_they_were(tmp_path):
    save_checkpoint(tmp_path / "c.safetensors", STATE, METADATA)
    state, metadata = load_checkpoint(tmp_path / "c.safetensors")
    assert metadata == METADATA
    assert {name: (tensor.dtype, tensor.shape) for name, tensor in state.items()} == {n: (t.dtype, t.shape) for n, t in STATE.items()}
    assert all(torch.equal(state[name], STATE[name]) for name in STATE)
    assert list(tmp_path.iterdir()) == [tmp_path / "c.safetensors"]


def test_the_same_weights_give_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        save_checkpoint(tmp_path / name, STATE, METADATA)
    assert file_sha256(tmp_path / "one") == file_sha256(tmp_path / "two")


def _header(header: bytes, data: bytes = b"", length: int | None = None) -> bytes:
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def _entry(**values: object) -> bytes:
    return json.dumps({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} | values}).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        _header(b"{}", length=2**63),
        _header(b"{" + b" " * 50, length=LARGEST_HEADER + 1),
        _header(b"{" + b" " * 50, length=5000),
        _header(b"{not json}"),
        _header(_entry(), bytes(4)),
        _header(_entry(), bytes(12)),
        _header(_entry(shape=[2**40]), bytes(8)),
        _header(_entry(data_offsets=[8, 0]), bytes(8)),
        _header(_entry(data_offsets=[-8, 0]), bytes(8)),
        _header(_entry(dtype="PICKLE"), bytes(8)),
        _header(json.dumps({n: {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} for n in "ab"}).encode(), bytes(8)),
    ],
)
def test_a_damaged_or_hostile_file_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / "hostile.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightsError) as caught:
        load_checkpoint(path)
    assert "hostile.safetensors" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("keep", [4, 8, 9, 100, 0.5, 0.99])
def test_a_truncated_checkpoint_is_refused(tmp_path, keep):
    path = tmp_path / "c.safetensors"
    save_checkpoint(path, {"weight": torch.rand(64, 64)}, METADATA)
    content = path.read_bytes()
    path.write_bytes(content[: keep if isinstance(keep, int) else int(len(content) * keep)])
    with pytest.raises(WeightsError):
        load_checkpoint(path)


@pytest.mark.parametrize("name", ["absent.safetensors", "."])
def test_a_missing_file_or_a_folder_is_refused(tmp_path, name):
    for reader in (load_checkpoint, file_sha256):
        with pytest.raises(WeightsError):
            reader(tmp_path / name)
