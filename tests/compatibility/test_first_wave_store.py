"""Weights that the first wave fetched: receipts, a manifest of one's own and a bundle serve as they did, without a network."""

from pathlib import Path

import pytest


@pytest.fixture
def home(wave, monkeypatch):
    wave.take("store")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(wave.folder / "huggingface"))
    monkeypatch.setenv("TTPO_HOME", str(wave.folder / "store" / "home"))
    monkeypatch.setenv("TTPO_MANIFEST", str(wave.folder / "store" / "mine.yaml"))
    return wave.folder / "store"


def test_files_that_were_fetched_are_verified_by_the_manifest_or_by_their_receipt(home, wave):
    assert wave.run("models verify published found").split() == ["published", "verified", "found", "verified"]
    assert wave.run("models fetch published found --offline -q").splitlines() == [
        str(home / "home" / "models" / name / f"{name}.safetensors") for name in ("published", "found")
    ]


@pytest.mark.parametrize("name", ["published", "found"])
def test_a_file_that_is_not_what_arrived_then_is_told(name, home, wave):
    path = home / "home" / "models" / name / f"{name}.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    wave.run(f"models verify {name}", 3)
    assert f"{name}.safetensors is not" in wave.told


def test_a_file_without_its_receipt_is_not_trusted_unless_its_hash_was_published(home, wave):
    for name in ("published", "found"):
        (home / "home" / "models" / name / "receipt.json").unlink()
    assert wave.run("models verify published found", 3).split() == ["published", "verified", "found", "not", "here"]


def test_a_bundle_of_then_serves_a_machine_that_knows_none_of_its_entries(home, wave, monkeypatch):
    monkeypatch.setenv("TTPO_HOME", str(home / "bundle"))
    monkeypatch.delenv("TTPO_MANIFEST")
    assert wave.run("models verify published found dream").split()[1::2] == ["verified"] * 3
    assert Path(wave.run("models fetch dream --offline -q").strip()).parts[-2:] == ("dream", "snapshot")
    (home / "bundle" / "models" / "dream" / "snapshot" / "unet" / "diffusion.safetensors").write_bytes(b"other")
    wave.run("models verify dream", 3)
