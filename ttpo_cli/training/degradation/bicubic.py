"""How a good photo becomes a poor one: blur, bicubic shrinking, noise, JPEG: the order of the classical model (Elad and Feuer 1997)."""

import io

import torch
from PIL import Image
from torch import Tensor

from ttpo_cli.imaging.filters import gaussian_blur
from ttpo_cli.imaging.resize import imresize
from ttpo_cli.settings.degradation import DegradeOptions


def degrade(image: Tensor, options: DegradeOptions, generator: torch.Generator) -> Tensor:
    """(N, 3, H, W) in [0, 1] -> (N, 3, H // scale, W // scale), values on the 8-bit grid. The noise is drawn from `generator`.

    Rows and columns beyond a multiple of `scale` are cut off, as SR benchmarks do (mod-crop).
    """
    height, width = (side - side % options.scale for side in image.shape[-2:])
    image = gaussian_blur(image[..., :height, :width], options.blur)
    image = imresize(image, 1 / options.scale).clamp(0, 1)
    if options.noise:
        drawn = torch.randn(image.shape, generator=generator, device=generator.device)
        image = image + drawn.to(image) * (options.noise / 255)
    image = (image.clamp(0, 1) * 255).round() / 255
    return image if options.jpeg is None else jpeg(image, options.jpeg)


def jpeg(image: Tensor, quality: int) -> Tensor:
    """Each image of the batch once through a JPEG file of this quality (1 to 100), chroma at half size as cameras do."""
    return torch.cat([_jpeg_one(single, quality) for single in image])


def _jpeg_one(image: Tensor, quality: int) -> Tensor:
    pixels = (image.permute(1, 2, 0) * 255).round().to(torch.uint8).cpu().numpy()
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality, subsampling="4:2:0")
    height, width, channels = pixels.shape
    decoded = torch.frombuffer(bytearray(Image.open(stream).convert("RGB").tobytes()), dtype=torch.uint8)
    return (decoded.view(height, width, channels).permute(2, 0, 1)[None].float() / 255).to(image)
