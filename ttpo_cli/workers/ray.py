"""A worker as an actor of a Ray cluster: Ray finds it a machine, carries photos to it and results back, and notices that it died."""

import logging
import os
import pickle
import signal
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from ttpo_cli import __version__
from ttpo_cli.errors import TtpoError, UsageError
from ttpo_cli.workers.pool import NoRoom, WorkerLost
from ttpo_cli.workers.runtime import Loader, Runtime, identity, unpacked

# Seconds within which the cluster must find room for a worker and start its process.
PATIENCE = 120.0
_ANSWER = 10.0  # seconds for a cluster's machine to answer at all
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",  # no report over the network
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
# Ray's long account of a lost worker in a few words, by a part of its text.
_ENDINGS = {
    "node has died": "its machine was lost",
    "running low on memory": "Ray ended it, since its machine ran low on memory",
    "worker process has died": "it crashed or was killed, as the system does where memory runs out",
    "ray.kill": "stopped",
}


@dataclass(frozen=True)
class Share:
    """What one worker takes of a machine."""

    cpus: int
    gpus: int

    def __str__(self) -> str:
        gpus = f" and {self.gpus} GPU" if self.gpus else ""
        return f"{self.cpus} {'CPU' if self.cpus == 1 else 'CPUs'}{gpus}"


@contextmanager
def joined_cluster(address: str | None, cpus: int) -> Iterator[None]:
    """Be part of the cluster at `address` while the context lasts; None: of one that is started here, with `cpus`, and for this alone.

    Raises UsageError without Ray, TtpoError where the cluster cannot be reached or is of another version.
    """
    os.environ.update({name: os.environ.get(name, value) for name, value in _QUIET.items()})
    try:
        ray = _ray()
    except ImportError as error:
        raise UsageError("--executor ray needs Ray, which is not installed here: pip install 'ttpo[ray]'") from error
    if address is not None:
        _check_answers(address)
    own: dict[str, Any] = {"address": "local", "num_cpus": cpus, "include_dashboard": False, "_node_ip_address": "127.0.0.1"}
    # Ray prints its own account of lost workers on standard output, which carries data; this is the switch its debugger uses.
    setattr(import_module("ray._private.worker"), "_worker_logs_enabled", False)  # noqa: B010 - not a public name of Ray
    terminate = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(**(own if address is None else {"address": address}), log_to_driver=False, logging_level=logging.ERROR)
    except Exception as error:  # whatever Ray raises here says that there is no cluster
        ray.shutdown()
        where = "on this machine" if address is None else f"at {address}"
        reason = " ".join(str(error).split())[:300]
        raise TtpoError(f"no Ray cluster {where} ({reason}): check --address and that the same Ray runs there") from error
    signal.signal(signal.SIGTERM, terminate)  # Ray puts its own in place
    try:
        yield
    finally:
        ray.shutdown()


def _check_answers(address: str) -> None:
    """Whether anybody is there, which Ray itself takes minutes to find out. Raises TtpoError."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdecimal():
        return  # "auto": Ray looks for a cluster of this machine
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER).close()
    except (OSError, OverflowError) as error:
        raise TtpoError(f"no Ray cluster answers at {address} ({error}): `ray start --head` begins one; check --address") from error


def places(share: Share) -> int:
    """How many workers of this share the cluster has room for when nothing else runs. Raises TtpoError for none."""
    machines = [_resources(node) for node in _machines()]
    count = sum(min(int(cpus // share.cpus), int(gpus // share.gpus) if share.gpus else 10**9) for cpus, gpus in machines)
    if count == 0:
        offered = "; ".join(f"{cpus:g} CPUs, {gpus:g} GPUs" for cpus, gpus in machines)
        raise NoRoom(f"no machine of the cluster has {share} for a worker (they have: {offered}): give fewer --threads, or --device cpu")
    return count


def cpus_per_gpu() -> int | None:
    """CPUs that each GPU's machine has for it, at least 1, at the machine where they are fewest; None in a cluster without GPUs."""
    return min((max(1, int(cpus // gpus)) for cpus, gpus in map(_resources, _machines()) if gpus >= 1), default=None)


def _machines() -> list[dict[str, Any]]:
    return [node for node in _ray().nodes() if node["Alive"]]


def _resources(node: Mapping[str, Any]) -> tuple[float, float]:
    return node["Resources"].get("CPU", 0), node["Resources"].get("GPU", 0)


def _ray() -> Any:
    """The module, which takes a second to import and need not be installed."""
    return import_module("ray")


class RayWorker:
    """See pool.Worker. environment: as of a ProcessWorker, whatever machine it comes to run on; patience: PATIENCE."""

    def __init__(self, name: str, loader: Loader, environment: Mapping[str, str], share: Share, patience: float = PATIENCE) -> None:
        self.name = name
        self._loader, self._environment, self._share, self._patience = loader, environment, share, patience
        self._actor: Any = None
        self._machine = ""
        self._stopped = False

    def start(self) -> Mapping[str, Any]:
        ray = _ray()

        if self._stopped:
            raise WorkerLost("stopped")
        options = {"num_cpus": self._share.cpus, "num_gpus": self._share.gpus, "max_restarts": 0, "max_task_retries": 0}
        self._machine = ""
        self._actor = ray.remote(Runtime).options(**options).remote(dict(self._environment), str(Path.cwd()))
        if self._stopped:  # meanwhile
            self.stop()
        try:
            machine, process = self._ask("where", timeout=self._patience)
            self._machine = f"; process {process} on {machine}"
        except WorkerLost as error:
            if self._stopped:
                raise
            raise TtpoError(f"a worker could not begin on the Ray cluster ({error}): is ttpo {__version__} on all its machines?") from error
        except ray.exceptions.GetTimeoutError as error:
            self._end()
            free = ray.available_resources()
            offered = f"free: {free.get('CPU', 0):g} CPUs, {free.get('GPU', 0):g} GPUs"
            raise NoRoom(
                f"the Ray cluster had no room for a worker of {self._share} within {self._patience:.0f} s ({offered}): "
                "wait until its other work is done, or give fewer --threads or --workers"
            ) from error
        return unpacked(self._ask("load", identity(), pickle.dumps(self._loader)))

    def work(self, task: Any) -> Any:
        return unpacked(self._ask("work", task))

    def stop(self) -> None:
        self._stopped = True
        self._end()

    def _end(self) -> None:
        if self._actor is not None:
            _ray().kill(self._actor, no_restart=True)

    def _ask(self, method: str, *arguments: Any, timeout: float | None = None) -> Any:
        ray = _ray()

        try:
            return ray.get(getattr(self._actor, method).remote(*arguments), timeout=timeout)
        except ray.exceptions.GetTimeoutError:
            raise
        except ray.exceptions.RayTaskError as error:
            raise TtpoError(f"{self.name}: {_last_line(error)}") from error
        except ray.exceptions.RayError as error:
            raise WorkerLost(f"{_ending(error)}{self._machine}") from error


def _ending(error: Exception) -> str:
    """How a worker ended, in one line for the many that Ray says."""
    said = str(error)
    known = next((words for sign, words in _ENDINGS.items() if sign in said), None)
    return known or _last_line(error)


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return next((line for line in reversed(lines) if "Error" in line), " ".join(lines))[:300]
