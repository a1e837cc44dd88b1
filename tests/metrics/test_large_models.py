"""The paper's metrics under one name, and the memory of those that are language models."""

import pytest
import torch
from fakes import tiny_photo

from ttpo_cli.cli.app import program
from ttpo_cli.errors import MemoryExhausted, WeightsError
from ttpo_cli.imaging.writing import write_photo
from ttpo_cli.metrics import catalog, large_models
from ttpo_cli.metrics.catalog import load_metrics
from ttpo_cli.metrics.large_models import check_memory, memory_notice
from ttpo_cli.metrics.paper import PANELS, with_panels
from ttpo_cli.metrics.weight_files import FILES, SNAPSHOTS

CPU = torch.device("cpu")


@pytest.fixture
def small_device(monkeypatch):
    monkeypatch.setattr(large_models, "total_memory", lambda device: 8 * 2**30)


def test_the_paper_is_three_metrics_in_its_place_and_none_comes_twice():
    assert with_panels(["niqe", "paper-4bit", "musiq"]) == ("niqe", "musiq", "maniqa", "qalign_4bit")
    assert with_panels(["paper"]) == ("musiq", "maniqa", "qalign")
    assert {name for panel in PANELS.values() for name in panel} <= FILES.keys() | SNAPSHOTS.keys()


def test_a_metric_larger_than_the_device_is_refused_with_the_smaller_ones(small_device):
    with pytest.raises(
        MemoryExhausted, match=r"'qalign' needs 15.4 GB of memory, cpu has 8.6 GB: choose qalign_8bit \(8.2 GB\) or qalign_4bit"
    ):
        check_memory("qalign", CPU)
    check_memory("qalign_8bit", CPU)
    check_memory("musiq", CPU)


def test_a_metric_without_a_smaller_version_says_to_choose_another(monkeypatch):
    monkeypatch.setattr(large_models, "total_memory", lambda device: 2**30)
    for name in ("qalign_4bit", "compare2score", "qrealign"):
        with pytest.raises(MemoryExhausted, match="choose another metric"):
            check_memory(name, CPU)


def test_what_does_not_fit_is_refused_before_anything_is_loaded(small_device, monkeypatch):
    loaded = []
    monkeypatch.setattr(catalog, "load_metric", lambda *arguments: loaded.append(arguments))
    with pytest.raises(MemoryExhausted, match="qalign_8bit"):
        load_metrics(PANELS["paper"], CPU)
    assert loaded == []
    load_metrics(PANELS["paper-4bit"], CPU)
    assert [arguments[0] for arguments in loaded] == ["musiq", "maniqa", "qalign_4bit"]


def test_the_memory_is_said_on_stderr_before_the_refusal(small_device, tmp_path, capsys):
    photo = tmp_path / "photo.png"
    write_photo(photo, tiny_photo(24, 32))
    for command in (["score", str(photo)], ["restore", str(photo), "-o", str(tmp_path / "out.png")]):
        assert program([*command, "--device", "cpu", "--metrics", "paper"]) == MemoryExhausted.exit_code
        told = capsys.readouterr()
        assert told.out == "" and told.err.index("'qalign' holds 15.4 GB") < told.err.index("error:")
    assert not (tmp_path / "out.png").exists()


def test_only_large_metrics_have_a_notice():
    assert memory_notice("qalign_4bit") == "metric 'qalign_4bit' holds 5.0 GB of the device's memory" and memory_notice("musiq") is None


def test_on_a_device_that_is_large_enough_the_files_are_asked_for(monkeypatch):
    monkeypatch.setattr(large_models, "total_memory", lambda device: 2**35)
    with pytest.raises(WeightsError, match="ttpo models fetch iqa-q-future-one-align"):
        load_metrics(["qalign"], CPU)
