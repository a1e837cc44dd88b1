"""The store: a name becomes a verified file, fetched once, remembered, and never fetched where the network is off."""

import hashlib
import json
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from mirror import COMMIT
from weight_stores import CONTENT, FACTS, OTHER, SNAPSHOT, entry, remote, snapshot, store

from ttpo_cli.errors import UsageError, WeightsError
from ttpo_cli.weights.entry import HubSource
from ttpo_cli.weights.store import open_store


def test_a_name_becomes_its_file_and_is_fetched_once(mirror, tmp_path):
    known = remote(mirror)
    path = store(tmp_path, known).find("clean")
    assert path.read_bytes() == CONTENT
    assert path.name == "clean.pth"
    assert store(tmp_path, known, offline=True).find("clean") == path
    assert len(mirror.downloads("/clean.pth")) == 1


def test_offline_a_missing_file_is_refused_without_a_request(mirror, tmp_path):
    mirror.publish("maker/dream", SNAPSHOT)
    for one in (remote(mirror), snapshot()):
        with pytest.raises(WeightsError, match="network is off"):
            store(tmp_path, one, mirror=mirror, offline=True).find(one.name)
    assert mirror.asked == []


@pytest.mark.parametrize("known", [True, False], ids=["published hash", "hash of the first time"])
def test_a_file_that_changed_on_the_disk_is_refused_and_fetch_mends_it(mirror, tmp_path, known):
    shelf = store(tmp_path, remote(mirror, known=known))
    path = shelf.find("clean")
    path.write_bytes(CONTENT[:-1] + b"!")
    for check in (shelf.find, shelf.verify):
        with pytest.raises(WeightsError, match="ttpo models fetch clean"):
            check("clean")
    assert shelf.fetch("clean").read_bytes() == CONTENT
    assert shelf.verify("clean") is True


def test_the_first_fetch_of_a_file_without_a_hash_is_the_measure_of_later_ones(mirror, tmp_path):
    shelf = store(tmp_path, remote(mirror, known=False))
    shelf.find("clean")
    receipt = json.loads((tmp_path / "home" / "models" / "clean" / "receipt.json").read_text())
    assert receipt["files"] == {"clean.pth": {"bytes": len(CONTENT), "sha256": hashlib.sha256(CONTENT).hexdigest(), "published": False}}
    assert receipt["source"] == f"{mirror.address}/clean.pth"
    shelf.remove("clean")
    assert shelf.verify("clean") is None
    mirror.serve("/clean.pth", OTHER)
    with pytest.raises(WeightsError, match=rf"On {receipt['date']} it was sha256 .*--forget"):
        shelf.find("clean")
    shelf.remove("clean", forget=True)
    assert shelf.find("clean").read_bytes() == OTHER


@pytest.mark.parametrize(
    "answer", [CONTENT[:-1], CONTENT[:1000], b'{"message": "rate limited"}', b"version https://git-lfs.github.com/spec/v1"]
)
def test_without_a_hash_what_is_no_whole_checkpoint_never_becomes_the_measure(mirror, tmp_path, answer):
    shelf = store(tmp_path, remote(mirror, content=answer, known=False))
    with pytest.raises(WeightsError, match="gives a file that is"):
        shelf.find("clean")
    assert list((tmp_path / "home" / "models" / "clean").iterdir()) == []
    mirror.serve("/clean.pth", CONTENT)
    assert shelf.find("clean").read_bytes() == CONTENT


def test_a_file_of_another_kind_is_taken_as_it_is(mirror, tmp_path):
    one = entry("judge", role="metric", metrics=["niqe"], urls=[mirror.serve("/judge.mat", b"MATLAB 5.0 MAT-file")])
    assert store(tmp_path, one).find("judge").read_bytes() == b"MATLAB 5.0 MAT-file"


def test_two_processes_that_want_the_same_file_fetch_it_once(mirror, tmp_path):
    remote(mirror, faults=[{"stall": 1000}])
    manifest = tmp_path / "manifest.yaml"
    manifest.write_text(json.dumps({"clean": FACTS | {"urls": [f"{mirror.address}/clean.pth"]}}))
    code = "from ttpo_cli.weights.store import open_store, file_sha256; print(file_sha256(open_store().find('clean')))"
    place = {"TTPO_HOME": str(tmp_path / "home"), "TTPO_MANIFEST": str(manifest), "NO_PROXY": "127.0.0.1"}
    environment = {"PYTHONPATH": ":".join(path for path in sys.path if path), "HOME": str(tmp_path), **place}
    both = [subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    while len(mirror.downloads("/clean.pth")) < 1 and any(one.poll() is None for one in both):
        time.sleep(0.02)
    mirror.stop.set()  # the stall ends: that connection closes before the end, and the one that holds the lock goes on
    assert [one.communicate(timeout=120)[0].strip() for one in both] == [hashlib.sha256(CONTENT).hexdigest()] * 2
    assert [request[2] for request in mirror.downloads("/clean.pth")] == [None, "bytes=1000-"]


def test_a_snapshot_holds_what_the_patterns_want_and_is_found_offline(mirror, tmp_path):
    mirror.publish("maker/dream", SNAPSHOT)
    folder = store(tmp_path, snapshot(), mirror=mirror).find("dream")
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert found == {name: content for name, content in SNAPSHOT.items() if content != b"left out"}
    asked = len(mirror.asked)
    assert store(tmp_path, snapshot(), mirror=mirror, offline=True).find("dream") == folder
    assert store(tmp_path, snapshot(), mirror=mirror).find("dream") == folder
    assert len(mirror.asked) == asked


def test_one_file_of_a_repository_is_its_path(mirror, tmp_path):
    mirror.publish("maker/dream", SNAPSHOT)
    one = entry("judge", role="metric", metrics=["musiq"], hub={"repo": "maker/dream", "file": "unet/diffusion.safetensors"})
    shelf = store(tmp_path, one, mirror=mirror)
    assert shelf.find("judge").read_bytes() == CONTENT
    assert [path for method, path, _ in mirror.asked if method == "GET" and "README" in path] == []


def test_the_hub_is_asked_in_order_and_what_each_said_is_told(mirror, tmp_path):
    mirror.publish("second/dream", SNAPSHOT)
    both = entry("dream", role="prior", hub=[{"repo": "first/dream"}, {"repo": "second/dream"}])
    assert store(tmp_path, both, mirror=mirror).find("dream").is_dir()
    neither = entry("dream", role="prior", hub=[{"repo": "first/dream"}, {"repo": "third/dream"}])
    with pytest.raises(WeightsError, match=r"no repository first/dream.*no repository third/dream"):
        store(tmp_path / "other", neither, mirror=mirror).find("dream")


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        ((403, "GatedRepo"), r"is gated: accept its licence at https://huggingface\.co/maker/dream, then set HF_TOKEN"),
        ((401, "RepoNotFound"), r"accepted first at https://huggingface\.co/maker/dream"),
        ((404, "RevisionNotFound"), "no revision main"),
        ((418, ""), "could not be fetched from the hub"),
    ],
)
def test_what_the_hub_refuses_is_told_in_words(mirror, tmp_path, refusal, words):
    mirror.refusals["maker/dream"] = refusal
    gated = replace(snapshot(), gated=True)
    with pytest.raises(WeightsError, match=words) as caught:
        store(tmp_path, gated, mirror=mirror).find("dream")
    assert "\n" not in str(caught.value)


