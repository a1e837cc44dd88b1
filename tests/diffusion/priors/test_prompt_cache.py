"""Prompts encoded once: the next command reads what the last one kept, and nothing else is taken for it."""

import json
from dataclasses import replace

import diffusers
import pytest
import torch
from tiny_models import quiet, save_family

from ttpo_cli.diffusion.priors import latent
from ttpo_cli.diffusion.priors.latent import load_latent_prior
from ttpo_cli.settings.prior import PriorOptions

CPU = torch.device("cpu")
OPTIONS = PriorOptions(prompt="a street", negative="rain", cfg=2.0, tile=64)
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
    for changes in ({"prompt": "a sea"}, {"negative": "snow"}, {"cfg": 1.0}):
        load_latent_prior(folder, CPU, "fp32", replace(OPTIONS, **changes), tmp_path)
    load_latent_prior(folder, CPU, "bf16", OPTIONS, tmp_path)
    weights = next((folder / "text_encoder").glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes())
    load_latent_prior(folder, CPU, "fp32", OPTIONS, tmp_path)
    assert len(encodings) == 6


@pytest.mark.parametrize("negative", ["", "rain"])
@torch.no_grad()
def test_sdxl_without_a_negative_text_takes_what_its_pipeline_takes_and_keeps_the_cases_apart(tmp_path, negative):
    quiet()
    folder = save_family("sdxl", tmp_path)
    index = json.loads((folder / "model_index.json").read_text())
    encoded = []
    for zeros in (True, False):
        (folder / "model_index.json").write_text(json.dumps(index | {"force_zeros_for_empty_prompt": zeros}))
        options = PriorOptions(prompt="a street", negative=negative, cfg=2.0)
        _, dropped = latent.load_parts(folder, CPU, "fp32", options, tmp_path / "kept").prompts
        pipeline = diffusers.StableDiffusionXLPipeline.from_pretrained(folder)
        _, tokens, _, pooled = pipeline.encode_prompt("a street", device=CPU, negative_prompt=negative or None)
        assert torch.equal(dropped.tokens, tokens) and torch.equal(dropped.pooled, pooled)
        encoded.append(dropped.tokens)
    assert torch.equal(*encoded) is bool(negative)
    assert bool(encoded[0].any()) is bool(negative) and encoded[1].any()


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
