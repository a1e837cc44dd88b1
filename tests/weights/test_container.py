"""What a file of weights looks like from outside: whole ones pass, and each cut is seen where the format tells."""

import pytest
import torch
from safetensors.torch import save_file

from ttpo_cli.weights.container import flaw

WEIGHTS = {"conv.weight": torch.rand(8, 3, 3, 3), "conv.bias": torch.zeros(8)}
WRITERS = {
    "zip": torch.save,
    "legacy": lambda weights, path: torch.save(weights, path, _use_new_zipfile_serialization=False),
    "safetensors": save_file,
}


@pytest.mark.parametrize("kind", WRITERS)
def test_a_whole_file_has_no_flaw_whatever_it_is_called(tmp_path, kind):
    WRITERS[kind](WEIGHTS, tmp_path / "weights.part")
    assert flaw(tmp_path / "weights.part") is None


@pytest.mark.parametrize("kind", ["zip", "safetensors"])
@pytest.mark.parametrize("part", [0.02, 0.1, 0.5, 0.9, 0.999])
def test_a_cut_is_seen(tmp_path, kind, part):
    path = tmp_path / "weights"
    WRITERS[kind](WEIGHTS, path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    assert flaw(path) is not None


@pytest.mark.parametrize(
    "content",
    [b"", b"x", b'{"message":"rate limited"}', b"version https://git-lfs.github.com/spec/v1", b"\x08" + b"\0" * 7 + b"{not js}"],
)
def test_what_is_no_checkpoint_is_told(tmp_path, content):
    (tmp_path / "weights").write_bytes(content)
    assert "not a checkpoint" in flaw(tmp_path / "weights") or "damaged" in flaw(tmp_path / "weights")


def test_more_than_the_header_says_is_a_flaw(tmp_path):
    save_file(WEIGHTS, tmp_path / "weights")
    with (tmp_path / "weights").open("ab") as stream:
        stream.write(b"\0")
    assert "do not fit" in flaw(tmp_path / "weights")
