"""The list of every metric, and the page that holds it."""

import csv
import io
import json
from pathlib import Path

import pytest

pytest.importorskip("pyiqa")
from ttpo_cli.cli.app import program
from ttpo_cli.metrics.catalog import METRICS, STORED
from ttpo_cli.metrics.large_models import MEMORY
from ttpo_cli.metrics.pyiqa_metrics import UNSUPPORTED, pyiqa_names

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "guide" / "metrics.md").read_text("utf-8")


def shown(capsys, *options):
    assert program(["score", "--list-metrics", *options]) == 0
    return capsys.readouterr().out


def test_the_page_holds_the_table_that_the_command_prints(capsys):
    assert PAGE.endswith("\n\n" + shown(capsys, "--markdown"))


def test_every_metric_is_listed_once_whether_ours_or_pyiqas(capsys):
    listed = [metric["name"] for metric in json.loads(shown(capsys, "--json"))["metrics"]]
    bare = {name.removeprefix("pyiqa:") for name in listed}
    assert len(listed) == len(set(listed))
    assert bare == set(METRICS) | set(STORED) | set(pyiqa_names()) - set(UNSUPPORTED)
    assert {name for name in listed if name in METRICS} == set(METRICS)


def test_the_list_says_which_way_is_better_and_what_a_metric_needs(capsys):
    rows = {row["metric"]: row for row in csv.DictReader(io.StringIO(shown(capsys, "--csv")))}
    assert rows["lpips"]["better"] == rows["dmm"]["better"] == "lower" and rows["musiq"]["better"] == "higher"
    assert rows["high_band"]["better"] == "1"
    assert rows["musiq"]["weights"] == "iqa-musiq-koniq-ckpt-e95806b9" and rows["ssim"]["weights"] == "none"
    assert rows["musiq"]["reference"] == "no" and rows["dists"]["reference"] == "yes"
    assert rows["topiq_nr-flive"]["of a large photo it sees"] == "resized to 384 px"
    assert rows["topiq_nr"]["of a large photo it sees"].endswith("above 2048 px the mean of windows")


def test_the_page_names_what_is_not_supported_and_the_memory_of_q_align():
    assert all(f"`{name}`" in PAGE for name in UNSUPPORTED)
    for name in ("qalign", "qalign_8bit", "qalign_4bit"):
        assert f"| {name} | {MEMORY[name] / 1e9:.1f} GB |" in PAGE


def test_without_photos_and_without_the_list_there_is_nothing_to_do(capsys):
    assert program(["score"]) == 2
    assert "--list-metrics" in capsys.readouterr().err
