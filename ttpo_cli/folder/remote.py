"""Photos of a folder that other processes restore: what travels to a worker, and what it loads."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ttpo_cli.folder.restoration import FolderWork
from ttpo_cli.report.output import Outputs, Work

if TYPE_CHECKING:
    from ttpo_cli.folder.decision import Decision
    from ttpo_cli.folder.pick_store import Picks
    from ttpo_cli.folder.run import Elsewhere, Finished
    from ttpo_cli.pipeline import Engine
    from ttpo_cli.settings.engine import EngineOptions
    from ttpo_cli.settings.settings import Settings
    from ttpo_cli.workers.pool import WorkerPool


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


def sent_to(pool: "WorkerPool", folder: FolderWork) -> "Elsewhere":
    """The folder's photos as errands for the pool."""
    from ttpo_cli.folder.candidate_store import stored_path
    from ttpo_cli.folder.run import Elsewhere

    def restore(data: bytes, decision: "Decision") -> "Finished":
        job, label = decision.job, str(decision.job.source)
        assert job.source is not None and job.target is not None  # a folder has files
        placed = replace(decision, job=replace(job, source=job.source.resolve(), target=job.target.resolve()))
        picks = {key: pick for key, pick in folder.picks.items() if key[0] == decision.target}
        root = folder.root.resolve()
        finished = pool.work(Errand(data, placed, label, root, folder.settings, folder.made_with, picks, folder.later), label)
        if finished.encode is not None or not folder.work.outputs.latents:
            stored_path(root, decision.target).unlink(missing_ok=True)  # the worker may be on a machine where it is not
        return finished

    return Elsewhere(restore, pool.size, pool.stop)


def _versions() -> dict[str, str]:
    """Of all that computes; Python's without its last number, which changes no result."""
    from ttpo_cli.report.record import versions

    found = versions()
    return {f"version of {name}": version.rpartition(".")[0] if name == "python" else version for name, version in found.items()}
