"""Each training method, tiny and for real: it learns, writes weights that load, and a killed run ends as an undisturbed one."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from analytic_prior import gaussian_prior

from ttpo_cli.backbones.catalog import load_backbone
from ttpo_cli.backbones.lfc_sr import build_lfc_sr
from ttpo_cli.diffusion.priors.embedded import load_denoiser, load_haar_prior
from ttpo_cli.errors import TtpoError, UsageError
from ttpo_cli.metrics.psnr import psnr_y
from ttpo_cli.metrics.ranker import ranker_metric
from ttpo_cli.progress import TrainingObserver
from ttpo_cli.training.cache import file_fingerprints
from ttpo_cli.training.crop_bank import Bank, BankOptions, draw_bank_crops, load_or_make_bank, restorers
from ttpo_cli.training.data import find_photos
from ttpo_cli.training.lfc.admm import AdmmOptions
from ttpo_cli.training.lfc.data import read_pairs
from ttpo_cli.training.lfc.train import LfcOptions, train_lfc
from ttpo_cli.training.lfc.validation import centre
from ttpo_cli.training.prior import PriorTrainingOptions, train_prior
from ttpo_cli.training.ranker import RankerData, RankerOptions, train_ranker
from ttpo_cli.training.run import Record
from ttpo_cli.weights.checkpoint import load_checkpoint

CPU = torch.device("cpu")
# A step of pretraining, then three of PD-ADMM: a run killed at step 2 must find its dual variable and discriminator again.
LFC = LfcOptions(steps=1, batch=2, crop=8, admm=AdmmOptions(steps=3, crops=2, dual="crop", rho=1.0))
PRIOR = PriorTrainingOptions(channels=(16, 16), steps=4, batch=2, crop=32, bank=8, side=48)
SECOND = PriorTrainingOptions(channels=(16, 16), steps=4, batch=2, crop=16, bank=4, side=48, transforms=2, sees_photo=True)
BANK = BankOptions(10, 48, 0)
RANKER = RankerOptions(width=8, crops=4, strengths=(0.1, 0.3), denoising_steps=2, steps=4, batch=2, crop=32)


@pytest.fixture(scope="module")
def photos(photo_folder: Path) -> list[Path]:
    return sorted(photo_folder.iterdir())


@pytest.fixture(scope="module")
def bank(photos: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Bank:
    ways = restorers([load_backbone("bicubic", scale=4)], CPU)
    return load_or_make_bank(tmp_path_factory.mktemp("bank") / "bank.safetensors", photos, ways, BANK, file_fingerprints(photos))


Method = tuple[str, Callable[[Path, bool], Iterator[Record]]]


@pytest.fixture(params=["lfc-sr", "haar-prior", "haar-prior that sees the photo", "ranker"])
def method(request: pytest.FixtureRequest, photos: list[Path], bank: Bank) -> Method:
    prior = gaussian_prior(0.1)
    methods: dict[str, Callable[[Path, bool], Iterator[Record]]] = {
        "lfc-sr": lambda folder, resume: train_lfc(photos, folder, LFC, CPU, resume=resume, every=2),
        "haar-prior": lambda folder, resume: train_prior(photos, [], folder, PRIOR, CPU, resume=resume, every=2),
        "haar-prior that sees the photo": lambda folder, resume: train_prior(photos, [], folder, SECOND, CPU, resume=resume, every=2),
        "ranker": lambda folder, resume: train_ranker(RankerData(bank, bank, prior, prior), folder, RANKER, CPU, resume=resume, every=2),
    }
    return request.param.split()[0], methods[request.param]


def test_a_run_killed_and_resumed_equals_an_undisturbed_one_bit_for_bit(method: Method, tmp_path: Path) -> None:
    name, train = method
    whole = list(train(tmp_path / "whole", False))
    assert [record["step"] for record in whole] == ([1, 2, 4] if name == "lfc-sr" else [2, 4])
    assert len(list(islice(train(tmp_path / "killed", False), len(whole) - 1))) == len(whole) - 1
    resumed = list(train(tmp_path / "killed", True))
    assert [record["step"] for record in resumed] == [4]
    weights = [load_checkpoint(tmp_path / folder / f"{name}.safetensors")[0] for folder in ("whole", "killed")]
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])
    logs = [[json.loads(line) for line in (tmp_path / folder / "log.jsonl").read_text().splitlines()] for folder in ("whole", "killed")]
    for first, second in zip(*logs, strict=True):
        assert {**first, "seconds": 0} == {**second, "seconds": 0}


def test_the_prior_learns_to_denoise_and_loads(photos: list[Path], tmp_path: Path) -> None:
    sizes = {"channels": (16, 16), "batch": 4, "crop": 32, "bank": 8, "side": 48}
    options = PriorTrainingOptions(**sizes, steps=80, learning_rate=4e-3, precision="fp32", condition_dropout=0.0)
    records = list(train_prior(photos, [], tmp_path, options, CPU, every=20))
    # A loss of 1 is what the preconditioning alone reaches, with a network that answers 0.
    assert records[-1]["held_loss_0.1"] < min(0.95, records[0]["held_loss_0.1"])
    prior = load_haar_prior(tmp_path / "haar-prior.safetensors", CPU, "fp32")
    assert torch.isfinite(prior.denoise(torch.randn(1, 3, 16, 16), torch.tensor([0.3]), torch.zeros(1, 3, 16, 16))).all()


def test_the_prior_that_sees_the_photo_learns_from_it(photos: list[Path], tmp_path: Path) -> None:
    options = replace(SECOND, batch=4, steps=80, crop=32, learning_rate=4e-3, precision="fp32", condition_dropout=0.0)
    records = list(train_prior(photos, [], tmp_path, options, CPU, every=20))
    assert records[-1]["held_loss_0.1"] < min(0.95, records[0]["held_loss_0.1"])
    denoiser = load_denoiser(tmp_path / "haar-prior.safetensors")
    assert (denoiser.size.transforms, denoiser.size.sees_photo, denoiser.multiple) == (2, True, 8)


def test_crops_that_the_network_cannot_halve_are_refused(photos: list[Path], tmp_path: Path) -> None:
    for crop in (20, 64):
        with pytest.raises(UsageError, match="a multiple of 8, at most the side of 48"):
            list(train_prior(photos, [], tmp_path, replace(SECOND, crop=crop), CPU))


def test_the_border_of_two_phases_has_a_record_and_weights_of_its_own(photos: list[Path], tmp_path: Path) -> None:
    told: list[int] = []
    records = list(train_lfc(photos, tmp_path, LFC, CPU, every=3, observer=TrainingObserver(told.append)))
    assert [record["step"] for record in records] == [1, 3, 4] and told == [0, 1, 2, 3, 4]
    assert "penalty" not in records[0] and "loss" not in records[1]
    metadata = load_checkpoint(tmp_path / "pretrained.safetensors")[1]
    assert (metadata["steps"], metadata["method"]) == ("1", "joint L1 pretraining")


def test_a_run_that_goes_on_with_other_photos_is_refused_by_their_names(photos: list[Path], tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for path in photos[:3]:
        (folder / path.name).write_bytes(path.read_bytes())
    assert len(list(islice(train_lfc(find_photos([folder]), tmp_path / "run", LFC, CPU, every=2), 1))) == 1
    (folder / photos[0].name).rename(folder / "renamed.png")
    with pytest.raises(UsageError, match=rf"1 gone \({photos[0].name}\); 1 new \(renamed\.png\)"):
        list(train_lfc(find_photos([folder]), tmp_path / "run", LFC, CPU, resume=True, every=2))


def test_in_the_order_po_records_call_the_second_output_the_objective_one(photos: list[Path], tmp_path: Path) -> None:
    """The network's first output is bicubic, its second another image: what the records say of each is what the checkpoint gives."""
    admm = AdmmOptions(steps=2, crops=2, constraint="none", order="po", objective_rate=2e-3, perceptual_rate=0.0)
    options = LfcOptions(steps=0, batch=2, crop=8, ema=0.0, admm=admm)
    record = list(train_lfc(photos, tmp_path, options, CPU, every=2))[-1]
    assert load_checkpoint(tmp_path / "lfc-sr.safetensors")[1]["order"] == "po"
    _, held, _ = read_pairs(photos, 8, 4, options.data)
    lq, hq = centre(held[0], 4, CPU)
    found = {}
    for name, blend in (("objective", 0.0), ("perceptual", 1.0)):
        image = load_backbone(str(tmp_path / "lfc-sr.safetensors"), blend=blend).network(lq).clamp(0, 1)
        found[name] = float(psnr_y(image, hq, border=4))
    assert abs(found["objective"] - found["perceptual"]) > 1e-3
    assert {name: record[f"psnr_y_{name}"] for name in found} == pytest.approx(found, abs=1e-4)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"precision": "fp16"}, "unknown precision"),
        ({"batch": 0}, "batch and crop must be 1 or more"),
        ({"crop": -2}, "batch and crop must be 1 or more"),
        ({"steps": -1}, "0 or more"),
        ({"learning_rate": float("nan")}, "learning_rate must be a number"),
        ({"ema": -1.0}, "ema must be a number"),
        ({"ema": 1.0}, "share from 0 to below 1"),
        ({"batch": 3}, "a batch of 3 cannot be drawn from 2 fixed crops"),
        ({"crop": 2, "admm": replace(LFC.admm, low_pass="gaussian")}, "smaller than the Gaussian"),
        ({"admm": replace(LFC.admm, rho=float("inf"))}, r"admm\.rho must be a number"),
        ({"steps": 0, "admm": replace(LFC.admm, steps=0)}, "must be 1 or more"),
    ],
)
def test_options_that_cannot_be_meant_stop_before_anything_is_written(
    photos: list[Path], tmp_path: Path, changes: dict[str, Any], says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        list(train_lfc(photos, tmp_path / "run", replace(LFC, **changes), CPU))
    assert not (tmp_path / "run").exists()


def test_the_pretrainings_rate_falls_in_steps_where_it_is_told_to(photos: list[Path], tmp_path: Path) -> None:
    options = replace(LFC, steps=4, learning_rate=1e-3, decay=0.1, decay_at=(0.5, 0.75), admm=replace(LFC.admm, steps=0))
    records = list(train_lfc(photos, tmp_path, options, CPU, every=1))
    assert [record["learning_rate"] for record in records] == pytest.approx([1e-3, 1e-3, 1e-4, 1e-5])


def test_weights_that_are_no_numbers_replace_no_checkpoint(photos: list[Path], tmp_path: Path) -> None:
    wild = replace(LFC, steps=2, learning_rate=1e30, admm=replace(LFC.admm, steps=0))
    with pytest.raises(TtpoError, match=r"step 0: nothing was saved yet; begin in another folder at a lower rate"):
        list(train_lfc(photos, tmp_path / "run", wild, CPU, every=1))
    assert not (tmp_path / "run" / "state.pt").exists()


def test_a_disk_that_fills_while_a_record_is_written_names_what_stands(
    photos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = train_lfc(photos, tmp_path / "run", LFC, CPU, every=2)
    next(training)
    true_open = Path.open

    def full(path: Path, mode: str = "r", *rest: Any, **more: Any) -> Any:
        if path.name == "log.jsonl" and mode == "a":
            raise OSError(28, "No space left on device")
        return true_open(path, mode, *rest, **more)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(TtpoError, match=r"run cannot be written \(No space left on device\): the previous checkpoint stands"):
        list(training)
    monkeypatch.undo()
    assert [record["step"] for record in train_lfc(photos, tmp_path / "run", LFC, CPU, resume=True, every=2)] == [2, 4]


def test_the_backbone_starts_as_bicubic_and_loads_by_its_file(photos: list[Path], tmp_path: Path) -> None:
    records = list(train_lfc(photos, tmp_path, LFC, CPU, every=4))
    assert records[-1]["psnr_y_perceptual"] > 20
    assert load_backbone(str(tmp_path / "lfc-sr.safetensors")).scale == 4


def test_the_dual_variable_follows_the_stages_and_each_stage_its_own_rate(photos: list[Path], tmp_path: Path) -> None:
    """Only the stage whose rate is not zero moves, in either order; s is the sum of the differences that were recorded."""
    for order, moving in (("op", "perceptual_stage"), ("po", "objective_stage")):
        admm = AdmmOptions(steps=2, crops=2, rho=1.0, order=order, objective_rate=0.0, perceptual_rate=1e-3)
        options = LfcOptions(steps=0, batch=2, crop=8, ema=0.0, admm=admm)
        records = list(train_lfc(photos, tmp_path / order, options, CPU, every=1))
        torch.manual_seed(options.seed)
        start = build_lfc_sr(options.preset, options.scale).state_dict()
        end = load_checkpoint(tmp_path / order / "lfc-sr.safetensors")[0]
        assert {name.split(".")[0] for name in end if not torch.equal(end[name], start[name])} == {moving}
        # One batch is the whole bank: after the first step |s| is the first difference, LL's gain of 2 apart.
        assert float(records[0]["dual_abs"]) == pytest.approx(2 * float(records[0]["low_mae"]), rel=1e-4)
        # An untrained second stage is the identity: where it stays as it is there is no difference to remember.
        grew = float(records[1]["dual_abs"]) > float(records[0]["dual_abs"]) > 0
        assert grew == (order == "op")


def test_the_steps_of_the_second_phase_draw_other_crops(photos: list[Path], tmp_path: Path) -> None:
    admm = AdmmOptions(steps=2, crops=4, rho=0.0, objective_rate=0.0, perceptual_rate=0.0, dual="none")
    records = list(train_lfc(photos, tmp_path, LfcOptions(steps=0, batch=2, crop=8, admm=admm), CPU, every=1))
    assert records[0]["loss_objective"] != records[1]["loss_objective"]


def test_the_ranker_learns_the_judges_order_and_carries_its_pristine_level(bank: Bank, tmp_path: Path) -> None:
    options = RankerOptions(width=8, crops=10, strengths=(0.1, 0.4), denoising_steps=2, steps=40, batch=4, crop=32, learning_rate=3e-3)
    records = list(train_ranker(RankerData(bank, bank, gaussian_prior(0.1)), tmp_path, options, CPU, every=20))
    assert records[-1]["loss"] < records[0]["loss"]
    assert records[-1]["accuracy_photos"] > 0.6
    metric = ranker_metric(CPU, tmp_path / "ranker.safetensors")
    assert metric.pristine is not None
    assert metric.function(torch.rand(2, 3, 40, 56)).shape == (2,)


def never(lq: torch.Tensor) -> torch.Tensor:
    raise AssertionError("restored again")


def test_a_bank_holds_each_restorer_and_is_read_again_unchanged(bank: Bank, photos: list[Path], tmp_path: Path) -> None:
    assert {"bicubic", "bicubic-x2", "bicubic-x4", "photo", "photo-soft"} == set(bank.kinds)
    ways = restorers([load_backbone("bicubic", scale=4)], CPU)
    lines = file_fingerprints(photos)
    first = load_or_make_bank(tmp_path / "bank.safetensors", photos, ways, BANK, lines)
    again = load_or_make_bank(tmp_path / "bank.safetensors", [], [replace(way, apply=never) for way in ways], BANK, lines)
    assert torch.equal(first.restored, bank.restored)
    assert torch.equal(again.truth, bank.truth)
    assert again.kinds == bank.kinds


def test_bank_crops_stay_aligned_under_flips(bank: Bank) -> None:
    same = replace(bank, restored=bank.truth)
    restored, truth = draw_bank_crops(same, 8, 16, torch.Generator().manual_seed(1))
    assert torch.equal(restored, truth)
