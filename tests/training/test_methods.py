"""Each training method, tiny and for real: it learns, writes weights that load, and a killed run ends as an undisturbed one."""

import json
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pytest
import torch
from analytic import gaussian_prior

from ttpo_cli.backbones.catalog import load_backbone
from ttpo_cli.backbones.lfc_sr import build_lfc_sr
from ttpo_cli.diffusion.priors.embedded import load_haar_prior
from ttpo_cli.metrics.ranker import ranker_metric
from ttpo_cli.training.admm import AdmmOptions
from ttpo_cli.training.lfc import LfcOptions, train_lfc
from ttpo_cli.training.prior import PriorOptions, train_prior
from ttpo_cli.training.ranker import RankerOptions, train_ranker
from ttpo_cli.training.restored import Bank, draw_bank_crops, load_or_make_bank, restorers
from ttpo_cli.training.run import Record
from ttpo_cli.weights.checkpoint import load_checkpoint

CPU = torch.device("cpu")
# A step of pretraining, then three of PD-ADMM: a run killed at step 2 must find its dual variable and discriminator again.
LFC = LfcOptions(steps=1, batch=2, crop=8, admm=AdmmOptions(steps=3, crops=2, dual="crop", rho=1.0))
PRIOR = PriorOptions(channels=(16, 16), steps=4, batch=2, crop=32, bank=8, side=48)
RANKER = RankerOptions(width=8, crops=4, strengths=(0.1, 0.3), denoising_steps=2, steps=4, batch=2, crop=32)


@pytest.fixture(scope="module")
def photos(photo_folder: Path) -> list[Path]:
    return sorted(photo_folder.iterdir())


@pytest.fixture(scope="module")
def bank(photos: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Bank:
    ways = restorers([load_backbone("bicubic", scale=4)], CPU)
    return load_or_make_bank(tmp_path_factory.mktemp("bank") / "bank.safetensors", photos, ways, 10, 48, 0)


Method = tuple[str, Callable[[Path, bool], Iterator[Record]]]


@pytest.fixture(params=["lfc-sr", "haar-prior", "ranker"])
def method(request: pytest.FixtureRequest, photos: list[Path], bank: Bank) -> Method:
    prior = gaussian_prior(0.1)
    methods: dict[str, Callable[[Path, bool], Iterator[Record]]] = {
        "lfc-sr": lambda folder, resume: train_lfc(photos, folder, LFC, CPU, resume=resume, every=2),
        "haar-prior": lambda folder, resume: train_prior(photos, [], folder, PRIOR, CPU, resume=resume, every=2),
        "ranker": lambda folder, resume: train_ranker(bank, bank, prior, prior, folder, RANKER, CPU, resume=resume, every=2),
    }
    return request.param, methods[request.param]


def test_a_run_killed_and_resumed_equals_an_undisturbed_one_bit_for_bit(method: Method, tmp_path: Path) -> None:
    name, train = method
    whole = list(train(tmp_path / "whole", False))
    assert [record["step"] for record in whole] == [2, 4]
    assert len(list(islice(train(tmp_path / "killed", False), 1))) == 1
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
    options = PriorOptions(**sizes, steps=80, learning_rate=4e-3, precision="fp32", condition_dropout=0.0)
    records = list(train_prior(photos, [], tmp_path, options, CPU, every=20))
    # A loss of 1 is what the preconditioning alone reaches, with a network that answers 0.
    assert records[-1]["held_loss_0.1"] < min(0.95, records[0]["held_loss_0.1"])
    prior = load_haar_prior(tmp_path / "haar-prior.safetensors", CPU, "fp32")
    assert torch.isfinite(prior.denoise(torch.randn(1, 3, 16, 16), torch.tensor([0.3]), torch.zeros(1, 3, 16, 16))).all()


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
    records = list(train_ranker(bank, bank, gaussian_prior(0.1), None, tmp_path, options, CPU, every=20))
    assert records[-1]["loss"] < records[0]["loss"]
    assert records[-1]["accuracy_photos"] > 0.6
    metric = ranker_metric(CPU, tmp_path / "ranker.safetensors")
    assert metric.pristine is not None
    assert metric.function(torch.rand(2, 3, 40, 56)).shape == (2,)


def test_a_bank_holds_each_restorer_and_is_read_again_unchanged(bank: Bank, photos: list[Path], tmp_path: Path) -> None:
    assert {"bicubic", "bicubic-x2", "bicubic-x4", "photo", "photo-soft"} == set(bank.kinds)
    ways = restorers([load_backbone("bicubic", scale=4)], CPU)
    first = load_or_make_bank(tmp_path / "bank.safetensors", photos, ways, 10, 48, 0)
    again = load_or_make_bank(tmp_path / "bank.safetensors", [], [], 10, 48, 0)
    assert torch.equal(first.restored, bank.restored)
    assert torch.equal(again.truth, bank.truth)
    assert again.kinds == bank.kinds


def test_bank_crops_stay_aligned_under_flips(bank: Bank) -> None:
    same = Bank(bank.truth, bank.truth, bank.kinds)
    restored, truth = draw_bank_crops(same, 8, 16, torch.Generator().manual_seed(1))
    assert torch.equal(restored, truth)
