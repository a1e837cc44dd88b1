"""`ttpo bench`: time and peak memory of each stage at several sizes, as JSON."""

from typing import Annotated, Any

import typer

from ttpo_cli.cli import options
from ttpo_cli.cli.knobs import Values, build_settings, with_knobs
from ttpo_cli.cli.terminal import NoColor, Quiet, Terminal, write_json
from ttpo_cli.errors import MemoryExhausted, UsageError

SCHEMA_VERSION = 1
STAGES = ("load", "restore", "candidates", "selection", "guidance", "choice", "total")


@with_knobs
def bench(
    sizes: Annotated[str, typer.Option(help="Sides of square photos, pixels, before restoration.", metavar="A,B,..")] = "64,128,256",
    backbone: options.Backbone = "lfc-sr-small",
    scale: options.Scale = None,
    prior: options.Prior = "haar-prior",
    prior_scale: options.PriorScale = 1.0,
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
    files = options.metric_files(metric_weights)
    engine = EngineOptions(backbone, prior, options.metric_names(metrics, terminal), device, precision, scale, files, prior_scale)
    chosen = _sizes(sizes)
    rows: list[dict[str, Any]] = []
    with terminal.progress("bench") as on_step:
        for row in benchmark(chosen, engine, settings):
            rows.append(row)
            on_step("sizes", len(rows), len(chosen))
    terminal.table("seconds, and peak memory in MiB", ["size", *STAGES, "peak"], [_cells(row) for row in rows])
    write_json({"schema_version": SCHEMA_VERSION, "backbone": backbone, "prior": prior, "metrics": list(engine.metrics), "rows": rows})
    if any("error" in row for row in rows):
        raise typer.Exit(MemoryExhausted.exit_code)


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
