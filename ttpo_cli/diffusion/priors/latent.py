"""Latent priors: text-to-image models in diffusers layout as one denoiser over the latents of their autoencoder."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ttpo_cli.diffusion.denoiser import Denoise, Prior
from ttpo_cli.diffusion.priors.autoencoder import cell_channels, cell_size, decoder, encoder, is_tiny
from ttpo_cli.diffusion.priors.controlnet import load_controlnet, refuse_controlnet
from ttpo_cli.diffusion.priors.diffusers_models import (
    Layout,
    alphas_cumprod,
    load_part,
    load_vae,
    part_config,
    read_layout,
    scheduler_config,
    use_attention,
)
from ttpo_cli.diffusion.priors.flow_prior import flow_denoiser, flux2_velocity, flux_velocity, sd3_velocity
from ttpo_cli.diffusion.priors.lora import add_lora
from ttpo_cli.diffusion.priors.placement import Before, place
from ttpo_cli.diffusion.priors.prompts import Prompted, Prompts, cached_prompts, encode_prompts, keep_prompts, prompt_key, with_guidance
from ttpo_cli.diffusion.priors.unet_prior import as_cells, sigma_table, unet_denoiser
from ttpo_cli.errors import UsageError, WeightsError, unknown_name
from ttpo_cli.imaging.tiles import map_tiles
from ttpo_cli.settings.prior import PriorOptions
from ttpo_cli.weights.sha256 import file_sha256

COLOUR_FIXES = ("none", "wavelet")


@dataclass(frozen=True)
class Parts:
    """The loaded parts of a latent prior. scheduler: the configuration of its noise schedule; prompts: encoded."""

    name: str
    network_class: str
    network: Any
    vae: Any
    prompts: Prompts
    scheduler: dict[str, Any] = field(default_factory=dict)
    controlnet: Any = None
    sha256: str | None = None


@dataclass(frozen=True)
class Family:
    """What a network's family says of it. channels: of x0; multiple, native, largest: cells a side it takes, knows, takes at all."""

    prompted: Prompted
    channels: int
    multiple: int
    native: int
    sigma_max: float = inf
    largest: int | None = None


def load_latent_prior(folder: Path, device: torch.device, precision: str, options: PriorOptions, kept: Path | None = None) -> Prior:
    """The prior of a folder in diffusers layout (SD 1.x, 2.x, XL, Turbo, SD3, FLUX.1, FLUX.2). Nothing is downloaded.

    precision: auto (bf16 on CUDA, fp16 on MPS, fp32 on a CPU), fp32, bf16 or fp16. kept: a folder for encoded prompts.
    Raises WeightsError for a folder that cannot be loaded or a family that is not known, UsageError for invalid options.
    """
    parts = load_parts(folder, device, precision, options, kept)
    return build_prior(parts, device, parts.network.dtype, options)


def load_parts(folder: Path, device: torch.device, precision: str, options: PriorOptions, kept: Path | None = None) -> Parts:
    """The parts of a folder in diffusers layout, its texts encoded. Raises as `load_latent_prior` does."""
    layout = read_layout(folder)
    check_options(options, layout)
    if layout.network_class not in FAMILIES:
        known = ", ".join(sorted(FAMILIES))
        raise WeightsError(
            f"{folder} is a {layout.pipeline} with a {layout.network_class}, which is not a prior that ttpo knows; known networks: {known}"
        )
    dtype = network_dtype(precision, device)
    controlnet = load_controlnet(layout, Path(options.controlnet), dtype) if options.controlnet else None
    prompts = _prompts(layout, device, dtype, options, kept)
    network = load_part(folder / layout.network, layout.network_class, dtype)
    if options.lora:
        add_lora(network, Path(options.lora))
    scheduler, vae = scheduler_config(layout), _vae(layout, options, dtype)
    return Parts(
        name=layout.name,
        network_class=layout.network_class,
        network=network,
        vae=vae,
        prompts=prompts,
        scheduler=scheduler,
        controlnet=controlnet,
        sha256=_network_sha256(layout),
    )


