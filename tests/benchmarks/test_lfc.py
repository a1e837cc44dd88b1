"""The bench of LFC-SR: networks of the published cost, both phases of a training step, JSON on stdout."""

import json

import pytest
import torch

from ttpo_cli.benchmarks.lfc import inference_rows, training_rows
from ttpo_cli.cli.app import program
from ttpo_cli.errors import UsageError
from ttpo_cli.training.lfc.admm import AdmmOptions
from ttpo_cli.training.lfc.train import LfcOptions

CPU = torch.device("cpu")


def test_both_presets_cost_what_was_published_for_them():
    rows = {row["network"]: row for row in inference_rows(16, [], CPU, 1)}
    assert {name: row["parameters"] for name, row in rows.items()} == {"lfc-sr": 18_673_165, "lfc-sr-small": 713_741}
    for name, published in (("lfc-sr", 438.7), ("lfc-sr-small", 24.7)):  # GMAC at 128 x 128, 64 times the pixels
        assert 64 * rows[name]["gmac"] == pytest.approx(published, rel=0.01)
        assert rows[name]["seconds"] > 0


def test_a_round_of_both_losses_takes_longer_than_a_step_of_pretraining():
    options = LfcOptions(batch=2, crop=8, admm=AdmmOptions(crops=4))
    first, second = training_rows(options, CPU, 3)
    assert (first["phase"], second["phase"]) == ("pretraining", "PD-ADMM")
    assert second["seconds"] > first["seconds"] > 0


def test_what_has_no_network_is_refused():
    with pytest.raises(UsageError, match="no network"):
        list(inference_rows(16, ["bicubic"], CPU, 1))


def test_the_command_prints_one_object_and_does_not_bench_the_pipeline(capsys):
    assert program(["bench", "lfc", "--side", "16", "--batch", "2", "--crop", "8", "--repeats", "1", "--quiet"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [row["network"] for row in told["inference"]] == ["lfc-sr-small", "lfc-sr"]
    assert len(told["training"]) == 2 and "rows" not in told
