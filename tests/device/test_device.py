"""What a device can do."""

import pytest
import torch

from ttpo_cli.device.device import has_bfloat16


@pytest.mark.parametrize(("avx", "amx", "has"), [(False, False, False), (True, False, True), (False, True, True)])
def test_a_cpu_has_bfloat16_by_either_kind_of_instruction(avx, amx, has, monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx, raising=False)
    assert has_bfloat16(torch.device("cpu")) is has


def test_a_torch_that_cannot_say_counts_as_without(monkeypatch):
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.delattr(torch.cpu, name, raising=False)
    assert not has_bfloat16(torch.device("cpu"))


def test_a_gpu_has_it():
    assert has_bfloat16(torch.device("cuda"))