def _prompts(layout: Layout, device: torch.device, dtype: torch.dtype, options: PriorOptions, kept: Path | None) -> Prompts:
    """The encoded texts of the options, from the folder `kept` where an earlier command left them there."""
    asked = (options.prompt, options.negative, options.cfg != 1, dtype)
    tokens = _text_length(layout)
    key = prompt_key(layout, *asked, tokens)
    found = None if kept is None else cached_prompts(kept, key)
    if found is not None:
        return found
    text_device = torch.device("cpu") if options.offload == "sequential" else device
    encoded = encode_prompts(layout, *asked, text_device, tokens=tokens)
    if kept is not None:
        keep_prompts(kept, key, encoded)
    return encoded


def build_prior(parts: Parts, device: torch.device, dtype: torch.dtype, options: PriorOptions, gradients: bool = False) -> Prior:
    """The prior of loaded parts; gradients: its denoise follows them where they are enabled.

    Raises WeightsError where autoencoder and network do not fit each other.
    """
    network, vae = parts.network, parts.vae
    use_attention(network, options.attention)
    factor = cell_size(vae)
    networks = [module for module in (network, parts.controlnet) if module is not None]
    before_network, before_vae = place(networks, vae, device, options.offload)
    if options.channels_last and parts.network_class == "UNet2DConditionModel":
        for module in (*networks, vae):
            module.to(memory_format=torch.channels_last)
    if options.compile:
        network.compile()
    if options.vae_tiles and not is_tiny(vae):
        vae.enable_tiling()
    if not is_tiny(vae):
        vae.enable_gradient_checkpointing()
    family = FAMILIES[parts.network_class](parts, factor, dtype, options)
    if family.channels != cell_channels(vae):
        message = f"the autoencoder has latents of {cell_channels(vae)} channels, the network of {family.channels}"
        raise WeightsError(f"{message}: give --prior-vae one that belongs to this model")
    prompt, negative = parts.prompts
    placed = prompt.to(device, dtype), None if negative is None else negative.to(device, dtype)
    denoise = with_guidance(family.prompted, placed, options.cfg)
    denoise = _in_tiles(denoise, family, options)
    return Prior(
        name=parts.name,
        denoise=_prepared(denoise, before_network, parts.controlnet is not None, gradients),
        encode=encoder(vae, before_vae),
        decode=decoder(vae, before_vae),
        multiple=family.multiple * factor,
        sha256=parts.sha256,
        sigma_max=family.sigma_max,
        colour_fix=options.colour_fix == "wavelet",
        condition=None if parts.controlnet is None else lambda scene: as_cells(scene.restored, factor),
    )


def check_options(options: PriorOptions, layout: Layout) -> None:
    """Raises UsageError for options that no model, or not this one, can follow."""
    if options.controlnet:
        refuse_controlnet(layout)
    if options.colour_fix not in COLOUR_FIXES:
        raise unknown_name("--prior-colour-fix", options.colour_fix, COLOUR_FIXES)
    if options.tile < 0 or options.overlap < 0 or (options.tile and options.overlap >= options.tile):
        raise UsageError(f"--prior-tile {options.tile} must be larger than --prior-overlap {options.overlap}, and neither negative")


def network_dtype(precision: str, device: torch.device) -> torch.dtype:
    """The number format of a precision on a device; `auto` is the one that is both fast and safe there."""
    if precision == "auto":
        return {"cuda": torch.bfloat16, "mps": torch.float16}.get(device.type, torch.float32)
    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]


def _prepared(denoise: Denoise, before: Before, conditioned: bool, gradients: bool) -> Denoise:
    """On its device, without gradients unless they are wanted; a network that takes no condition is given none."""

    def prepared(x: torch.Tensor, sigma: torch.Tensor, condition: torch.Tensor | None) -> torch.Tensor:
        before()
        with torch.set_grad_enabled(gradients and torch.is_grad_enabled()):
            return denoise(x, sigma, condition if conditioned else None)

    return prepared


