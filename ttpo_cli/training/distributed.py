"""One training on several GPUs: each process takes its part of every batch, and gradients are averaged (through Accelerate)."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from os import environ
from typing import Any

import torch
from torch import Tensor

from ttpo_cli.errors import TtpoError


@dataclass(frozen=True)
class Processes:
    """rank of this process among `count`; mean: a tensor's average over all of them; join: their rows in order."""

    rank: int
    count: int
    device: torch.device
    mean: Callable[[Tensor], Tensor]
    join: Callable[[Tensor], Tensor]
    wait: Callable[[], None]

    @property
    def main(self) -> bool:
        """Whether this process writes files and reports."""
        return self.rank == 0

    def part(self, batch: Tensor) -> Tensor:
        """This process's rows of a batch that all have drawn alike. Raises TtpoError where it cannot be shared equally."""
        if len(batch) % self.count:
            raise TtpoError(f"a batch of {len(batch)} cannot be shared by {self.count} processes: choose a multiple of them")
        size = len(batch) // self.count
        return batch[self.rank * size : (self.rank + 1) * size]

    def shared_mean(self, tensor: Tensor) -> Tensor:
        """A tensor's mean over the processes, through which gradients flow back to each of them."""
        if self.count == 1:
            return tensor
        averaged = _Mean.apply(tensor, self.mean)
        assert isinstance(averaged, Tensor)
        return averaged

    def average_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Replace each gradient by its mean over the processes, in one exchange."""
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        if self.count == 1 or not gradients:
            return
        joined = self.mean(torch.cat([gradient.flatten() for gradient in gradients]))
        for gradient, averaged in zip(gradients, joined.split([gradient.numel() for gradient in gradients]), strict=True):
            gradient.copy_(averaged.view_as(gradient))

    def average(self, values: Mapping[str, float]) -> dict[str, float]:
        """Recorded values, each averaged over the processes."""
        if self.count == 1:
            return dict(values)
        averaged = self.mean(torch.tensor(list(values.values()), dtype=torch.float64 if self.device.type == "cpu" else torch.float32))
        return dict(zip(values, averaged.tolist(), strict=True))


class _Mean(torch.autograd.Function):
    """The mean of everybody's tensor. Everybody's loss depends on it: its gradient is the mean of everybody's gradients."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor, mean: Callable[[Tensor], Tensor]) -> Tensor:
        ctx.mean = mean
        return mean(tensor.contiguous())

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return ctx.mean(gradients[0].contiguous()), None


def alone(device: torch.device) -> Processes:
    """This process and no other."""
    return Processes(rank=0, count=1, device=device, mean=lambda tensor: tensor, join=lambda tensor: tensor, wait=lambda: None)


def launched(device: torch.device) -> Processes:
    """The processes that `accelerate launch` or `torchrun` started together with this one; alone where nothing did.

    Raises TtpoError where Accelerate is not installed.
    """
    if int(environ.get("WORLD_SIZE", "1")) == 1:
        return alone(device)
    try:
        from accelerate import Accelerator
    except ImportError as error:
        raise TtpoError("training in several processes needs the package accelerate: pip install 'ttpo[train]'") from error
    accelerator = Accelerator(cpu=device.type == "cpu")
    return Processes(
        rank=accelerator.process_index,
        count=accelerator.num_processes,
        device=accelerator.device,
        mean=lambda tensor: _tensor(accelerator.reduce(tensor.to(accelerator.device), "mean")),
        join=lambda tensor: _tensor(accelerator.gather(tensor.contiguous())),
        wait=accelerator.wait_for_everyone,
    )


def _tensor(value: object) -> Tensor:
    assert isinstance(value, Tensor)
    return value
