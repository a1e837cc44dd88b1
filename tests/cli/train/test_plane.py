"""`ttpo train plane`: each output where its own scores put it, and a curve that begins and ends at the models it joins."""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from ttpo_cli.backbones.lfc_sr import build_lfc_sr
from ttpo_cli.cli.app import app
from ttpo_cli.training.lfc.validation import low_difference
from ttpo_cli.weights.checkpoint import save_checkpoint


@pytest.fixture()
def dataset(tmp_path: Path) -> Path:
    folder = tmp_path / "pairs"
    folder.mkdir()
    generator = torch.Generator().manual_seed(0)
    for index in range(2):
        coarse = torch.rand(1, 3, 6, 6, generator=generator)
        image = torch.nn.functional.interpolate(coarse, size=(48, 40), mode="bicubic").clamp(0, 1)
        pixels = (image[0].permute(1, 2, 0) * 255).byte().numpy()
        Image.fromarray(pixels).save(folder / f"{index}_HR.png")
        Image.fromarray(pixels[::2, ::2]).save(folder / f"{index}_LR.png")
    return folder


def checkpoint(path: Path, objective: float, perceptual: float, order: str = "op") -> Path:
    """An LFC-SR that adds constants to the bicubic image: known outputs, a known difference between them."""
    network = build_lfc_sr("lfc-sr-small", 2)
    torch.nn.init.constant_(network.objective_stage.tail.bias, objective)
    # A constant image has energy in LL alone, of gain 2.
    with torch.no_grad():
        network.perceptual_stage.tail.bias[:3] = 2 * perceptual
    metadata = {"ttpo": "lfc-sr", "preset": "lfc-sr-small", "scale": "2", "order": order}
    save_checkpoint(path, network.state_dict(), metadata)
    return path


def run(*arguments: str) -> dict[str, list[dict]]:
    result = CliRunner().invoke(app, ["train", "plane", *arguments, "--json", "--quiet"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_outputs_and_their_low_band_are_measured_and_the_curve_joins_the_best(dataset: Path, tmp_path: Path) -> None:
    plain = checkpoint(tmp_path / "plain.safetensors", 0.0, 8 / 255)
    bright = checkpoint(tmp_path / "bright.safetensors", 16 / 255, 2 / 255)
    told = run(
        str(dataset),
        "--model",
        f"plain={plain}",
        "--model",
        f"bright={bright}",
        "--perceptual",
        "psnr",
        "--metrics",
        "ssim_y",
        "-o",
        str(tmp_path / "p.svg"),
    )
    points = {(point["model"], point["output"]): point for point in told["points"]}
    assert points["plain", "objective"]["low_mae"] == pytest.approx(8, abs=0.6)
    assert points["bright", "perceptual"]["low_mae"] == pytest.approx(2, abs=0.6)
    assert points["plain", "objective"]["scores"]["psnr_y"] > points["plain", "perceptual"]["scores"]["psnr_y"] + 1
    assert points["bright", "objective"]["scores"]["psnr_y"] < points["plain", "perceptual"]["scores"]["psnr_y"]
    # By PSNR, `plain` is best on both axes: its own two outputs are the ends of the curve.
    curve = told["curve"]
    assert curve[0]["scores"]["psnr_y"] == pytest.approx(points["plain", "objective"]["scores"]["psnr_y"], abs=0.02)
    assert curve[-1]["scores"]["psnr_y"] == pytest.approx(points["plain", "perceptual"]["scores"]["psnr_y"], abs=0.02)
    assert {point["model"] for point in curve} == {"plain .. plain"}
    assert "bright" in (tmp_path / "p.svg").read_text()


def test_in_the_other_order_the_second_stage_is_the_objective_one(dataset: Path, tmp_path: Path) -> None:
    swapped = checkpoint(tmp_path / "po.safetensors", 12 / 255, -12 / 255, order="po")
    told = run(str(dataset), "--model", f"po={swapped}", "--perceptual", "psnr")
    scores = {point["output"]: point["scores"]["psnr_y"] for point in told["points"]}
    assert scores["objective"] > scores["perceptual"] + 1


def test_low_difference_is_in_grey_levels_and_blind_to_what_a_low_band_cannot_show() -> None:
    image = torch.rand(1, 3, 9, 8)
    assert low_difference(image, image + 3 / 255) == pytest.approx(3, rel=1e-4)
    checker = torch.tensor([[1.0, -1.0], [-1.0, 1.0]]).repeat(4, 4)[None, None].expand(1, 3, 8, 8)
    assert low_difference(image[..., :8, :], image[..., :8, :] + checker) == pytest.approx(0, abs=1e-4)


def test_two_models_of_one_name_one_axis_twice_and_another_scale_are_refused(dataset: Path, tmp_path: Path) -> None:
    mine = checkpoint(tmp_path / "mine.safetensors", 0.0, 8 / 255)
    large = tmp_path / "large.safetensors"
    save_checkpoint(
        large, build_lfc_sr("lfc-sr-small", 4).state_dict(), {"ttpo": "lfc-sr", "preset": "lfc-sr-small", "scale": "4", "order": "op"}
    )
    for arguments, says in (
        (("--model", f"a={mine}", "--model", f"a={mine}"), "a name of its own"),
        (("--model", f"a={mine}", "--perceptual", "psnr_y"), "other axis"),
        (("--model", f"a={mine}", "--model", f"big={large}"), "big enlarges 4 times, and 0 is 20x24 and its reference 40x48"),
    ):
        result = CliRunner().invoke(app, ["train", "plane", str(dataset), *arguments])
        assert result.exit_code != 0 and says in str(result.exception or "") + result.output


def test_a_backbone_of_one_output_and_a_model_without_a_name_are_refused(dataset: Path) -> None:
    for text, says in (("bicubic", "NAME=FILE"), ("a=bicubic", "one output")):
        result = CliRunner().invoke(app, ["train", "plane", str(dataset), "--model", text])
        assert result.exit_code != 0
        assert says in str(result.exception or "") + result.output
