"""Options of a run over photos: which ones and where to, which processes restore, and what an earlier run left to do."""

from dataclasses import dataclass
from typing import Literal, NewType

from ttpo_cli.settings.option import COMPUTE, FILES, MODEL, option
from ttpo_cli.settings.output import Outputs

# A pattern of file names; an option that holds several is given once for each.
Glob = NewType("Glob", str)


@dataclass(frozen=True)
class PathOptions:
    """Which photos are restored, and where their results go."""

    output: str | None = option(
        None,
        "File, folder, or - for stdout. Without it: PHOTO_ttpo.EXT next to a file, FOLDER_ttpo/ next to a folder.",
        flag="--output -o",
        panel=FILES,
        brief="File, folder, or - for stdout; else beside the photo.",
    )
    recursive: bool = option(False, "Folders within folders too.", flag="--recursive -r", panel=FILES, brief="Folders within folders too.")
    include: tuple[Glob, ...] = option((), "In folders, only photos that match, such as '*.jpg' or '2019/*'; repeatable.", panel=FILES)
    exclude: tuple[Glob, ...] = option((), "Leave out photos, or folders, that match; repeatable.", panel=FILES)
    files_from: str | None = option(None, "A list of photos, one per line; - reads it from stdin.", panel=FILES)


@dataclass(frozen=True)
class Executor:
    """Where photos are restored.

    Attributes:
        device: one or several, or `all`.
        workers: None for one a device.
        name: `local` is this process unless there are several workers or devices.
        address: None for RAY_ADDRESS or a cluster of this machine.
    """

    device: str = option(
        "auto",
        "auto, cpu, cuda, cuda:N or mps. For folders also several, by commas, or `all` GPUs.",
        panel=COMPUTE,
        brief="auto, cpu, cuda, cuda:N or mps.",
    )
    workers: int | None = option(
        None, "Processes that share a folder's photos; default: one per device named.", panel=COMPUTE, limits=(1, None)
    )
    name: Literal["local", "ray"] = option(
        "local", "Where a folder is restored: this machine, or a Ray cluster.", flag="--executor", panel=COMPUTE
    )
    address: str | None = option(
        None, "Address of the Ray cluster; default: RAY_ADDRESS, or a cluster started here for the run.", panel=COMPUTE
    )

    @property
    def remote(self) -> bool:
        """Whether other processes restore."""
        return self.name == "ray" or (self.workers or 1) > 1 or self.device == "all" or "," in self.device

    @property
    def first_device(self) -> str:
        """What one process takes of `device`."""
        return "cuda" if self.device == "all" else self.device.partition(",")[0].strip() or self.device


@dataclass(frozen=True)
class RunOptions:
    """What one run is to do, apart from the options of the pipeline.

    Attributes:
        paths: which photos, and where their results go.
        outputs: which files are written, and how.
        executor: the processes that restore.
        select: `later` keeps candidates until they are picked; `ask` needs a person at this terminal.
        skip_existing: an output that this folder's journal does not know is passed over; otherwise it is a failure.
    """

    paths: PathOptions = PathOptions()
    outputs: Outputs = Outputs()
    executor: Executor = Executor()
    skip_existing: bool = option(
        True, "Where an output exists: skip the photo, or fail.", flag="--skip-existing/--fail-existing", panel=FILES
    )
    redo: bool = option(False, "Restore again what a folder's journal says is done.", flag="--redo", panel=FILES)
    select: Literal["metrics", "ask", "later"] = option(
        "metrics",
        "Who chooses: metrics; a person here and now (ask), or after candidates are made (later).",
        panel=MODEL,
        brief="Who chooses: metrics; you now (ask), or afterwards (later).",
    )
    damaged: bool = option(
        False, "Read what is left of JPEG and PNG files that are cut short or damaged, and say how much.", flag="--damaged", panel=FILES
    )
    dry_run: bool = option(
        False,
        "Report what would be done, and write nothing.",
        flag="--dry-run",
        panel=FILES,
        brief="Say what would be done, and how long it would take.",
    )
