"""One optimiser step of a policy over a batch of samples, in as few passes as memory allows; what every objective shares."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ttpo_cli.device.batching import Batch
from ttpo_cli.training.distributed import Processes
from ttpo_cli.training.run import stop_if_not_finite


@dataclass(frozen=True)
class Updater:
    """network: what is trained. parts: how many samples one pass takes. norm: to which gradients are clipped. folder: of the run."""

    network: nn.Module
    optimizer: Optimizer
    processes: Processes
    parts: Batch
    norm: float
    folder: Path

    def descend(self, losses: Callable[[slice], Tensor], count: int, number: int) -> dict[str, float]:
        """Lower the mean over `count` samples of `losses`, a function of a slice of them: its loss and the gradients' norm.

        A pass that runs out of memory leaves nothing behind and is done again in halves. Raises TtpoError for a loss not finite.
        """
        parameters = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        self.optimizer.zero_grad(set_to_none=True)

        def one(part: slice) -> Tensor:
            with torch.enable_grad():
                values = losses(part)
                gradients = torch.autograd.grad(values.sum() / count, parameters, allow_unused=True)
            for parameter, gradient in zip(parameters, gradients, strict=True):
                if gradient is not None:
                    parameter.grad = gradient if parameter.grad is None else parameter.grad + gradient
            return values.detach()

        loss = self.parts.run(one, count, self.processes.device).mean()
        stop_if_not_finite(loss, number, self.folder)
        self.processes.average_gradients(parameters)
        norm = nn.utils.clip_grad_norm_(parameters, self.norm)
        self.optimizer.step()
        return {"loss": float(loss), "gradient_norm": float(norm)}


def mean_values(rows: list[dict[str, float]]) -> dict[str, float]:
    """The mean of each value over the updates of a step."""
    return {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}
