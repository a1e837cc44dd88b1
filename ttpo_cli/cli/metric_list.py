"""Every metric with its facts, for `ttpo score --list-metrics`: a table, JSON, CSV, or the Markdown of docs/guide/metrics.md."""

from ttpo_cli.cli.sheet import write_sheet
from ttpo_cli.cli.terminal import write_json, write_line

SCHEMA_VERSION = 1


def write_metrics(json: bool, csv: bool, markdown: bool) -> None:
    """All metrics on stdout."""
    from ttpo_cli.metrics.listing import COLUMNS, list_metrics

    listed = list_metrics()
    if json:
        write_json({"schema_version": SCHEMA_VERSION, "metrics": [vars(metric) for metric in listed]})
    elif markdown:
        for row in (COLUMNS, ["---"] * len(COLUMNS), *(metric.cells() for metric in listed)):
            write_line(f"| {' | '.join(row)} |")
    else:
        write_sheet(COLUMNS, [metric.cells() for metric in listed], as_csv=csv)
