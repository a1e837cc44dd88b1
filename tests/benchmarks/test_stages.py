"""The bench measures what it says: each stage's seconds, and memory that a stage really held."""

import json

import pytest
import torch
from fakes import tiny_engine

from ttpo_cli.benchmarks import stages as benchmark_module
from ttpo_cli.benchmarks.stages import benchmark, measure, synthetic_photo
from ttpo_cli.cli.app import program
from ttpo_cli.cli.bench import stages as bench_module
from ttpo_cli.device.stage_timer import peaks, reset_peaks
from ttpo_cli.errors import UsageError
from ttpo_cli.settings.engine import EngineOptions
from ttpo_cli.settings.settings import Settings

CPU = torch.device("cpu")


def test_a_lap_sees_the_memory_of_its_own_time_only():
    before = reset_peaks(CPU)
    start = peaks(CPU)["process"]
    block = torch.ones(32 * 2**20)
    full = peaks(CPU)["process"]
    del block
    assert full - start > 100 * 2**20
    if before:
        reset_peaks(CPU)
        assert peaks(CPU)["process"] < full - 100 * 2**20


def test_a_measurement_tells_every_stage(monkeypatch):
    monkeypatch.setattr(benchmark_module, "load_engine", lambda *arguments, **named: tiny_engine())
    row = measure(16, EngineOptions(), Settings())
    assert row["output"] == [64, 64] and row["candidates"] == 5
    assert set(row["seconds"]) == {"load", "restore", "candidates", "selection", "guidance", "choice", "joining", "total"}
    parts = [value for name, value in row["seconds"].items() if name != "total"]
    assert sum(parts) == pytest.approx(row["seconds"]["total"], abs=0.25)
    assert set(row["peak_bytes"]) == set(row["seconds"])
    assert row["peak_bytes"]["total"]["process"] == max(lap["process"] for lap in row["peak_bytes"].values())
    json.dumps(row, allow_nan=False)


def test_an_error_of_the_measured_process_comes_back_as_itself():
    with pytest.raises(UsageError, match="unknown prior"):
        list(benchmark([16], EngineOptions(prior="no-such-prior"), Settings()))


def test_the_photo_is_the_same_every_time():
    assert torch.equal(synthetic_photo(24), synthetic_photo(24))
    assert tuple(synthetic_photo(24).shape) == (1, 3, 24, 24)


def test_bench_prints_json_and_a_table_and_fails_with_4_where_a_size_died(monkeypatch, capsys):
    def measured(sizes, engine, settings, untrained):
        seconds = dict.fromkeys(bench_module.STAGES, 1.0)
        yield {"size": sizes[0], "seconds": seconds, "peak_bytes": {"total": {"process": 2**20}}}
        yield {"size": sizes[1], "error": "the process was killed"}

    monkeypatch.setattr(benchmark_module, "benchmark", measured)
    assert program(["bench", "--sizes", "8,16"]) == 4
    shown = capsys.readouterr()
    assert [row["size"] for row in json.loads(shown.out)["rows"]] == [8, 16]
    assert "1 process" in shown.err and "killed" in shown.err
    assert program(["bench", "--sizes", "8,many"]) == 2
