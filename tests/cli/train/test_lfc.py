"""`ttpo train lfc` as a person uses it: what cannot be used is named, options come from three places, a run goes on or says why not."""

import json
from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image
from typer.testing import CliRunner

from ttpo_cli.backbones.catalog import load_backbone
from ttpo_cli.cli.app import app
from ttpo_cli.cli.train.curves import draw_plane
from ttpo_cli.cli.train.lfc import PLANE
from ttpo_cli.errors import TtpoError
from ttpo_cli.training.lfc import train as method
from ttpo_cli.training.run import load_state

TINY = (
    "--set",
    "batch=2",
    "--set",
    "crop=8",
    "--set",
    "admm.crops=4",
    "--steps",
    "1",
    "--admm-steps",
    "1",
    "--every",
    "1",
    "--device",
    "cpu",
)


def run(*arguments: str) -> tuple[int, str, str, BaseException | None]:
    result = CliRunner().invoke(app, ["train", "lfc", *arguments])
    return result.exit_code, result.stdout, result.stderr, result.exception


def test_a_run_writes_weights_records_images_and_curves(photo_folder: Path, tmp_path: Path) -> None:
    code, _, told, error = run(str(photo_folder), "-o", str(tmp_path / "run"), *TINY, "--plot")
    assert code == 0, (told, error)
    folder = tmp_path / "run"
    assert load_backbone(str(folder / "lfc-sr.safetensors")).scale == 4
    assert load_backbone(str(folder / "pretrained.safetensors")).scale == 4
    records = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert {"psnr_y_objective", "psnr_y_perceptual", "ssim_y_perceptual", "low_mae_held"} <= records[0].keys()
    assert {"penalty_share", "dual_abs", "dual_signed", "low_mae", "loss_contextual"} <= records[1].keys()
    assert (folder / "images" / "0_0000001.png").is_file()
    assert "<svg" in (folder / "psnr_y.svg").read_text()
    # Told to a pipe, a record is one line, however long.
    lines = [line for line in told.splitlines() if line.startswith("step ")]
    assert len(lines) == 2 and all("psnr_y_objective" in line and "seconds" in line for line in lines)
    assert "finished" in told


def test_the_plane_is_drawn_from_the_records_that_have_both_axes(tmp_path: Path) -> None:
    values = [{"psnr_y_objective": 30.0, "psnr_y_perceptual": 29.0}, {"psnr_y_objective": 31.0, "psnr_y_perceptual": 27.0}]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps({"step": 1, **each}) + "\n" for each in values))
    draw_plane(tmp_path, PLANE)
    assert not (tmp_path / "plane.svg").exists(), "photos too small for NIQE"
    for each in values:
        each |= {"niqe_objective": 6.0, "niqe_perceptual": 5.0}
    (tmp_path / "log.jsonl").write_text("".join(json.dumps({"step": 1, **each}) + "\n" for each in values))
    draw_plane(tmp_path, PLANE)
    drawn = (tmp_path / "plane.svg").read_text()
    assert all(name in drawn for name in ("objective", "perceptual", "psnr_y", "niqe"))


def test_flags_win_over_settings_and_settings_over_the_file(photo_folder: Path, tmp_path: Path) -> None:
    config = tmp_path / "run.yaml"
    config.write_text("seed: 1\nbatch: 3\nadmm:\n  rho: 0.5\n  dual: none\n")
    arguments = (
        str(photo_folder),
        "-o",
        str(tmp_path),
        "--config",
        str(config),
        "--set",
        "admm.rho=0.25",
        "--set",
        "seed=2",
        "--seed",
        "3",
    )
    code, shown, _, _ = run(*arguments, "--show")
    assert code == 0
    options = yaml.safe_load(shown)
    assert (options["seed"], options["batch"], options["admm"]["rho"], options["admm"]["dual"]) == (3, 3, 0.25, "none")
    # What --show prints is a file for --config that says the same.
    config.write_text(shown)
    assert run(str(photo_folder), "-o", str(tmp_path), "--config", str(config), "--show")[1] == shown


