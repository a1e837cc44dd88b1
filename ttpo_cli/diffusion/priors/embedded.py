"""The embedded prior: an EDM-preconditioned UNet in the orthonormal Haar domain, conditioned on the restored image.

Preconditioning is EDM's (Karras et al. 2022, arXiv 2206.00364, table 1), with two generalisations that keep its derivation: each Haar
band has its own sigma_data, and given a condition r the data are x0 = r + e, so that the Gaussian of the derivation is centred on r:
    D = m + c_skip (x - m) + c_out F(c_in (x - m), c_noise, m),   m = r, or 0 where the condition is dropped.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ttpo_cli.device.device import has_bfloat16
from ttpo_cli.diffusion.denoiser import Denoise, Prior
from ttpo_cli.diffusion.priors.diffusers_models import unet2d
from ttpo_cli.errors import WeightsError
from ttpo_cli.imaging.wavelets import haar_dwt, haar_idwt
from ttpo_cli.weights.checkpoint import load_checkpoint
from ttpo_cli.weights.manifest import embedded_path
from ttpo_cli.weights.sha256 import file_sha256

BANDS = 12
# The sinusoidal time embedding of the UNet resolves steps of about one; ln(sigma) spans about ten.
NOISE_SCALE = 25.0


@dataclass(frozen=True)
class UNetSize:
    """Width of each level of the UNet; each level after the first halves the resolution."""

    channels: tuple[int, ...] = (48, 96, 128)
    layers: int = 1
    groups: int = 16


def build_unet(size: UNetSize) -> nn.Module:
    """diffusers' UNet2DModel: noisy bands, condition bands and a flag in, 12 bands out; no attention, so any size and exact tiles."""
    levels = len(size.channels)
    return unet2d(
        sample_size=None,
        in_channels=2 * BANDS + 1,
        out_channels=BANDS,
        block_out_channels=size.channels,
        layers_per_block=size.layers,
        down_block_types=("DownBlock2D",) * levels,
        up_block_types=("UpBlock2D",) * levels,
        add_attention=False,
        norm_num_groups=size.groups,
    )


class HaarDenoiser(nn.Module):
    """x0_hat of images in [-1, 1] (N, 3, H, W), H and W multiples of `multiple`; sigma (N,); condition (N, 3, H, W) or None.

    `sigma_data` (2, 12): the deviation of each Haar band, row 0 about zero (condition dropped), row 1 about the condition.
    """

    sigma_data: Tensor

    def __init__(self, size: UNetSize, sigma_data: Tensor) -> None:
        super().__init__()
        self.size = size
        self.unet = build_unet(size)
        self.register_buffer("sigma_data", sigma_data.float())

    @property
    def multiple(self) -> int:
        """Smallest size the Haar transform and the UNet's halvings divide."""
        return 2 ** len(self.size.channels)

    def forward(self, x: Tensor, sigma: Tensor, condition: Tensor | None, kept: Tensor | None = None) -> Tensor:
        """`kept` (N,) of 0 and 1 says for which images of a training batch the condition is kept; None: all."""
        bands = haar_dwt(x)
        flag = x.new_ones(x.shape[0]) if kept is None else kept.to(x)
        if condition is None:
            centre, flag = torch.zeros_like(bands), torch.zeros_like(flag)
        else:
            centre = haar_dwt(condition) * flag[:, None, None, None]
        return haar_idwt(self._denoise_bands(bands, sigma, centre, flag))

    def _denoise_bands(self, bands: Tensor, sigma: Tensor, centre: Tensor, flag: Tensor) -> Tensor:
        c_skip, c_out, c_in = precondition(sigma, self.sigma_data[flag.long()])
        flags = flag[:, None, None, None].expand(-1, 1, *bands.shape[-2:])
        inputs = torch.cat((c_in * (bands - centre), centre, flags), dim=1).contiguous(memory_format=torch.channels_last)
        output = self.unet(inputs, NOISE_SCALE * sigma.log()).sample
        return centre + c_skip * (bands - centre) + c_out * output.float()


