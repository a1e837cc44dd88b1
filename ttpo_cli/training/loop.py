"""The loop every training here shares: schedule, step, moving average, and at intervals a record, a checkpoint and the weights."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Generic

from torch import Tensor, nn
from torch.optim import Optimizer

from ttpo_cli.training.run import Ema, Network, Record, RunFolder, cosine, stop_if_not_finite


@dataclass(frozen=True)
class Pace:
    """steps in all; learning rate from `start` to `end` by a cosine after `warm_up` steps; decay of the average; steps between records."""

    steps: int
    start: float
    end: float
    warm_up: int
    ema: float
    every: int


@dataclass(frozen=True)
class Method(Generic[Network]):
    """What differs between trainings: the loss of a step, values to record of the averaged network, and how its weights are written."""

    loss: Callable[[int], Tensor]
    validate: Callable[[Network], Record]
    write: Callable[[Network, Record], None]


def train(
    run: RunFolder, state: dict[str, Any] | None, network: Network, optimizer: Optimizer, pace: Pace, method: Method[Network]
) -> Iterator[Record]:
    """Go on from `state` (None: from the start), yielding a record every `pace.every` steps, after its checkpoint is on disk.

    Raises TtpoError for a loss that is not finite or a checkpoint that cannot be written.
    """
    ema = Ema(network, pace.ema)
    first = 0
    if state is not None:
        network.load_state_dict(state["network"])
        ema.network.load_state_dict(state["ema"])
        optimizer.load_state_dict(state["optimizer"])
        first = state["step"]
    began, losses = perf_counter(), []
    with run.log(first) as append:
        for step in range(first, pace.steps):
            rate = cosine(step, pace.steps, pace.start, pace.end, warm_up=min(pace.warm_up, pace.steps // 10))
            for group in optimizer.param_groups:
                group["lr"] = rate
            loss = method.loss(step)
            stop_if_not_finite(loss, step, run.path)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            ema.update(network, step)
            losses.append(float(loss.detach()))
            if (step + 1) % pace.every == 0 or step + 1 == pace.steps:
                record: Record = {"step": step + 1, "loss": sum(losses) / len(losses), "learning_rate": rate}
                record |= method.validate(ema.network)
                record["seconds"] = perf_counter() - began
                losses.clear()
                append(record)
                states = {"network": network.state_dict(), "ema": ema.network.state_dict(), "optimizer": optimizer.state_dict()}
                run.save({"step": step + 1, **states})
                method.write(ema.network, record)
                yield record
