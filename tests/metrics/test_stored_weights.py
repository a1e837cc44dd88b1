"""pyiqa's metrics by name with weights from a store: random ones of each architecture, and every name accounted for."""

import os
import socket
import sys
from dataclasses import replace

import pytest
import torch
from random_metric_weights import BACKBONES, RandomWeights

from ttpo_cli.errors import TtpoError, UsageError, WeightsError
from ttpo_cli.metrics import networks
from ttpo_cli.metrics.catalog import load_metric
from ttpo_cli.metrics.metric import score
from ttpo_cli.metrics.weight_files import FILES, SNAPSHOTS, entries_of, entry_name, files_of
from ttpo_cli.preference.selection import Panel, score_images
from ttpo_cli.weights.manifest import read_manifest

pyiqa_metrics = pytest.importorskip("ttpo_cli.metrics.pyiqa_metrics")
CPU = torch.device("cpu")
NAMES = pyiqa_metrics.pyiqa_names()
USUAL = ("niqe", "brisque", "musiq", "maniqa", "lpips", "dists", "topiq_nr", "clipiqa", "cnniqa", "stlpips")
SLOW = (
    "lpips-vgg", "stlpips-vgg", "deepdc", "dmm", "unique", "paq2piq", "tres", "dbcnn", "hyperiqa", "nima-koniq", "nima-vgg16-ava",
    "pieapp", "uranker", "wadiqam_nr", "wadiqam_fr", "topiq_fr", "topiq_nr-flive", "ckdn",
)  # fmt: skip
slow = pytest.mark.skipif("TTPO_SLOW" not in os.environ, reason="minutes; TTPO_SLOW=1 runs it")


@pytest.fixture
def weights(tmp_path, monkeypatch):
    return RandomWeights(tmp_path, monkeypatch)


@pytest.fixture
def no_sockets(monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("a connection was tried")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse)


def images(name, count=2):
    side = 224 if name.startswith("maniqa") else max(96, networks.MINIMUM_SIZES.get(pyiqa_metrics.network_of(name), 1))
    return torch.rand(count, 3, side, side + 8, generator=torch.Generator().manual_seed(0))


def scored(metric, pictures):
    return score(metric, pictures, 1 - pictures) if metric.needs_reference else score(metric, pictures)


@pytest.mark.parametrize("name", [*USUAL, *(pytest.param(name, marks=slow) for name in SLOW)])
def test_a_metric_by_name_reads_its_files_from_the_store_and_scores(name, weights, no_sockets, capsys):
    random = torch.get_rng_state()
    metric = weights.load(name)
    assert [path.name for path in metric.files] == list(files_of(name))
    assert set(weights.asked) == set(entries_of(name)) and torch.equal(torch.get_rng_state(), random)
    loaded = metric.function.network.net.state_dict()
    for file, state in weights.states.items():
        if file not in BACKBONES:
            assert all(torch.equal(loaded[key], value) for key, value in state.items() if key in loaded)
            assert len(state.keys() & loaded.keys()) > 0 or file.startswith("DBCNN_scnn")
    pictures = images(name)
    together = scored(metric, pictures)
    assert together.shape == (2,) and torch.isfinite(together).all()
    assert metric.batch == 1 and metric.range == networks.bounds(pyiqa_metrics.facts_of(name)[2])
    if pyiqa_metrics.network_of(name) in networks.BATCHED:
        assert torch.allclose(together[1:], scored(metric, pictures[1:]), rtol=1e-4)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", ["cnniqa", "stlpips", "lpips", "clipiqa"])
def test_the_smallest_photo_a_network_can_judge_is_judged_and_a_smaller_one_is_told_the_size(name, weights):
    metric = weights.load(name)
    least = metric.minimum_size
    picture = torch.rand(1, 3, least, least + 9, generator=torch.Generator().manual_seed(0))
    assert torch.isfinite(scored(metric, picture)).all()
    with pytest.raises(UsageError, match=f"at least {least}x{least} px"):
        scored(metric, picture[..., 1:, :])
    with pytest.raises((RuntimeError, AssertionError, ValueError, IndexError)):
        metric.function(*[picture[..., 1:, :]] * (2 if metric.needs_reference else 1))


def test_a_batch_that_ran_out_of_memory_leaves_nothing_behind_in_maniqa(weights):
    metric = weights.load("maniqa")
    picture = images("maniqa", 1)
    alone = scored(metric, picture)

    def tight(module, given):
        if len(given[0]) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")

    metric.function.network.net.vit.blocks[8].register_forward_pre_hook(tight)
    notes = []
    together = score_images(picture.repeat(2, 1, 1, 1), Panel((replace(metric, batch=2),), ()), notes)
    assert notes == ["out of memory with 2 images for maniqa at once: went on with 1"]
    assert torch.allclose(together, alone.double().repeat(2, 1), atol=1e-6)


@slow
@pytest.mark.parametrize("name", ["maniqa"])
def test_half_precision_changes_a_score_by_less_than_a_thousandth(name, weights):
    metric = weights.load(name)
    assert pyiqa_metrics.network_of(name) in networks.HALF
    exact = scored(metric, images(name, 1))
    for module in metric.function.network.modules():
        if isinstance(module, torch.nn.Linear | torch.nn.Conv2d):  # what autocast computes in half precision, rounded as it rounds
            module.load_state_dict({key: value.half().float() for key, value in module.state_dict().items()})
            module.register_forward_pre_hook(lambda module, given: tuple(value.half().float() for value in given))
            module.register_forward_hook(lambda module, given, made: made.half().float())
    rounded = scored(metric, images(name, 1))
    assert not torch.equal(rounded, exact) and torch.allclose(rounded, exact, rtol=1e-3)


