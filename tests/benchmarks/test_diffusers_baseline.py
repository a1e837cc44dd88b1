"""The bench of random weights: networks of published size, and a plain loop that does the same work one image at a time."""

from dataclasses import replace

import pytest
import torch

from ttpo_cli.benchmarks.stages import Untrained, measure, paper_size
from ttpo_cli.cli.app import program
from ttpo_cli.diffusion.priors.random_models import random_parts
from ttpo_cli.errors import UsageError
from ttpo_cli.settings.candidates import CandidateOptions
from ttpo_cli.settings.engine import EngineOptions
from ttpo_cli.settings.guidance import GuidanceOptions
from ttpo_cli.settings.prior import PriorOptions
from ttpo_cli.settings.settings import Settings

FEW = Settings(
    prior=PriorOptions(cfg=3.0),
    candidates=CandidateOptions(strengths=(0.1, 0.3), per_strength=2, steps=2),
    guidance=GuidanceOptions(steps=3),
)


def parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(("name", "count"), [("sd21", 865_910_724), ("sdxl", 2_567_463_684)])
def test_full_size_networks_have_as_many_parameters_as_the_published_ones(name, count):
    parts = random_parts(name, False, torch.device("meta"), torch.float16)
    assert parameters(parts.network) == count
    assert parameters(parts.vae) == 83_653_863
    assert parts.network.dtype == torch.float16 and parts.vae.dtype == torch.float32


@pytest.mark.parametrize("name", ["sd21", "sdxl"])
def test_the_plain_loop_evaluates_the_network_as_often_one_image_a_call(name):
    engine = EngineOptions("bicubic", metrics=("ranker",), device="cpu", precision="fp32", scale=2)
    row = measure(32, engine, FEW, Untrained(name, small=True))
    assert row["network_calls"] == {"candidates": 8, "guidance": 3}
    plain = row["plain_loop"]
    assert plain["invocations"] == plain["evaluations"] == row["evaluations"] == 2 * 11
    assert row["invocations"] == 2 + 3
    assert row["fewer_invocations"] == pytest.approx(22 / 5)
    ours = row["seconds"]["candidates"] + row["seconds"]["guidance"]
    assert row["speedup"] == pytest.approx(sum(plain["seconds"].values()) / ours, abs=0.01)


def test_the_papers_numbers_stand_where_ours_were_left_alone():
    sized = paper_size(Settings())
    assert len(sized.candidates.strengths) * sized.candidates.per_strength == 15 and sized.guidance.steps == 50
    assert paper_size(FEW) == FEW
    assert paper_size(replace(FEW, guidance=GuidanceOptions())).guidance.steps == 50


def test_full_size_on_a_cpu_that_nobody_named_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert program(["bench", "--prior", "sd21", "--random-weights"]) == 2
    assert "--small" in capsys.readouterr().err


def test_a_model_of_unknown_size_is_refused():
    with pytest.raises(UsageError, match="sd21, sdxl"):
        random_parts("flux3", True, torch.device("cpu"), torch.float32)