def test_unreadable_and_small_photos_are_named_skipped_and_counted(photo_folder: Path, tmp_path: Path) -> None:
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    for path in photo_folder.iterdir():
        (mixed / path.name).write_bytes(path.read_bytes())
    (mixed / "broken.png").write_bytes(b"no image")
    Image.new("RGB", (20, 200)).save(mixed / "narrow.png")
    Image.new("RGB", (53, 71)).save(mixed / "odd.png")
    code, _, told, error = run(str(mixed), "-o", str(tmp_path / "run"), *TINY)
    assert code == 0, error
    assert "broken.png" in told
    assert "narrow.png" in told
    assert "2 photos left out" in told


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--set", "admm.roh=1"), "did you mean admm.rho"),
        (("--preset", "lfc-sr-smal"), "did you mean lfc-sr-small"),
        (("--set", "admm.features=/nowhere/vgg19.pth"), "cannot be read"),
        (("--set", "crop=7", "--scale", "3"), "odd side"),
        (("--config", "/nowhere.toml"), "cannot be read"),
        (("--start", "/nowhere.safetensors"), "cannot be read"),
        (("--device", "tpu"), "unknown device"),
        (("--set", "rho=1"), "did you mean admm.rho"),
    ],
)
def test_what_cannot_be_meant_is_one_line(photo_folder: Path, tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    code, _, _, error = run(str(photo_folder), "-o", str(tmp_path / "run"), *TINY, *arguments)
    assert code != 0
    assert isinstance(error, TtpoError)
    assert says in str(error)
    assert not (tmp_path / "run").exists()


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    code, _, _, error = run(str(tmp_path / "empty"), "-o", str(tmp_path / "run"), *TINY)
    assert code != 0
    assert "no photo found" in str(error)


def test_a_resumed_run_with_other_options_lists_them(photo_folder: Path, tmp_path: Path) -> None:
    assert run(str(photo_folder), "-o", str(tmp_path / "run"), *TINY)[0] == 0
    _, _, _, error = run(str(photo_folder), "-o", str(tmp_path / "run"), *TINY, "--resume", "--set", "admm.rho=9", "--seed", "4")
    assert "admm.rho: 0.1 -> 9.0; seed: 0 -> 4" in str(error)


def test_a_run_may_start_from_the_weights_of_another_and_of_no_other_kind(photo_folder: Path, tmp_path: Path) -> None:
    assert run(str(photo_folder), "-o", str(tmp_path / "first"), *TINY, "--admm-steps", "0", "--steps", "3")[0] == 0
    start = tmp_path / "first" / "lfc-sr.safetensors"
    options = method.LfcOptions(
        steps=0, batch=2, crop=8, start=str(start), admm=method.AdmmOptions(steps=1, crops=4, objective_rate=0.0, perceptual_rate=0.0)
    )
    list(method.train_lfc(sorted(photo_folder.iterdir()), tmp_path / "second", options, torch.device("cpu"), every=1))
    weights = [load_backbone(str(tmp_path / run / "lfc-sr.safetensors")).network.state_dict() for run in ("first", "second")]
    assert all(torch.allclose(weights[0][name], weights[1][name], atol=1e-7) for name in weights[0])
    _, _, _, error = run(str(photo_folder), "-o", str(tmp_path / "third"), *TINY, "--start", str(start), "--scale", "2")
    assert "the run is of lfc-sr-small x2" in str(error)


def test_a_loss_that_is_no_number_stops_and_the_last_checkpoint_stands(
    photo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    true_round = method.admm_round

    def poisoned(lq: torch.Tensor, *rest: object) -> object:
        return true_round(lq * torch.nan, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(method, "admm_round", poisoned)
    code, _, _, error = run(str(photo_folder), "-o", str(tmp_path / "run"), *TINY)
    assert code != 0
    assert "nan at step 1" in str(error)
    assert "state.pt" in str(error)
    assert load_state(tmp_path / "run" / "state.pt")["step"] == 1
