"""The loop every training here shares: step, moving average, and at intervals a record, a checkpoint and the weights."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, Generic

from torch import Tensor, nn
from torch.optim import Optimizer

from ttpo_cli.errors import TtpoError, UsageError
from ttpo_cli.progress import OnTrainingStep
from ttpo_cli.training.run import Ema, Images, Network, Record, RunFolder, cosine, diverged, stop_if_broken, stop_if_not_finite


@dataclass(frozen=True)
class Pace:
    """steps in all; learning rate from `start` to `end` by a cosine after `warm_up` steps; decay of the average; steps between records.

    border: a step after which there is a record too, as a phase ends there.
    """

    steps: int
    start: float
    end: float
    warm_up: int
    ema: float
    every: int
    border: int | None = None


@dataclass(frozen=True)
class Method(Generic[Network]):
    """What differs between trainings.

    Attributes:
        network: What is averaged, validated and written.
        parts: Everything a resumed run needs in addition to the average, each with `state_dict` and `load_state_dict`.
        step: One update, returning values that are averaged between records.
        validate: Values and images of the averaged network.
        write: Writes its weights, next to a record.
        from_start: A record of the network before its first step too.
        ended: Asked after each record whether to stop before the last step.
    """

    network: Network
    parts: Mapping[str, Any]
    step: Callable[[int], Mapping[str, float]]
    validate: Callable[[Network], tuple[Record, Images]]
    write: Callable[[Network, Record], None]
    from_start: bool = False
    ended: Callable[[], bool] = lambda: False


def train(
    run: RunFolder, state: dict[str, Any] | None, pace: Pace, method: Method[Network], on_step: OnTrainingStep = lambda step: None
) -> Iterator[Record]:
    """Go on from `state` (None: from the start), yielding a record every `pace.every` steps, after its checkpoint is on disk.

    Ends after the last step, or where the method says so. on_step: called with how many steps are done.
    Raises UsageError for no step to take or none between records, TtpoError for a loss or weights that are not finite and for a disk that
    cannot be written.
    """
    if pace.steps < 1 or pace.every < 1:
        raise UsageError(f"{pace.steps} steps with a record every {pace.every}: both must be 1 or more")
    if not 0 <= pace.ema < 1:
        raise UsageError(f"the moving average's decay is a share from 0 to below 1, got {pace.ema}")
    ema = Ema(method.network, pace.ema)
    first, saved = 0, state is not None
    if state is not None:
        for name, part in method.parts.items():
            part.load_state_dict(state[name])
        ema.network.load_state_dict(state["ema"])
        first = state["step"]
    began, values = perf_counter(), defaultdict[str, list[float]](list)
    with run.log(-1 if state is None else first) as append:

        def validated(step: int) -> Record:
            record: Record = {"step": step, **{name: sum(drawn) / len(drawn) for name, drawn in values.items()}}
            try:
                validated, images = method.validate(ema.network)
            except FloatingPointError as error:
                raise diverged(str(error), step - 1, run.path) from error
            record |= validated
            record["seconds"] = perf_counter() - began
            values.clear()
            with saving(run.path, saved):
                append(record, images)
            return record

        if state is None and method.from_start:
            record = validated(0)
            with saving(run.path, saved):
                method.write(ema.network, record)
            yield record
        on_step(first)
        for step in range(first, pace.steps):
            if method.ended():
                return
            for name, value in method.step(step).items():
                values[name].append(value)
            ema.update(method.network, step)
            on_step(step + 1)
            if (step + 1) % pace.every == 0 or step + 1 in (pace.steps, pace.border):
                stop_if_broken((method.network, ema.network), step, run.path)
                record = validated(step + 1)
                # The weights before the state: a kill between the two is made good by the resumed run, which writes the same again.
                with saving(run.path, saved):
                    method.write(ema.network, record)
                    states = {name: part.state_dict() for name, part in method.parts.items()}
                    run.save({"step": step + 1, "ema": ema.network.state_dict(), **states})
                saved = True
                yield record


@contextmanager
def saving(folder: Path, saved: bool) -> Iterator[None]:
    """A disk that cannot be written becomes a TtpoError that says what stands."""
    try:
        yield
    except (OSError, TtpoError) as error:
        stands = (
            "the previous checkpoint stands; free space, then --resume"
            if saved
            else "nothing was saved yet; free space, or choose another folder"
        )
        said = (error.strerror if isinstance(error, OSError) else None) or str(error).split(": free", 1)[0]
        raise TtpoError(f"the run in {folder} cannot be written ({said}): {stands}") from error


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
