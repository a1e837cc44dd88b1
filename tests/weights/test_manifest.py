"""The manifest: strict entries, embedded files verified, and an embedding that writes what reading expects."""

import pytest
import torch
import yaml

from ttpo_cli.errors import UsageError, WeightsError
from ttpo_cli.weights import manifest as manifest_module
from ttpo_cli.weights.checkpoint import file_sha256, save_checkpoint
from ttpo_cli.weights.embedding import EMBEDDED, update_manifest_entry
from ttpo_cli.weights.manifest import BUILTIN, embedded_path, read_manifest

ENTRY = {
    "aliases": ["short"],
    "role": "prior",
    "task": "image prior",
    "architecture": "U-Net",
    "scale": 1,
    "file": "long.safetensors",
    "bytes": 3,
    "sha256": "0" * 64,
    "licence": "Apache-2.0",
    "commercial_use": True,
    "trained_by": "ttpo train prior",
    "paper": "none",
}


def written(tmp_path, content):
    path = tmp_path / "weights_manifest.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return path


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A package folder of one's own: an empty manifest and an empty builtin folder; gives (manifest, builtin, checkpoint)."""
    (tmp_path / "builtin").mkdir()
    path = written(tmp_path, "# nothing yet\n")
    monkeypatch.setattr(manifest_module, "PACKAGE", tmp_path)
    monkeypatch.setattr(manifest_module, "BUILTIN", tmp_path / "builtin")
    save_checkpoint(tmp_path / "trained.safetensors", {"weight": torch.rand(3)}, {"ttpo": "haar-prior"})
    return path, tmp_path / "builtin", tmp_path / "trained.safetensors"


def test_every_embedded_entry_names_a_file_that_is_there_and_verified():
    embedded = {name for name, entry in read_manifest().items() if entry.file is not None}
    assert {embedded_path(name).name for name in embedded} == {path.name for path in BUILTIN.glob("*.safetensors")}
    assert embedded <= set(EMBEDDED)


def test_an_entry_is_read_as_it_is_written(tmp_path):
    entry = read_manifest(written(tmp_path, {"long": ENTRY}))["long"]
    assert (entry.name, entry.aliases, entry.role, entry.bytes, entry.commercial_use) == ("long", ("short",), "prior", 3, True)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"role": "sampler"}, "sampler"),
        ({"bytes": "3"}, "bytes"),
        ({"commercial_use": 1}, "commercial_use"),
        ({"sha256": None}, "sha256"),
        ({"file": "../../etc/passwd"}, "plain file name"),
        ({"url": "x"}, "url"),
        ({"aliases": ["long"]}, "two entries"),
    ],
)
def test_a_wrong_entry_is_refused_by_its_field(tmp_path, change, word):
    with pytest.raises(WeightsError, match=word):
        read_manifest(written(tmp_path, {"long": ENTRY | change}))


def test_a_missing_field_is_named(tmp_path):
    with pytest.raises(WeightsError, match="licence"):
        read_manifest(written(tmp_path, {"long": {key: value for key, value in ENTRY.items() if key != "licence"}}))


@pytest.mark.parametrize("content", ["- a list\n", "{", "name: text\n", "!!python/object/apply:os.system ['false']\n", "\xff\xfe"])
def test_what_is_no_manifest_is_refused(tmp_path, content):
    with pytest.raises(WeightsError):
        read_manifest(written(tmp_path, content))


def test_an_embedded_file_is_found_by_name_and_alias(house):
    manifest, builtin, trained = house
    entry = update_manifest_entry("haar-prior", trained, manifest=manifest, builtin=builtin)
    assert embedded_path("haar-prior") == embedded_path("haar") == builtin / "haar-prior.safetensors"
    assert (entry.sha256, entry.bytes) == (file_sha256(trained), trained.stat().st_size)
    assert read_manifest() == {"haar-prior": entry}


def test_a_second_training_refreshes_the_entry_and_keeps_its_facts(house):
    manifest, builtin, trained = house
    update_manifest_entry("ranker", trained, manifest=manifest, builtin=builtin)
    first = update_manifest_entry("haar-prior", trained, trained_by="somebody", manifest=manifest, builtin=builtin)
    save_checkpoint(trained, {"weight": torch.rand(5)}, {})
    second = update_manifest_entry("haar-prior", trained, manifest=manifest, builtin=builtin)
    assert second.trained_by == "somebody"
    assert second.sha256 != first.sha256
    assert list(read_manifest()) == ["haar-prior", "ranker"]
    assert embedded_path("haar-prior").is_file()


def test_a_changed_or_missing_embedded_file_is_refused(house):
    manifest, builtin, trained = house
    update_manifest_entry("haar-prior", trained, manifest=manifest, builtin=builtin)
    path = builtin / "haar-prior.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(WeightsError, match="not the bytes"):
        embedded_path("haar-prior")
    path.unlink()
    with pytest.raises(WeightsError, match="missing"):
        embedded_path("haar-prior")


def test_an_unknown_name_lists_the_known_ones(house):
    manifest, builtin, trained = house
    with pytest.raises(WeightsError, match="ships no weights 'haar-prior'"):
        embedded_path("haar-prior")
    with pytest.raises(UsageError, match="haar-prior"):
        update_manifest_entry("haar-prio", trained, manifest=manifest, builtin=builtin)


def test_only_a_safetensors_file_is_embedded(house):
    manifest, builtin, _ = house
    with pytest.raises(WeightsError):
        update_manifest_entry("ranker", manifest, manifest=manifest, builtin=builtin)
    assert read_manifest() == {}
