"""Options of the diffusion prior."""

from dataclasses import dataclass

EMBEDDED = "haar-prior"


@dataclass(frozen=True)
class PriorOptions:
    """How a prior is used. The embedded prior reads `scale` alone; all else is for latent priors.

    scale: classifier-free guidance, 1 = none, at half the cost. told: the guidance a distilled network (FLUX dev) is told.
    vae: another autoencoder, a folder, or tiny:FOLDER for an AutoencoderTiny; vae_tiles: encode and decode in tiles.
    controlnet: the folder of a tile ControlNet that sees the restored image, `control` its strength. lora: a file of `ttpo train lrpo`.
    tile, overlap: cells of latents denoised at a time and shared by neighbours; tile 0: the native size, for latents above twice that.
    attention: sdpa | xformers. offload: none | model | sequential. colour_fix: wavelet | none.
    """

    scale: float = 1.0
    prompt: str = ""
    negative: str = ""
    told: float = 3.5
    vae: str = ""
    vae_tiles: bool = False
    controlnet: str = ""
    control: float = 1.0
    lora: str = ""
    tile: int = 0
    overlap: int = 16
    attention: str = "sdpa"
    offload: str = "none"
    compile: bool = False
    channels_last: bool = True
    colour_fix: str = "wavelet"
