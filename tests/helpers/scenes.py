"""Photos without a file: shapes, shades and texture with sharp edges, the same for the same seed."""

import torch
from torch.nn import functional


def scene(height=256, width=320, seed=0):
    """(1, 3, height, width) in [0.1, 0.9]: discs with and without texture on a shaded ground, drawn twice as large and averaged."""
    generator = torch.Generator().manual_seed(seed)
    tall, wide = 2 * height, 2 * width
    rows, columns = torch.meshgrid(torch.linspace(0, 1, tall), torch.linspace(0, wide / tall, wide), indexing="ij")
    image = (0.4 + 0.15 * rows + 0.1 * columns).expand(3, -1, -1).clone()
    texture = torch.zeros(1, 1, tall, wide)
    for side in (6, 12, 24, 48, 96, 192):
        coarse = torch.randn(1, 1, tall // side + 1, wide // side + 1, generator=generator)
        texture += side**0.9 * functional.interpolate(coarse, size=(tall, wide), mode="bicubic")
    texture = (texture / texture.std())[0, 0]
    for number in range(40):
        draws = torch.rand(6, generator=generator)
        inside = (rows - draws[0]) ** 2 + (columns - draws[1] * wide / tall) ** 2 < (0.02 + 0.13 * draws[2]) ** 2
        colour = 0.25 + 0.5 * torch.rand(3, 1, 1, generator=generator)
        image = torch.where(inside, colour + (0.06 if number % 2 else 0.0) * texture, image)
    return functional.avg_pool2d(image[None], 2).clamp(0.1, 0.9)