@pytest.mark.parametrize(("name", "key"), [("lpips", "net.slice1.0.weight"), ("dists", "stage1.0.weight")])
def test_a_backbone_that_is_published_apart_is_read_from_its_own_file(name, key, weights):
    metric = weights.load(name)
    (published,) = (state for file, state in weights.states.items() if file in BACKBONES)
    assert torch.equal(metric.function.network.net.state_dict()[key], published["features.0.weight"])


def test_a_file_given_by_hand_takes_the_place_of_the_stored_one(weights, tmp_path):
    stored = weights.load("niqe")
    given = tmp_path / "by_hand.mat"
    given.write_bytes(weights.find("iqa-niqe-modelparameters").read_bytes())
    weights.asked.clear()
    metric = load_metric("pyiqa:niqe", CPU, given, weights.find)
    assert weights.asked == [] and "by_hand.mat" in metric.source
    assert torch.equal(score(metric, images("niqe", 1)), score(stored, images("niqe", 1)))


def test_a_file_that_lacks_its_backbone_is_refused(weights, monkeypatch):
    def without_backbone(state):
        return {key: value for key, value in state.items() if not key.startswith("semantic_model")}

    monkeypatch.setattr("random_metric_weights.randomised", without_backbone)
    with pytest.raises(WeightsError, match="topiq_nr.*semantic_model"):
        weights.load("topiq_nr")


def test_the_caches_of_the_libraries_are_neither_read_nor_filled(weights, tmp_path, monkeypatch):
    home = tmp_path / "home"
    (home / "pyiqa").mkdir(parents=True)
    (home / "pyiqa" / "niqe_modelparameters.mat").write_bytes(b"stale")
    monkeypatch.setattr("pyiqa.utils.download_util.DEFAULT_CACHE_DIR", str(home / "pyiqa"))
    monkeypatch.setattr("torch.hub._hub_dir", str(home))
    weights.load("niqe")
    weights.load("lpips")
    assert [path.name for path in home.rglob("*") if path.is_file()] == ["niqe_modelparameters.mat"]
    assert torch.hub.get_dir() == str(home)


@pytest.mark.parametrize("name", NAMES)
def test_every_name_of_pyiqa_runs_without_weights_or_names_what_it_needs_or_why_it_is_not_supported(name, no_sockets, capsys):
    unsupported, needing = name in pyiqa_metrics.UNSUPPORTED, bool(entries_of(name))
    assert not (unsupported and needing)
    if unsupported or needing:
        with pytest.raises(TtpoError) as caught:
            load_metric(f"pyiqa:{name}", CPU)
        message = str(caught.value)
        assert "\n" not in message and name in message
        if needing and isinstance(caught.value, WeightsError):
            assert f"`ttpo models fetch {entries_of(name)[0]}`" in message and f"--metric-weights {name}=" in message
        assert isinstance(caught.value, UsageError) == unsupported
    else:
        assert load_metric(f"pyiqa:{name}", CPU).name == name
    assert capsys.readouterr().out == ""


def test_the_manifest_lists_every_file_that_a_metric_needs_and_which_metrics_read_it():
    listed = {name: entry for name, entry in read_manifest().items() if name.startswith("iqa-")}
    assert {entry for name in NAMES for entry in entries_of(name)} == set(listed)
    for name, entry in listed.items():
        assert entry.role == "metric"
        assert set(entry.metrics) == {metric for metric in NAMES if name in entries_of(metric)}
    files = {file for name in NAMES for file in files_of(name)}
    assert len({entry_name(file) for file in files}) == len(files)
    assert set(FILES) | set(SNAPSHOTS) <= set(NAMES)


def test_a_hash_of_a_metrics_file_is_the_one_in_its_address_and_none_is_made_up():
    hashed = {name: entry for name, entry in read_manifest().items() if name.startswith("iqa-") and entry.sha256}
    assert set(hashed) == {"iqa-rn50", "iqa-vit-b-32", "iqa-vit-l-14"}
    assert all(entry.sha256 in entry.urls[0] for entry in hashed.values())


def test_the_networks_that_are_described_are_those_of_pyiqa():
    kinds = {pyiqa_metrics.network_of(name) for name in NAMES if name not in pyiqa_metrics.UNSUPPORTED}
    assert kinds == set(networks.SEEN)
    for table in (networks.WINDOWS, networks.MINIMUM_SIZES, networks.MODULES):
        assert set(table) <= kinds
    assert kinds >= networks.BATCHED | networks.HALF


def test_bounds_are_read_from_pyiqas_words():
    assert networks.bounds("~0, ~100") == (0, 100) and networks.bounds("-2, 2") == (-2, 2)
    assert networks.bounds("0, ~") == (0, None) and networks.bounds("~, 2") == (None, 2)


def test_clip_is_imported_without_the_module_that_setuptools_gave_up(weights):
    before = sys.modules.get("pkg_resources")
    weights.load("clipiqa")
    assert sys.modules.get("pkg_resources") is before
