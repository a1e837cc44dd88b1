"""The comparison a person reads first: restored, best candidate, guided and result side by side, from a record."""

from collections.abc import Mapping, Sequence
from typing import Any

Table = tuple[list[str], list[list[str]]]
IDENTICAL = 100.0


def comparison(record: Mapping[str, Any]) -> Table:
    """Columns and rows of text. An arrow at a metric's name says which way is better; a dash, that there is no such value.

    fidelity: PSNR to the restored image, dB; to input: PSNR of the shrunken image to the input, dB; calls: of the prior's network.
    """
    metrics = _metric_names(record)
    columns = ["", *metrics.values(), "fidelity", "to input", "guard", "calls", "seconds"]
    rows = []
    for row, values in record["rows"].items():
        cells = [_number(values["scores"].get(name)) for name in metrics]
        cells += [_decibel(values["fidelity_db"]), _decibel(values["consistency_db"]), _verdict(values["guard"])]
        cells += [str(values["network_calls"]), _number(values["seconds"], 1)]
        rows.append([row, *cells])
    return columns, rows


def candidates(record: Mapping[str, Any]) -> Table:
    """The same for every candidate, with the part it played."""
    metrics = _metric_names(record)
    columns = ["candidate", *metrics.values(), "fidelity", "to input", "guard", "part"]
    parts = {record["dispreferred"]: "dispreferred", record["preferred"]: "preferred"}
    rows = []
    for entry in record["candidates"]:
        cells = [_number(entry["scores"].get(name)) for name in metrics]
        cells += [_decibel(entry["fidelity_db"]), _decibel(entry["consistency_db"])]
        cells += [entry["guard"] or "-", parts.get(entry["label"], "")]
        rows.append([entry["label"], *cells])
    return columns, rows


def memory_line(record: Mapping[str, Any]) -> str:
    """The most memory that was held for this photo, in words; empty where it is not known."""
    held = [f"{amount / 2**30:.2f} GiB {where}" for where, amount in record.get("peak_memory", {}).get("all", {}).items()]
    return f"peak memory {', '.join(held)}" if held else ""


def refusals(record: Mapping[str, Any]) -> list[str]:
    """Why the guard refused a row of the comparison, a line each."""
    return [
        f"{row} refused by the guard: {values['guard']}" for row, values in record["rows"].items() if _verdict(values["guard"]) == "refused"
    ]


def _verdict(guard: str | None) -> str:
    return "-" if guard is None else "kept" if guard == "kept" else "refused"


def _metric_names(record: Mapping[str, Any]) -> dict[str, str]:
    """Metric -> its column title, in the order of the first row; fused scores come last, higher is better."""
    lower = {entry["name"]: entry["lower_is_better"] for entry in record["metrics"]}
    scored: Sequence[str] = [name for values in record["rows"].values() for name in values["scores"]]
    names = sorted(dict.fromkeys(scored), key=lambda name: name.startswith("fused"))
    return {name: f"{name} {'↓' if lower.get(name, False) else '↑'}" for name in names}


def _number(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _decibel(value: float | None) -> str:
    """PSNR; the pipeline says 100 dB of an image that is the other one."""
    return "-" if value is None else "same" if value >= IDENTICAL else f"{value:.1f} dB"
