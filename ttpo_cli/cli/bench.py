"""`ttpo bench`: time and peak memory of each stage at several sizes, as JSON."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ttpo_cli.cli import options
from ttpo_cli.cli.arrivals import opened_store
from ttpo_cli.cli.knobs import Values, build_settings, with_knobs
from ttpo_cli.cli.terminal import NoColor, Quiet, Terminal, write_json
from ttpo_cli.errors import MemoryExhausted, UsageError

if TYPE_CHECKING:
    from ttpo_cli.pipeline import Settings

SCHEMA_VERSION = 1
STAGES = ("load", "restore", "candidates", "selection", "guidance", "choice", "total")


@with_knobs
def bench(
    sizes: Annotated[str, typer.Option(help="Sides of square photos, pixels, before restoration.", metavar="A,B,..")] = "64,128,256",
    backbone: options.Backbone = "lfc-sr-small",
    scale: options.Scale = None,
    task: options.Task = None,
    random_weights: Annotated[
        bool, typer.Option("--random-weights", help="An untrained prior of a published size (sd21, sdxl), beside a plain loop.")
    ] = False,
    small: Annotated[bool, typer.Option("--small", help="With --random-weights: a small UNet of its kind, for a CPU.")] = False,
    prior: options.Prior = "haar-prior",
    metrics: options.Metrics = "ranker,niqe",
    metric_weights: options.MetricWeights = None,
    ttpo: options.Ttpo = True,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    tile: options.Tile = "auto",
    overlap: options.Overlap = 32,
    region: options.Region = 1024,
    region_overlap: options.RegionOverlap = 64,
    seed: options.Seed = 0,
    offline: options.Offline = False,
    manifest: options.Manifest = None,
    quiet: Quiet = False,
    no_color: NoColor = False,
    *,
    knobs: Values,
) -> None:
    """Measure seconds and peak memory of each stage, each size in a fresh process. JSON on stdout, a table on stderr."""
    from ttpo_cli.backbones.inference import RestoreOptions
    from ttpo_cli.batch.benchmark import EngineOptions, benchmark

    terminal = Terminal(quiet, no_color=no_color)
    pieces = RestoreOptions(precision=precision, tile=options.tile_size(tile), overlap=overlap)
    settings = build_settings(knobs, seed=seed, ttpo=ttpo, restore=pieces, region=region, region_overlap=region_overlap)
    if random_weights:
        settings = _paper_size(settings, device, small)
    files = options.metric_files(metric_weights)
    names = options.metric_names(metrics, terminal)
    engine = EngineOptions(backbone, prior, names, device, precision, scale, files, task, random_weights, small)
    chosen = _sizes(sizes)
    _fetch(backbone, scale, task, None if random_weights else prior, terminal)
    rows: list[dict[str, Any]] = []
    with terminal.progress("bench") as on_step:
        for row in benchmark(chosen, engine, settings):
            rows.append(row)
            on_step("sizes", len(rows), len(chosen))
    terminal.table("seconds, and peak memory in MiB", ["size", *STAGES, "peak"], [_cells(row) for row in rows])
    for row in rows:
        _tell(row, terminal)
    what = {"backbone": backbone, "prior": prior, "random_weights": random_weights, "metrics": list(engine.metrics)}
    write_json({"schema_version": SCHEMA_VERSION, **what, "rows": rows})
    if any("error" in row for row in rows):
        raise typer.Exit(MemoryExhausted.exit_code)


def _fetch(backbone: str, scale: int | None, task: str | None, prior: str | None, terminal: Terminal) -> None:
    """Have what is named here before anything is timed. prior: None where an untrained one is."""
    from ttpo_cli.backbones.catalog import named_entry
    from ttpo_cli.diffusion.priors.catalog import locate

    with opened_store(terminal) as store:
        entry = named_entry(backbone, store, scale=scale, task=task)
        if entry is not None:
            store.find(entry.name)
        if prior is not None:
            locate(prior, store)


def _paper_size(settings: "Settings", device: str, small: bool) -> "Settings":
    """The size of what is timed. Raises UsageError where full-size networks would run on a CPU that nobody named."""
    from ttpo_cli.batch.benchmark import paper_size
    from ttpo_cli.pipeline import choose_device

    if not small and device == "auto" and choose_device(device).type == "cpu":
        raise UsageError("--random-weights: there is no GPU here; give --small, or --device cpu to wait for full-size networks on it")
    return paper_size(settings)


def _tell(row: dict[str, Any], terminal: Terminal) -> None:
    """The plain loop beside ours, in one line."""
    if "plain_loop" in row:
        plain = row["plain_loop"]
        ours = row["seconds"]["candidates"] + row["seconds"]["guidance"]
        calls = f"{row['invocations']} network calls for {plain['invocations']}"
        terminal.say(f"{row['size']}: {ours:.2f} s, plain loop {sum(plain['seconds'].values()):.2f} s, {row['speedup']} times; {calls}")


def _sizes(text: str) -> list[int]:
    given = options.names(text)
    if not given or not all(entry.isdecimal() and int(entry) for entry in given):
        raise UsageError(f"--sizes '{text}': give numbers of pixels such as 64,128")
    return [int(entry) for entry in given]


def _cells(row: dict[str, Any]) -> list[str]:
    if "error" in row:
        return [str(row["size"]), *("-" for _ in STAGES), row["error"]]
    peak = " + ".join(f"{bytes_ / 2**20:.0f} {kind}" for kind, bytes_ in row["peak_bytes"]["total"].items())
    return [str(row["size"]), *(f"{row['seconds'].get(stage, 0):.2f}" for stage in STAGES), peak]
