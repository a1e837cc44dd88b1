"""Paired comparisons: who wins under each kind of metric, intervals that hold the truth, and photos without a value."""

import pytest
import torch
from fakes import tiny_engine

from ttpo_cli.evaluation.comparison import compare, compare_rows, mean_facts
from ttpo_cli.metrics.metric import Metric


def metric(lower_is_better=False, target=None):
    return Metric("m", lambda image: image, lower_is_better, False, 1, None, None, "", "", False, target)


@pytest.mark.parametrize(
    ("judge", "won", "lost", "drawn"),
    [(metric(), 1, 2, 1), (metric(lower_is_better=True), 2, 1, 1), (metric(target=1.0), 2, 1, 1)],
)
def test_better_means_higher_lower_or_nearer_to_the_target(judge, won, lost, drawn):
    pairs = torch.tensor([[2.0, 0.5], [0.9, 3.0], [1.0, 1.5], [4.0, 4.0]])
    told = compare("a", "b", judge, pairs)
    assert (told.won, told.lost, told.drawn) == (won, lost, drawn)
    assert told.difference == pytest.approx(float((pairs[:, 0] - pairs[:, 1]).mean()))


def test_the_interval_covers_the_true_difference_about_as_often_as_it_says():
    generator = torch.Generator().manual_seed(1)
    covered = 0
    for _ in range(200):
        noise = torch.randn(40, generator=generator, dtype=torch.float64)
        told = compare("a", "b", metric(), torch.stack((noise + 0.3, torch.zeros_like(noise)), dim=1), resamples=400)
        covered += told.low <= 0.3 <= told.high
    assert 178 <= covered <= 199


def test_a_photo_without_a_value_or_with_an_error_takes_no_part():
    judge = tiny_engine().tools.metrics[0]
    rows = [
        {"rows": {"guided": {judge.name: 2.0}, "restored": {judge.name: 1.0}}},
        {"rows": {"guided": {judge.name: None}, "restored": {judge.name: 1.0}}},
        {"error": "unreadable"},
    ]
    (told,) = compare_rows(rows, [judge])
    assert (told.row, told.other, told.won, told.lost, told.drawn) == ("guided", "restored", 1, 0, 0)


def test_means_of_what_is_no_metric_and_the_count_of_refusals():
    row = {"fused_jointly": {"guided": 1.0, "restored": None}, "fidelity_db": {"guided": 40.0}, "consistency_db": {}}
    told = mean_facts([{**row, "guard": {"guided": "grain", "restored": None}}, {**row, "guard": {"guided": "kept"}}, {"error": "x"}])
    assert told == {"guided": {"fused_jointly": 1.0, "fidelity_db": 40.0, "refused": 1}, "restored": {"refused": 0}}