def _in_tiles(denoise: Denoise, family: Family, options: PriorOptions) -> Denoise:
    """Tiles of the size the options ask for; by themselves, of the native size for latents above twice that."""
    largest = family.largest or 2 * family.native
    if options.tile:
        return tiled(denoise, min(options.tile, largest), options.overlap, family.multiple)
    natural = tiled(denoise, family.native, min(options.overlap, family.native // 4), family.multiple)

    def automatic(x: torch.Tensor, sigma: torch.Tensor, condition: torch.Tensor | None) -> torch.Tensor:
        small = max(x.shape[-2:]) <= min(largest, 2 * family.native)
        return (denoise if small else natural)(x, sigma, condition)

    return automatic


def _unet(parts: Parts, factor: int, dtype: torch.dtype, options: PriorOptions) -> Family:
    configuration = parts.network.config
    table = sigma_table(alphas_cumprod(parts.scheduler))
    prediction = parts.scheduler.get("prediction_type", "epsilon")
    prompted = unet_denoiser(parts.network, table, prediction, factor, dtype, controlnet=parts.controlnet, strength=options.control)
    side = configuration.sample_size
    native = side if isinstance(side, int) else min(side)
    multiple = max(2, 2 ** (len(configuration.block_out_channels) - 1))
    return Family(prompted=prompted, channels=configuration.in_channels, multiple=multiple, native=native, sigma_max=float(table[-1]))


def _sd3(parts: Parts, factor: int, dtype: torch.dtype, options: PriorOptions) -> Family:
    configuration = parts.network.config
    prompted = flow_denoiser(sd3_velocity(parts.network), dtype)
    largest = configuration.pos_embed_max_size * configuration.patch_size
    return Family(
        prompted=prompted,
        channels=configuration.in_channels,
        multiple=configuration.patch_size,
        native=configuration.sample_size,
        largest=largest,
    )


def _flux(parts: Parts, factor: int, dtype: torch.dtype, options: PriorOptions) -> Family:
    prompted = flow_denoiser(flux_velocity(parts.network, options.distilled_guidance), dtype)
    return Family(prompted=prompted, channels=parts.network.config.in_channels // 4, multiple=2, native=1024 // factor)


def _flux2(parts: Parts, factor: int, dtype: torch.dtype, options: PriorOptions) -> Family:
    prompted = flow_denoiser(flux2_velocity(parts.network, options.distilled_guidance), dtype)
    return Family(prompted=prompted, channels=parts.network.config.in_channels, multiple=2, native=1024 // factor)


FAMILIES: dict[str, Callable[[Parts, int, torch.dtype, PriorOptions], Family]] = {
    "UNet2DConditionModel": _unet,
    "SD3Transformer2DModel": _sd3,
    "FluxTransformer2DModel": _flux,
    "Flux2Transformer2DModel": _flux2,
}


def _vae(layout: Layout, options: PriorOptions, dtype: torch.dtype) -> nn.Module:
    """The autoencoder, in float32 where its configuration warns of half precision."""
    folder, class_name = layout.folder / "vae", layout.parts["vae"]
    if options.vae.startswith("tiny:"):
        folder, class_name = Path(options.vae.removeprefix("tiny:")), "AutoencoderTiny"
    elif options.vae:
        folder, class_name = Path(options.vae), None
    vae = load_vae(folder, dtype, class_name)
    return vae.float() if vae.config.get("force_upcast", False) else vae


def _text_length(layout: Layout) -> int | None:
    """FLUX.1 schnell, recognised by its lack of a guidance embedding, reads 256 tokens; the others what their pipelines read."""
    if layout.network_class != "FluxTransformer2DModel":
        return None
    return 512 if part_config(layout, layout.network).get("guidance_embeds") else 256


def _network_sha256(layout: Layout) -> str | None:
    """The sha256 of the network's one weight file; None where it is in several."""
    files = sorted((layout.folder / layout.network).glob("*.safetensors"))
    return file_sha256(files[0]) if len(files) == 1 else None


def tiled(denoise: Denoise, tile: int, overlap: int, multiple: int) -> Denoise:
    """The same denoiser in overlapping tiles where a latent is larger than one; x0_hat blends by linear ramps.

    tile, overlap: cells a side; multiple: what sides of a tile the network takes. The condition is cut with x.
    """

    def denoise_tiled(x: Tensor, sigma: Tensor, condition: Tensor | None) -> Tensor:
        if max(x.shape[-2:]) <= tile:
            return denoise(x, sigma, condition)
        channels = x.shape[1]

        def piece(stack: Tensor) -> Tensor:
            return denoise(stack[:, :channels], sigma, None if condition is None else stack[:, channels:])

        stack = x if condition is None else torch.cat((x, condition), dim=1)
        return map_tiles(piece, stack, tile=tile, overlap=overlap, multiple=multiple)

    return denoise_tiled
