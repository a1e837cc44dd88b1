"""The weights of the metrics that a person's picks speak for, with what is known about how sure that is."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import torch
from torch import Tensor

from ttpo_cli.errors import TtpoError
from ttpo_cli.preference.bradley_terry import RIDGE, agreement, bootstrap, fit, held_out_agreement
from ttpo_cli.preference.pick import Pick, Proposal
from ttpo_cli.preference.selection import cap_at_pristine, oriented, z_scores

LEARNED_WEIGHTS_SCHEMA = 1
_LARGEST = 1e9  # of a weight; what is beyond, or not a number, nobody learned
# With fewer, learned weights predict an unsteady person no better than equal ones do: the table in docs/guide/picking.md.
LEAST_PICKS, PICKS_A_METRIC = 20, 10

Pairs = Sequence[tuple[Pick, Proposal]]


@dataclass(frozen=True)
class Learned:
    """By metric: weights, standard_errors (of the posterior's curvature), intervals (95 %, bootstrap over photos), agreement of each metric
    alone. held_out: agreement of learned weights with picks that took no part in the fit; equal: of equal weights. ceiling: whether scores
    were capped at pristine photos' level, as the selection does."""

    picks: int
    ceiling: bool
    ridge: float
    weights: Mapping[str, float]
    standard_errors: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    held_out: float
    equal: float
    agreement: Mapping[str, float]


def minimum_picks(metrics: int) -> int:
    """How many picks it takes to weigh so many metrics."""
    return max(LEAST_PICKS, PICKS_A_METRIC * metrics)


def metrics_of(pairs: Pairs) -> tuple[str, ...]:
    """The metrics that scored the candidates of any pick."""
    return tuple(dict.fromkeys(name for _, proposal in pairs for name in proposal.scores))


def features(proposal: Proposal, names: Sequence[str], ceiling: bool) -> Tensor:
    """The candidates as the fusion sees them: z-scores over one photo's rows, higher is better, (N, M) float64. A metric that could not
    score this photo counts 0."""
    columns = [proposal.scores.get(name, ()) for name in names]
    known = [len(column) == len(proposal.images) and None not in column for column in columns]
    filled = [column if there else [0.0] * len(proposal.images) for column, there in zip(columns, known, strict=True)]
    scores = torch.tensor(filled, dtype=torch.float64).T
    lower = [bool(proposal.lower_is_better.get(name, False)) for name in names]
    levels = [proposal.pristine.get(name) if there else None for name, there in zip(names, known, strict=True)]
    return z_scores(oriented(cap_at_pristine(scores, levels, lower) if ceiling else scores, lower))


def pick_differences(pairs: Pairs, names: Sequence[str], ceiling: bool) -> Tensor:
    """Features of the preferred less those of the dispreferred, a row a pick: (n, M)."""
    rows = [torch.zeros(0, len(names), dtype=torch.float64)]
    for pick, proposal in pairs:
        assert pick.preferred is not None and pick.dispreferred is not None  # `read_picks` leaves out what was taken back
        seen = features(proposal, names, ceiling)
        rows.append((seen[pick.preferred] - seen[pick.dispreferred])[None])
    return torch.cat(rows)


def learn(pairs: Pairs, names: Sequence[str], ceiling: bool) -> Learned:
    """Fit the weights of these metrics. Raises TtpoError with fewer than `minimum_picks`, or a metric that no pick knows."""
    if len(pairs) < minimum_picks(len(names)):
        needed = f"weights of {len(names)} metrics, which takes {minimum_picks(len(names))}"
        raise TtpoError(f"too few picks ({len(pairs)}) to learn {needed}: pick more photos first")
    unknown = [name for name in names if name not in metrics_of(pairs)]
    if unknown or not names:
        known = ", ".join(metrics_of(pairs))
        raise TtpoError(f"no pick says anything about {', '.join(unknown) or 'no metric'}: choose --metrics among {known}")
    differences = pick_differences(pairs, names, ceiling)
    fitted, (low, high) = fit(differences), bootstrap(differences)
    axes, equal = torch.eye(len(names), dtype=torch.float64), torch.ones(len(names), dtype=torch.float64)
    return Learned(
        picks=len(pairs),
        ceiling=ceiling,
        ridge=RIDGE,
        weights=dict(zip(names, fitted.weights.tolist(), strict=True)),
        standard_errors=dict(zip(names, fitted.standard_errors.tolist(), strict=True)),
        intervals=dict(zip(names, zip(low.tolist(), high.tolist(), strict=True), strict=True)),
        held_out=held_out_agreement(differences),
        equal=agreement(differences, equal),
        agreement={name: agreement(differences, axis) for name, axis in zip(names, axes, strict=True)},
    )


def learned_record(learned: Learned) -> dict[str, Any]:
    """JSON-able, and back by `learned_of`."""
    return {"schema_version": LEARNED_WEIGHTS_SCHEMA, **asdict(learned)}


def learned_of(values: Any) -> Learned:
    """From what JSON made of a record. Raises TtpoError for anything else."""
    wanted = {entry.name for entry in fields(Learned)}
    if not isinstance(values, dict) or values.get("schema_version") != LEARNED_WEIGHTS_SCHEMA or not wanted <= values.keys():
        raise TtpoError("these are not weights of `ttpo picks fit`")
    numbers = values["weights"].values() if isinstance(values["weights"], dict) else ()
    if not numbers or not all(isinstance(value, (int, float)) and abs(value) < _LARGEST for value in numbers):
        raise TtpoError("these are not weights of `ttpo picks fit`")
    return Learned(**{name: values[name] for name in wanted})
