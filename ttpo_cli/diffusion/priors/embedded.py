"""The embedded prior: an EDM-preconditioned UNet in the orthonormal Haar domain, conditioned on the restored image and, in the second
generation, on the photo it was restored from and on how degraded that photo is.

Preconditioning is EDM's (Karras et al. 2022, arXiv 2206.00364, table 1), with two generalisations that keep its derivation: each Haar
band has its own sigma_data, and given a condition r the data are x0 = r + e, so that the Gaussian of the derivation is centred on r:
    D = m + c_skip (x - m) + c_out F(c_in (x - m), c_noise, m),   m = r, or w r where the condition is dropped.
w is 0 in the first generation. In the second it is 0.1: a restorer's condition is dropped to a weak anchor instead of to nothing
(VOSR, CVPR 2026), and so are the photo and its numbers.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ttpo_cli.device.device import has_bfloat16
from ttpo_cli.diffusion.denoiser import Denoise, Prior, Scene
from ttpo_cli.diffusion.priors.diffusers_models import unet2d
from ttpo_cli.errors import WeightsError
from ttpo_cli.imaging.wavelets import haar_dwt, haar_idwt
from ttpo_cli.weights.checkpoint import load_checkpoint
from ttpo_cli.weights.manifest import embedded_path
from ttpo_cli.weights.sha256 import file_sha256

BANDS = 12
# The channels of the second generation's condition: the restored image, the enlarged photo, and two numbers of the photo's degradation.
CONDITION_CHANNELS = 8
WEAK_ANCHOR = 0.1
# The sinusoidal time embedding of the UNet resolves steps of about one; ln(sigma) spans about ten.
NOISE_SCALE = 25.0


@dataclass(frozen=True)
class UNetSize:
    """The network's shape.

    Attributes:
        channels: Width of each level of the UNet; each level after the first halves the resolution.
        layers: Residual blocks a level.
        groups: Of the group normalisation.
        transforms: How often the Haar transform is applied to the image, each time to all bands: 1 halves the sides, 2 quarters them.
        sees_photo: Whether the condition holds the photo and the numbers of its degradation too.
    """

    channels: tuple[int, ...] = (48, 96, 128)
    layers: int = 1
    groups: int = 16
    transforms: int = 1
    sees_photo: bool = False

    @property
    def bands(self) -> int:
        """Channels of the transformed image."""
        return 3 * 4**self.transforms

    @property
    def inputs(self) -> int:
        """Channels of the UNet's input: noisy bands, bands of the condition, numbers, and the flag of a condition that is kept."""
        return (3 * self.bands + 2 if self.sees_photo else 2 * self.bands) + 1

    @property
    def multiple(self) -> int:
        """Smallest size that the Haar transforms and the UNet's halvings divide."""
        return 2 ** (self.transforms + len(self.channels) - 1)


def build_unet(size: UNetSize) -> nn.Module:
    """diffusers' UNet2DModel: noisy bands, the condition and a flag in, denoised bands out; no attention, so any size and exact tiles."""
    levels = len(size.channels)
    return unet2d(
        sample_size=None,
        in_channels=size.inputs,
        out_channels=size.bands,
        block_out_channels=size.channels,
        layers_per_block=size.layers,
        down_block_types=("DownBlock2D",) * levels,
        up_block_types=("UpBlock2D",) * levels,
        add_attention=False,
        norm_num_groups=size.groups,
    )


