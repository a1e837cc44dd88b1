"""`ttpo models`, and models by name in the other commands: from the command line to files, with a server on this machine."""

import hashlib
import json
from pathlib import Path

import pytest
import torch
from fakes import tiny_photo
from hostile_files import honest
from mirror import running_mirror
from model_packages import PACKAGE, install_model

from ttpo_cli.cli.app import program
from ttpo_cli.imaging.reading import read_photo
from ttpo_cli.imaging.writing import write_photo

ROOT = Path(__file__).resolve().parents[3]
FACTS = {"aliases": ["twice"], "role": "backbone", "task": "super-resolution", "architecture": "Compact", "scale": 2, "paper": None}


@pytest.fixture
def shelf(monkeypatch, tmp_path):
    """A mirror that serves a small network as `little`, not for commercial use, and a TTPO_HOME of one's own; gives (mirror, home)."""
    torch.save(honest(), tmp_path / "little.pth")
    content = (tmp_path / "little.pth").read_bytes()
    facts = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest(), "licence": "CC-BY-NC-4.0", "commercial_use": False}
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("TTPO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setenv("TTPO_MANIFEST", str(tmp_path / "manifest.yaml"))
    with running_mirror() as mirror:
        entry = FACTS | facts | {"urls": [mirror.serve("/gone.pth", b"", *[{"status": 404}] * 9), mirror.serve("/little.pth", content)]}
        (tmp_path / "manifest.yaml").write_text(json.dumps({"little": entry}))
        yield mirror, tmp_path / "home"


@pytest.fixture
def photo(tmp_path):
    (tmp_path / "photos").mkdir()
    write_photo(tmp_path / "photos" / "photo.png", tiny_photo())
    return tmp_path / "photos" / "photo.png"


def told(capsys, *arguments):
    code = program(list(map(str, arguments)))
    return code, capsys.readouterr()


def test_the_table_of_the_documentation_is_the_commands(capsys):
    code, shown = told(capsys, "models", "list", "--markdown")
    assert code == 0
    page = (ROOT / "docs" / "guide" / "models.md").read_text("utf-8")
    assert page.endswith(f"\n\n{shown.out}")
    assert shown.out.count("\n") > 120


def test_a_list_can_be_narrowed(capsys):
    code, shown = told(capsys, "models", "list", "--json", "--role", "backbone", "--task", "super", "--scale", 3)
    models = json.loads(shown.out)["models"]
    assert code == 0
    assert {(one["role"], one["task"], one["scale"]) for one in models} == {("backbone", "super-resolution", 3)}
    assert "hat-x3" in {one["name"] for one in models}
    assert told(capsys, "models", "list", "--json", "--markdown")[0] == 2


def test_info_tells_a_family_with_its_default_first(capsys):
    _, shown = told(capsys, "models", "info", "realesrgan", "--json")
    names = ["realesrgan-x4plus-ncnn", "realesrgan-x4plus", "realesrgan-x2plus"]
    assert [one["name"] for one in json.loads(shown.out)["models"]] == names
    _, shown = told(capsys, "models", "info", "flux1-dev")
    assert {"gated: yes", "commercial_use: no", "hub: black-forest-labs/FLUX.1-dev@main"} <= set(shown.out.splitlines())
    assert told(capsys, "models", "info", "no-such")[0] == 2


def test_fetch_verify_remove(shelf, capsys):
    mirror, home = shelf
    code, shown = told(capsys, "models", "fetch", "twice")
    path = home / "models" / "little" / "little.pth"
    assert (code, shown.out) == (0, f"{path}\n")
    assert "fetching little" in shown.err and "not for commercial use: CC-BY-NC-4.0" in shown.err
    assert told(capsys, "models", "list", "--here", "--role", "backbone")[1].out.count("little") == 1
    assert told(capsys, "models", "verify", "little") == (0, ("little\tverified\n", ""))
    path.write_bytes(b"damaged")
    code, shown = told(capsys, "models", "verify", "little")
    assert (code, shown.out) == (3, "little\twrong\n")
    assert told(capsys, "models", "remove", "little")[1].out == "little\tremoved\n"
    assert told(capsys, "models", "verify", "little") == (3, ("little\tnot here\n", ""))
    assert len(mirror.downloads("/little.pth")) == 1


def test_offline_nothing_is_asked_of_the_network(shelf, photo, capsys):
    for arguments in (["models", "fetch", "little"], ["eval", photo.parent, "--backbone", "little"], ["bench", "--backbone", "little"]):
        code, shown = told(capsys, *arguments, "--offline")
        assert code == 3
        assert shown.out == ""
        assert "network is off" in shown.err and "Traceback" not in shown.err
    assert shelf[0].asked == []


def test_a_photo_is_restored_with_a_model_by_name_and_the_record_tells_its_licence(shelf, photo, capsys):
    code, shown = told(capsys, "restore", photo, "--backbone", "twice", "--scale", 2, "--no-ttpo")
    assert code == 0
    assert shown.err.count("is not for commercial use: CC-BY-NC-4.0") == 1
    record = json.loads(photo.with_name("photo_ttpo.png.ttpo.json").read_text())
    facts = json.loads((shelf[1].parent / "manifest.yaml").read_text())["little"]
    expected = {"role": "backbone", "name": "little", "sha256": facts["sha256"], "licence": "CC-BY-NC-4.0", "commercial_use": False}
    assert record["weights"] == [expected]
    assert tuple(read_photo(photo.with_name("photo_ttpo.png")).pixels.shape) == (1, 3, 24, 32)
    assert told(capsys, "restore", photo, "--backbone", "little", "--no-ttpo", "--offline", "--overwrite")[0] == 0
    assert len(shelf[0].downloads("/little.pth")) == 1


def test_a_bundle_is_a_home_for_a_machine_without_a_network(shelf, photo, tmp_path, monkeypatch, capsys):
    code, shown = told(capsys, "models", "bundle", "little", "-o", tmp_path / "stick")
    assert (code, shown.out) == (0, f"{(tmp_path / 'stick').resolve()}\n")
    monkeypatch.delenv("TTPO_MANIFEST")
    monkeypatch.setenv("TTPO_HOME", str(tmp_path / "stick"))
    asked = len(shelf[0].asked)
    assert told(capsys, "eval", photo.parent, "--backbone", "little", "--metrics", "piqe", "--offline")[0] == 0
    assert len(shelf[0].asked) == asked


def test_an_entry_that_needs_another_package_says_which(shelf, photo, capsys, monkeypatch):
    manifest = shelf[1].parent / "manifest.yaml"
    entries = json.loads(manifest.read_text())
    entries["little"]["requires"] = "a_package_that_nobody_made"
    manifest.write_text(json.dumps(entries))
    code, shown = told(capsys, "restore", photo, "--backbone", "little", "--no-ttpo")
    assert code == 3
    assert "needs the package a_package_that_nobody_made" in shown.err
    assert shelf[0].asked == []


def test_a_wrong_manifest_is_one_line(shelf, tmp_path, capsys):
    (tmp_path / "wrong.yaml").write_text("- a list\n")
    code, shown = told(capsys, "models", "list", "--manifest", tmp_path / "wrong.yaml")
    assert (code, shown.out, shown.err.count("\n")) == (3, "", 1)


def test_a_model_of_a_package_is_listed_fetched_from_nowhere_and_left_to_pip(shelf, tmp_path, monkeypatch, capsys):
    more = {"bytes": 76, "sha256": None, "licence": "MIT", "commercial_use": True, "aliases": [], "package": PACKAGE}
    manifest = shelf[1].parent / "manifest.yaml"
    manifest.write_text(json.dumps({"net": FACTS | more}))
    code, shown = told(capsys, "models", "fetch", "net")
    assert (code, shown.out) == (3, "") and 'pip install "made-up-model>=1.0,<2"' in shown.err
    assert "net\t" not in told(capsys, "models", "list", "--here")[1].out
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    models = install_model(tmp_path / "site")
    assert [line.split("\t")[-2:] for line in told(capsys, "models", "list", "--here")[1].out.splitlines() if line.startswith("net\t")] == [
        ["published", "in a package"]
    ]
    code, shown = told(capsys, "models", "fetch", "net")
    assert (code, shown.out) == (0, f"{models / 'NET.param'}\n") and "comes with the package made-up-model" in shown.err
    assert told(capsys, "models", "verify", "net") == (0, ("net\tverified\n", ""))
    assert {"package: made-up-model>=1.0,<2", f"path: {models}"} <= set(told(capsys, "models", "info", "net")[1].out.splitlines())
    code, shown = told(capsys, "models", "remove", "net")
    assert (code, shown.out) == (2, "") and "pip uninstall made-up-model" in shown.err
    assert shelf[0].asked == []
