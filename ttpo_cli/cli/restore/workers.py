"""`--workers`, `--device A,B`, `--executor ray`: a folder restored by other processes, here or on a cluster."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch

from ttpo_cli.backbones.automatic import names_of_backbones
from ttpo_cli.cli.options.shared import names
from ttpo_cli.cli.terminal.console import Terminal, counted
from ttpo_cli.cli.terminal.downloads import warn_of_licences
from ttpo_cli.device.device import choose_device
from ttpo_cli.errors import UsageError
from ttpo_cli.folder.remote import SessionLoader, computing_versions
from ttpo_cli.report.output import Session
from ttpo_cli.settings.engine import EngineOptions
from ttpo_cli.settings.run import Executor
from ttpo_cli.weights.sha256 import file_sha256
from ttpo_cli.workers.pool import Worker, WorkerPool
from ttpo_cli.workers.process import ProcessWorker
from ttpo_cli.workers.ray import RayWorker, Share, cpus_per_gpu, joined_cluster, places

THREADS = "OMP_NUM_THREADS"

# What a worker on another machine must know of this one's environment.
_CARRIED = ("HF_HUB_OFFLINE", "TTPO_MANIFEST")


@contextmanager
def worker_pool(executor: Executor, loader: SessionLoader, photos: int, terminal: Terminal) -> Iterator[tuple[WorkerPool, Session]]:
    """Workers, no more than photos, that are loaded and agree, and what they loaded; they end with the context.

    Raises UsageError for devices that are not there, TtpoError where no worker can be had or two of them differ.
    """
    with ExitStack() as stack:
        if executor.name == "ray":
            workers = _on_cluster(executor, loader, photos, terminal, stack)
        else:
            workers = _on_this_machine(executor, loader, photos, terminal)
        pool = WorkerPool(workers, computing_versions(), terminal.warn)
        stack.callback(pool.stop)
        pool.start()
        weights = pool.facts["weights"]
        check_own_files(loader.options, weights)
        warn_of_licences(weights, terminal)
        yield pool, loader.session(None, weights)


def _on_this_machine(executor: Executor, loader: SessionLoader, photos: int, terminal: Terminal) -> list[Worker]:
    """Processes of this machine: one a device, or as many as requested, which take the devices in turn and share the threads."""
    devices = devices_of(executor.device)
    count = min(executor.workers or len(devices), photos)
    threads = str(_given_threads() or max(1, torch.get_num_threads() // count))
    terminal.say(f"{counted(count, 'worker')} on {', '.join(devices[:count])}, {threads} CPU threads each: loading")
    loaders = [loader.on(devices[index % len(devices)]) for index in range(count)]
    return [ProcessWorker(f"worker {index}", own, {THREADS: threads}) for index, own in enumerate(loaders, 1)]


def _on_cluster(executor: Executor, loader: SessionLoader, photos: int, terminal: Terminal, stack: ExitStack) -> list[Worker]:
    """Actors of a Ray cluster, each with a GPU where there are any, otherwise with as many CPUs as the same run here would use threads."""
    device = executor.device
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
    terminal.say(f"{counted(count, 'worker')} on {address or 'a Ray cluster of this machine'}, {share} each{fewer}: loading")
    environment = {THREADS: str(share.cpus), **{name: os.environ[name] for name in _CARRIED if name in os.environ}}
    own = loader.on("cuda" if share.gpus else "cpu")
    return [RayWorker(f"worker {index}", own, environment, share) for index in range(1, count + 1)]


def _given_threads() -> int:
    """What --threads or the environment says, 0 for nothing; of OpenMP's "4,2" the first, for which torch has use."""
    first = os.environ.get(THREADS, "").partition(",")[0].strip()
    return int(first) if first.isdecimal() else 0


def devices_of(text: str) -> list[str]:
    """The devices that `--device` names, in order; `all` is every CUDA device, and so is `auto` where there are any.

    Raises UsageError for one that is not there, or for none.
    """
    if text == "all" or (text == "auto" and torch.cuda.is_available()):
        if not torch.cuda.is_available():
            raise UsageError("--device all: PyTorch sees no CUDA device on this machine; use --workers N on the CPU, or see `ttpo doctor`")
        return [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    return [str(choose_device(name)) for name in names(text)] or [str(choose_device(text))]


def check_own_files(options: EngineOptions, weights: Sequence[Mapping[str, Any]]) -> None:
    """Raises UsageError where weights named by a file here, if they are used, are not those that the workers found under that path."""
    used = {entry["sha256"] for entry in weights}
    roles, names = ({entry[which] for entry in weights} for which in ("role", "name"))
    metric_files = [path for name, path in options.metric_files.items() if name in names]
    backbones = [Path(name) for name in names_of_backbones(options.backbone)]
    for path in (*backbones, *([Path(options.prior)] if "prior" in roles else ()), *metric_files):
        if path.is_file() and file_sha256(path) not in used:
            raise UsageError(f"'{path}' is another file on the workers' machines: copy it there, or use a disk they share")


def _own_cpus() -> int:
    """CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
