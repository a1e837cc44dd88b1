"""Every family, on a tiny untrained model in its own layout: what the prior computes is what the family's own pipeline computes."""

from dataclasses import replace
from functools import cache
from types import SimpleNamespace

import diffusers
import pytest
import torch
from tiny_models import FAMILIES, quiet, save_family

from ttpo_cli.diffusion.priors.latent import load_latent_prior
from ttpo_cli.settings.prior import PriorOptions

CPU = torch.device("cpu")
UNETS = ("sd15", "sd21", "sd-turbo", "sdxl")
FLOWS = ("sd3", "flux-dev", "flux-schnell", "flux2")
OPTIONS = PriorOptions(prompt="a street, rain", negative="blurry", distilled_guidance=2.5)
GUIDED = replace(OPTIONS, cfg=2.0)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Loads, once each, the tiny model of a family: its folder, its own pipeline, and its prior under given options."""
    folder = tmp_path_factory.mktemp("models")
    quiet()

    @cache
    def saved(name):
        return save_family(name, folder)

    @cache
    def pipeline(name):
        loaded = diffusers.DiffusionPipeline.from_pretrained(saved(name))
        loaded.set_progress_bar_config(disable=True)
        return loaded

    @cache
    def prior(name, options=OPTIONS):
        return load_latent_prior(saved(name), CPU, "fp32", options)

    return SimpleNamespace(folder=saved, pipeline=pipeline, prior=prior)


def test_every_family_is_tested():
    assert set(UNETS) | set(FLOWS) == set(FAMILIES)


def image(seed=0, side=32):
    return torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(seed))


def noise(like, seed=1):
    return torch.randn(like.shape, generator=torch.Generator().manual_seed(seed))


def unet_output(pipeline, name, x_vp, timestep):
    """The UNet called as its pipeline calls it."""
    side = 2 * x_vp.shape[-1]
    if name != "sdxl":
        tokens, _ = pipeline.encode_prompt(OPTIONS.prompt, CPU, 1, False)
        return pipeline.unet(x_vp, timestep, encoder_hidden_states=tokens).sample
    tokens, _, pooled, _ = pipeline.encode_prompt(OPTIONS.prompt, device=CPU, do_classifier_free_guidance=False)
    sizes = pipeline._get_add_time_ids((side, side), (0, 0), (side, side), tokens.dtype, pipeline.text_encoder_2.config.projection_dim)
    added = {"text_embeds": pooled, "time_ids": sizes}
    return pipeline.unet(x_vp, timestep, encoder_hidden_states=tokens, added_cond_kwargs=added).sample


@pytest.mark.parametrize("timestep", [3, 250, 700])
@pytest.mark.parametrize("name", UNETS)
@torch.no_grad()
def test_a_unet_prior_gives_the_x0_that_ddim_predicts(name, timestep, models):
    pipeline, prior = models.pipeline(name), models.prior(name)
    scheduler = diffusers.DDIMScheduler.from_config(pipeline.scheduler.config, clip_sample=False, thresholding=False)
    scheduler.set_timesteps(1000)
    abar = scheduler.alphas_cumprod.double()[timestep]
    sigma = ((1 - abar) / abar).sqrt()
    latent = prior.encode(image())
    x = latent + sigma.float() * noise(latent)
    x_vp = (abar.sqrt() * x).float()
    expected = scheduler.step(unet_output(pipeline, name, x_vp, timestep), timestep, x_vp).pred_original_sample
    given = prior.denoise(x, sigma.float()[None], None)
    assert float((given - expected).abs().max()) < 1e-5 * float(expected.abs().max())


def last_step(pipeline, name, latent, flow, scale, output):
    """What the family's own pipeline returns after one step from x_t at time `flow` to 0, which ends on x0_hat itself."""
    side = latent.shape[-1] * (4 if name == "flux2" else 2)
    x_t = (1 - flow) * latent + flow * noise(latent)
    given = {"num_inference_steps": 1, "sigmas": [flow], "height": side, "width": side, "output_type": output}
    if name.startswith("flux-"):
        x_t = pipeline._pack_latents(x_t, 1, *x_t.shape[1:])
        given |= {"negative_prompt": OPTIONS.negative, "true_cfg_scale": scale, "guidance_scale": OPTIONS.distilled_guidance}
        given |= {"max_sequence_length": 512 if name == "flux-dev" else 256}
    else:
        given |= {"guidance_scale": scale}
        given |= {"negative_prompt": OPTIONS.negative} if name == "sd3" else {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "scheduler", diffusers.FlowMatchEulerDiscreteScheduler(shift=1.0))
        return pipeline(prompt=OPTIONS.prompt, latents=x_t, **given).images


def unpacked(pipeline, name, latents, shape):
    """A pipeline's latents in the shape of a prior's."""
    if name == "flux2":  # which returns what its autoencoder decodes
        bn = pipeline.vae.bn
        deviation = (bn.running_var + pipeline.vae.config.batch_norm_eps).sqrt()
        return (pipeline._patchify_latents(latents) - bn.running_mean[:, None, None]) / deviation[:, None, None]
    return pipeline._unpack_latents(latents, 2 * shape[-2], 2 * shape[-1], 2) if name.startswith("flux-") else latents


