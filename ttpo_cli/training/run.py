"""A training run's folder: options, records as JSONL and TensorBoard, and a state that resumes to the same numbers."""

import json
import math
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any, Generic, TypeVar

import torch
from PIL import Image
from torch import Tensor, nn

from ttpo_cli.errors import TtpoError, UsageError
from ttpo_cli.imaging.atomic import atomic_write

Record = dict[str, float | int | str]
# Names and pictures (3, H, W) in [0, 1] that a validation shows.
Images = dict[str, Tensor]
Network = TypeVar("Network", bound=nn.Module)


class Ema(Generic[Network]):
    """Exponential moving average of a network's parameters, warmed up so that early weights are forgotten (Karras et al. 2024, sec. 3)."""

    def __init__(self, network: Network, decay: float) -> None:
        self.network = deepcopy(network).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        decay = min(self.decay, (1 + step) / (10 + step))
        for average, value in zip(self.network.state_dict().values(), network.state_dict().values(), strict=True):
            if average.dtype.is_floating_point:
                average.lerp_(value, 1 - decay)
            else:
                average.copy_(value)


class RunFolder:
    """Where one training writes: `options.json`, `log.jsonl`, TensorBoard events, images, `state.pt`, and the finished weights.

    Of several processes only the main one writes; the others read the state and keep silent.
    """

    def __init__(self, path: Path, options: Any, main: bool = True) -> None:
        self.path, self.main = path, main
        self.options = json.loads(json.dumps(asdict(options)))
        self.defaults = json.loads(json.dumps(asdict(type(options)())))
        self.photos: list[str] = []

    def prepare(self, resume: bool) -> dict[str, Any] | None:
        """The state to go on from, if there is one; nothing is written. Raises UsageError where options differ or a run would be
        overwritten."""
        state_file = self.path / "state.pt"
        if state_file.exists() and not resume:
            raise UsageError(f"{self.path} already holds a run: give --resume to go on with it, or another folder")
        state = load_state(state_file) if state_file.exists() else None
        if state is not None:
            refuse_other_options(state["options"], self.options, self.defaults)
        return state

    def check_photos(self, state: Mapping[str, Any] | None, photos: Sequence[str]) -> None:
        """Keep what the run is trained on, a line a photo. Raises UsageError where a run that goes on began with other photos: its crops,
        its dual variables and what it held back would be others."""
        self.photos = list(photos)
        before = None if state is None else state.get("photos")
        if not before or before == self.photos:  # older versions recorded nothing, or for some methods an empty list
            return
        gone, new = (list((Counter(some) - Counter(others)).elements()) for some, others in ((before, photos), (photos, before)))
        changes = [f"{len(lines)} {kind} ({_names(lines)})" for kind, lines in (("gone", gone), ("new", new)) if lines]
        raise UsageError(
            f"the run was started with other photos ({'; '.join(changes) or 'in another order'}): give the same, or begin in another folder"
        )

    def save(self, state: Mapping[str, Any]) -> None:
        """Write the state atomically: a full disk or a kill leaves the previous one standing."""
        if not self.main:
            return
        temporary = self.path / "state.pt.part"
        try:
            torch.save({**state, "options": self.options, "photos": self.photos}, temporary)
            os.replace(temporary, self.path / "state.pt")
        except (OSError, RuntimeError) as error:
            temporary.unlink(missing_ok=True)
            raise TtpoError(f"'{self.path / 'state.pt'}' cannot be written ({error}): free some space") from error

    @contextmanager
    def log(self, start: int) -> Iterator[Any]:
        """Yield a function that appends one record and its images; records after `start`, left by a killed run, are cut off first.

        Makes the folder. Raises TtpoError where it cannot be written, OSError where that happens later.
        """
        if not self.main:
            yield lambda record, images: None
            return
        try:
            from torch.utils.tensorboard.writer import SummaryWriter
        except ImportError as error:
            raise TtpoError("training writes TensorBoard logs and the package is not installed: pip install 'ttpo[train]'") from error
        log_file = self.path / "log.jsonl"
        kept = [record for record in read_records(log_file) if int(record["step"]) <= start] if log_file.exists() else []
        atomic_write(self.path / "options.json", (json.dumps(self.options, indent=2) + "\n").encode(), overwrite=True)
        atomic_write(log_file, "".join(json.dumps(record) + "\n" for record in kept).encode(), overwrite=True)
        writer = SummaryWriter(str(self.path / "tensorboard"), purge_step=start + 1)

        def append(record: Record, images: Mapping[str, Tensor] = MappingProxyType({})) -> None:
            with log_file.open("a") as stream:
                stream.write(json.dumps(record) + "\n")
            for name, value in record.items():
                if name != "step" and not isinstance(value, str):
                    writer.add_scalar(name, value, int(record["step"]))
            for name, image in images.items():
                pixels = (image.clamp(0, 1) * 255).round().byte().cpu()
                writer.add_image(name, pixels, int(record["step"]))
                (self.path / "images").mkdir(exist_ok=True)
                Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(self.path / "images" / f"{name}_{int(record['step']):07d}.png")

        try:
            yield append
        finally:
            writer.close()


