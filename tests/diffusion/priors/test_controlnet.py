"""A ControlNet beside each kind of UNet: it sees the restored image, and acts as diffusers' own ControlNet pipelines let it act."""

from dataclasses import replace

import diffusers
import pytest
import torch
from hostile_files import Call
from tiny_models import quiet, save_family, unet

from ttpo_cli.diffusion.denoiser import Scene
from ttpo_cli.diffusion.priors.catalog import Located, load_prior
from ttpo_cli.diffusion.priors.controlnet import PICKLED, load_controlnet
from ttpo_cli.diffusion.priors.diffusers_models import read_layout
from ttpo_cli.diffusion.priors.latent import load_latent_prior
from ttpo_cli.errors import UsageError, WeightsError
from ttpo_cli.settings.prior import PriorOptions
from ttpo_cli.weights.manifest import read_manifest
from ttpo_cli.weights.store import open_store

CPU = torch.device("cpu")
STRENGTH = 0.5


def noise(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module", params=["sd15", "sd21", "sdxl"])
def model(request, tmp_path_factory):
    """(folder of a family's tiny model, folder of a ControlNet of random numbers for it)."""
    quiet()
    folder, control = save_family(request.param, tmp_path_factory.mktemp("model")), tmp_path_factory.mktemp("control")
    torch.manual_seed(0)
    network = diffusers.UNet2DConditionModel.from_pretrained(folder / "unet")
    net = diffusers.ControlNetModel.from_unet(network, conditioning_channels=3, conditioning_embedding_out_channels=(4, 8))
    for parameter in net.parameters():
        parameter.data += torch.randn_like(parameter) / 20
    net.save_pretrained(control)
    return folder, control


@torch.no_grad()
def test_a_controlnet_sees_the_restored_image_as_in_diffusers(model):
    folder, control = model
    plain = load_latent_prior(folder, CPU, "fp32", PriorOptions(tile=64))
    prior = load_latent_prior(folder, CPU, "fp32", PriorOptions(tile=64, controlnet=str(control), control=STRENGTH))
    pipeline = diffusers.DiffusionPipeline.from_pretrained(folder)
    net = diffusers.ControlNetModel.from_pretrained(control)
    scheduler = diffusers.DDIMScheduler.from_config(pipeline.scheduler.config, clip_sample=False, thresholding=False)
    scheduler.set_timesteps(1000)
    timestep = 300
    abar = scheduler.alphas_cumprod.double()[timestep]
    sigma = ((1 - abar) / abar).sqrt().float()[None]
    image = noise(1, 3, 32, 32).sigmoid()
    latent = prior.encode(image)
    x = latent + sigma * noise(*latent.shape)

    x_vp = (abar.sqrt() * x).float()
    given = {}
    if hasattr(pipeline, "text_encoder_2"):
        tokens, _, pooled, _ = pipeline.encode_prompt("", device=CPU, do_classifier_free_guidance=False)
        sizes = pipeline._get_add_time_ids((32, 32), (0, 0), (32, 32), tokens.dtype, pipeline.text_encoder_2.config.projection_dim)
        given["added_cond_kwargs"] = {"text_embeds": pooled, "time_ids": sizes}
    else:
        tokens, _ = pipeline.encode_prompt("", CPU, 1, False)
    given["encoder_hidden_states"] = tokens
    down, middle = net(x_vp, timestep, controlnet_cond=image, conditioning_scale=STRENGTH, return_dict=False, **given)
    residuals = {"down_block_additional_residuals": down, "mid_block_additional_residual": middle}
    output = pipeline.unet(x_vp, timestep, **given, **residuals).sample
    expected = scheduler.step(output, timestep, x_vp).pred_original_sample

    denoised = prior.denoise(x, sigma, prior.condition(Scene(image)))
    assert float((denoised - expected).abs().max()) < 2e-5 * float(expected.abs().max())
    assert float((denoised - plain.denoise(x, sigma, None)).abs().max()) > 1e-3


@pytest.mark.parametrize("name", ["sd3", "flux-dev"])
def test_a_transformer_refuses_one_before_anything_is_fetched_or_loaded(name, tmp_path):
    quiet()
    folder = save_family(name, tmp_path)
    for file in folder.rglob("*.safetensors"):
        file.write_bytes(b"never read")
    empty = replace(open_store(), home=tmp_path, hub_cache=tmp_path / "hub", offline=True)
    for control in ("controlnet-tile-sd15", str(tmp_path)):
        with pytest.raises(UsageError, match=f"--prior-controlnet: {name} is a .*Transformer"):
            load_prior(Located(folder), CPU, "fp32", PriorOptions(controlnet=control), empty)


OTHERS = {
    "cross_attention_dim": {"context": 32},
    "block_out_channels": {"width": 8},
    "layers_per_block": {"layers_per_block": 2},
    "in_channels": {"in_channels": 9},
}


@pytest.mark.parametrize("key", OTHERS)
def test_a_controlnet_of_another_unet_is_refused_in_words(key, tmp_path):
    quiet()
    folder = save_family("sd21", tmp_path)
    net = diffusers.ControlNetModel.from_unet(unet(**OTHERS[key]), conditioning_embedding_out_channels=(4, 8))
    net.save_pretrained(tmp_path / "control")
    with pytest.raises(UsageError, match=f"made for another UNet than sd21's \\({key} "):
        load_latent_prior(folder, CPU, "fp32", PriorOptions(controlnet=str(tmp_path / "control")))


def test_a_controlnet_published_as_a_pickle_is_the_same_and_runs_nothing(tmp_path):
    quiet()
    folder = save_family("sd15", tmp_path)
    net = diffusers.ControlNetModel.from_unet(unet(), conditioning_embedding_out_channels=(4, 8))
    net.save_pretrained(tmp_path / "new")
    net.save_config(tmp_path / "old")
    place = tmp_path / "old" / "diffusion_pytorch_model.bin"
    torch.save(net.state_dict(), place)
    new, old = (load_controlnet(read_layout(folder), tmp_path / name, torch.float32) for name in ("new", "old"))
    assert all(torch.equal(value, old.state_dict()[name]) for name, value in new.state_dict().items())
    torch.save({name: value[:1] for name, value in net.state_dict().items()}, place)
    with pytest.raises(WeightsError, match="other weights than its config.json says"):
        load_controlnet(read_layout(folder), tmp_path / "old", torch.float32)
    torch.save({"hook": Call(print, "ran")}, place)
    with pytest.raises(WeightsError, match="would run code"):
        load_controlnet(read_layout(folder), tmp_path / "old", torch.float32)


def test_of_a_controlnet_by_name_only_what_can_be_read_is_fetched():
    readable = {"config.json", "diffusion_pytorch_model.safetensors", PICKLED}
    entries = [entry for entry in read_manifest().values() if entry.architecture == "ControlNet"]
    assert len(entries) == 2
    for entry in entries:
        wanted = set(entry.hub[0].allow_patterns)
        assert wanted <= readable and len(wanted) == 2 and "config.json" in wanted, "one file of weights, not two of the same"
