"""Real checkpoints of other people by name: through a manifest and a server on this machine, verified, with their published numbers."""

import hashlib
import json

import pytest
import torch
from mirror import running_mirror

from tests.backbones.test_spandrel_models import psnr_y, read
from ttpo_cli.backbones.catalog import load_backbone
from ttpo_cli.backbones.inference import restore
from ttpo_cli.errors import WeightsError
from ttpo_cli.weights.store import open_store

CPU = torch.device("cpu")
SR, DENOISE = "super-resolution", "denoise"
# file: (name, task, architecture, scale, licence, PSNR of Y for Set5's butterfly where it enlarges by 4)
REAL = {
    "DCTLSA_x4.pt": ("my-dctlsa-x4", SR, "DCTLSA", 4, "Apache-2.0", 29.576),
    "DCTLSA_x2.pt": ("my-dctlsa-x2", SR, "DCTLSA", 2, "Apache-2.0", None),
    "CRAFT_x4.pth": ("my-craft", SR, "CRAFT", 4, "MIT", 29.187),
    "DITN_Real_x4.pth": ("my-ditn", SR, "DITN", 4, "Apache-2.0", 28.551),
    "DITN_Real_GAN_x4.pth": ("my-ditn-gan", SR, "DITN", 4, "Apache-2.0", 20.903),
    "DnCNN_gray_sigma25.pth": ("my-dncnn", DENOISE, "DnCNN", 1, "MIT", None),
    "unsupported_IMDN_x4.pth": ("my-imdn", SR, "IMDN", 4, "MIT", None),
    "unsupported_legacy_pickle.pth": ("my-legacy", DENOISE, "DnCNN-PyTorch", 1, "GPL-3.0", None),
}


@pytest.fixture(scope="module")
def served(shared_data, tmp_path_factory):
    """(the environment of a store, the mirror) that know the real files of shared/data by name."""
    place, entries = tmp_path_factory.mktemp("named"), {}
    with running_mirror() as mirror:
        for file, (name, task, architecture, scale, licence, _) in REAL.items():
            content = (shared_data / "backbones" / file).read_bytes()
            entries[name] = {
                "aliases": ["my-family"],
                "role": "backbone",
                "task": task,
                "architecture": architecture,
                "scale": scale,
                "bytes": len(content),
                "sha256": hashlib.sha256(content).hexdigest(),
                "licence": licence,
                "commercial_use": True,
                "paper": None,
                "urls": [mirror.serve(f"/{file}", content, {"cut": len(content) // 2})],
            }
        (place / "manifest.yaml").write_text(json.dumps(entries))
        yield {"TTPO_HOME": str(place / "home"), "TTPO_MANIFEST": str(place / "manifest.yaml")}, mirror


@pytest.fixture
def store(served, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return open_store(environment=served[0])


@pytest.mark.parametrize("file", [file for file in REAL if not file.startswith("unsupported")])
def test_a_real_checkpoint_is_fetched_by_name_verified_and_as_good_as_published(file, store, served, shared_data):
    name, task, architecture, scale, licence, expected = REAL[file]
    backbone = load_backbone(name, store=store)
    assert (backbone.name, backbone.task, backbone.architecture, backbone.scale) == (name, task, architecture, scale)
    assert (backbone.licence, backbone.commercial_use) == (licence, True)
    assert backbone.sha256 == store.entries[name].sha256
    ranges = [request[2] for request in served[1].downloads(f"/{file}")]
    assert len(ranges) == 2 and ranges[1].startswith("bytes=")
    if expected is not None:
        folder = shared_data / "benchmark" / "Set5_x4"
        lq, hq = (read(folder / f"img_003_SRF_4_{kind}.png") for kind in ("LR", "HR"))
        assert psnr_y(restore(backbone, lq, CPU).image, hq) == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("name", ["my-imdn", "my-legacy"])
def test_a_network_that_nobody_here_knows_is_refused_in_words(name, store):
    with pytest.raises(WeightsError, match=rf"{name}.* was made for a network that ttpo does not know: give a checkpoint of one"):
        load_backbone(name, store=store)


def test_task_and_scale_choose_in_a_family(store):
    assert load_backbone("my-family", scale=2, store=store).name == "my-dctlsa-x2"
    assert load_backbone("my-family", store=store).name == "my-dctlsa-x4"
    assert load_backbone("my-family", task="denoise", store=store).name == "my-dncnn"
    assert load_backbone("my-family", scale=3, store=store).name == "my-dctlsa-x4"  # none enlarges by 3: the result is resized
