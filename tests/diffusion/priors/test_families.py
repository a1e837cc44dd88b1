"""Every family, on a tiny untrained model in its own layout: what the prior computes is what the family's own pipeline computes."""

from dataclasses import replace
from functools import cache

import diffusers
import pytest
import torch
from tiny_models import FAMILIES, quiet, save_family

from ttpo_cli.diffusion.priors.latent import PriorOptions, load_latent_prior

CPU = torch.device("cpu")
UNETS = ("sd15", "sd21", "sd-turbo", "sdxl")
FLOWS = ("sd3", "flux-dev", "flux-schnell", "flux2")
OPTIONS = PriorOptions(prompt="a street, rain", negative="blurry", told=2.5)
GUIDED = replace(OPTIONS, scale=2.0)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Loads, once each, the tiny model of a family: its folder, its own pipeline, and its prior under given options."""
    folder = tmp_path_factory.mktemp("models")
    quiet()

    class Models:
        @cache
        def folder(self, name):
            return save_family(name, folder)

        @cache
        def pipeline(self, name):
            pipeline = diffusers.DiffusionPipeline.from_pretrained(self.folder(name))
            pipeline.set_progress_bar_config(disable=True)
            return pipeline

        @cache
        def prior(self, name, options=OPTIONS):
            return load_latent_prior(self.folder(name), CPU, "fp32", options)

    return Models()


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


def run(pipeline, name, latent, flow, output):
    """One step of the family's own pipeline from x_t at about `flow` to 0, which ends on x0_hat: (its x_t's t, what it returns)."""
    side = 2 * latent.shape[-1] * (2 if name == "flux2" else 1)
    scheduler = pipeline.scheduler
    scheduler.set_timesteps(sigmas=[flow], mu=None if name == "sd3" else 0.7)
    x_t, given = {}, {"num_inference_steps": 1, "sigmas": [flow], "height": side, "width": side, "output_type": output}

    def start(time):
        return (1 - time) * (latent + time / (1 - time) * noise(latent))

    if name == "sd3":
        x_t = start(float(scheduler.sigmas[0]))
        given |= {"negative_prompt": OPTIONS.negative, "guidance_scale": 2.0}
        return float(scheduler.sigmas[0]), pipeline(OPTIONS.prompt, latents=x_t, **given).images
    pipeline.scheduler = diffusers.FlowMatchEulerDiscreteScheduler(shift=1.0)
    x_t = start(flow)
    if name.startswith("flux-"):
        x_t = pipeline._pack_latents(x_t, 1, *x_t.shape[1:])
        given |= {"max_sequence_length": 512 if name == "flux-dev" else 256}
        given |= {"negative_prompt": OPTIONS.negative, "true_cfg_scale": 2.0}
    else:
        given |= {"is_distilled": False}
    result = pipeline(OPTIONS.prompt, latents=x_t, guidance_scale=OPTIONS.told, **given).images
    pipeline.scheduler = scheduler
    return flow, result
