"""`ttpo train lrpo` and what goes with it, as a person uses them: a run whose result restores, its bench, its table, its errors."""

import json
from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image
from typer.testing import CliRunner

from ttpo_cli.cli.app import app
from ttpo_cli.diffusion.priors.embedded import BANDS, HaarDenoiser, UNetSize, prior_metadata
from ttpo_cli.errors import TtpoError, UsageError, WeightsError
from ttpo_cli.weights.checkpoint import load_checkpoint, save_checkpoint

SETTINGS = (
    "data.photos=2",
    "data.crop=32",
    "rollout.group=2",
    "rollout.steps=2",
    "alarm.photos=1",
    "alarm.metrics=[gmsd]",
    "alarm.stop=false",
)
TINY = tuple(word for setting in SETTINGS for word in ("--set", setting))


@pytest.fixture(scope="module")
def prior(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    denoiser = HaarDenoiser(UNetSize((16, 16), 1, 8), torch.full((2, BANDS), 0.1))
    path = tmp_path_factory.mktemp("prior") / "tiny.safetensors"
    save_checkpoint(path, denoiser.state_dict(), prior_metadata(denoiser))
    return path


def call(*arguments: str) -> tuple[int, str, str, BaseException | None]:
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.stdout, result.stderr, result.exception


def run(*arguments: str) -> tuple[int, str, str, BaseException | None]:
    return call("train", "lrpo", *arguments, *TINY, "--every", "1", "--device", "cpu")


def test_a_run_writes_priors_records_and_curves_and_restore_takes_the_result(prior: Path, photo_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    code, _, told, error = run(str(photo_folder), "-o", str(folder), "--prior", str(prior), "--steps", "2", "--plot")
    assert code == 0, (told, error)
    metadata = load_checkpoint(folder / "last.safetensors")[1]
    assert (metadata["ttpo"], metadata["method"], metadata["steps"]) == ("haar-prior", "lrpo", "2")
    records = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert [record["step"] for record in records] == [0, 1, 2]
    assert "<svg" in (folder / "reward.svg").read_text()
    assert list((folder / "tensorboard").iterdir())
    Image.new("RGB", (32, 32), (90, 120, 60)).save(tmp_path / "photo.png")
    given = ("restore", str(tmp_path / "photo.png"), "--backbone", "none", "--prior", str(folder / "last.safetensors"))
    code, _, told, error = call(*given, "--device", "cpu", "--candidates-steps", "1", "--guidance-steps", "1", "--metrics", "ranker")
    assert code == 0, (told, error)
    assert (tmp_path / "photo_ttpo.png").is_file()


def test_flags_win_over_settings_and_settings_over_the_file_and_named_values_join(tmp_path: Path) -> None:
    config = tmp_path / "run.yaml"
    config.write_text("seed: 1\nsteps: 9\nreward:\n  weights: {niqe: 0.5}\nlrpo:\n  noise_levels: false\n")
    arguments = ("x", "-o", "y", "--config", str(config), "--set", "reward.weights.piqe=0.25", "--set", "seed=2", "--seed", "3")
    code, shown, _, _ = call("train", "lrpo", *arguments, "--policy", "lora", "--reward", "none", "--show")
    assert code == 0
    options = yaml.safe_load(shown)
    assert (options["seed"], options["steps"], options["lrpo"]["noise_levels"]) == (3, 9, False)
    assert options["reward"]["weights"] == {"niqe": 0.5, "piqe": 0.25}
    assert (options["policy"]["train"], options["reward"]["preset"]) == ("lora", "none")
    # What --show prints is a file for --config that says the same.
    config.write_text(shown)
    assert call("train", "lrpo", "x", "-o", "y", "--config", str(config), "--show")[1] == shown


@pytest.mark.parametrize(
    ("arguments", "kind", "says"),
    [
        (("--set", "lrpo.clipp=1"), UsageError, "did you mean lrpo.clip"),
        (("--set", "reward.weights=3"), UsageError, "set reward.weights.NAME"),
        (("--set", "reward.weights.niqe=much"), UsageError, "reward.weights.niqe is of type float"),
        (("--set", "rollout.group=1"), UsageError, "a group of 1 has no other sample"),
        (("--reward", "papper"), UsageError, "did you mean paper"),
        (("--reward", "paper", "--offline"), WeightsError, "topiq_nr-face"),
        (("--prior", "nowhere.safetensors"), UsageError, "unknown prior"),
        (("--set", "data.blind=true"), UsageError, "lrpo.truth_weight=0"),
    ],
)
def test_what_cannot_be_meant_is_one_line_and_nothing_is_written(
    prior: Path, photo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], kind: type, says: str
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folder = tmp_path / "run"
    code, _, _, error = call("train", "lrpo", str(photo_folder), "-o", str(folder), "--prior", str(prior), *TINY, *arguments)
    assert code != 0
    assert isinstance(error, kind)
    assert isinstance(error, TtpoError)
    assert says in str(error)
    assert not folder.exists()


def test_a_run_that_exists_is_not_overwritten_and_another_reward_not_resumed(prior: Path, photo_folder: Path, tmp_path: Path) -> None:
    given = (str(photo_folder), "-o", str(tmp_path), "--prior", str(prior), "--steps", "1")
    assert run(*given)[0] == 0
    assert "already holds a run" in str(run(*given)[3])
    assert "reward.preset: embedded -> none; reward.weights.niqe: None -> 1.0" in str(
        run(*given, "--resume", "--reward", "none", "--set", "reward.weights.niqe=1")[3]
    )


def test_the_bench_tells_samples_a_second_and_shares_that_make_a_whole(prior: Path) -> None:
    code, shown, told, error = call("bench", "lrpo", "--repeats", "1", "--device", "cpu", *TINY, "--set", f"policy.prior={prior}")
    assert code == 0, error
    measured = json.loads(shown)
    assert measured["samples"] == measured["samples_a_call"] == 4
    assert measured["samples_a_second"] > 0
    assert sum(measured["shares"].values()) == pytest.approx(1)
    assert all(share > 0 for share in measured["shares"].values())
    assert "roll-out" in told
    code, _, _, error = call("bench", "lrpo", "--random-weights", "sd21", "--device", "cpu", "--set", "policy.train=controlnet")
    assert code != 0
    assert "give --small" in str(error)


def test_a_latent_policy_of_random_weights_is_measured_too() -> None:
    given = ("--random-weights", "sd21", "--small", "--repeats", "1", "--device", "cpu", "--set", "policy.train=controlnet")
    code, shown, _, error = call("bench", "lrpo", *given, *TINY)
    assert code == 0, error
    assert json.loads(shown)["prior"] == "sd21 with random weights"


def test_the_table_holds_each_prior_and_the_best_of_n_which_earns_at_least_as_much(prior: Path, photo_folder: Path, tmp_path: Path) -> None:
    given = ("train", "policies", str(photo_folder), "--prior", f"before={prior}", "--prior", f"after={prior}", *TINY)
    code, shown, told, error = call(*given, "--device", "cpu", "--best-of", "4", "--images", str(tmp_path / "strips"))
    assert code == 0, error
    rows = {row["name"]: row for row in json.loads(shown)["rows"]}
    assert list(rows) == ["input", "before", "before, best of 4 by reward", "before, best of 4 by blind terms", "after", "truth"]
    assert {**rows["before"], "name": ""} == {**rows["after"], "name": ""}
    assert rows["before, best of 4 by reward"]["held_reward"] >= rows["before"]["held_reward"]
    assert rows["before, best of 4 by blind terms"]["held_ranker"] >= rows["before"]["held_ranker"]
    assert rows["before, best of 4 by reward"]["held_reward"] >= rows["before, best of 4 by blind terms"]["held_reward"]
    assert Image.open(next((tmp_path / "strips").iterdir())).size == (6 * 32, 32)
    assert "best of 4" in told
    code, shown, _, error = call(*given, "--device", "cpu", "--best-of", "1", "--set", "alarm.metrics=[psnr_y]")
    assert code == 0, error
    assert json.loads(shown)["rows"][-1]["held_psnr_y"] is None, "infinite, which JSON cannot say"
    code, _, _, error = call(*given, "--prior", f"before={prior}")
    assert "given twice" in str(error)


def test_of_unseen_folders_every_photo_is_judged_and_none_held_back(prior: Path, photo_folder: Path) -> None:
    given = ("train", "policies", str(photo_folder), "--prior", f"before={prior}", *TINY, "--set", "alarm.photos=4", "--device", "cpu")
    inputs = []
    for more in ((), ("--unseen",)):
        code, shown, told, error = call(*given, *more, "--best-of", "0")
        assert code == 0, error
        inputs.append(json.loads(shown)["inputs"])
    assert inputs == [["0", "0-2", "0-3", "0-4"], ["0", "1", "2", "0-2"]]
    assert "4 unseen inputs" in told
