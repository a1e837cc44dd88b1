"""What the options of a latent prior change, and what they must not; folders that are not a prior."""

import json
import shutil
import weakref
from dataclasses import replace

import diffusers
import pytest
import torch
from tiny_models import quiet, save_family
from torch.nn import functional

from ttpo_cli.diffusion.priors import prompts
from ttpo_cli.diffusion.priors.catalog import Located, load_prior, locate, with_folders
from ttpo_cli.diffusion.priors.latent import load_latent_prior, tiled
from ttpo_cli.diffusion.priors.unet_prior import as_cells, timesteps_of
from ttpo_cli.errors import UsageError, WeightsError
from ttpo_cli.settings.prior import PriorOptions
from ttpo_cli.weights.manifest import read_manifest
from ttpo_cli.weights.store import open_store

CPU = torch.device("cpu")
PLAIN = PriorOptions(tile=64)
SIGMA = torch.tensor([0.4])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    quiet()
    return save_family("sd15", tmp_path_factory.mktemp("sd15"))


def load(folder, precision="fp32", **options):
    return load_latent_prior(folder, CPU, precision, replace(PLAIN, **options))


@pytest.fixture(scope="module")
def plain(folder):
    return load(folder)


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def image(height=32, width=32):
    return noise(1, 3, height, width, seed=5).sigmoid()


@pytest.mark.parametrize("offload", ["model", "sequential"])
def test_offloading_changes_where_parts_wait_and_not_what_they_compute(offload, folder, plain):
    prior = load(folder, offload=offload)
    x = noise(2, 4, 16, 16)
    assert torch.allclose(prior.encode(image()), plain.encode(image()), atol=1e-6)
    assert torch.allclose(prior.denoise(x, SIGMA.expand(2), None), plain.denoise(x, SIGMA.expand(2), None), atol=1e-6)
    assert torch.allclose(prior.decode(x), plain.decode(x), atol=1e-6)


def test_half_precision_computes_about_the_same_and_returns_float32(folder, plain):
    x = noise(1, 4, 16, 16)
    given, expected = load(folder, "bf16").denoise(x, SIGMA, None), plain.denoise(x, SIGMA, None)
    assert given.dtype == torch.float32
    assert 0 < float((given - expected).abs().max()) < 0.05


def test_the_text_encoders_are_freed_once_the_prompt_is_encoded(folder, monkeypatch):
    made, original = [], prompts.load_text_pipeline

    def remembered(layout, dtype):
        pipeline = original(layout, dtype)
        made.append(weakref.ref(pipeline.text_encoder))
        return pipeline

    monkeypatch.setattr(prompts, "load_text_pipeline", remembered)
    prior = load(folder)
    assert made[0]() is None
    assert prior.denoise(noise(1, 4, 8, 8), SIGMA, None).shape == (1, 4, 8, 8)


def test_decoding_under_checkpointing_has_the_gradient_of_decoding(folder, plain):
    vae = diffusers.AutoencoderKL.from_pretrained(folder / "vae")
    ours, theirs = noise(1, 4, 8, 8).requires_grad_(), noise(1, 4, 8, 8).requires_grad_()
    plain.decode(ours).square().sum().backward()
    ((vae.decode(theirs / vae.config.scaling_factor).sample + 1) / 2).square().sum().backward()
    assert float(ours.grad.abs().max()) > 1e-3
    assert torch.allclose(ours.grad, theirs.grad, rtol=1e-4, atol=1e-6)


def test_a_tiny_autoencoder_takes_the_place_of_the_own_one(folder, tmp_path):
    torch.manual_seed(0)
    blocks = {"encoder_block_out_channels": (8, 8), "decoder_block_out_channels": (8, 8)}
    tiny = diffusers.AutoencoderTiny(**blocks, num_encoder_blocks=(1, 1), num_decoder_blocks=(1, 1)).eval()
    tiny.save_pretrained(tmp_path / "tiny")
    for given in (f"tiny:{tmp_path / 'tiny'}", str(tmp_path / "tiny")):
        prior = load(folder, vae=given)
        with torch.no_grad():
            latent = tiny.encode(image() * 2 - 1).latents
            assert torch.allclose(prior.encode(image()), latent, atol=1e-6)
            assert torch.allclose(prior.decode(latent), (tiny.decode(latent).sample + 1) / 2, atol=1e-6)


