"""People who choose by weights of their own: how many picks it takes until weights learned from them beat equal ones on further picks.

python simulated_people.py prints the table of docs/guide/picking.md.
"""

import math

import torch

from ttpo_cli.preference.bradley_terry import agreement, fit

CANDIDATES = 6
PICKS = (5, 10, 20, 30, 50, 100)


def standardised(scores):
    """z-scores of each metric over the candidates of one photo: (..., N, M)."""
    return (scores - scores.mean(dim=-2, keepdim=True)) / scores.std(dim=-2, unbiased=False, keepdim=True)


def photos(count, metrics, correlation, generator):
    """z-scored features of `count` photos (count, N, M), every two metrics correlated alike."""
    own, shared = torch.randn(count, CANDIDATES, metrics, generator=generator, dtype=torch.float64), None
    shared = torch.randn(count, CANDIDATES, 1, generator=generator, dtype=torch.float64)
    return standardised(math.sqrt(1 - correlation) * own + math.sqrt(correlation) * shared)


def choices(weights, features, generator):
    """Best and worst of each photo by w . z with Gumbel noise, which makes the best a Bradley-Terry choice: differences (count, M)."""
    uniform = torch.rand(features.shape[:2], generator=generator, dtype=torch.float64)
    felt = features @ weights - (-uniform.log()).log()
    rows = torch.arange(len(features))
    return features[rows, felt.argmax(dim=1)] - features[rows, felt.argmin(dim=1)]


def pairs(weights, features, generator):
    """One random pair of each photo, decided exactly as Bradley and Terry have it: differences (count, M)."""
    order = torch.rand(features.shape[:2], generator=generator).argsort(dim=1)[:, :2]
    rows = torch.arange(len(features))
    difference = features[rows, order[:, 0]] - features[rows, order[:, 1]]
    first = torch.rand(len(features), generator=generator, dtype=torch.float64) < torch.sigmoid(difference @ weights)
    return torch.where(first[:, None], difference, -difference)


def person(kind, metrics, strength, generator):
    """Weights of length `strength`: `equal` ones, `any` direction with no metric counting against itself, or `one` metric only."""
    raw = {
        "equal": torch.ones(metrics, dtype=torch.float64),
        "any": torch.rand(metrics, generator=generator, dtype=torch.float64).log().neg(),
        "one": torch.eye(metrics, dtype=torch.float64)[0],
    }[kind]
    return strength * raw / raw.norm()


def gains(kind, metrics, count, people, strength=1.5, correlation=0.3, seed=0):
    """Agreement on 2000 further picks, learned less equal, of each simulated person: (people,)."""
    generator, equal = torch.Generator().manual_seed(seed), torch.ones(metrics, dtype=torch.float64)
    found = []
    for _ in range(people):
        weights = person(kind, metrics, strength, generator)
        seen = choices(weights, photos(count, metrics, correlation, generator), generator)
        further = choices(weights, photos(2000, metrics, correlation, generator), generator)
        found.append(agreement(further, fit(seen).weights) - agreement(further, equal))
    return torch.tensor(found, dtype=torch.float64)


def main(people=300):
    for metrics in (2, 5):
        for strength in (1.5, 0.5):
            for kind in ("any", "equal"):
                cells = []
                for count in PICKS:
                    gain = gains(kind, metrics, count, people, strength)
                    cells.append(f"{100 * float(gain.mean()):+.1f} ± {200 * float(gain.std()) / math.sqrt(people):.1f}")
                print(f"| {metrics} | {kind} | {strength} | " + " | ".join(cells) + " |", flush=True)  # noqa: T201 - a table for the docs


if __name__ == "__main__":
    main()
