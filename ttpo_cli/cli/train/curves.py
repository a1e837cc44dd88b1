"""The curves of a training as SVGs, from the records in the run's folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ttpo_cli.errors import TtpoError, unknown_name
from ttpo_cli.imaging.atomic import atomic_write
from ttpo_cli.report.plot import Axis, line_plot
from ttpo_cli.training import run as runs


def plot_records(run: Path, output: Path, names: list[str], log: bool = False, overwrite: bool = True) -> None:
    """Draw the recorded values that bear these names. Raises UsageError for a name no record has."""
    records, known = read_records(run), recorded_names(run)
    for name in names:
        if name not in known:
            raise unknown_name("recorded value", name, known)
    series = {name: [(float(record["step"]), float(record[name])) for record in records if name in record] for name in names}
    atomic_write(output, line_plot(series, run.name, Axis("step"), Axis(", ".join(names), log)).encode(), overwrite)


def draw_curves(run: Path, curves: Mapping[str, Sequence[str]]) -> None:
    """Kind -> recorded values, as far as the run has them: each kind as an SVG of that name in the run's folder."""
    known = recorded_names(run)
    for kind, wanted in curves.items():
        names = [name for name in wanted if name in known]
        if names:
            plot_records(run, run / f"{kind}.svg", names)


def draw_plane(run: Path, ways: Mapping[str, tuple[str, str]]) -> None:
    """`plane.svg`: the way of each output over the plane of two recorded values, from record to record, where the run has both."""
    records = read_records(run)
    points = {
        name: [(float(record[across]), float(record[upward])) for record in records if across in record and upward in record]
        for name, (across, upward) in ways.items()
    }
    drawn = {name: way for name, way in points.items() if way}
    if drawn:
        across, upward = (name.removesuffix(f"_{next(iter(ways))}") for name in next(iter(ways.values())))
        atomic_write(run / "plane.svg", line_plot(drawn, run.name, Axis(across), Axis(upward)).encode(), overwrite=True)


def recorded_names(run: Path) -> list[str]:
    """What a run's records hold, in order of appearance."""
    return list(dict.fromkeys(name for record in read_records(run) for name in record))


def read_records(run: Path) -> list[dict[str, Any]]:
    """The records of a training run's folder. Raises TtpoError for a folder that holds none."""
    log_file = run / "log.jsonl"
    if not log_file.is_file():
        raise TtpoError(f"{run} holds no log.jsonl: give the folder of a training run")
    return runs.read_records(log_file)