def test_an_autoencoder_of_other_latents_is_refused(folder, tmp_path):
    diffusers.AutoencoderKL(block_out_channels=(8,), latent_channels=16, norm_num_groups=4).save_pretrained(tmp_path / "other")
    with pytest.raises(WeightsError, match="16 channels"):
        load(folder, vae=str(tmp_path / "other"))


def test_without_a_controlnet_the_condition_does_not_matter(plain):
    x = noise(1, 4, 16, 16)
    assert plain.condition is None
    assert torch.equal(plain.denoise(x, SIGMA, x + 1), plain.denoise(x, SIGMA, None))


def test_cells_of_an_image_lie_where_its_latents_lie():
    cells = as_cells(image(8, 12), 4)
    assert cells.shape == (1, 48, 2, 3)
    assert torch.equal(functional.pixel_shuffle(cells[..., 1:, 2:], 4), image(8, 12)[..., 4:, 8:])


def test_one_tile_is_the_whole_and_tiles_of_a_pointwise_denoiser_change_nothing(plain):
    x = noise(2, 4, 24, 16)
    sigma = torch.tensor([0.2, 0.5])
    whole = plain.denoise(x, sigma, None)
    assert torch.equal(tiled(plain.denoise, 24, 4, 2)(x, sigma, None), whole)

    def pointwise(x, sigma, condition):
        return x * sigma[:, None, None, None] + condition[:, :4] - condition[:, 4:]

    condition = noise(2, 8, 24, 16, seed=3)
    blended = tiled(pointwise, 10, 4, 2)(x, sigma, condition)
    assert torch.allclose(blended, pointwise(x, sigma, condition), atol=1e-6)
    assert not torch.allclose(tiled(plain.denoise, 16, 4, 2)(x, sigma, None), whole, atol=1e-3)


def test_latents_above_twice_the_native_size_are_tiled_by_themselves(folder, plain):
    automatic = load(folder, tile=0)
    for side, same in ((32, True), (36, False)):  # the native size is 16 cells
        x = noise(1, 4, side, 16)
        assert torch.allclose(automatic.denoise(x, SIGMA, None), plain.denoise(x, SIGMA, None), atol=1e-6) == same


