"""SRGAN's discriminator and its losses (Ledig et al., CVPR 2017), as deep as LFC-SR's code has it, and one for any crop."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from ttpo_cli.training.distributed import Processes


class Discriminator(nn.Module):
    """(N, 3, H, W) RGB in [0, 1] -> logits (N, 1), high for real photos.

    Six 3x3 convolutions with batch norm and LeakyReLU(0.2), every second one halving the size; `crop` pixels a side are flattened
    into 1024 units (the paper's: 64 features at 144 pixels, 86.1 M parameters), or, with crop = None, averaged (any size).
    processes: those that share a batch, which they normalise as one would.
    """

    def __init__(self, features: int = 64, crop: int | None = 144, processes: Processes | None = None) -> None:
        super().__init__()
        widths = [3, *(features * factor for factor in (1, 1, 2, 2, 4, 4))]
        layers: list[nn.Module] = []
        for index, (inputs, outputs) in enumerate(zip(widths, widths[1:], strict=False)):
            layers.append(nn.Conv2d(inputs, outputs, 3, stride=1 + index % 2, padding=1, bias=False))
            norm = nn.BatchNorm2d(outputs) if processes is None or processes.count == 1 else SharedBatchNorm(outputs, processes)
            layers += [norm, nn.LeakyReLU(0.2, inplace=True)]
        self.layers = nn.Sequential(*layers)
        if crop is None:
            self.judge = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(widths[-1], 1))
        else:
            flat = widths[-1] * ((crop + 7) // 8) ** 2  # three halvings, each rounded up
            self.judge = nn.Sequential(nn.Flatten(), nn.Linear(flat, 1024), nn.LeakyReLU(0.2, inplace=True), nn.Linear(1024, 1))

    def forward(self, image: Tensor) -> Tensor:
        return self.judge(self.layers(image))


class SharedBatchNorm(nn.BatchNorm2d):
    """Batch norm by the mean and variance of a batch that lies in equal parts with several processes (Ioffe & Szegedy 2015)."""

    def __init__(self, features: int, processes: Processes) -> None:
        super().__init__(features)
        self.processes = processes

    def forward(self, input: Tensor) -> Tensor:
        if not self.training:
            return super().forward(input)
        values = input.float()
        mean = self.processes.shared_mean(values.mean(dim=(0, 2, 3)))
        centred = values - mean[:, None, None]
        variance = self.processes.shared_mean(centred.square().mean(dim=(0, 2, 3)))
        self._remember(mean, variance, self.processes.count * input.numel() // input.shape[1])
        scaled = centred * (self.weight / (variance + self.eps).sqrt())[:, None, None]
        return (scaled + self.bias[:, None, None]).to(input.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor, samples: int) -> None:
        """The moving averages of both, the variance's without bias, as in the class above."""
        assert self.running_mean is not None and self.running_var is not None
        assert self.num_batches_tracked is not None and self.momentum is not None
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * samples / (samples - 1), self.momentum)


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Binary cross-entropy of logits: real photos are 1, restored ones 0."""
    wrong = functional.binary_cross_entropy_with_logits(fake, torch.zeros_like(fake))
    return functional.binary_cross_entropy_with_logits(real, torch.ones_like(real)) + wrong


def adversarial_loss(fake: Tensor) -> Tensor:
    """The non-saturating loss of the generator: its images should be taken for photos."""
    return functional.binary_cross_entropy_with_logits(fake, torch.ones_like(fake))
