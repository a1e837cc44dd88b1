"""Evaluation: published PSNRs of real checkpoints, the protocol, rows of TTPO, and going on after a kill."""

import json
import math

import pytest
import torch
from fakes import tiny_engine, tiny_photo

from ttpo_cli.backbones.catalog import load_backbone
from ttpo_cli.errors import UsageError
from ttpo_cli.evaluation.dataset import Item, find_items
from ttpo_cli.evaluation.evaluation import backbone_restorer, evaluate, mean_rows, score_image, ttpo_restorer
from ttpo_cli.evaluation.resume_log import append_record, open_journal
from ttpo_cli.imaging.photo import Metadata, Photo
from ttpo_cli.imaging.resize import imresize
from ttpo_cli.imaging.writing import write_photo
from ttpo_cli.metrics.catalog import load_metric
from ttpo_cli.pipeline import Engine
from ttpo_cli.preference.outcome import BEST_OF_N
from ttpo_cli.settings.settings import Settings

CPU = torch.device("cpu")


def write(path, pixels):
    write_photo(path, Photo(pixels, None, False, 8, "png", Metadata(), "0" * 64, path.name))


@pytest.fixture
def pairs(tmp_path):
    """Two pairs of a scale of 4."""
    for seed in range(2):
        photo = tiny_photo(48, 64, seed=seed)
        write(tmp_path / f"{seed}_HR.png", photo.pixels)
        write(tmp_path / f"{seed}_LR.png", imresize(photo.pixels, 0.25).clamp(0, 1))
    return find_items(tmp_path)


def judges(*names):
    return [load_metric(name, CPU) for name in names]


def bicubic():
    return backbone_restorer(Engine((load_backbone("bicubic"),), None, CPU), Settings(ttpo=False))


@pytest.mark.parametrize(
    ("checkpoint", "published"),
    [
        ("DCTLSA_x4.pt", 32.53),
        ("CRAFT_x4.pth", 32.39),
        ("DITN_Real_x4.pth", 32.10),
        ("DITN_Real_GAN_x4.pth", 25.84),
        ("bicubic", 28.43),
    ],
)
def test_set5_has_the_published_psnr(shared_data, checkpoint, published):
    items = find_items(shared_data / "benchmark" / "Set5_x4")
    name = checkpoint if checkpoint == "bicubic" else shared_data / "backbones" / checkpoint
    restorer = backbone_restorer(Engine((load_backbone(name),), None, CPU), Settings(ttpo=False))
    mean = mean_rows(list(evaluate(items, restorer, judges("psnr_y"), 4, CPU)))["restored"]["psnr_y"]
    assert mean == pytest.approx(published, abs=0.02)


def test_comparisons_leave_out_a_border_of_the_scale_and_see_8_bit_values(pairs):
    scale = 4

    def spoilt(photo, on_step):
        restoration = bicubic()(photo, on_step)
        image = restoration.images["restored"].clone()
        image[..., :scale, :] = 0
        image = image + 0.2 / 255  # below half a level: gone once written
        return type(restoration)({"restored": image.clamp(0, 1)}, {})

    clean = list(evaluate(pairs, bicubic(), judges("psnr_y"), scale, CPU))
    hurt = list(evaluate(pairs, spoilt, judges("psnr_y"), scale, CPU))
    for first, second in zip(clean, hurt, strict=True):
        assert first["rows"]["restored"]["psnr_y"] == pytest.approx(second["rows"]["restored"]["psnr_y"], abs=0.05)


def test_the_rival_of_equal_calls_is_a_row_of_its_own(pairs):
    engine = tiny_engine()
    record = next(iter(evaluate(pairs, ttpo_restorer(engine, Settings(compare=True)), judges("psnr_y"), 4, CPU)))
    assert list(record["rows"]) == ["restored", "best candidate", "guided", BEST_OF_N, "result"]
    joint = record["fused_jointly"]
    assert set(joint) == set(record["rows"]) and all(joint[row] is not None for row in ("restored", "guided", BEST_OF_N))
    assert record["rows"][BEST_OF_N]["psnr_y"] != record["rows"]["guided"]["psnr_y"]


