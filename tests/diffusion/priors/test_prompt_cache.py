"""Prompts encoded once: the next command reads what the last one kept, and nothing else is taken for it."""

from dataclasses import replace

import pytest
import torch
from tiny_models import quiet, save_family

from ttpo_cli.diffusion.priors import latent
from ttpo_cli.diffusion.priors.latent import PriorOptions, load_latent_prior

CPU = torch.device("cpu")
OPTIONS = PriorOptions(prompt="a street", negative="rain", scale=2.0, tile=64)
X, SIGMA = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0)), torch.tensor([0.4])


@pytest.fixture(params=["sd15", "sdxl"])
def folder(request, tmp_path):
    quiet()
    return save_family(request.param, tmp_path)


@pytest.fixture
def encodings(monkeypatch):
    """Every text that an encoder really read."""
    read, original = [], latent.encode_prompts

    def remembered(layout, prompt, *others, **named):
        read.append(prompt)
        return original(layout, prompt, *others, **named)

    monkeypatch.setattr(latent, "encode_prompts", remembered)
    return read


def test_a_text_is_encoded_once_and_gives_the_same_result_from_what_was_kept(folder, encodings, tmp_path):
    first, again, never = (load_latent_prior(folder, CPU, "fp32", OPTIONS, kept) for kept in (tmp_path / "kept", tmp_path / "kept", None))
    assert encodings == ["a street", "a street"]  # the first, and the one that may keep nothing
    assert torch.equal(again.denoise(X, SIGMA, None), first.denoise(X, SIGMA, None))
    assert torch.equal(again.denoise(X, SIGMA, None), never.denoise(X, SIGMA, None))


def test_another_text_precision_or_text_encoder_is_encoded_anew(folder, encodings, tmp_path):
    load_latent_prior(folder, CPU, "fp32", OPTIONS, tmp_path)
    for changes in ({"prompt": "a sea"}, {"negative": "snow"}, {"scale": 1.0}):
        load_latent_prior(folder, CPU, "fp32", replace(OPTIONS, **changes), tmp_path)
    load_latent_prior(folder, CPU, "bf16", OPTIONS, tmp_path)
    weights = next((folder / "text_encoder").glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes())
    load_latent_prior(folder, CPU, "fp32", OPTIONS, tmp_path)
    assert len(encodings) == 6


def test_what_was_kept_and_is_damaged_is_encoded_again(folder, encodings, tmp_path):
    load_latent_prior(folder, CPU, "fp32", OPTIONS, tmp_path / "kept")
    (kept,) = (tmp_path / "kept").iterdir()
    kept.write_bytes(kept.read_bytes()[:-8])
    load_latent_prior(folder, CPU, "fp32", OPTIONS, tmp_path / "kept")
    load_latent_prior(folder, CPU, "fp32", OPTIONS, tmp_path / "kept")
    assert len(encodings) == 2


def test_a_place_that_cannot_be_written_keeps_nothing_and_stops_nothing(folder, encodings, tmp_path):
    (tmp_path / "file").write_text("no folder")
    for _ in range(2):
        load_latent_prior(folder, CPU, "fp32", OPTIONS, tmp_path / "file" / "kept")
    assert len(encodings) == 2