def precondition(sigma: Tensor, sigma_data: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """c_skip, c_out, c_in of EDM's table 1. sigma (N,), sigma_data (N, B) -> each (N, B, 1, 1)."""
    level = sigma[:, None]
    total = (level**2 + sigma_data**2).sqrt()
    coefficients = sigma_data**2 / total**2, level * sigma_data / total, 1 / total
    c_skip, c_out, c_in = (coefficient[:, :, None, None] for coefficient in coefficients)
    return c_skip, c_out, c_in


def prior_metadata(denoiser: HaarDenoiser, **facts: str) -> dict[str, Any]:
    """What `load_haar_prior` needs to rebuild the network, and the facts of its training."""
    size = denoiser.size
    return {"ttpo": "haar-prior", "channels": list(size.channels), "layers": size.layers, "groups": size.groups, **facts}


def load_denoiser(path: Path) -> HaarDenoiser:
    """Rebuild the network of a checkpoint written by `ttpo train prior`. Raises WeightsError for any other file."""
    state, metadata = load_checkpoint(path)
    if metadata.get("ttpo") != "haar-prior":
        raise WeightsError(f"{path} is not a diffusion prior of ttpo: give a file of `ttpo train prior`, or a folder in diffusers layout")
    size = UNetSize(tuple(metadata["channels"]), int(metadata["layers"]), int(metadata["groups"]))
    denoiser = HaarDenoiser(size, torch.ones(2, BANDS))
    denoiser.load_state_dict(state, strict=True)
    return denoiser.eval().requires_grad_(False)


def load_haar_prior(path: Path | None, device: torch.device, precision: str = "auto", scale: float = 1.0) -> Prior:
    """The prior of a checkpoint (None: the embedded one) on a device.

    precision: auto (bf16 autocast where the device has it, else fp32), fp32 or bf16.
    scale: classifier-free guidance, D = D_drop + scale (D_cond - D_drop); 1 costs one call.
    """
    file = embedded_path("haar-prior") if path is None else path
    denoiser = load_denoiser(file).to(device)
    for module in denoiser.modules():
        if isinstance(module, nn.Conv2d):
            module.to(memory_format=torch.channels_last)
    autocast = has_bfloat16(device) if precision == "auto" else precision != "fp32"
    denoise = haar_denoise(denoiser, device, autocast, scale)

    def inferring(x: Tensor, sigma: Tensor, condition: Tensor | None) -> Tensor:
        with torch.no_grad():
            return denoise(x, sigma, condition)

    return haar_prior("haar" if path is None else path.stem, inferring, denoiser.multiple, file_sha256(file))


def haar_denoise(denoiser: HaarDenoiser, device: torch.device, autocast: bool, scale: float = 1.0) -> Denoise:
    """The network as x0_hat(x, sigma, condition), with classifier-free guidance of this scale, in bf16 autocast or not."""

    def denoise(x: Tensor, sigma: Tensor, condition: Tensor | None) -> Tensor:
        with torch.autocast(device.type, torch.bfloat16, enabled=autocast):
            given = denoiser(x, sigma, condition)
            if condition is None or scale == 1:
                return given
            dropped = denoiser(x, sigma, None)
        return dropped + scale * (given - dropped)

    return denoise


def haar_prior(name: str, denoise: Denoise, multiple: int, sha256: str | None = None) -> Prior:
    """The prior of a network of this kind, by its denoiser."""
    return Prior(
        name=name,
        denoise=denoise,
        encode=_to_signed,
        decode=_to_unit,
        multiple=multiple,
        sha256=sha256,
        licence="Apache-2.0",
        commercial_use=True,
    )


def _to_signed(image: Tensor) -> Tensor:
    return image * 2 - 1


def _to_unit(signed: Tensor) -> Tensor:
    return (signed + 1) / 2