def test_a_hub_that_gives_other_bytes_than_it_published_is_refused(mirror, tmp_path):
    mirror.publish("maker/dream", SNAPSHOT)
    mirror.faults["maker/dream/unet/diffusion.safetensors"] = CONTENT[::-1]
    with pytest.raises(WeightsError, match=r"unet/diffusion\.safetensors of maker/dream is not the file its sha256 names"):
        store(tmp_path, snapshot(), mirror=mirror).find("dream")
    del mirror.faults["maker/dream/unet/diffusion.safetensors"]
    folder = store(tmp_path, snapshot(), mirror=mirror).find("dream")
    assert (folder / "unet/diffusion.safetensors").read_bytes() == CONTENT


def test_a_snapshot_that_changed_is_refused_and_a_lost_file_fetched_again(mirror, tmp_path):
    mirror.publish("maker/dream", SNAPSHOT)
    shelf = store(tmp_path, snapshot(), mirror=mirror)
    weights = (shelf.find("dream") / "unet/diffusion.safetensors").resolve()
    weights.write_bytes(CONTENT[::-1])
    assert shelf.find("dream")
    with pytest.raises(WeightsError, match="not what arrived"):
        shelf.verify("dream")
    weights.write_bytes(b"short")
    with pytest.raises(WeightsError, match="not what arrived"):
        shelf.find("dream")
    shelf.fetch("dream")
    assert shelf.verify("dream") is True
    shelf.remove("dream", forget=True)
    assert shelf.verify("dream") is None


def test_what_ships_with_the_package_is_found_and_cannot_be_removed(tmp_path):
    shelf = open_store(environment={"TTPO_HOME": str(tmp_path), "HF_HUB_OFFLINE": "yes"})
    assert shelf.offline
    assert shelf.find("haar-prior").is_file()
    with pytest.raises(UsageError, match="ships with ttpo"):
        shelf.remove("haar-prior")


def test_the_environment_says_where_everything_lies(tmp_path):
    told = open_store(environment={"TTPO_HOME": str(tmp_path / "a"), "HF_HOME": str(tmp_path / "b"), "HF_ENDPOINT": "http://hub"})
    assert (told.home, told.hub_cache, told.endpoint, told.offline) == (tmp_path / "a", tmp_path / "b" / "hub", "http://hub", False)
    assert open_store(environment={"HF_HUB_CACHE": str(tmp_path)}).hub_cache == tmp_path


def test_a_manifest_of_ones_own_adds_and_replaces_entries_but_embeds_none(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(json.dumps({"bsrgan-x4": FACTS | {"hub": {"repo": "a/b"}}, "mine": FACTS | {"urls": ["https://example.org/a.pth"]}}))
    told = open_store(environment={"TTPO_MANIFEST": str(path), "TTPO_HOME": str(tmp_path)})
    assert told.entry("bsrgan-x4").hub == (HubSource("a/b"),)
    assert {"mine", "swinir-real-l-x4"} <= set(told.entries)
    path.write_text(json.dumps({"mine": FACTS | {"file": "a.pth", "bytes": 1, "sha256": "0" * 64}}))
    with pytest.raises(WeightsError, match="only the package's own"):
        open_store(environment={"TTPO_MANIFEST": str(path), "TTPO_HOME": str(tmp_path)})


def test_a_damaged_receipt_is_named(mirror, tmp_path):
    shelf = store(tmp_path, remote(mirror, known=False))
    shelf.find("clean")
    (tmp_path / "home" / "models" / "clean" / "receipt.json").write_text("{")
    with pytest.raises(WeightsError, match="receipt.json' is damaged"):
        shelf.find("clean")


def test_another_tools_snapshot_is_used_offline(tmp_path):
    folder = tmp_path / "hub" / "models--maker--dream"
    (folder / "snapshots" / COMMIT).mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(COMMIT)
    assert store(tmp_path, snapshot(), offline=True).find("dream") == folder / "snapshots" / COMMIT
