"""Photos of a folder that other processes restore: what travels to a worker, and what it loads."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ttpo_cli.folder.candidate_store import stored_path
from ttpo_cli.folder.decision import Decision
from ttpo_cli.folder.restoration import FolderContext, FolderRestorer
from ttpo_cli.folder.run import Finished, RemoteRestorer, with_encoded_files
from ttpo_cli.imaging.reading import read_photo
from ttpo_cli.pipeline import Engine
from ttpo_cli.report.output import Session
from ttpo_cli.report.record import versions, weights_of
from ttpo_cli.settings.engine import EngineOptions
from ttpo_cli.settings.output import Outputs
from ttpo_cli.settings.settings import Settings
from ttpo_cli.workers.pool import WorkerPool


@dataclass(frozen=True)
class PhotoTask:
    """One photo as it travels to a worker.

    Attributes:
        data: the bytes of its file.
        decision: what to do with it; its paths are absolute.
        label: its name in errors.
        context: of its folder, with the picks of this photo alone.
        damaged: what is left of it is read.
    """

    data: bytes
    decision: Decision
    label: str
    context: FolderContext
    damaged: bool = False


@dataclass(frozen=True)
class SessionLoader:
    """Called in a worker: loads what a PhotoTask needs, and returns what all workers must have in common. See workers.runtime.Loader."""

    load: Callable[[EngineOptions, Settings], Engine]
    options: EngineOptions
    settings: Settings
    outputs: Outputs

    def on(self, device: str) -> "SessionLoader":
        """The same on another device."""
        return replace(self, options=replace(self.options, device=device))

    def __call__(self) -> tuple[dict[str, Any], Callable[[PhotoTask], Finished]]:
        logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # as `program` does
        engine = self.load(self.options, self.settings)
        session = self.session(engine, weights_of(engine, self.options.metric_files))
        hashes = {f"sha256 of the {entry['role']} {entry['name']}": entry["sha256"] for entry in session.weights}
        return {**computing_versions(), **hashes, "weights": session.weights}, task_runner(session)

    def session(self, engine: Engine | None, weights: list[dict[str, Any]]) -> Session:
        """What was loaded, as photos are restored with it; without an engine where workers have it."""
        return Session(options=self.options, loaded=engine, weights=weights, settings=self.settings, outputs=self.outputs)


def task_runner(session: Session) -> Callable[[PhotoTask], Finished]:
    """The function of a worker that does a task with what is loaded."""

    def run(task: PhotoTask) -> Finished:
        source = task.decision.job.source
        assert source is not None  # a folder has files
        photo = read_photo(task.data, name=source.name, label=task.label, damaged=task.damaged)
        restorer = FolderRestorer(session, task.context)
        return with_encoded_files(restorer.restore(photo, task.decision, lambda stage, done, total: None))

    return run


def pooled(pool: WorkerPool, restorer: FolderRestorer, damaged: bool = False) -> RemoteRestorer:
    """Restores the folder's photos as tasks of the pool."""

    def restore(data: bytes, decision: Decision) -> Finished:
        job, label, context = decision.job, str(decision.job.source), restorer.context
        assert job.source is not None and job.target is not None  # a folder has files
        placed = replace(decision, job=replace(job, source=job.source.resolve(), target=job.target.resolve()))
        picks = {key: pick for key, pick in context.picks.items() if key[0] == decision.target}
        root = context.root.resolve()
        task = PhotoTask(data=data, decision=placed, label=label, context=replace(context, root=root, picks=picks), damaged=damaged)
        finished = pool.work(task, label)
        if finished.encode is not None or not restorer.session.outputs.latents:
            stored_path(root, decision.target).unlink(missing_ok=True)  # the worker may be on a machine where it is not
        return finished

    return RemoteRestorer(restore=restore, workers=pool.size, stop=pool.stop)


def computing_versions() -> dict[str, str]:
    """The versions that a result depends on; Python's without its last number, which changes no result."""
    found = versions()
    return {f"version of {name}": version.rpartition(".")[0] if name == "python" else version for name, version in found.items()}
