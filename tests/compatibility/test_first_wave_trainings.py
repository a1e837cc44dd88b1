"""Training runs that the first wave left unfinished go on as they would have then, and its checkpoints do what they did."""

import json
from pathlib import Path

import pytest
from safetensors import safe_open

TRAININGS = ("prior", "ranker", "lfc", "lrpo")


@pytest.fixture
def expected(wave):
    """What resuming left then, by training; the killed runs lie in runs/."""
    wave.take("photos", "runs")
    return wave.read("runs/expected.json")


def records(name):
    return [json.loads(line) for line in Path(f"runs/{name}/log.jsonl").read_text().splitlines()]


def figures(path):
    """Of each tensor of a checkpoint: its shape, its mean, the mean of its magnitude."""
    with safe_open(path, "pt") as stream:
        tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118 - safe_open is not a dict
    told = {}
    for name, values in tensors.items():
        told[name] = [list(values.shape), float(values.double().mean()), float(values.double().abs().mean())]
    return told


# Shares of a few crops, which move in steps of a twelfth.
COUNTED = ("truth_first", "accuracy")


@pytest.mark.parametrize("name", TRAININGS)
def test_a_run_that_was_killed_goes_on_to_the_numbers_it_would_have_had(name, wave, expected):
    then = expected[name]
    wave.run(f"{then['command']} --resume")
    exact = wave.repeats(expected)
    now = records(name)
    assert [record["step"] for record in now] == [record["step"] for record in then["records"]]
    for record, before in zip(now, then["records"], strict=True):
        assert record.keys() >= before.keys()
        numbers = {key: value for key, value in before.items() if key != "seconds"}
        near = {key: pytest.approx(value, rel=0.05, abs=0.1 if key.startswith(COUNTED) else 0.05) for key, value in numbers.items()}
        assert {key: record[key] for key in numbers} == (numbers if exact else near)
    for stem, before in then["weights"].items():
        after = figures(f"runs/{name}/{stem}.safetensors")
        assert after.keys() == before["tensors"].keys()
        for key, (shape, mean, magnitude) in before["tensors"].items():
            assert after[key][0] == shape
            assert after[key][1:] == pytest.approx([mean, magnitude], rel=1e-9 if exact else 0.01, abs=1e-12 if exact else 1e-3), key
    assert len(Path(f"runs/{name}/state.pt").read_bytes()) > 0 and not list(Path("runs").rglob("*.part"))


def test_the_crops_that_old_runs_cached_are_used_and_not_made_again(wave, expected):
    banks = ("runs/prior/bank", "runs/prior/held", "runs/ranker/candidates", "runs/ranker/held")
    before = {bank: figures(f"{bank}.safetensors") for bank in banks}
    for name in ("prior", "ranker"):
        wave.run(f"{expected[name]['command']} --resume")
    assert {bank: figures(f"{bank}.safetensors") for bank in banks} == before


@pytest.mark.parametrize(("name", "given", "other", "told"), [
    ("prior", "--batch 1", "--batch 2", "batch: 1 -> 2"),
    ("ranker", "--width 2", "--width 3", "width: 2 -> 3"),
    ("lfc", "crop=8", "crop=9", "crop: 8 -> 9"),
    ("lrpo", "rollout.group=2", "rollout.group=3", "rollout.group: 2 -> 3"),
])  # fmt: skip
def test_an_old_run_with_other_options_is_refused_and_left_as_it_is(name, given, other, told, wave, expected):
    before = wave.contents(f"runs/{name}")
    line = expected[name]["command"]
    assert given in line
    wave.run(f"{line.replace(given, other)} --resume", 2)
    assert told in wave.told and wave.contents(f"runs/{name}") == before


@pytest.mark.parametrize("name", ["lfc", "lrpo"])
def test_an_old_run_with_other_photos_is_refused(name, wave, expected):
    Path("photos/1.png").unlink()
    wave.run(f"{expected[name]['command']} --resume", 2)
    assert "other photos" in wave.told and "1.png" in wave.told


@pytest.mark.parametrize("name", TRAININGS)
def test_an_old_checkpoint_restores_a_photo_as_it_did(name, wave, expected):
    wave.take("used")
    Path(f"used/{name}.png").rename("then.png")
    wave.run(f"{wave.read('used/commands.json')[name]} -q")
    wave.assert_same_picture(f"used/{name}.png", "then.png", expected)


def test_old_files_of_metrics_score_a_photo_as_they_did(wave, expected):
    wave.take("used")
    then, now = wave.read("used/score.json"), wave.json(wave.read("used/commands.json")["score"])
    assert now["mean"] == pytest.approx(then["mean"], rel=1e-6 if wave.repeats(expected) else 1e-3)
    assert [metric["pristine"] for metric in now["metrics"]] == [metric["pristine"] for metric in then["metrics"]]


def test_the_records_of_an_old_run_are_drawn(wave, expected):
    wave.run("train plot runs/lfc -o curve.svg --values loss,psnr_y_objective")
    assert "<svg" in Path("curve.svg").read_text()
