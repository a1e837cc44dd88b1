"""The record says where a result came from, in values that JSON holds."""

import json
from dataclasses import replace

import pytest
from fakes import tiny_engine, tiny_photo, tiny_result

from ttpo_cli.metrics.metric import describe
from ttpo_cli.pipeline import restore_photo
from ttpo_cli.preference.outcome import BEST_OF_N
from ttpo_cli.report.record import jsonable, record_result, sidecar_path, weights_of
from ttpo_cli.settings.settings import Settings
from ttpo_cli.weights.sha256 import file_sha256


def record(ttpo=True):
    engine = tiny_engine() if ttpo else replace(tiny_engine(), tools=None)
    return record_result(tiny_result(ttpo), tiny_photo(), engine, weights_of(engine, {}))


def test_a_record_survives_strict_json_unchanged():
    assert json.loads(json.dumps(record(), allow_nan=False)) == record()


def test_a_record_holds_every_candidate_with_its_scores_seed_and_verdict():
    result, told = tiny_result(), record()
    assert [entry["label"] for entry in told["candidates"]] == list(result.outcome.candidate_labels)
    for entry in told["candidates"]:
        assert set(entry["scores"]) == {"roughness", "calm", "fused"}
        assert entry["guard"]
    assert set(told["seeds"]) >= set(result.outcome.candidate_labels[1:])
    assert told["settings"]["guidance"]["steps"] == 8


def test_each_row_costs_what_the_stages_before_it_cost():
    rows = record()["rows"]
    calls = [rows[row]["network_calls"] for row in ("restored", "best candidate", "guided", "result")]
    assert calls == [0, 25, 33, 33]
    seconds = [rows[row]["seconds"] for row in ("restored", "best candidate", "guided", "result")]
    assert seconds == sorted(seconds)
    assert rows["result"]["seconds"] == pytest.approx(sum(tiny_result().timings.seconds.values()), abs=2e-3)


def test_without_the_stages_no_pair_and_no_prior_is_claimed():
    told = record(ttpo=False)
    assert told["preferred"] is None and told["dispreferred"] is None
    assert {entry["role"] for entry in told["weights"]} == {"backbone"}


def test_a_metric_file_is_named_by_its_sha256(tmp_path):
    path = tmp_path / "calm.safetensors"
    path.write_bytes(b"weights")
    listed = weights_of(tiny_engine(), {"calm": path})
    expected = {"role": "metric", "name": "calm", "sha256": file_sha256(path), "licence": "Apache-2.0", "commercial_use": None}
    assert expected in listed
    assert listed[1] == {"role": "prior", "name": "gaussian", "sha256": "f" * 64, "licence": "Apache-2.0", "commercial_use": None}


def test_the_files_that_a_metric_read_from_the_store_are_listed_and_a_folder_has_no_sha256(tmp_path):
    path = tmp_path / "calm.pth"
    path.write_bytes(b"weights")
    engine = tiny_engine()
    metrics = [replace(metric, files=(path, tmp_path)) if metric.name == "calm" else metric for metric in engine.tools.metrics]
    listed = weights_of(replace(engine, tools=replace(engine.tools, metrics=tuple(metrics))), {})
    said = {"role": "metric", "licence": "Apache-2.0", "commercial_use": None}
    assert {**said, "name": "calm: calm.pth", "sha256": file_sha256(path)} in listed
    assert {**said, "name": f"calm: {tmp_path.name}", "sha256": None} in listed
    assert str(tmp_path) not in json.dumps([describe(metric) for metric in metrics])


def test_what_json_cannot_hold_becomes_null_or_text(tmp_path):
    given = {"a": float("inf"), "b": (1, float("nan")), "c": {tmp_path}, "d": True, 5: None}
    assert jsonable(given) == {"a": None, "b": [1, None], "c": [str(tmp_path)], "d": True, "5": None}


def test_the_sidecar_keeps_the_whole_name(tmp_path):
    assert sidecar_path(tmp_path / "photo.tar.png").name == "photo.tar.png.ttpo.json"


def test_of_a_photo_done_in_regions_no_pair_is_claimed():
    photo = tiny_photo()
    result = restore_photo(photo, tiny_engine(), Settings(region=32, region_overlap=8))
    told = record_result(result, photo, tiny_engine(), [])
    assert told["preferred"] is None and told["dispreferred"] is None
    assert {"restored", "result"} <= set(told["rows"])


def test_the_best_of_n_has_a_row_at_guidances_calls_and_no_time_of_its_own():
    photo = tiny_photo()
    result = restore_photo(photo, tiny_engine(), Settings(compare=True))
    rows = record_result(result, photo, tiny_engine(), [])["rows"]
    assert list(rows) == ["restored", "best candidate", BEST_OF_N, "guided", "result"]
    assert rows[BEST_OF_N]["network_calls"] == rows["guided"]["network_calls"] and rows[BEST_OF_N]["seconds"] is None
    assert rows[BEST_OF_N]["scores"]["fused_jointly"] is not None