def test_ttpo_has_four_rows_and_its_facts_are_json(pairs):
    engine = tiny_engine()
    records = list(evaluate(pairs, ttpo_restorer(engine, Settings()), [*judges("psnr_y"), *engine.tools.metrics], 4, CPU))
    for record in records:
        assert list(record["rows"]) == ["restored", "best candidate", "guided", "result"]
        assert {"psnr_y", "roughness", "calm"} == set(record["rows"]["result"])
        assert record["chosen"] and record["guard"].keys() == record["rows"].keys()
    alone = next(iter(evaluate(pairs, bicubic(), judges("psnr_y"), 4, CPU)))
    assert records[0]["rows"]["restored"]["psnr_y"] == pytest.approx(alone["rows"]["restored"]["psnr_y"], abs=1e-6)


def test_a_photo_that_fails_is_a_record_with_its_error_and_the_others_go_on(pairs, tmp_path):
    pairs[0].lq.write_bytes(b"no photo")
    records = list(evaluate(pairs, bicubic(), judges("psnr_y"), 4, CPU))
    assert "error" in records[0] and records[0]["exit_code"] == 1 and "rows" in records[1]
    assert mean_rows(records)["restored"]["psnr_y"] == records[1]["rows"]["restored"]["psnr_y"]


def test_a_backbone_of_another_scale_is_told_the_sizes(pairs):
    restorer = backbone_restorer(Engine((load_backbone("none"),), None, CPU), Settings(ttpo=False))
    record = next(iter(evaluate(pairs, restorer, judges("psnr_y"), 1, CPU)))
    assert "restored to 16x12 px, but its reference has 64x48" in record["error"]


def test_metrics_that_compare_need_references(pairs):
    photos = [Item(item.name, item.lq, None) for item in pairs]
    with pytest.raises(UsageError, match="psnr_y need references"):
        list(evaluate(photos, bicubic(), judges("psnr_y", "piqe"), 4, CPU))


def test_what_a_metric_cannot_judge_is_none_and_left_out_of_the_mean(pairs):
    records = list(evaluate(pairs, bicubic(), judges("niqe", "piqe"), 4, CPU))
    assert records[0]["rows"]["restored"]["niqe"] is None  # below 96 px
    mean = mean_rows(records)["restored"]
    assert mean["niqe"] is None and mean["piqe"] == pytest.approx(sum(r["rows"]["restored"]["piqe"] for r in records) / 2)
    same = score_image(tiny_photo().pixels, tiny_photo().pixels, judges("psnr"))
    assert same["psnr"] is None  # infinite


def test_finished_photos_are_passed_over(pairs):
    done = {"0": {"name": "0", "rows": {"restored": {"psnr_y": 1.0}}}}

    def only_the_second(photo, on_step):
        assert photo.name == "1_LR.png"
        return bicubic()(photo, on_step)

    records = list(evaluate(pairs, only_the_second, judges("psnr_y"), 4, CPU, finished=done))
    assert records[0] == done["0"] and math.isfinite(records[1]["rows"]["restored"]["psnr_y"])


def test_a_journal_gives_back_its_records_and_forgets_a_line_cut_short(tmp_path):
    path, settings = tmp_path / "run.jsonl", {"metrics": ("psnr_y",), "seed": 0}
    assert open_journal(path, settings) == {}
    append_record(path, {"name": "a", "rows": {}})
    with path.open("a") as stream:
        stream.write('{"name": "b", "ro')
    assert open_journal(path, settings) == {"a": {"name": "a", "rows": {}}}
    append_record(path, {"name": "b", "rows": {}})
    assert list(open_journal(path, settings)) == ["a", "b"]
    assert [json.loads(line) for line in path.read_text().splitlines()][0] == {"settings": {"metrics": ["psnr_y"], "seed": 0}}


def test_a_journal_of_other_settings_is_refused_by_the_name_of_what_differs(tmp_path):
    path = tmp_path / "run.jsonl"
    open_journal(path, {"seed": 0, "metrics": ["psnr_y"]})
    with pytest.raises(UsageError, match="other settings \\(seed\\)"):
        open_journal(path, {"seed": 1, "metrics": ["psnr_y"]})
    path.write_text("not json\n")
    with pytest.raises(UsageError, match="not a journal"):
        open_journal(path, {})
