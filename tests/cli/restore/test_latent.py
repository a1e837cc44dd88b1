"""Every family's tiny prior through all three stages of the command, and through the others that take a prior."""

import json

import pytest
import torch
from fakes import tiny_photo
from PIL import Image
from tiny_models import FAMILIES, quiet, save_family

from ttpo_cli.cli.app import program

FEW = ["--backbone", "bicubic", "--scale", "4", "--metrics", "ranker", "--device", "cpu", "--precision", "fp32"]
STEPS = ["--candidates-strengths", "0.1,0.3", "--candidates-steps", "2", "--guidance-steps", "2", "--guidance-strength", "0.4"]


@pytest.fixture
def photo(tmp_path):
    quiet()
    pixels = (tiny_photo(16, 16).pixels[0].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def restore(photo, folder, capsys, *more):
    assert program(["restore", str(photo), *FEW, *STEPS, "--prior", str(folder), "--overwrite", "--json", "-q", *more]) == 0
    return json.loads(capsys.readouterr().out)["results"][0]


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_goes_through_all_three_stages(name, photo, tmp_path, capsys):
    folder = save_family(name, tmp_path / "models")
    record = restore(photo, folder, capsys, "--prior-prompt", "a photo", "--prior-cfg", "2")
    assert record["network_calls"] == {"candidates": 4, "guidance": 2}
    weights = next(entry for entry in record["weights"] if entry["role"] == "prior")
    assert weights["name"] == name and len(weights["sha256"]) == 64
    assert record["settings"]["prior"]["prompt"] == "a photo" and record["settings"]["prior"]["scale"] == 2
    made = [*(entry["fidelity_db"] for entry in record["candidates"][1:]), record["rows"]["guided"]["fidelity_db"]]
    assert len(set(made)) == 3 and all(5 < decibel < 60 for decibel in made)
    assert Image.open(record["output"]).size == (64, 64)


def test_the_rankers_gradient_comes_through_the_decoder(photo, tmp_path, capsys):
    folder = save_family("sd15", tmp_path / "models")
    rows = [restore(photo, folder, capsys, "--guidance-ranker-weight", weight)["rows"]["guided"] for weight in ("0", "200")]
    assert rows[0]["fidelity_db"] != rows[1]["fidelity_db"]


def test_invert_measures_a_latent_prior(photo, tmp_path, capsys):
    folder = save_family("flux-dev", tmp_path / "models")
    assert program(["invert", str(photo), "--backbone", "bicubic", "--scale", "2", "--prior", str(folder), "--steps", "2,8"]) == 0
    trips = json.loads(capsys.readouterr().out)["round_trips"]
    assert len(trips) == 4 and all(0 < trip["rms"] < 255 for trip in trips)


def test_a_prior_that_is_not_here_is_exit_code_3_and_nothing_is_written(photo, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    assert program(["restore", str(photo), *FEW, "--prior", "sd21", "--offline", "-q"]) == 3
    assert "not on this machine" in capsys.readouterr().err
    assert [path.name for path in photo.parent.iterdir() if path.is_file()] == ["photo.png"]
