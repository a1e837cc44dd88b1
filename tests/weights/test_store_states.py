"""What is here, what is not and what is damaged: list, verify, remove and fetch agree, and no state is a dead end."""

import hashlib
import json

import pytest
from mirror import COMMIT
from weight_stores import CONTENT, SNAPSHOT, entry, remote, snapshot, store

from ttpo_cli.cli.app import program
from ttpo_cli.errors import TtpoError, WeightsError
from ttpo_cli.weights import store as shelves


def of_another_tool(tmp_path):
    """A snapshot in the hub's cache that ttpo did not fetch; its folder."""
    folder = tmp_path / "hub" / "models--maker--dream"
    (folder / "snapshots" / COMMIT).mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(COMMIT)
    (folder / "snapshots" / COMMIT / "model_index.json").write_text("{}")
    return folder / "snapshots" / COMMIT


@pytest.mark.parametrize("offline", [False, True])
def test_what_another_tool_cached_is_not_here_for_any_command_and_stays(tmp_path, offline):
    folder, shelf = of_another_tool(tmp_path), store(tmp_path, snapshot(), offline=offline)
    one = shelf.entry("dream")
    assert (shelf.is_here(one), shelf.place(one), shelf.verify("dream"), shelf.remove("dream")) == (False, None, None, False)
    assert (folder / "model_index.json").is_file()


@pytest.mark.parametrize("known", [True, False])
def test_here_is_what_was_fetched_and_not_removed(mirror, tmp_path, known):
    mirror.publish("maker/dream", SNAPSHOT)
    shelf = store(tmp_path, remote(mirror, known=known), snapshot(), mirror=mirror)
    for name, place in (("clean", tmp_path / "home" / "models" / "clean"), ("dream", None)):
        one = shelf.entry(name)
        for forget in (False, True):
            found = shelf.find(name)
            assert (shelf.is_here(one), shelf.place(one), shelf.verify(name)) == (True, place or found, True)
            assert shelf.remove(name, forget=forget) is True
            assert (shelf.is_here(one), shelf.place(one), shelf.verify(name)) == (False, None, None)
        assert shelf.remove(name) is False


def test_a_file_that_nothing_vouches_for_is_not_here(mirror, tmp_path):
    shelf = store(tmp_path, remote(mirror, known=False))
    folder = shelf.folder(shelf.entry("clean"))
    folder.mkdir(parents=True)
    (folder / "clean.pth").write_bytes(CONTENT)
    assert (shelf.is_here(shelf.entry("clean")), shelf.verify("clean")) == (False, None)


@pytest.mark.parametrize("damage", ["{", "[]", '{"files": {"a": 1}}'])
def test_a_damaged_receipt_is_told_and_stops_nothing_else(mirror, tmp_path, damage):
    mirror.publish("maker/dream", SNAPSHOT)
    shelf = store(tmp_path, remote(mirror, known=False), snapshot(), mirror=mirror)
    for name in ("clean", "dream"):
        for mend in (shelf.fetch, lambda name: shelf.remove(name, forget=True)):
            shelf.find(name)
            (shelf.folder(shelf.entry(name)) / "receipt.json").write_text(damage)
            assert shelf.is_here(shelf.entry(name))
            with pytest.raises(WeightsError, match=f"receipt.json' is damaged: `ttpo models fetch {name}`"):
                shelf.verify(name)
            mend(name)
            shelf.find(name)
            assert shelf.verify(name) is True


def test_the_commands_go_on_past_a_damaged_receipt(mirror, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("TTPO_HOME", str(tmp_path / "home"))
    (tmp_path / "home" / "models" / "sdxl").mkdir(parents=True)
    (tmp_path / "home" / "models" / "sdxl" / "receipt.json").write_text("{")
    assert program(["models", "list", "--here", "--json"]) == 0
    listed = {one["name"]: one["path"] for one in json.loads(capsys.readouterr().out)["models"]}
    assert "sdxl" in listed and "haar-prior" in listed
    assert program(["models", "verify"]) == 3
    assert {"sdxl\twrong", "haar-prior\tverified"} <= set(capsys.readouterr().out.splitlines())
    assert [program(["models", "remove", "sdxl", "--forget"]) for _ in range(2)] == [0, 0]
    assert capsys.readouterr().out == "sdxl\tremoved\nsdxl\tnot here\n"
    assert program(["models", "verify"]) == 0


def test_offline_a_damaged_file_is_kept_and_told(mirror, tmp_path):
    path = store(tmp_path, remote(mirror)).find("clean")
    path.write_bytes(b"damaged")
    with pytest.raises(WeightsError, match="damaged or exchanged"):
        store(tmp_path, remote(mirror), offline=True).fetch("clean")
    assert path.read_bytes() == b"damaged"


def test_what_another_process_mended_meanwhile_is_not_deleted_and_fetched_again(mirror, tmp_path, monkeypatch):
    shelf = store(tmp_path, remote(mirror))
    shelf.find("clean").write_bytes(b"damaged")
    hashed = shelves.file_sha256

    def hashed_slowly(path):
        """The damaged file's hash, and before it is compared another process mends the file."""
        monkeypatch.setattr(shelves, "file_sha256", hashed)
        found = hashed(path)
        store(tmp_path, remote(mirror)).fetch("clean")
        return found

    asked = len(mirror.downloads("/clean.pth"))
    monkeypatch.setattr(shelves, "file_sha256", hashed_slowly)
    assert shelf.fetch("clean").read_bytes() == CONTENT
    assert len(mirror.downloads("/clean.pth")) == asked + 1


def test_a_folder_that_refuses_is_told_with_advice(mirror, tmp_path, monkeypatch):
    def full(*arguments, **named):
        raise OSError(28, "No space left on device")

    for place in ("FileLock", "download"):
        with monkeypatch.context() as patched:
            patched.setattr(shelves, place, full)
            with pytest.raises(
                TtpoError, match=r"clean cannot be kept in '.*clean' \(No space left on device\): make room, or set TTPO_HOME"
            ):
                store(tmp_path, remote(mirror)).find("clean")


def test_a_file_of_the_hub_comes_from_the_hub_that_is_named(mirror, tmp_path):
    mirror.serve("/maker/dream/resolve/main/a.pth", CONTENT)
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    one = entry("a", urls=["https://huggingface.co/maker/dream/resolve/main/a.pth"], sha256=sha256)
    assert store(tmp_path, one, mirror=mirror).find("a").read_bytes() == CONTENT