def _names(lines: Sequence[str]) -> str:
    """The first photos that `fingerprints` lists."""
    return ", ".join(line.rsplit(maxsplit=2)[0] for line in lines[:3])


def read_records(log_file: Path) -> list[Record]:
    """The records of a `log.jsonl`; a last line that a full disk or a power cut tore is left out. Raises TtpoError for another damage."""
    lines = log_file.read_text(encoding="utf-8").splitlines()
    records = []
    for number, line in enumerate(lines):
        try:
            records.append(json.loads(line))
        except (ValueError, RecursionError) as error:
            if number + 1 < len(lines):
                raise TtpoError(f"{log_file}, line {number + 1}, is not a record ({error}): take the line out") from error
    return records


def load_state(path: Path) -> dict[str, Any]:
    """Read a training state; tensors and plain values only, no pickled code runs. Raises TtpoError for a damaged file."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds here; each means the same to a user
        raise TtpoError(f"{path} is not a readable training state ({type(error).__name__}): start in another folder") from error


def refuse_other_options(saved: Mapping[str, Any], current: Mapping[str, Any], defaults: Mapping[str, Any] = MappingProxyType({})) -> None:
    """Raise UsageError listing every option in which a resumed run differs from the one it continues, nested ones as `a.b`.

    defaults: of the options that are newer than the run.
    """
    differing = differences({**flat(defaults), **flat(saved)}, current)
    if differing:
        raise UsageError(f"the run was started with other options ({'; '.join(differing)}): use the same, or another folder")


def differences(saved: Mapping[str, Any], current: Mapping[str, Any]) -> list[str]:
    """Each value that differs between two nested mappings, as `a.b: before -> now`."""
    before, now = flat(saved), flat(current)
    names = sorted(set(before) | set(now))
    return [f"{name}: {before.get(name)} -> {now.get(name)}" for name in names if before.get(name) != now.get(name)]


def flat(options: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, with names joined by dots."""
    values: dict[str, Any] = {}
    for name, value in options.items():
        values |= flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return values


def cosine(step: int, steps: int, start: float, end: float, warm_up: int = 0) -> float:
    """Learning rate: linear warm-up, then half a cosine from `start` to `end` over `steps` (Loshchilov & Hutter 2017)."""
    if step < warm_up:
        return start * (step + 1) / warm_up
    progress = min(1.0, (step - warm_up) / max(1, steps - warm_up))
    return end + (start - end) * 0.5 * (1 + float(torch.cos(torch.tensor(torch.pi * progress))))


def channels_last(network: Network) -> Network:
    """Store each 2-D convolution's weights channels-last: several times faster on a CPU (a 3-D convolution has no such layout)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.to(memory_format=torch.channels_last)
    return network


def stop_if_not_finite(loss: Tensor, step: int, folder: Path) -> None:
    """Raise TtpoError on a NaN or infinite loss, naming the step and the last good checkpoint."""
    value = float(loss.detach())
    if not math.isfinite(value):
        raise diverged(f"the loss is {value}", step, folder)


def stop_if_broken(networks: Iterable[nn.Module], step: int, folder: Path) -> None:
    """Raise TtpoError before weights that hold NaN or infinity replace a good checkpoint."""
    for network in networks:
        if not all(bool(value.isfinite().all()) for value in network.state_dict().values() if value.is_floating_point()):
            raise diverged("the weights are NaN or infinite", step, folder)


def diverged(what: str, step: int, folder: Path) -> TtpoError:
    """The error for a training that diverged: at which step, what is still good, what to do."""
    state = folder / "state.pt"
    last = f"the last good checkpoint is {state}, and the weights next to it are as good" if state.exists() else "nothing was saved yet"
    return TtpoError(f"{what} at step {step}: {last}; begin in another folder at a lower rate")
