"""`ttpo invert`: how exactly diffusion inversion returns a photo, by solver and number of steps, as JSON and as a plot."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ttpo_cli.cli.options import shared as options
from ttpo_cli.cli.options.pipeline import Asked, with_prior
from ttpo_cli.cli.terminal.console import SCHEMA_VERSION, Terminal, write_json
from ttpo_cli.errors import UsageError


@with_prior()
def invert(
    photo: Annotated[Path, typer.Argument(help="The photo to restore, invert and denoise again.")],
    strength: Annotated[float, typer.Option(help="Flow time the inversion climbs to, 0 to 1.")] = 0.25,
    steps: Annotated[str, typer.Option(help="Numbers of steps to try.", metavar="A,B,..")] = "2,4,8,16,32,64",
    plot: Annotated[Path | None, typer.Option(help="Also draw the errors, as SVG.")] = None,
    overwrite: options.Overwrite = False,
    *,
    asked: Asked,
) -> None:
    """Measure what inversion without fresh noise (eta = 0) loses. In fp32, so that the solver's error shows and not rounding."""
    from ttpo_cli.backbones.inference import restore
    from ttpo_cli.benchmarks.inversion import round_trips
    from ttpo_cli.device.device import choose_device
    from ttpo_cli.diffusion.priors.catalog import load_prior, locate
    from ttpo_cli.imaging.atomic import atomic_write
    from ttpo_cli.imaging.reading import read_photo
    from ttpo_cli.pipeline.engine import load_backbones
    from ttpo_cli.report.plot import Axis, line_plot
    from ttpo_cli.weights.store import open_store

    counts = options.names(steps)
    if not counts or not all(count.isdecimal() and int(count) for count in counts):
        raise UsageError(f"--steps '{steps}': give whole numbers such as 4,8,16")
    made_of, settings = asked.build(Terminal())
    place = choose_device(made_of.device)
    lq = read_photo(photo).pixels
    restored = restore(load_backbones(made_of, open_store())[0], lq, place).image.clamp(0, 1)
    network = load_prior(locate(made_of.prior), place, "fp32", settings.prior)
    trips = list(round_trips(network, restored, strength, [int(count) for count in counts]))
    write_json(
        {"schema_version": SCHEMA_VERSION, "photo": photo.name, "strength": strength, "round_trips": [asdict(trip) for trip in trips]}
    )
    if plot is not None:
        series = {solver: [(trip.steps, trip.rms) for trip in trips if trip.solver == solver] for solver in ("euler", "heun")}
        axes = Axis("steps each way", True), Axis("RMS error, 1/255", True)
        atomic_write(plot, line_plot(series, f"eta = 0: inversion and back, strength {strength:g}", *axes).encode(), overwrite)
