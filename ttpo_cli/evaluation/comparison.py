"""Is one row of an evaluation better than another, photo by photo? Paired wins, and the mean difference with a bootstrap interval."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ttpo_cli.metrics.metric import Metric
from ttpo_cli.preference.outcome import BEST_OF_N

# What guidance must earn its place against, and what each step away from the restored image costs.
PAIRS = (("guided", BEST_OF_N), ("guided", "restored"), ("result", "restored"))
# Numbers of a record that are not metrics, with the way that is better.
FACTS = ("fused_jointly", "fidelity_db", "consistency_db")


@dataclass(frozen=True)
class Comparison:
    """`row` against `other` by one metric: photos won, lost and drawn, the mean of (row - other), and its 95 % bootstrap interval."""

    row: str
    other: str
    metric: str
    won: int
    lost: int
    drawn: int
    difference: float
    low: float
    high: float


def compare_rows(records: Sequence[Mapping[str, Any]], metrics: Sequence[Metric]) -> list[Comparison]:
    """Every pair of PAIRS by every metric, over the photos that have both values; pairs no photo has are left out.

    Where several backbones were evaluated, the first against each of the others.
    """
    comparisons = []
    for row, other in _pairs(records):
        for metric in metrics:
            pairs = _values(records, row, other, metric.name)
            if pairs:
                comparisons.append(compare(row, other, metric, torch.tensor(pairs, dtype=torch.float64)))
    return comparisons


def _pairs(records: Sequence[Mapping[str, Any]]) -> Sequence[tuple[str, str]]:
    several = next((list(record["row_seconds"]) for record in records if "row_seconds" in record), None)
    return PAIRS if several is None else [(several[0], other) for other in several[1:]]


def compare(row: str, other: str, metric: Metric, pairs: Tensor, resamples: int = 2000) -> Comparison:
    """pairs: (photos, 2) scores of the row and of the other. A metric with a target is better the nearer it is to it."""
    pairs = pairs.double()
    better = _goodness(metric, pairs[:, 0]) - _goodness(metric, pairs[:, 1])
    difference = pairs[:, 0] - pairs[:, 1]
    draws = torch.randint(len(difference), (resamples, len(difference)), generator=torch.Generator().manual_seed(0))
    low, high = difference[draws].mean(dim=1).quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    won, lost = int((better > 0).sum()), int((better < 0).sum())
    return Comparison(
        row=row,
        other=other,
        metric=metric.name,
        won=won,
        lost=lost,
        drawn=len(better) - won - lost,
        difference=float(difference.mean()),
        low=low,
        high=high,
    )


def mean_facts(records: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Row -> means of the joint fused score, of fidelity to the restored image and agreement with the input (dB); how many were refused.

    Of several backbones: row -> the mean of its seconds.
    """
    facts: dict[str, dict[str, float]] = {}
    timed = [record["row_seconds"] for record in records if "row_seconds" in record]
    for row in timed[0] if timed else ():
        facts[row] = {"seconds": sum(seconds[row] for seconds in timed) / len(timed)}
    guarded = [record for record in records if "guard" in record]
    for row in dict.fromkeys(row for record in guarded for row in record["guard"]):
        facts[row] = {}
        for name in FACTS:
            values = [record[name][row] for record in guarded if record[name].get(row) is not None]
            if values:
                facts[row][name] = sum(values) / len(values)
        facts[row]["refused"] = sum(record["guard"].get(row) not in (None, "kept") for record in guarded)
    return facts


def _goodness(metric: Metric, scores: Tensor) -> Tensor:
    if metric.target is not None:
        return -(scores - metric.target).abs()
    return -scores if metric.lower_is_better else scores


def _values(records: Sequence[Mapping[str, Any]], row: str, other: str, metric: str) -> list[tuple[float, float]]:
    tables = [record["rows"] for record in records if {row, other} <= record.get("rows", {}).keys()]
    pairs = [(table[row].get(metric), table[other].get(metric)) for table in tables]
    return [pair for pair in pairs if None not in pair]
