"""Bradley-Terry weights of features from choices: P(a over b) = sigmoid(w . (z_a - z_b)), as a MAP estimate (Bradley & Terry 1952)."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

# Precision of the normal prior N(0, 1/RIDGE) of each weight. A weight of 1 is log odds of 1 for one standard deviation.
RIDGE = 1.0
_STEPS, _ENOUGH = 100, 1e-10


@dataclass(frozen=True)
class Fit:
    """weights (M,), and their covariance (M, M): the inverse of the observed information of the posterior at its top."""

    weights: Tensor
    covariance: Tensor

    @property
    def standard_errors(self) -> Tensor:
        """(M,), of the weights."""
        return self.covariance.diagonal().sqrt()


def log_posterior(weights: Tensor, differences: Tensor, counts: Tensor, ridge: float = RIDGE) -> Tensor:
    """sum_i c_i log sigmoid(w . d_i) - ridge |w|^2 / 2, but for a constant. weights (M,), differences (n, M), counts (n,)."""
    return (counts * logsigmoid(differences @ weights)).sum() - ridge * weights.square().sum() / 2


def fit(differences: Tensor, counts: Tensor | None = None, ridge: float = RIDGE) -> Fit:
    """The weights under which these choices are most probable, by Newton's method with the exact Hessian, halving steps that overshoot.

    differences: (n, M) float64, features of the preferred less those of the dispreferred; counts: (n,), how often each choice counts,
    1 where not given. The ridge makes the maximum exist, and unique, also where the choices can be separated without an error, whose
    likelihood alone would grow without end; the prior then says how far the weights go.
    """
    counts = torch.ones(len(differences), dtype=torch.float64) if counts is None else counts
    weights = torch.zeros(differences.shape[1], dtype=torch.float64)
    for _ in range(_STEPS):
        gradient, information = _derivatives(weights, differences, counts, ridge)
        step = torch.linalg.solve(information, gradient)
        height = log_posterior(weights, differences, counts, ridge)
        while log_posterior(weights + step, differences, counts, ridge) < height and float(step.abs().max()) > _ENOUGH:
            step = step / 2
        weights = weights + step
        if float(step.abs().max()) <= _ENOUGH:
            break
    _, information = _derivatives(weights, differences, counts, ridge)
    return Fit(weights, torch.linalg.inv(information))


def _derivatives(weights: Tensor, differences: Tensor, counts: Tensor, ridge: float) -> tuple[Tensor, Tensor]:
    """Gradient (M,) and negative Hessian (M, M) of the log posterior."""
    right = torch.sigmoid(differences @ weights)
    gradient = differences.T @ (counts * (1 - right)) - ridge * weights
    information = (differences.T * (counts * right * (1 - right))) @ differences
    return gradient, information + ridge * torch.eye(len(weights), dtype=torch.float64)


def bootstrap(differences: Tensor, rounds: int = 400, level: float = 0.95, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Percentile interval of each weight over resampled choices: (low, high), (M,) each. With a row a photo, it is over photos."""
    generator, count = torch.Generator().manual_seed(seed), len(differences)
    drawn = torch.randint(count, (rounds, count), generator=generator)
    fitted = torch.stack([fit(differences, torch.bincount(rows, minlength=count).double()).weights for rows in drawn])
    tail = (1 - level) / 2
    return fitted.quantile(tail, dim=0), fitted.quantile(1 - tail, dim=0)


def agreement(differences: Tensor, weights: Tensor) -> float:
    """The share of choices that the weights would have made too, a draw counting half."""
    margins = differences @ weights
    return float(((margins > 0).double() + (margins == 0).double() / 2).mean())


def held_out_agreement(differences: Tensor, folds: int = 10, seed: int = 0) -> float:
    """Agreement on choices that took no part in the fit: each of `folds` parts by weights from all the others."""
    count = len(differences)
    part = torch.randperm(count, generator=torch.Generator().manual_seed(seed)) % min(folds, count)
    agreed = 0.0
    for fold in range(int(part.max()) + 1):
        held = part == fold
        agreed += agreement(differences[held], fit(differences[~held]).weights) * int(held.sum())
    return agreed / count