class HaarDenoiser(nn.Module):
    """x0_hat of images in [-1, 1].

    Attributes:
        size: The network's shape; images are (N, 3, H, W), H and W multiples of `multiple`.
        sigma_data: (2, bands): the deviation of each Haar band, row 0 with the condition dropped, row 1 about the restored image.
    """

    sigma_data: Tensor

    def __init__(self, size: UNetSize, sigma_data: Tensor) -> None:
        super().__init__()
        self.size = size
        self.unet = build_unet(size)
        self.register_buffer("sigma_data", sigma_data.float())

    @property
    def multiple(self) -> int:
        """What the sides of an image must be multiples of."""
        return self.size.multiple

    @property
    def weak_anchor(self) -> float:
        """The share of a condition that is left where it is dropped."""
        return WEAK_ANCHOR if self.size.sees_photo else 0.0

    def bands_of(self, image: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, bands, h, w)."""
        for _ in range(self.size.transforms):
            image = haar_dwt(image)
        return image

    def image_of(self, bands: Tensor) -> Tensor:
        """The inverse of `bands_of`."""
        for _ in range(self.size.transforms):
            bands = haar_idwt(bands)
        return bands

    def forward(self, x: Tensor, sigma: Tensor, condition: Tensor | None, kept: Tensor | None = None) -> Tensor:
        """x0_hat (N, 3, H, W).

        Args:
            x: The noisy images (N, 3, H, W).
            sigma: Their noise levels (N,).
            condition: (N, 3, H, W), the restored images; with `sees_photo` (N, 8, H, W) as of `join_condition`. None: dropped.
            kept: (N,) of 0 and 1: for which images of a training batch the condition is kept; None: for all.
        """
        if condition is None:
            condition = x.new_zeros(len(x), CONDITION_CHANNELS if self.size.sees_photo else 3, *x.shape[-2:])
            kept = x.new_zeros(len(x))
        flag = x.new_ones(len(x)) if kept is None else kept.to(x)
        condition = condition * (self.weak_anchor + (1 - self.weak_anchor) * flag)[:, None, None, None]
        return self.image_of(self._denoise_bands(self.bands_of(x), sigma, condition, flag))

    def _denoise_bands(self, bands: Tensor, sigma: Tensor, condition: Tensor, flag: Tensor) -> Tensor:
        c_skip, c_out, c_in = precondition(sigma, self.sigma_data[flag.long()])
        centre = self.bands_of(condition[:, :3])
        seen = [centre]
        if self.size.sees_photo:
            step = 2**self.size.transforms
            seen += [self.bands_of(condition[:, 3:6]) - centre, condition[:, 6:, ::step, ::step]]
        flags = flag[:, None, None, None].expand(-1, 1, *bands.shape[-2:])
        inputs = torch.cat((c_in * (bands - centre), *seen, flags), dim=1).contiguous(memory_format=torch.channels_last)
        output = self.unet(inputs, NOISE_SCALE * sigma.log()).sample
        return centre + c_skip * (bands - centre) + c_out * output.float()


def join_condition(restored: Tensor, photo: Tensor, numbers: Tensor) -> Tensor:
    """The condition of the second generation, (N, 8, H, W).

    Args:
        restored: (N, 3, H, W) in [-1, 1].
        photo: What it was restored from, enlarged to its size, (N, 3, H, W) in [-1, 1].
        numbers: (N, 2), as of `degradation_numbers`.
    """
    maps = numbers.to(restored)[:, :, None, None].expand(-1, -1, *restored.shape[-2:])
    return torch.cat((restored, photo, maps), dim=1)


def degradation_numbers(agreement: float, detail: float) -> tuple[float, float]:
    """How degraded a photo is, as two numbers of about -1 to 1.

    Args:
        agreement: PSNR of the scene to the photo that noise and compression leave, dB.
        detail: The share of the restored image's sides that would hold the photo's detail, in (0, 1].
    """
    return (min(agreement, 60.0) - 35) / 20, math.log2(max(detail, 1 / 32)) / 2 + 1


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
    shape = {"channels": list(size.channels), "layers": size.layers, "groups": size.groups}
    second = {"transforms": size.transforms, "sees_photo": size.sees_photo} if size.sees_photo or size.transforms != 1 else {}
    return {"ttpo": "haar-prior", **shape, **second, **facts}


def load_denoiser(path: Path) -> HaarDenoiser:
    """Rebuild the network of a checkpoint written by `ttpo train prior`. Raises WeightsError for any other file."""
    state, metadata = load_checkpoint(path)
    if metadata.get("ttpo") != "haar-prior":
        raise WeightsError(f"{path} is not a diffusion prior of ttpo: give a file of `ttpo train prior`, or a folder in diffusers layout")
    size = UNetSize(
        channels=tuple(metadata["channels"]),
        layers=int(metadata["layers"]),
        groups=int(metadata["groups"]),
        transforms=int(metadata.get("transforms", 1)),
        sees_photo=bool(metadata.get("sees_photo", False)),
    )
    denoiser = HaarDenoiser(size, torch.ones(2, size.bands))
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

    return haar_prior("haar" if path is None else path.stem, inferring, denoiser.size, file_sha256(file))


def haar_denoise(denoiser: HaarDenoiser, device: torch.device, autocast: bool, scale: float = 1.0) -> Denoise:
    """The network as x0_hat(x, sigma, condition), with classifier-free guidance of this scale, in bf16 autocast or not."""

    def denoise(x: Tensor, sigma: Tensor, condition: Tensor | None) -> Tensor:
        with torch.autocast(device.type, torch.bfloat16, enabled=autocast):
            given = denoiser(x, sigma, condition)
            if condition is None or scale == 1:
                return given
            dropped = denoiser(x, sigma, condition, x.new_zeros(len(x)))
        return dropped + scale * (given - dropped)

    return denoise


def haar_prior(name: str, denoise: Denoise, size: UNetSize, sha256: str | None = None) -> Prior:
    """The prior of a network of this shape, by its denoiser."""
    return Prior(
        name=name,
        denoise=denoise,
        encode=to_signed,
        decode=_to_unit,
        multiple=size.multiple,
        sha256=sha256,
        licence="Apache-2.0",
        commercial_use=True,
        condition=_condition_of if size.sees_photo else None,
        sees_photo=size.sees_photo,
    )


def _condition_of(scene: Scene) -> Tensor:
    photo = scene.restored if scene.photo is None else scene.photo
    numbers = scene.restored.new_tensor(scene.degradation).expand(len(scene.restored), -1)
    return join_condition(to_signed(scene.restored), to_signed(photo), numbers)


def to_signed(image: Tensor) -> Tensor:
    """[0, 1] -> [-1, 1]."""
    return image * 2 - 1


def _to_unit(signed: Tensor) -> Tensor:
    return (signed + 1) / 2
