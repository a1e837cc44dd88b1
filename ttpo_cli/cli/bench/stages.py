"""`ttpo bench`: time and peak memory of each stage at several sizes, as JSON."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ttpo_cli.cli.options import shared as options
from ttpo_cli.cli.options.pipeline import Asked, with_pipeline
from ttpo_cli.cli.terminal.console import SCHEMA_VERSION, NoColor, Quiet, Terminal, write_json
from ttpo_cli.cli.terminal.downloads import opened_store
from ttpo_cli.errors import MemoryExhausted, UsageError

if TYPE_CHECKING:
    from ttpo_cli.settings.engine import EngineOptions
    from ttpo_cli.settings.settings import Settings

STAGES = ("load", "restore", "candidates", "selection", "guidance", "choice", "total")


@with_pipeline("compare")
def bench(
    context: typer.Context,
    sizes: Annotated[str, typer.Option(help="Sides of square photos, pixels, before restoration.", metavar="A,B,..")] = "64,128,256",
    random_weights: Annotated[
        bool, typer.Option("--random-weights", help="An untrained prior of a published size (sd21, sdxl), compared with a plain loop.")
    ] = False,
    small: Annotated[bool, typer.Option("--small", help="With --random-weights: a small UNet of its kind, for a CPU.")] = False,
    quiet: Quiet = False,
    no_color: NoColor = False,
    *,
    asked: Asked,
) -> None:
    """Measure seconds and peak memory of each stage of `ttpo restore`, each size in a fresh process. JSON on stdout, a table on stderr."""
    if context.invoked_subcommand is not None:
        return

    from ttpo_cli.benchmarks.stages import Untrained, benchmark

    terminal = Terminal(quiet, no_color=no_color)
    engine, settings = asked.build(terminal)
    untrained = Untrained(engine.prior, small) if random_weights else None
    if untrained is not None:
        settings = _paper_size(settings, engine.device, small)
    chosen = _sizes(sizes)
    _fetch(engine, untrained is None and settings.ttpo, terminal)
    rows: list[dict[str, Any]] = []
    with terminal.progress("bench") as on_step:
        for row in benchmark(chosen, engine, settings, untrained):
            rows.append(row)
            on_step("sizes", len(rows), len(chosen))
    terminal.table("seconds, and peak memory in MiB", ["size", *STAGES, "peak"], [_cells(row) for row in rows])
    for row in rows:
        _report(row, terminal)
    what = {"backbone": engine.backbone, "prior": engine.prior, "random_weights": random_weights, "metrics": list(engine.metrics)}
    write_json({"schema_version": SCHEMA_VERSION, **what, "rows": rows})
    if any("error" in row for row in rows):
        raise typer.Exit(MemoryExhausted.exit_code)


def _fetch(engine: "EngineOptions", prior: bool, terminal: Terminal) -> None:
    """Have what is named here before anything is timed; `prior`: that of the options too."""
    from ttpo_cli.backbones.automatic import names_of_backbones
    from ttpo_cli.backbones.catalog import named_entry
    from ttpo_cli.diffusion.priors.catalog import locate

    with opened_store(terminal) as store:
        for name in names_of_backbones(engine.backbone):
            entry = named_entry(name, store, scale=engine.scale, task=engine.task)
            if entry is not None:
                store.find(entry.name)
        if prior:
            locate(engine.prior, store)


def _paper_size(settings: "Settings", device: str, small: bool) -> "Settings":
    """The size of what is timed. Raises UsageError where full-size networks would run on a CPU that nobody named."""
    from ttpo_cli.benchmarks.stages import paper_size
    from ttpo_cli.device.device import choose_device

    if not small and device == "auto" and choose_device(device).type == "cpu":
        raise UsageError("--random-weights: there is no GPU here; give --small, or --device cpu to wait for full-size networks on it")
    return paper_size(settings)


def _report(row: dict[str, Any], terminal: Terminal) -> None:
    """The plain loop and ours, in one line."""
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
