"""Pickled checkpoints: weights are read, and no file, however made, gets its code run."""

import io
import os
import pickle
import tarfile
import zipfile

import pytest
import torch
from torch import nn

from ttpo_cli.errors import WeightsError
from ttpo_cli.weights.pickled import load_pickled

WEIGHTS = {"conv.weight": torch.arange(12.0).view(1, 3, 2, 2), "conv.bias": torch.zeros(1)}


class Hostile:
    """Runs a shell command when unpickled without restriction."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch '{self.marker}'",)


def saved(path, content, legacy=False):
    torch.save(content, path, _use_new_zipfile_serialization=not legacy)


def swap_pickle(path, payload):
    """Replace the pickle inside a zip checkpoint."""
    saved(path, WEIGHTS)
    with zipfile.ZipFile(path) as archive:
        records = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, record in records.items():
            archive.writestr(name, pickle.dumps(payload) if name.endswith("data.pkl") else record)


def tar(path, payload):
    """The format of 2016, which some versions of PyTorch trusted."""
    data = pickle.dumps(payload)
    with tarfile.open(path, "w") as archive:
        for name in ("sys_info", "pickle", "storages", "tensors"):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


HOSTILE = {
    "zip": lambda path, evil: saved(path, {"params": WEIGHTS, "epoch": evil}),
    "zip, at the top": saved,
    "zip, swapped pickle": swap_pickle,
    "legacy": lambda path, evil: saved(path, {"params": WEIGHTS, "epoch": evil}, legacy=True),
    "bare pickle": lambda path, evil: path.write_bytes(pickle.dumps(evil)),
    "pickle before a magic number": lambda path, evil: path.write_bytes(pickle.dumps(evil, 2) + bytes.fromhex("6cfc9c46f9206aa85019")),
    "tar": tar,
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("suffix", [".pth", ".pt", ".ckpt"])
def test_a_hostile_pickle_is_refused_and_never_run(tmp_path, kind, suffix):
    path, marker = tmp_path / f"hostile{suffix}", tmp_path / "ran"
    HOSTILE[kind](path, Hostile(marker))
    with pytest.raises(WeightsError) as caught:
        load_pickled(path)
    assert not marker.exists()
    assert "\n" not in str(caught.value)


def test_the_hostile_pickle_is_indeed_hostile(tmp_path):
    saved(tmp_path / "hostile.pth", Hostile(tmp_path / "ran"))
    torch.load(tmp_path / "hostile.pth", weights_only=False)
    assert (tmp_path / "ran").exists()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("suffix", [".pth", ".pt"])
def test_torchscript_is_refused_as_a_program(tmp_path, suffix):
    path = tmp_path / f"script{suffix}"
    torch.jit.save(torch.jit.trace(nn.Conv2d(3, 3, 1), torch.rand(1, 3, 4, 4)), str(path))
    with pytest.raises(WeightsError, match="a program rather than weights"):
        load_pickled(path)


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("name", ["c.pth", "c.safetensors", "c"])
def test_both_formats_of_torch_save_are_read_whatever_the_file_is_called(tmp_path, legacy, wrapped, name):
    saved(tmp_path / name, {"params_ema": WEIGHTS, "iteration": 5} if wrapped else WEIGHTS, legacy)
    content = load_pickled(tmp_path / name)
    state = content["params_ema"] if wrapped else content
    assert torch.equal(state["conv.weight"], WEIGHTS["conv.weight"])


@pytest.mark.parametrize("content", [[1, 2], {"epoch": 3}, {}, torch.rand(3), {"a": {"b": "c"}}])
def test_a_file_without_named_weights_is_refused(tmp_path, content):
    saved(tmp_path / "c.pth", content)
    with pytest.raises(WeightsError, match="no named weights"):
        load_pickled(tmp_path / "c.pth")


def test_a_few_bytes_that_unfold_to_a_huge_network_are_refused(tmp_path):
    saved(tmp_path / "bomb.pth", {"weight": torch.zeros(1).expand(2**40)})
    with pytest.raises(WeightsError, match="do not trust"):
        load_pickled(tmp_path / "bomb.pth")


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("part", [0, 0.01, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(tmp_path, legacy, part):
    path = tmp_path / "c.pth"
    saved(path, {"weight": torch.rand(64, 64)}, legacy)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(WeightsError):
        load_pickled(path)


def test_any_flipped_byte_gives_weights_or_an_error_in_words(tmp_path):
    generator = torch.Generator().manual_seed(0)
    for legacy in (False, True):
        path = tmp_path / f"c{legacy}.pth"
        saved(path, WEIGHTS, legacy)
        content = bytearray(path.read_bytes())
        for position in torch.randint(len(content), (150,), generator=generator).tolist():
            flipped = bytearray(content)
            flipped[position] ^= 0x55
            path.write_bytes(flipped)
            try:
                load_pickled(path)
            except WeightsError as error:
                assert "\n" not in str(error)


@pytest.mark.parametrize(
    "content", [b"", b"hello " * 50, b"\x89PNG\r\n\x1a\n" + bytes(50), b"PK\x03\x04 not a zip", b"\x80\x02garbage" * 9]
)
def test_what_is_no_checkpoint_is_refused(tmp_path, content):
    (tmp_path / "c.pth").write_bytes(content)
    with pytest.raises(WeightsError):
        load_pickled(tmp_path / "c.pth")


@pytest.mark.parametrize("name", ["absent.pth", "."])
def test_a_missing_file_or_a_folder_is_refused(tmp_path, name):
    with pytest.raises(WeightsError, match="cannot be read"):
        load_pickled(tmp_path / name)
