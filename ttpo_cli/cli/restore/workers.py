"""`--workers`, `--device A,B`, `--executor ray`: a folder restored by other processes, here or on a cluster."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ttpo_cli.cli.terminal.console import Terminal
from ttpo_cli.cli.terminal.downloads import warn_of_licences
from ttpo_cli.errors import UsageError
from ttpo_cli.folder.restoration import FolderWork
from ttpo_cli.report.output import Outputs, Work

if TYPE_CHECKING:
    from ttpo_cli.folder.decision import Decision
    from ttpo_cli.folder.pick_store import Picks
    from ttpo_cli.folder.run import Elsewhere, Finished
    from ttpo_cli.pipeline import Engine
    from ttpo_cli.settings.engine import EngineOptions
    from ttpo_cli.settings.settings import Settings
    from ttpo_cli.workers.pool import Crew, Worker

THREADS = "OMP_NUM_THREADS"
# What a worker on another machine must know of this one's environment.
_CARRIED = ("HF_HUB_OFFLINE", "TTPO_MANIFEST")


@dataclass(frozen=True)
class Executor:
    """Where photos are restored: `local`, in this process unless there are several workers or devices, or `ray`."""

    name: str = "local"
    address: str | None = None
    workers: int | None = None

    def check(self, device: str, alone: bool, asks: bool) -> None:
        """Raises UsageError for an address without a cluster, or for photos without a folder (`alone`) or with questions that are to be
        shared out."""
        if self.address is not None and self.name != "ray":
            raise UsageError("--address is that of a Ray cluster: give --executor ray as well")
        if alone and self.elsewhere(device):
            raise UsageError("several workers share the photos of folders: give folders, or several photos with -o FOLDER")
        if asks and self.elsewhere(device):
            raise UsageError("--select ask asks about one photo at a time: leave the workers out, or use --select later and `ttpo pick`")

    def elsewhere(self, device: str) -> bool:
        """Whether other processes restore."""
        return self.name == "ray" or (self.workers or 1) > 1 or device == "all" or "," in device


@dataclass(frozen=True)
class Errand:
    """One photo as it travels: the bytes of its file, and what its folder says of it. label: what errors call it."""

    data: bytes
    decision: "Decision"
    label: str
    root: Path
    settings: Mapping[str, str]
    made_with: Mapping[str, str]
    picks: "Picks"
    later: bool


@dataclass(frozen=True)
class Recipe:
    """Called in the worker: loads what an Errand needs, and says what all workers must have in common."""

    load: "Callable[[EngineOptions, Settings], Engine]"
    made_of: "EngineOptions"
    settings: "Settings"
    outputs: Outputs

    def on(self, device: str) -> "Recipe":
        """The same on another device."""
        return replace(self, made_of=replace(self.made_of, device=device))

    def __call__(self) -> "tuple[dict[str, Any], Callable[[Errand], Finished]]":
        import logging

        from ttpo_cli.report.record import weights_of

        logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # as `program` does
        engine = self.load(self.made_of, self.settings)
        weights = weights_of(engine, self.made_of.metric_files)
        work = Work(self.made_of, engine, weights, self.settings, self.outputs)
        hashes = {f"sha256 of the {entry['role']} {entry['name']}": entry["sha256"] for entry in weights}
        return {**_versions(), **hashes, "weights": weights}, work_of(work)


def work_of(work: Work) -> "Callable[[Errand], Finished]":
    """Carry out an errand with what is loaded."""
    from ttpo_cli.folder.run import carried_out
    from ttpo_cli.imaging.reading import read_photo

    def run(errand: Errand) -> "Finished":
        source = errand.decision.job.source
        assert source is not None  # a folder has files
        photo = read_photo(errand.data, name=source.name, label=errand.label)
        folder = FolderWork(work, errand.root, errand.settings, errand.made_with, errand.picks, errand.later)
        return carried_out(folder.restore(photo, errand.decision, lambda stage, done, total: None))

    return run


def sent_to(crew: "Crew", folder: FolderWork) -> "Elsewhere":
    """The folder's photos as errands for the crew."""
    from ttpo_cli.folder.candidate_store import stored_path
    from ttpo_cli.folder.run import Elsewhere

    def restore(data: bytes, decision: "Decision") -> "Finished":
        job, label = decision.job, str(decision.job.source)
        assert job.source is not None and job.target is not None  # a folder has files
        placed = replace(decision, job=replace(job, source=job.source.resolve(), target=job.target.resolve()))
        picks = {key: pick for key, pick in folder.picks.items() if key[0] == decision.target}
        root = folder.root.resolve()
        finished = crew.work(Errand(data, placed, label, root, folder.settings, folder.made_with, picks, folder.later), label)
        if finished.encode is not None or not folder.work.outputs.latents:
            stored_path(root, decision.target).unlink(missing_ok=True)  # the worker may be on a machine where it is not
        return finished

    return Elsewhere(restore, crew.size, crew.stop)


