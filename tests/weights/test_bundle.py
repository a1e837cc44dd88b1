"""Bundles: a folder of models serves another machine, whatever that machine's ttpo knows of them."""

import json

import pytest
from weight_stores import CONTENT, FACTS, OTHER, SNAPSHOT, entry, remote, snapshot, store

from ttpo_cli.errors import UsageError
from ttpo_cli.weights.bundle import bundle
from ttpo_cli.weights.manifest import read_manifest
from ttpo_cli.weights.store import open_store

KNOWN = "swinir-real-m-x2"


def arrived(tmp_path, **more):
    """The store of a machine without a network to which the stick was carried."""
    place = {"TTPO_HOME": str(tmp_path / "stick"), "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "none")}
    return open_store(environment=place | more)


def test_a_bundle_serves_another_machine_without_a_network(mirror, tmp_path):
    mirror.publish("maker/dream", SNAPSHOT)
    shelf = store(tmp_path, remote(mirror), remote(mirror, "loose", known=False), snapshot(), mirror=mirror)
    assert bundle(shelf, ["clean", "loose", "dream", "clean"], tmp_path / "stick") == ["clean", "loose", "dream"]
    elsewhere = arrived(tmp_path)
    for name in ("clean", "loose", "dream"):
        assert str(elsewhere.find(name)).startswith(str(tmp_path / "stick"))
        assert elsewhere.verify(name) is True
    assert (elsewhere.find("dream") / "unet/diffusion.safetensors").read_bytes() == CONTENT
    (elsewhere.find("dream") / "unet/diffusion.safetensors").write_bytes(b"damaged")
    bundle(shelf, ["dream"], tmp_path / "stick")
    assert elsewhere.verify("dream") is True
    assert elsewhere.find("loose").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("names", "folder", "words"), [(["haar-prior"], "stick", "nothing to bundle"), (["clean"], "home", "TTPO_HOME itself")]
)
def test_a_bundle_of_nothing_or_over_itself_is_refused(mirror, tmp_path, names, folder, words):
    shelf = store(tmp_path, remote(mirror), entry("haar-prior", role="prior", file="haar-prior.safetensors", bytes=1, sha256="0" * 64))
    with pytest.raises(UsageError, match=words):
        bundle(shelf, names, tmp_path / folder)


@pytest.mark.parametrize("kind", ["file", "snapshot"])
def test_a_bundle_of_an_entry_that_replaces_ttpos_own_serves_the_other_machine(mirror, tmp_path, kind):
    mirror.publish("maker/dream", SNAPSHOT)
    own = remote(mirror, KNOWN) if kind == "file" else entry(KNOWN, hub=[{"repo": "maker/dream"}])
    bundle(store(tmp_path, own, mirror=mirror), [KNOWN], tmp_path / "stick")
    elsewhere = arrived(tmp_path)
    assert elsewhere.entry(KNOWN) == own and elsewhere.verify(KNOWN) is True
    elsewhere.remove(KNOWN)
    assert arrived(tmp_path).entry(KNOWN) == read_manifest()[KNOWN], "without its files a bundle's entry is nothing to go by"


def test_an_own_manifest_still_comes_before_a_bundles(mirror, tmp_path):
    bundle(store(tmp_path, remote(mirror, KNOWN)), [KNOWN], tmp_path / "stick")
    (tmp_path / "mine.yaml").write_text(json.dumps({KNOWN: FACTS | {"urls": ["https://example.org/a.pth"]}}))
    assert arrived(tmp_path, TTPO_MANIFEST=str(tmp_path / "mine.yaml")).entry(KNOWN).urls == ("https://example.org/a.pth",)


def test_a_later_bundle_of_ttpos_own_entry_takes_the_replacement_away(mirror, tmp_path, monkeypatch):
    bundle(store(tmp_path, remote(mirror, KNOWN), remote(mirror, "other")), [KNOWN, "other"], tmp_path / "stick")
    own = remote(mirror, KNOWN, OTHER)
    monkeypatch.setattr("ttpo_cli.weights.bundle.read_manifest", lambda path=None: {KNOWN: own} if path is None else read_manifest(path))
    bundle(store(tmp_path / "another", own), [KNOWN], tmp_path / "stick")
    assert list(read_manifest(tmp_path / "stick" / "weights_manifest.yaml")) == ["other"]
