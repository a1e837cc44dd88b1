"""Crops and candidates that `ttpo train prior` and `ttpo train ranker` make once: used again by the same run, refused to another."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from ttpo_cli.backbones.backbone import Backbone
from ttpo_cli.cli.app import program
from ttpo_cli.imaging.resize import imresize
from ttpo_cli.training import ranker
from ttpo_cli.weights.checkpoint import load_checkpoint, save_checkpoint

PRIOR = "--backbone bicubic --channels 16 --batch 1 --crop 16 --bank 6 --side 48 --precision fp32 --device cpu --every 1"
RANKER = "--width 2 --crops 3 --batch 1 --precision fp32 --device cpu --every 1"


@pytest.fixture
def train(photo_folder, tmp_path, monkeypatch, capsys):
    """A command line of `ttpo train` among copies of the photos -> (exit code, standard error)."""
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    for path in photo_folder.iterdir():
        Path("photos", path.name).write_bytes(path.read_bytes())
    real = ranker.train_ranker

    def small(data, folder, options, *rest, **named):
        return real(data, folder, replace(options, crop=32, denoising_steps=1, strengths=(0.1,)), *rest, **named)

    monkeypatch.setattr(ranker, "train_ranker", small)

    def run(line):
        capsys.readouterr()
        code = program(["train", *line.split()])
        return code, capsys.readouterr().err

    return run


def killed_before_its_first_state(train, line, folder):
    """Run one step, and leave of it what a run has made before its first state: its cached crops."""
    assert train(f"{line} --steps 1")[0] == 0
    for path in [path for path in Path(folder).rglob("*") if path.is_file() and path.stem not in ("bank", "held", "candidates")]:
        path.unlink()


def without_facts(path):
    """The file as older versions wrote it, with other crops in it; returns those."""
    tensors, metadata = load_checkpoint(path)
    tensors = {name: values if name == "kinds" else 255 - values for name, values in tensors.items()}
    save_checkpoint(path, tensors, {name: value for name, value in metadata.items() if name in ("ttpo", "restorers")})
    return tensors


def same(path, tensors):
    found = load_file(path)
    return all(torch.equal(found[name], tensors[name]) for name in tensors)


def test_a_run_killed_before_its_first_state_starts_again_with_the_same_options_only(train):
    killed_before_its_first_state(train, f"prior photos -o run {PRIOR}", "run")
    made = load_file("run/bank.safetensors")
    code, error = train(f"prior photos -o run {PRIOR} --steps 1 --side 64")
    assert code == 2 and "side: 48 -> 64" in error and "delete that file" in error.replace("\n", " ")
    assert train(f"prior photos -o run {PRIOR} --steps 1")[0] == 0
    assert same("run/bank.safetensors", made)
    killed_before_its_first_state(train, f"ranker run -o ranked {RANKER}", "ranked")
    code, error = train(f"ranker run -o ranked {RANKER} --steps 1 --seed 1")
    assert code == 2 and "seed: 0 -> 1" in error and not Path("ranked/state.pt").exists()
    assert train(f"ranker run -o ranked {RANKER} --steps 1")[0] == 0


def test_crops_of_other_photos_are_refused_before_the_first_state(train):
    killed_before_its_first_state(train, f"prior photos -o run {PRIOR}", "run")
    Path("photos/0.png").unlink()
    code, error = train(f"prior photos -o run {PRIOR} --steps 1")
    assert code == 2 and "other options or photos" in error.replace("\n", " ")


def test_a_run_that_goes_on_with_other_photos_or_crops_is_refused(train):
    assert train(f"prior photos -o run {PRIOR} --steps 1")[0] == 0
    assert train(f"ranker run -o ranked {RANKER} --steps 1")[0] == 0
    Path("photos/0.png").rename("photos/other.png")
    code, error = train(f"prior photos -o run {PRIOR} --steps 1 --resume")
    assert code == 2 and "1 gone (0.png); 1 new (other.png)" in error.replace("\n", " ")
    without_facts(Path("run/held.safetensors"))
    code, error = train(f"ranker run -o ranked {RANKER} --steps 1 --resume")
    assert code == 2 and "1 gone (held); 1 new (held)" in error.replace("\n", " ")


def test_crops_without_facts_are_read_by_a_run_that_goes_on_and_made_again_by_a_new_one(train):
    assert train(f"prior photos -o run {PRIOR} --steps 1")[0] == 0
    old = without_facts(Path("run/bank.safetensors"))
    assert train(f"prior photos -o run {PRIOR} --steps 1 --resume")[0] == 0
    assert same("run/bank.safetensors", old)
    Path("run/state.pt").unlink()
    assert train(f"prior photos -o run {PRIOR} --steps 1")[0] == 0
    assert not same("run/bank.safetensors", old)
    killed_before_its_first_state(train, f"ranker run -o ranked {RANKER}", "ranked")
    old = without_facts(Path("ranked/candidates.safetensors"))
    assert train(f"ranker run -o ranked {RANKER} --steps 1")[0] == 0
    assert not same("ranked/candidates.safetensors", old)
    old = without_facts(Path("ranked/candidates.safetensors"))
    assert train(f"ranker run -o ranked {RANKER} --steps 1 --resume")[0] == 0
    assert same("ranked/candidates.safetensors", old)


@pytest.mark.parametrize("scale", [3, 8])
def test_the_low_band_of_candidates_is_that_of_the_restorers_real_scale(train, scale, monkeypatch):
    enlarger = Backbone("enlarger", "sr", "none", scale, 3, lambda lq: imresize(lq, scale))
    monkeypatch.setattr("ttpo_cli.backbones.catalog.load_backbone", lambda name: enlarger)
    assert train(f"prior photos -o run {PRIOR} --steps 1")[0] == 0
    given = []
    true_one = ranker.keep_low_band

    def noted(image, restored, factor, options):
        given.append(factor)
        return true_one(image, restored, factor, options)

    monkeypatch.setattr(ranker, "keep_low_band", noted)
    killed_before_its_first_state(train, f"ranker run -o ranked {RANKER}", "ranked")
    assert given[0] == scale and set(given) == {scale, 2, 4, 1}