def test_timesteps_of_table_entries_are_their_numbers_and_ends_hold():
    table = torch.linspace(0.1, 3, 50).double() ** 2
    assert torch.allclose(timesteps_of(table, table), torch.arange(50.0), atol=1e-4)
    assert timesteps_of(torch.tensor([1e-9, 1e9]), table).tolist() == [0.0, 49.0]
    middle = (table[10] * table[11]).sqrt()
    assert float(timesteps_of(middle[None], table)) == pytest.approx(10.5)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"attention": "flash"}, "prior-attention.*xformers"),
        ({"offload": "disk"}, "offload"),
        ({"colour_fix": "histogram"}, "colour-fix"),
        ({"tile": 8, "overlap": 8}, "larger"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(options, word, folder):
    with pytest.raises(UsageError, match=word):
        load(folder, **options)


def test_xformers_that_is_not_there_is_one_line(folder):
    try:
        import xformers.ops  # noqa: F401
    except (ImportError, OSError, RuntimeError):
        with pytest.raises(UsageError, match="no xformers that fits"):
            load(folder, attention="xformers")


def _without(part):
    return lambda folder: shutil.rmtree(folder / part)


def _cut(path):
    def cut(folder):
        data = (folder / path).read_bytes()
        (folder / path).write_bytes(data[: len(data) // 2])

    return cut


def _other_network(folder):
    index = json.loads((folder / "model_index.json").read_text())
    index["unet"] = ["diffusers", "UNet3DConditionModel"]
    (folder / "model_index.json").write_text(json.dumps(index))


@pytest.mark.parametrize(
    ("harm", "word"),
    [
        (_without("vae"), "vae"),
        (_without("tokenizer"), "tokenizer is missing"),
        (_without("scheduler"), "scheduler is missing"),
        (_cut("unet/diffusion_pytorch_model.safetensors"), "unet"),
        (_cut("text_encoder/model.safetensors"), "text encoders"),
        (_cut("unet/config.json"), "unet"),
        (_cut("model_index.json"), "diffusers layout"),
        (_other_network, "UNet3DConditionModel"),
    ],
)
def test_a_damaged_folder_is_one_line_that_names_the_part(harm, word, folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    harm(copy)
    with pytest.raises(WeightsError, match=word) as caught:
        load(copy)
    assert "\n" not in str(caught.value)


def test_a_pickle_in_place_of_safetensors_is_not_read(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    torch.save({"weight": torch.zeros(1)}, copy / "unet" / "diffusion_pytorch_model.bin")
    with pytest.raises(WeightsError, match="safetensors"):
        load(copy)


def test_a_name_is_found_through_the_store_and_folders_by_themselves(folder, tmp_path):
    assert locate("haar-prior").path is None
    assert locate(str(folder)).path == folder
    assert load_prior(locate(str(folder)), CPU, "fp32", PLAIN).name == "sd15"
    empty = replace(open_store(), home=tmp_path, hub_cache=tmp_path / "hub", offline=True)
    for name in ("sd15", "sdxl", "flux1-dev"):
        with pytest.raises(WeightsError, match=name):
            locate(name, empty)
    with pytest.raises(UsageError, match="did you mean .*sdxl"):
        locate("sdlx", empty)


def test_a_name_of_another_task_is_refused_before_it_is_fetched(tmp_path):
    empty = replace(open_store(), home=tmp_path, hub_cache=tmp_path / "hub", offline=True)
    for name, option in (("controlnet-tile-sd15", "--prior-controlnet"), ("taesd", "--prior-vae tiny:NAME")):
        with pytest.raises(UsageError, match=f"--prior {name}: that is a model for .*, for {option}"):
            locate(name, empty)
    for options in (replace(PLAIN, controlnet="sd15"), replace(PLAIN, controlnet="taesd"), replace(PLAIN, vae="controlnet-tile")):
        with pytest.raises(UsageError, match="that is a model for"):
            with_folders(options, empty)


def test_a_named_prior_bears_the_manifests_name_and_licence(folder):
    entry = read_manifest()["sd15"]
    prior = load_prior(Located(folder, entry), CPU, "fp32", PLAIN)
    assert (prior.name, prior.licence, prior.commercial_use) == ("sd15", entry.licence, entry.commercial_use)


def test_autoencoder_and_controlnet_may_be_names_of_the_manifest(tmp_path):
    empty = replace(open_store(), home=tmp_path, hub_cache=tmp_path / "hub", offline=True)
    assert with_folders(PLAIN, empty) == PLAIN
    kept = replace(PLAIN, vae=f"tiny:{tmp_path}", controlnet=str(tmp_path))
    assert with_folders(kept, empty) == kept
    for options, name in (
        (replace(PLAIN, vae="tiny:taesd"), "taesd"),
        (replace(PLAIN, controlnet="controlnet-tile-sd15"), "controlnet-tile-sd15"),
    ):
        with pytest.raises(WeightsError, match=name):
            with_folders(options, empty)


def test_the_embedded_prior_refuses_what_it_could_only_ignore():
    asked = PriorOptions(prompt="a street", controlnet="controlnet-tile-sd15")
    with pytest.raises(UsageError, match="--prior-prompt and --prior-controlnet: the embedded prior has no use for that"):
        load_prior(Located(None), CPU, "fp32", asked)
    assert load_prior(Located(None), CPU, "fp32", PriorOptions(cfg=2.0)).denoise is not None