@contextmanager
def hired(executor: Executor, recipe: Recipe, photos: int, terminal: Terminal) -> "Iterator[tuple[Crew, Work]]":
    """Workers, no more than photos, that are loaded and agree, and what they loaded; they end with the context.

    Raises UsageError for devices that are not there, TtpoError where no worker can be had or two of them differ.
    """
    from ttpo_cli.workers.pool import Crew

    with ExitStack() as stack:
        place = _on_cluster if executor.name == "ray" else _here
        crew = Crew(place(executor, recipe, photos, terminal, stack), _versions(), terminal.warn)
        stack.callback(crew.stop)
        crew.start()
        weights = crew.facts["weights"]
        check_own_files(recipe.made_of, weights)
        warn_of_licences(weights, terminal)
        yield crew, Work(recipe.made_of, None, weights, recipe.settings, recipe.outputs)


def _here(executor: Executor, recipe: Recipe, photos: int, terminal: Terminal, stack: ExitStack) -> "list[Worker]":
    """Processes of this machine: one a device, or as many as asked for, which take the devices in turn and share the threads."""
    import torch

    from ttpo_cli.workers.process import ProcessWorker

    devices = devices_of(recipe.made_of.device)
    count = min(executor.workers or len(devices), photos)
    threads = str(_given_threads() or max(1, torch.get_num_threads() // count))
    terminal.say(f"{_workers(count)} on {', '.join(devices[:count])}, {threads} CPU threads each: loading")
    recipes = [recipe.on(devices[index % len(devices)]) for index in range(count)]
    return [ProcessWorker(f"worker {index}", own, {THREADS: threads}) for index, own in enumerate(recipes, 1)]


def _on_cluster(executor: Executor, recipe: Recipe, photos: int, terminal: Terminal, stack: ExitStack) -> "list[Worker]":
    """Actors of a Ray cluster, each with a GPU where there are any, otherwise with as many CPUs as the same run here would use threads."""
    import torch

    from ttpo_cli.workers.ray import RayWorker, Share, cpus_per_gpu, joined_cluster, places

    device = recipe.made_of.device
    if device not in ("auto", "cpu", "cuda"):
        raise UsageError(f"--device {device}: with --executor ray, Ray chooses among the GPUs; give auto, cpu or cuda")
    address = executor.address or os.environ.get("RAY_ADDRESS")
    wanted, given = min(executor.workers or photos, photos), _given_threads()
    threads = given or max(1, torch.get_num_threads() // (1 if address else executor.workers or 1))
    stack.enter_context(joined_cluster(address, max(_own_cpus(), threads * (executor.workers or 1))))
    of_gpu = None if device == "cpu" else cpus_per_gpu()
    if device == "cuda" and of_gpu is None:
        raise UsageError("--device cuda: the Ray cluster has no GPU; give --device cpu")
    share = Share(threads, 0) if of_gpu is None else Share(given or of_gpu, 1)
    count = min(wanted, places(share))
    fewer = f" (there is no room for {wanted})" if executor.workers and count < wanted else ""
    terminal.say(f"{_workers(count)} on {address or 'a Ray cluster of this machine'}, {share} each{fewer}: loading")
    environment = {THREADS: str(share.cpus), **{name: os.environ[name] for name in _CARRIED if name in os.environ}}
    own = recipe.on("cuda" if share.gpus else "cpu")
    return [RayWorker(f"worker {index}", own, environment, share) for index in range(1, count + 1)]


def _given_threads() -> int:
    """What --threads or the environment says, 0 for nothing; of OpenMP's "4,2" the first, for which torch has use."""
    first = os.environ.get(THREADS, "").partition(",")[0].strip()
    return int(first) if first.isdecimal() else 0


def _workers(count: int) -> str:
    return "1 worker" if count == 1 else f"{count} workers"


def devices_of(text: str) -> list[str]:
    """The devices that `--device` names, in order; `all` is every CUDA device, and so is `auto` where there are any.

    Raises UsageError for one that is not there, or for none.
    """
    import torch

    from ttpo_cli.cli.options.shared import names
    from ttpo_cli.device.device import choose_device

    if text == "all" or (text == "auto" and torch.cuda.is_available()):
        if not torch.cuda.is_available():
            raise UsageError("--device all: PyTorch sees no CUDA device on this machine; use --workers N on the CPU, or see `ttpo doctor`")
        return [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    return [str(choose_device(name)) for name in names(text)] or [str(choose_device(text))]


def first_device(text: str) -> str:
    """What one process takes of `--device`."""
    return "cuda" if text == "all" else text.partition(",")[0].strip() or text


def check_own_files(made_of: "EngineOptions", weights: "list[dict[str, Any]]") -> None:
    """Weights that were named by a file here, if they are used, are to be the ones the workers found under that path. Raises UsageError for
    others."""
    from ttpo_cli.weights.sha256 import file_sha256

    used = {entry["sha256"] for entry in weights}
    roles, names = ({entry[which] for entry in weights} for which in ("role", "name"))
    judges = [path for name, path in made_of.metric_files.items() if name in names]
    for path in (Path(made_of.backbone), *([Path(made_of.prior)] if "prior" in roles else ()), *judges):
        if path.is_file() and file_sha256(path) not in used:
            raise UsageError(f"'{path}' is another file on the workers' machines: copy it there, or use a disk they share")


def _own_cpus() -> int:
    """CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _versions() -> dict[str, str]:
    """Of all that computes; Python's without its last number, which changes no result."""
    from ttpo_cli.report.record import versions

    found = versions()
    return {f"version of {name}": version.rpartition(".")[0] if name == "python" else version for name, version in found.items()}
