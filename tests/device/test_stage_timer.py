"""Seconds and peak memory, lap by lap."""

import torch

from ttpo_cli.device import stage_timer as laps_module
from ttpo_cli.device.stage_timer import StageTimer, greatest

CPU = torch.device("cpu")


def test_a_stage_that_comes_again_adds_its_seconds_and_keeps_its_greater_peak(monkeypatch):
    held = iter([5, 9, 7, 3])
    monkeypatch.setattr(laps_module, "peaks", lambda device: {"process": next(held)})
    times = iter([10.0, 11.0, 13.0, 16.0, 20.0])
    monkeypatch.setattr(laps_module, "perf_counter", lambda: next(times))
    timer = StageTimer(CPU)
    for stage in ("first", "second", "first", "second"):
        timer.end_of(stage)
    assert timer.seconds == {"first": 4.0, "second": 6.0}
    assert timer.memory == {"first": {"process": 7}, "second": {"process": 9}}


def test_the_peak_of_a_lap_is_not_that_of_the_lap_before_where_the_system_resets_it():
    timer = StageTimer(CPU)
    if not laps_module.reset_peaks(CPU):
        return
    ballast = torch.ones(40_000_000)
    timer.end_of("large")
    del ballast
    timer.end_of("between")
    timer.end_of("small")
    assert timer.memory["large"]["process"] - timer.memory["small"]["process"] > 100 * 2**20


def test_the_greatest_of_several_laps_is_taken_place_by_place():
    assert greatest(({"process": 4, "cuda": 1}, {"process": 2, "cuda": 3}, {})) == {"process": 4, "cuda": 3}
