"""Options that several commands share and that are not part of the settings, and how their text is read."""

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from ttpo_cli.cli.options.flags import FLAGS, name_files, names
from ttpo_cli.cli.terminal.console import Terminal
from ttpo_cli.errors import TtpoError
from ttpo_cli.settings.option import COMPUTE, MODEL

_FILES = "Files"

Device = Annotated[str, FLAGS["device"].typer_option()]
Devices = Annotated[str, FLAGS["device"].typer_option(more=" For folders also several, by commas, or `all` GPUs.")]
Task = Annotated[str | None, FLAGS["task"].typer_option()]
MetricWeights = Annotated[list[str] | None, FLAGS["metric_files"].typer_option()]


def _forbid_network(wanted: bool) -> None:
    """Before anything that reads the environment on import is imported; children inherit it."""
    if wanted:
        os.environ["HF_HUB_OFFLINE"] = "1"


def _use_manifest(path: Path | None) -> None:
    if path is not None:
        os.environ["TTPO_MANIFEST"] = str(path.resolve())


def _use_threads(count: int | None) -> None:
    """Before torch is imported; children inherit it."""
    if count is not None:
        os.environ["OMP_NUM_THREADS"] = str(count)


Offline = Annotated[
    bool,
    typer.Option(
        "--offline",
        help="Never use the network (so does HF_HUB_OFFLINE=1).",
        callback=_forbid_network,
        is_eager=True,
        rich_help_panel=_FILES,
    ),
]
Manifest = Annotated[
    Path | None,
    typer.Option(
        help="Weights that ttpo does not know, or other ones for a name (so does TTPO_MANIFEST).",
        callback=_use_manifest,
        is_eager=True,
        rich_help_panel=_FILES,
    ),
]

Workers = Annotated[
    int | None,
    typer.Option(min=1, help="Processes that share a folder's photos; default: one per device named.", rich_help_panel=COMPUTE),
]
Threads = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="CPU threads of each process (so does OMP_NUM_THREADS); the same number gives the same bytes.",
        callback=_use_threads,
        is_eager=True,
        rich_help_panel=COMPUTE,
    ),
]
ExecutorName = Annotated[
    Literal["local", "ray"], typer.Option(help="Where a folder is restored: this machine, or a Ray cluster.", rich_help_panel=COMPUTE)
]
Address = Annotated[
    str | None,
    typer.Option(help="Address of the Ray cluster; default: RAY_ADDRESS, or a cluster started here for the run.", rich_help_panel=COMPUTE),
]
Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        help="File, folder, or - for stdout. Without it: PHOTO_ttpo.EXT next to a file, FOLDER_ttpo/ next to a folder.",
        rich_help_panel=_FILES,
    ),
]
Recursive = Annotated[bool, typer.Option("--recursive", "-r", help="Folders within folders too.", rich_help_panel=_FILES)]
Include = Annotated[
    list[str] | None,
    typer.Option(
        help="In folders, only photos that match, such as '*.jpg' or '2019/*'; repeatable.", metavar="GLOB", rich_help_panel=_FILES
    ),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(help="Leave out photos, or folders, that match; repeatable.", metavar="GLOB", rich_help_panel=_FILES),
]
Redo = Annotated[bool, typer.Option("--redo", help="Restore again what a folder's journal says is done.", rich_help_panel=_FILES)]
Select = Annotated[
    Literal["metrics", "ask", "later"],
    typer.Option(help="Who chooses: metrics; a person here and now (ask), or after candidates are made (later).", rich_help_panel=MODEL),
]
FilesFrom = Annotated[str | None, typer.Option(help="A list of photos, one per line; - reads it from stdin.", rich_help_panel=_FILES)]
Format = Annotated[Literal["keep", "png", "jpeg", "tiff", "webp"], typer.Option(help="Format of the output.", rich_help_panel=_FILES)]
BitDepth = Annotated[Literal["keep", "8", "16"], typer.Option(help="Bits per channel of the output.", rich_help_panel=_FILES)]
Quality = Annotated[int, typer.Option(min=1, max=100, help="Quality of JPEG and WebP.", rich_help_panel=_FILES)]
Keep = Annotated[str, typer.Option(help="Metadata to keep: exif, icc, xmp by commas, all or none.", rich_help_panel=_FILES)]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace outputs that exist.", rich_help_panel=_FILES)]
SkipExisting = Annotated[
    bool, typer.Option("--skip-existing/--fail-existing", help="Where an output exists: skip the photo, or fail.", rich_help_panel=_FILES)
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Report what would be done, and write nothing.", rich_help_panel=_FILES)]
Report = Annotated[
    Path | None, typer.Option(help="One HTML page to look at: before and after, candidates, scores.", rich_help_panel=_FILES)
]
KeepCandidates = Annotated[
    Path | None, typer.Option(help="Folder for every candidate as PNG, and a contact sheet.", rich_help_panel=_FILES)
]
Latents = Annotated[
    bool,
    typer.Option(
        "--latents/--no-latents",
        help="Keep candidates that wait for a pick to the last bit (60 bytes a pixel), or make them again.",
        rich_help_panel=_FILES,
    ),
]
Sidecar = Annotated[
    bool, typer.Option("--sidecar/--no-sidecar", help="Write OUTPUT.ttpo.json: versions, settings, scores, choice.", rich_help_panel=_FILES)
]
Mark = Annotated[
    bool,
    typer.Option("--mark/--no-mark", help="Say in XMP that software made the pixels (IPTC digital source type).", rich_help_panel=_FILES),
]
Strict = Annotated[bool, typer.Option("--strict", help="Fail (exit 5) where the guard refused every change.", rich_help_panel=_FILES)]


def metric_names(text: str, terminal: Terminal) -> tuple[str, ...]:
    """The metrics of "a,b", panels such as `paper` spelt out; what a large one will hold of the memory is said before it loads."""
    from ttpo_cli.metrics.large_models import memory_notice
    from ttpo_cli.metrics.paper import with_panels

    chosen = with_panels(names(text))
    for notice in filter(None, map(memory_notice, chosen)):
        terminal.say(notice)
    return chosen


def metric_files(given: list[str] | None) -> dict[str, Path]:
    """What --metric-weights names. Raises UsageError for another shape than NAME=FILE."""
    return name_files(given, FLAGS["metric_files"].spelling)


def metadata_kinds(text: str) -> frozenset[str]:
    """What --keep names: "all", "none", or kinds by commas (checked where they are written)."""
    everything = frozenset({"exif", "icc", "xmp"})
    return {"all": everything, "none": frozenset()}.get(text, frozenset(names(text)))


def listed(source: str | None) -> list[str]:
    """The photos that --files-from lists, one a line; blank lines left out. Raises TtpoError where the list cannot be read."""
    if source is None:
        return []
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TtpoError(f"--files-from '{source}' cannot be read ({error}): give a text file with one path a line") from error
    return [line for line in text.splitlines() if line.strip()]
