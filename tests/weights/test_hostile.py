"""Hostile and damaged checkpoints through the program itself: none is run, none shows a traceback, none fills the memory."""

import json
import pickle
import subprocess
import sys

import pytest
import torch
from hostile_files import honest, reduce_of, write_all

from ttpo_cli.backbones.catalog import load_backbone

# One process for all files: the command line on each, then what it said, its exit code, and how far the memory's peak had risen.
PROGRAM = """
import contextlib, io, json, resource, sys
from pathlib import Path
from ttpo_cli.cli.app import program
folder, photos = sys.argv[1:]
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
def run(file):
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        code = program(["eval", photos, "--backbone", str(file), "--metrics", "piqe", "--offline"])
    return {"code": code, "said": said.getvalue(), "peak": peak()}
files = sorted(Path(folder).iterdir())
first = run(files[0])
print(json.dumps([first["peak"], *(run(file) for file in files)]))
"""
ROOM = 300  # MiB


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """(names of the files, what became of each, whether the canary sang, the peak before)."""
    place = tmp_path_factory.mktemp("hostile")
    (place / "files").mkdir()
    (place / "photos").mkdir()
    from fakes import tiny_photo

    from ttpo_cli.imaging.writing import write_photo

    write_photo(place / "photos" / "photo.png", tiny_photo())
    names = write_all(place / "files", place / "canary")
    command = [sys.executable, "-c", PROGRAM, str(place / "files"), str(place / "photos")]
    environment = {
        "PYTHONPATH": ":".join(path for path in sys.path if path),
        "PATH": "/usr/bin:/bin",
        "HOME": str(place),
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    before, *became = json.loads(done.stdout)
    return names, became, (place / "canary").exists(), before


def test_there_are_at_least_fifty_of_them(outcome):
    names, became, *_ = outcome
    assert len(set(names)) == len(became) >= 50


def test_none_is_run(outcome):
    assert not outcome[2]


def test_each_is_refused_in_one_line_with_the_exit_code_of_weights(outcome):
    names, became, *_ = outcome
    wrong = {name: one for name, one in zip(names, became, strict=True) if one["code"] != 3 or one["said"].count("\n") != 1}
    assert wrong == {}
    assert [name for name, one in zip(names, became, strict=True) if "Traceback" in one["said"] or "not foreseen" in one["said"]] == []


def test_none_fills_the_memory(outcome):
    names, became, _, before = outcome
    assert {name: one["peak"] - before for name, one in zip(names, became, strict=True) if one["peak"] > before + ROOM} == {}


def test_the_programs_in_them_are_indeed_programs(tmp_path):
    pickle.loads(reduce_of("builtins", "open", (str(tmp_path / "canary"), "w"))).close()
    assert (tmp_path / "canary").exists()


@pytest.mark.parametrize("legacy", [False, True])
def test_the_same_network_with_honest_weights_is_loaded(tmp_path, legacy):
    torch.save({"params": honest()}, tmp_path / "honest.pth", _use_new_zipfile_serialization=not legacy)
    assert load_backbone(tmp_path / "honest.pth").scale == 2
