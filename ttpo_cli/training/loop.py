"""The loop every training here shares: step, moving average, and at intervals a record, a checkpoint and the weights."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Generic

from torch import Tensor, nn
from torch.optim import Optimizer

from ttpo_cli.training.run import Ema, Images, Network, Record, RunFolder, cosine, stop_if_not_finite


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
    """What differs between trainings.

    network: what is averaged, validated and written. parts: everything a resumed run needs beside the average (each with
    `state_dict` and `load_state_dict`). step: one update, returning values that are averaged between records. validate: values and
    images of the averaged network; write: its weights, beside a record. from_start: a record of the network before its first step too.
    ended: asked after each record whether to stop before the last step.
    """

    network: Network
    parts: Mapping[str, Any]
    step: Callable[[int], Mapping[str, float]]
    validate: Callable[[Network], tuple[Record, Images]]
    write: Callable[[Network, Record], None]
    from_start: bool = False
    ended: Callable[[], bool] = lambda: False


def train(run: RunFolder, state: dict[str, Any] | None, pace: Pace, method: Method[Network]) -> Iterator[Record]:
    """Go on from `state` (None: from the start), yielding a record every `pace.every` steps, after its checkpoint is on disk.

    Ends after the last step, or where the method says so.
    Raises TtpoError for a loss that is not finite or a checkpoint that cannot be written.
    """
    ema = Ema(method.network, pace.ema)
    first = 0
    if state is not None:
        for name, part in method.parts.items():
            part.load_state_dict(state[name])
        ema.network.load_state_dict(state["ema"])
        first = state["step"]
    began, values = perf_counter(), defaultdict[str, list[float]](list)
    with run.log(-1 if state is None else first) as append:

        def judged(step: int) -> Record:
            record: Record = {"step": step, **{name: sum(drawn) / len(drawn) for name, drawn in values.items()}}
            validated, images = method.validate(ema.network)
            record |= validated
            record["seconds"] = perf_counter() - began
            values.clear()
            append(record, images)
            return record

        if state is None and method.from_start:
            record = judged(0)
            method.write(ema.network, record)
            yield record
        for step in range(first, pace.steps):
            if method.ended():
                return
            for name, value in method.step(step).items():
                values[name].append(value)
            ema.update(method.network, step)
            if (step + 1) % pace.every == 0 or step + 1 == pace.steps:
                record = judged(step + 1)
                # The weights before the state: a kill between the two is made good by the resumed run, which writes the same again.
                method.write(ema.network, record)
                states = {name: part.state_dict() for name, part in method.parts.items()}
                run.save({"step": step + 1, "ema": ema.network.state_dict(), **states})
                yield record


def descent(
    network: nn.Module, optimizer: Optimizer, pace: Pace, loss: Callable[[int], Tensor], run: RunFolder
) -> Callable[[int], dict[str, float]]:
    """A step that minimises one loss with one optimiser: the cosine's rate, gradients clipped to a norm of 1."""

    def step(number: int) -> dict[str, float]:
        rate = cosine(number, pace.steps, pace.start, pace.end, warm_up=min(pace.warm_up, pace.steps // 10))
        set_rate(optimizer, rate)
        value = loss(number)
        stop_if_not_finite(value, number, run.path)
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        return {"loss": float(value.detach()), "learning_rate": rate}

    return step


def set_rate(optimizer: Optimizer, rate: float) -> None:
    """The learning rate of all of an optimiser's parameters."""
    for group in optimizer.param_groups:
        group["lr"] = rate
