"""Options of the diffusion prior."""

from dataclasses import dataclass
from typing import Literal

from ttpo_cli.settings.option import option

EMBEDDED = "haar-prior"
Attention = Literal["sdpa", "xformers"]


@dataclass(frozen=True)
class PriorOptions:
    """How a prior is used. The embedded prior reads `cfg` and `autocast` alone; everything else is for latent priors."""

    cfg: float = option(
        1.0,
        "Classifier-free guidance of the prior; 1: none, at half the cost.",
        aliases=("--prior-scale",),
        recorded="scale",
        paper="guidance: arXiv 2207.12598",
    )
    prompt: str = option("", "Latent priors: what the photo shows.")
    negative: str = option("", "Latent priors: what it should not look like; used where --prior-cfg is not 1.")
    distilled_guidance: float = option(
        3.5, "Guidance given as input to a distilled network (FLUX dev).", aliases=("--prior-told",), recorded="told"
    )
    vae: str = option("", "Another autoencoder: a folder, or tiny:FOLDER for an AutoencoderTiny.")
    vae_tiles: bool = option(False, "Encode and decode in tiles: less memory.")
    controlnet: str = option("", "A folder with a tile ControlNet, which sees the restored image (SD 1.5, 2.1, XL).")
    control: float = option(1.0, "Strength of the ControlNet.")
    lora: str = option("", "A LoRA file of `ttpo train lrpo` for this prior.")
    tile: int = option(0, "Side of latent tiles, cells; 0: the native size, for latents above twice that.")
    overlap: int = option(16, "Cells that neighbouring latent tiles share.")
    attention: Attention = option("sdpa", "sdpa, or xformers where a build that fits PyTorch is installed.")
    offload: Literal["none", "model", "sequential"] = option(
        "none", "What waits in the computer's memory: none, model (parts take turns) or sequential (layers)."
    )
    compile: bool = option(False, "torch.compile the network: minutes at first, then faster calls.")
    channels_last: bool = option(True, "The memory format of a UNet.")
    autocast: Literal["auto", "bf16"] = option(
        "auto",
        "With --precision auto, the embedded prior in bf16: auto where the processor computes it, else fp32; bf16 everywhere.",
        before="bf16",
    )
    colour_fix: Literal["wavelet", "none"] = option(
        "wavelet", "wavelet: tones and colours of the restored image; or none.", paper="wavelet: arXiv 2305.07015"
    )
