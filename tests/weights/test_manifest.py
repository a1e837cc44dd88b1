"""The manifest: strict entries, embedded files verified, and an embedding that writes what reading expects."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml

from ttpo_cli.errors import UsageError, WeightsError
from ttpo_cli.weights import manifest as manifest_module
from ttpo_cli.weights.checkpoint import save_checkpoint
from ttpo_cli.weights.embedding import EMBEDDED, HEADER, manifest_text, update_manifest_entry
from ttpo_cli.weights.entry import HubSource, PackagedFile, PackageSource
from ttpo_cli.weights.manifest import BUILTIN, PACKAGE, embedded_path, manifest_path, read_manifest
from ttpo_cli.weights.sha256 import file_sha256

ROOT = Path(__file__).resolve().parents[2]

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

PACKAGE_SOURCE = {"distribution": "sr-model", "version": ">=1,<2", "files": {"m/a.param": "0" * 64, "m/a.bin": "1" * 64}}


def packaged(**facts):
    """What makes ENTRY one of a package, with these facts of the package."""
    return {"file": None, "sha256": None, "package": PACKAGE_SOURCE | facts}


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
        ({"aliases": "short"}, "is not a list of words"),
        ({"scale": 0}, "scale"),
        ({"sha256": "0" * 63}, "64 hexadecimal digits"),
        ({"file": None}, "exactly one of file, urls, hub and package"),
        ({"urls": ["https://example.org/a.pth"]}, "exactly one of file, urls, hub and package"),
        ({"file": None, "urls": ["ftp://example.org/a.pth"]}, "https://"),
        ({"file": None, "urls": ["http://example.org/a.pth"], "sha256": None}, "without a sha256"),
        ({"file": None, "urls": ["https://example.org/é.pth"]}, "as %20"),
        ({"file": None, "urls": ["https://example.org/a b.pth"]}, "as %20"),
        ({"file": None, "hub": {"file": "a.safetensors"}}, "give repo"),
        ({"file": None, "hub": {"repo": "no-owner"}}, "OWNER/NAME"),
        ({"file": None, "hub": {"repo": "a/b", "file": "../c"}}, "is not a path inside"),
        ({"file": None, "hub": {"repo": "a/b", "commit": "c"}}, "commit"),
        ({"package": PACKAGE_SOURCE}, "exactly one of file, urls, hub and package"),
        ({"file": None, "package": PACKAGE_SOURCE}, "leave this one empty"),
        (packaged(distribution=None), "package distribution: None"),
        (packaged(distribution="a b"), "package distribution: 'a b'"),
        (packaged(distribution="-r evil.txt"), "package distribution"),
        (packaged(extra="a b"), "package extra: 'a b'"),
        (packaged(version=""), "package version: ''"),
        (packaged(version="newest"), "package version: 'newest'"),
        (packaged(version=1.0), "package version: 1.0"),
        (packaged(files={}), "package files"),
        (packaged(files=["m/a.bin"]), "package files"),
        (packaged(files={"../a.bin": "0" * 64}), "no path inside a package"),
        (packaged(files={"/etc/passwd": "0" * 64}), "no path inside a package"),
        (packaged(files={"m\\..\\a.bin": "0" * 64}), "no path inside a package"),
        (packaged(files={"m/a.bin": "0" * 63}), "m/a.bin: '0+', which is not 64 hexadecimal digits"),
        (packaged(files={"m/a.bin": None}), "m/a.bin: None, which is not 64 hexadecimal digits"),
        (packaged(files={"m/a.bin": "0" * 64, "n/a.bin": "1" * 64}), "same name in two folders"),
        (packaged(url="x"), "give distribution, version, files"),
        ({"file": None, "sha256": None, "package": "sr-model"}, "give distribution, version, files"),
    ],
)
def test_a_wrong_entry_is_refused_by_its_field(tmp_path, change, word):
    with pytest.raises(WeightsError, match=word):
        read_manifest(written(tmp_path, {"long": ENTRY | change}))


@pytest.mark.parametrize("name", ["../up", "Large", "a/b", "", "a b"])
def test_a_name_that_is_no_plain_word_is_refused(tmp_path, name):
    with pytest.raises(WeightsError, match="is not a name"):
        read_manifest(written(tmp_path, {name: ENTRY}))


def test_a_hub_is_one_repository_or_mirrors_in_order(tmp_path):
    plain = {**ENTRY, "file": None, "aliases": []}
    one = plain | {"hub": {"repo": "a/b", "revision": None, "file": "c.pth"}}
    two = plain | {"hub": [{"repo": "a/b", "allow_patterns": ["*.json"]}, {"repo": "c/d", "revision": "v1"}]}
    entries = read_manifest(written(tmp_path, {"one": one, "two": two}))
    assert entries["one"].hub == (HubSource("a/b", "main", "c.pth"),)
    assert entries["two"].hub == (HubSource("a/b", "main", None, ("*.json",)), HubSource("c/d", "v1"))


def test_a_package_is_read_in_the_order_of_its_files_and_written_as_it_was(tmp_path):
    entries = read_manifest(written(tmp_path, yaml.safe_dump({"long": ENTRY | packaged(extra="drawings")}, sort_keys=False)))
    files = (PackagedFile("m/a.param", "0" * 64), PackagedFile("m/a.bin", "1" * 64))
    assert entries["long"].package == PackageSource("sr-model", ">=1,<2", files, "drawings")
    assert entries["long"].file_names == ("a.param", "a.bin")
    (tmp_path / "again").mkdir()
    assert read_manifest(written(tmp_path / "again", manifest_text(entries))) == entries


def test_entries_of_one_role_may_share_an_alias_and_others_may_not(tmp_path):
    other = ENTRY | {"file": "other.safetensors"}
    assert len(read_manifest(written(tmp_path, {"long": ENTRY, "other": other}))) == 2
    for wrong in (other | {"role": "metric"}, other | {"aliases": ["long"]}):
        with pytest.raises(WeightsError, match="two entries"):
            read_manifest(written(tmp_path, {"long": ENTRY, "other": wrong}))


def test_the_package_names_checkpoints_for_every_job_and_priors_of_every_family():
    entries = read_manifest().values()
    fetched = [entry for entry in entries if entry.role == "backbone" and entry.file is None]
    assert len(fetched) >= 60
    assert {1, 2, 3, 4, 8} <= {entry.scale for entry in fetched}
    jobs = {"super-resolution", "real-world super-resolution", "denoise", "deblur", "derain", "dehaze", "low light", "JPEG artefacts"}
    assert jobs | {"face restoration"} <= {entry.task for entry in fetched}
    priors = {"sd15", "sd21", "sd-turbo", "sdxl", "sd3", "sd35-medium", "sd35-large", "flux1-dev", "flux1-schnell", "flux2-dev"}
    assert priors | {"taesd", "controlnet-tile-sd15"} <= {entry.name for entry in entries if entry.role == "prior"}


def test_a_licence_that_says_non_commercial_is_never_given_as_free():
    for entry in read_manifest().values():
        forbids = entry.licence is not None and ("-NC" in entry.licence or "non-commercial" in entry.licence.lower())
        assert entry.commercial_use is False if forbids else entry.licence is not None or entry.commercial_use is None, entry.name


def test_every_address_of_the_package_is_https_and_every_file_has_a_name_of_its_own():
    entries = [entry for entry in read_manifest().values() if entry.urls]
    assert [url for entry in entries for url in entry.urls if not url.startswith("https://")] == []
    assert len({entry.file_name for entry in entries}) == len(entries)
    hashes = [entry.sha256 for entry in entries if entry.sha256 is not None]
    assert len(hashes) == len(set(hashes)) >= 40


def test_the_manifest_is_as_its_writer_writes_it():
    assert manifest_path().read_text("utf-8") == HEADER + manifest_text(read_manifest())


def test_a_wheel_carries_the_manifest_where_it_is_looked_for():
    tomllib = pytest.importorskip("tomllib", reason="Python reads TOML from 3.11 on")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    build = project["tool"]["hatch"]["build"]["targets"]
    assert build["wheel"]["force-include"] == {"weights_manifest.yaml": "ttpo_cli/weights_manifest.yaml"}
    assert build["wheel"]["packages"] == [PACKAGE.name] == ["ttpo_cli"]
    assert "/weights_manifest.yaml" in build["sdist"]["include"]
    assert manifest_path() == ROOT / "weights_manifest.yaml"


def test_the_manifest_inside_the_package_is_taken_before_one_beside_it(tmp_path, monkeypatch):
    (tmp_path / "package").mkdir()
    monkeypatch.setattr(manifest_module, "PACKAGE", tmp_path / "package")
    with pytest.raises(WeightsError, match="install ttpo again"):
        manifest_path()
    beside = written(tmp_path, "# beside\n")
    assert manifest_path() == beside
    inside = written(tmp_path / "package", "# inside\n")
    assert manifest_path() == inside


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


def test_a_manifest_that_changed_is_read_again_and_what_a_caller_does_to_its_entries_stays_his(tmp_path: Path) -> None:
    path = tmp_path / "weights.yaml"
    path.write_text(manifest_text({"one": replace(read_manifest()["lfc-sr-small-x4"], name="one")}))
    read_manifest(path).clear()
    assert list(read_manifest(path)) == ["one"]
    path.write_text(manifest_text({"second": replace(read_manifest()["lfc-sr-small-x4"], name="second")}))
    assert list(read_manifest(path)) == ["second"]
