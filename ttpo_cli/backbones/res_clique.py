"""The Res-clique network: the perceptual stage of LFC-SR, on the four bands of a Haar transform (Zhang et al., ECCV 2022)."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from ttpo_cli.backbones.han import convolution, div2k_mean, zero_convolution
from ttpo_cli.imaging.wavelets import haar_dwt, haar_idwt


@dataclass(frozen=True)
class CliqueConfig:
    """The paper's network by default: 15 blocks, 32 features a band, 255 grey levels inside, no image skip.

    `skip="identity"` makes the network predict a change of its input; its last convolution then starts at zero.
    """

    blocks: int = 15
    width: int = 32
    skip: Literal["none", "identity"] = "none"
    pixel_range: float = 255.0


class Node(nn.Module):
    """One node of the clique: a convolution of the concatenated inputs, then a PReLU with a slope for each channel."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.convolution = convolution(inputs * width, width)
        self.activation = nn.PReLU(width)

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.activation(self.convolution(torch.cat(inputs, dim=1)))


class ResClique(nn.Module):
    """Four band nodes updated twice: low to high, then high to low with weights of its own; plus the block's input.

    (N, 4*width, h, w) -> same; chunks are LL, LH, HL, HH. LH and HL never see each other.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.up_ll, self.up_lh, self.up_hl, self.up_hh = (Node(inputs, width) for inputs in (1, 2, 2, 4))
        self.down_hh, self.down_hl, self.down_lh, self.down_ll = (Node(inputs, width) for inputs in (1, 2, 2, 4))

    def forward(self, x: Tensor) -> Tensor:
        ll, lh, hl, hh = x.chunk(4, dim=1)
        ll = self.up_ll(ll)
        lh = self.up_lh(ll, lh)
        hl = self.up_hl(ll, hl)
        hh = self.up_hh(ll, lh, hl, hh)
        hh = self.down_hh(hh)
        hl = self.down_hl(hl, hh)
        lh = self.down_lh(lh, hh)
        ll = self.down_ll(ll, lh, hl, hh)
        return x + torch.cat([ll, lh, hl, hh], dim=1)


class CliqueNet(nn.Module):
    """hq -> hq of the same size, made for perception.

    hq: (N, 3, H, W) RGB in about [0, 1]; an odd side is padded by repeating its edge, and cut again. Returns (N, 3, H, W), unclamped.
    """

    def __init__(self, config: CliqueConfig) -> None:
        super().__init__()
        width = config.width
        self.config = config
        self.head = convolution(12, width)
        self.widen = convolution(width, 4 * width)
        self.blocks = nn.ModuleList(ResClique(width) for _ in range(config.blocks))
        self.fuse = convolution(4 * width * config.blocks, width, 1)
        self.tail = convolution(width, 12)
        if config.skip == "identity":
            zero_convolution(self.tail)

    def forward(self, hq: Tensor) -> Tensor:
        height, width = hq.shape[-2:]
        mean = div2k_mean(hq)
        even = functional.pad(hq, (0, width % 2, 0, height % 2), mode="replicate")
        shallow = self.head(haar_dwt((even - mean) * self.config.pixel_range))
        deep, outputs = self.widen(shallow), []
        for block in self.blocks:
            deep = block(deep)
            outputs.append(deep)
        fused = functional.leaky_relu(self.fuse(torch.cat(outputs, dim=1)), 0.01)
        residual = haar_idwt(self.tail(fused + shallow))[..., :height, :width] / self.config.pixel_range
        return residual + (hq if self.config.skip == "identity" else mean)