@pytest.mark.parametrize("scale", [1.0, 2.0])
@pytest.mark.parametrize("name", FLOWS)
@torch.no_grad()
def test_a_flow_prior_gives_the_x0_and_the_image_that_its_pipeline_ends_on(name, scale, models):
    negative = "" if name == "flux2" else OPTIONS.negative
    pipeline, prior = models.pipeline(name), models.prior(name, replace(OPTIONS, cfg=scale, negative=negative))
    latent = prior.encode(image())
    for flow in (0.1, 0.45, 0.8):
        expected = unpacked(pipeline, name, last_step(pipeline, name, latent, flow, scale, "latent"), latent.shape)
        sigma = flow / (1 - flow)
        given = prior.denoise(latent + sigma * noise(latent), torch.tensor([sigma]), None)
        assert float((given - expected).abs().max()) < 1e-5 * float(expected.abs().max())
    shown = last_step(pipeline, name, latent, flow, scale, "pt")
    assert torch.allclose(prior.decode(given).clamp(0, 1), shown, atol=1e-5)


@pytest.mark.parametrize("name", UNETS)
@torch.no_grad()
def test_images_become_the_latents_of_the_pipeline_and_latents_its_images(name, models):
    pipeline, prior = models.pipeline(name), models.prior(name)
    scaled = pipeline.vae.config.scaling_factor
    latent = prior.encode(image())
    assert torch.allclose(latent, pipeline.vae.encode(image() * 2 - 1).latent_dist.mean * scaled, atol=1e-6)
    shown = pipeline.image_processor.postprocess(pipeline.vae.decode(latent / scaled).sample, output_type="pt")
    assert torch.allclose(prior.decode(latent).clamp(0, 1), shown, atol=1e-6)


@pytest.mark.parametrize("name", ["sd3", "flux-dev", "flux2"])
@torch.no_grad()
def test_an_encoded_image_has_the_shift_and_scale_of_its_family(name, models):
    pipeline, prior = models.pipeline(name), models.prior(name)
    if name == "flux2":
        expected = pipeline._encode_vae_image(image() * 2 - 1, None)
    else:
        vae = pipeline.vae
        expected = (vae.encode(image() * 2 - 1).latent_dist.mean - vae.config.shift_factor) * vae.config.scaling_factor
    assert torch.allclose(prior.encode(image()), expected, atol=1e-5)


@pytest.mark.parametrize("name", ["sd21", "sdxl"])
def test_guidance_in_one_call_equals_two_calls(name, models):
    plain, negative = models.prior(name), models.prior(name, replace(OPTIONS, prompt=OPTIONS.negative))
    x, sigma = noise(torch.empty(2, 4, 16, 16)), torch.tensor([0.2, 0.9])
    given, dropped = (prior.denoise(x, sigma, None) for prior in (plain, negative))
    assert float((given - dropped).abs().max()) > 1e-4
    assert torch.allclose(models.prior(name, GUIDED).denoise(x, sigma, None), 2 * given - dropped, atol=1e-5)


def test_a_batch_of_levels_is_denoised_as_each_alone(models):
    for name in ("sd15", "flux-dev", "flux2"):
        prior = models.prior(name)
        latent = prior.encode(torch.cat((image(0), image(1))))
        sigma = torch.tensor([0.1, 0.6])
        together = prior.denoise(latent, sigma, None)
        assert torch.allclose(together[1:], prior.denoise(latent[1:], sigma[1:], None), atol=1e-5)


def test_distilled_guidance_acts_on_dev_and_not_on_schnell(models):
    for name, acts in (("flux-dev", True), ("flux-schnell", False)):
        latent = noise(torch.empty(1, 4, 16, 16))
        priors = [models.prior(name, replace(OPTIONS, distilled_guidance=value)) for value in (1.0, 7.0)]
        assert torch.equal(*(prior.denoise(latent, torch.tensor([0.4]), None) for prior in priors)) != acts


@torch.no_grad()
def test_flux2_dev_is_told_its_guidance_as_its_pipeline_tells_it(models):
    from ttpo_cli.diffusion.priors.flow_prior import flow_denoiser, flux2_velocity
    from ttpo_cli.diffusion.priors.prompts import Prompt

    klein = models.pipeline("flux2")
    network = type(klein.transformer).from_config(klein.transformer.config, guidance_embeds=True).eval()
    pipeline = diffusers.Flux2Pipeline(klein.scheduler, klein.vae, None, None, network)
    pipeline.set_progress_bar_config(disable=True)
    tokens, latent, flow = noise(torch.empty(1, 7, 48)), noise(torch.empty(1, 16, 8, 8), 2), 0.45
    patch = {"sigmas": [flow], "num_inference_steps": 1, "height": 32, "width": 32, "output_type": "latent", "guidance_scale": 3.0}
    pipeline.scheduler = diffusers.FlowMatchEulerDiscreteScheduler(shift=1.0)
    x_t = (1 - flow) * latent + flow * noise(latent)
    expected = pipeline(prompt_embeds=tokens, latents=x_t, **patch).images.transpose(1, 2).reshape(latent.shape)
    sigma = flow / (1 - flow)
    denoise = flow_denoiser(flux2_velocity(network, 3.0), torch.float32)
    given = denoise(latent + sigma * noise(latent), torch.tensor([sigma]), None, Prompt(tokens))
    assert torch.allclose(given, expected, atol=1e-5)
