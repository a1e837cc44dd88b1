"""HAN, the holistic attention network: the objective stage of LFC-SR (Niu et al., ECCV 2020; body: RCAN, Zhang et al., ECCV 2018)."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from ttpo_cli.imaging.resize import imresize

# Mean colour of DIV2K in [0, 1], subtracted before the first convolution and added after the last.
DIV2K_MEAN = (0.4488, 0.4371, 0.4040)


@dataclass(frozen=True)
class HANConfig:
    """The paper's network by default: 10 groups of 20 channel-attention blocks, 64 features, 255 grey levels inside, no image skip.

    `skip="bicubic"` makes the network predict only what is missing from the bicubic enlargement; its last convolution then starts at zero.
    """

    groups: int = 10
    blocks: int = 20
    features: int = 64
    reduction: int = 16
    skip: Literal["none", "bicubic"] = "none"
    pixel_range: float = 255.0


def convolution(inputs: int, outputs: int, size: int = 3) -> nn.Conv2d:
    """A convolution that keeps height and width, zero-padded, with bias."""
    return nn.Conv2d(inputs, outputs, size, padding=size // 2)


def zero_convolution(layer: nn.Conv2d) -> None:
    """Start a convolution at zero, so that a network with an image skip starts as that skip."""
    assert layer.bias is not None
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)


def div2k_mean(like: Tensor) -> Tensor:
    """DIV2K_MEAN as (1, 3, 1, 1) on the device and in the dtype of `like`."""
    return torch.tensor(DIV2K_MEAN, dtype=like.dtype, device=like.device).view(1, 3, 1, 1)


class ChannelAttention(nn.Module):
    """Squeeze and excitation: each channel times a sigmoid of the pooled channels."""

    def __init__(self, features: int, reduction: int) -> None:
        super().__init__()
        self.squeeze = convolution(features, features // reduction, 1)
        self.excite = convolution(features // reduction, features, 1)

    def forward(self, x: Tensor) -> Tensor:
        pooled = x.mean(dim=(2, 3), keepdim=True)
        return x * torch.sigmoid(self.excite(torch.relu(self.squeeze(pooled))))


class AttentionBlock(nn.Module):
    """RCAB: x + CA(conv(relu(conv(x))))."""

    def __init__(self, features: int, reduction: int) -> None:
        super().__init__()
        self.first = convolution(features, features)
        self.second = convolution(features, features)
        self.attention = ChannelAttention(features, reduction)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.attention(self.second(torch.relu(self.first(x))))


class ResidualGroup(nn.Module):
    """Blocks in series, one convolution, and a skip around them."""

    def __init__(self, config: HANConfig) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(AttentionBlock(config.features, config.reduction) for _ in range(config.blocks)))
        self.last = convolution(config.features, config.features)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.last(self.blocks(x))


class LayerAttention(nn.Module):
    """LAM, layer attention: every depth's features plus gamma times the features of the depths least like it.

    maps: L tensors (N, C, H, W), oldest first. Returns (N, L*C, H, W), newest first. gamma starts at 0, where it is a concatenation.
    The energies sum over all of C*H*W, so they and their softmax are computed in float32, whatever autocast says.
    """

    def __init__(self) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, maps: list[Tensor]) -> Tensor:
        stacked = torch.stack(maps[::-1], dim=1)  # (N, L, C, H, W)
        with torch.autocast(stacked.device.type, enabled=False):
            flat = stacked.flatten(2).float()  # (N, L, C*H*W)
            energy = flat @ flat.transpose(1, 2)  # (N, L, L)
            attention = torch.softmax(energy.amax(dim=-1, keepdim=True) - energy, dim=-1)
            mixed = (self.gamma.float() * attention) @ flat
        return (stacked + mixed.view_as(stacked).to(stacked.dtype)).flatten(1, 2)


class ChannelSpatialAttention(nn.Module):
    """CSAM, channel-spatial attention: x + gamma * sigmoid(volume(x)) * x, `volume` a 3x3x3 convolution over (C, H, W). gamma starts at 0.

    The 27 weights are unrolled into a band of C x C filters: the same sums as conv3d, an order of magnitude faster on a CPU, and 4-D
    weights let the whole network be moved to channels_last.
    """

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(3, 3, 3).uniform_(-(27**-0.5), 27**-0.5))  # (C, H, W), as conv3d starts
        self.bias = nn.Parameter(torch.empty(1).uniform_(-(27**-0.5), 27**-0.5))
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.gamma * torch.sigmoid(self.volume(x)) * x

    def volume(self, x: Tensor) -> Tensor:
        """The 3x3x3 convolution, zero-padded: (N, C, H, W) -> same."""
        channels = x.shape[1]
        eye = torch.eye(channels + 2, dtype=self.weight.dtype, device=self.weight.device)
        shifts = torch.stack([eye[depth : depth + channels, 1:-1] for depth in range(3)])  # shifts[d, o, i] = (i == o + d - 1)
        band = torch.einsum("doi,dhw->oihw", shifts, self.weight)
        return functional.conv2d(x, band, self.bias.expand(channels), padding=1)


def upsampler(features: int, scale: int) -> nn.Sequential:
    """Sub-pixel convolutions (Shi et al., CVPR 2016): one step for x2 and x3, two for x4."""
    steps = {2: (2,), 3: (3,), 4: (2, 2)}[scale]
    return nn.Sequential(*(layer for step in steps for layer in (convolution(features, features * step**2), nn.PixelShuffle(step))))


class HAN(nn.Module):
    """lq -> hq of `scale` times the size, made for fidelity.

    lq: (N, 3, H, W) RGB in [0, 1], any size. Returns (N, 3, scale*H, scale*W), unclamped. scale is 2, 3 or 4.
    """

    def __init__(self, config: HANConfig, scale: int) -> None:
        super().__init__()
        features = config.features
        self.config, self.scale = config, scale
        self.head = convolution(3, features)
        self.groups = nn.ModuleList(ResidualGroup(config) for _ in range(config.groups))
        self.body_last = convolution(features, features)
        self.layer_attention = LayerAttention()
        self.layer_fuse = convolution((config.groups + 1) * features, features)
        self.channel_spatial_attention = ChannelSpatialAttention()
        self.fuse = convolution(2 * features, features)
        self.upsampler = upsampler(features, scale)
        self.tail = convolution(features, 3)
        if config.skip == "bicubic":
            zero_convolution(self.tail)

    def forward(self, lq: Tensor) -> Tensor:
        mean = div2k_mean(lq)
        shallow = self.head((lq - mean) * self.config.pixel_range)
        maps, deep = [], shallow
        for group in self.groups:
            deep = group(deep)
            maps.append(deep)
        deep = self.body_last(deep)
        maps.append(deep)
        attended = torch.cat([self.channel_spatial_attention(deep), self.layer_fuse(self.layer_attention(maps))], dim=1)
        residual = self.tail(self.upsampler(self.fuse(attended) + shallow)) / self.config.pixel_range
        if self.config.skip == "bicubic":
            return residual + imresize(lq, scale=self.scale)
        return residual + mean
