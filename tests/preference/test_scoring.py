"""Scores of many images: as many a call as a metric takes, fewer where memory is short."""

from dataclasses import replace

import torch
from fakes import roughness, tiny_photo

from ttpo_cli.metrics.metric import Metric
from ttpo_cli.preference.selection import Panel, score_images

IMAGES = torch.cat([tiny_photo(seed=seed).pixels for seed in range(6)])


def metric(calls, most=99):
    def function(image):
        if len(image) > most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        calls.append(len(image))
        return roughness(image)

    return Metric("roughness", function, False, False, 1, None, None, "Apache-2.0", "tests", True)


def test_images_are_scored_one_at_a_time_unless_the_metric_takes_more():
    calls, many = [], []
    alone = score_images(IMAGES, Panel((metric(calls),), ()))
    together = score_images(IMAGES, Panel((replace(metric(many), batch=4),), ()))
    assert calls == [1] * 6 and many == [4, 2]
    assert torch.allclose(alone, together, atol=1e-6)


def test_out_of_memory_halves_the_batch_and_is_said():
    calls, notes = [], []
    scores = score_images(IMAGES, Panel((replace(metric(calls, most=2), batch=6),), ()), notes)
    assert calls == [1] * 6 and scores.shape == (6, 1)
    assert notes == [
        "out of memory with 6 images for roughness at once: went on with 3",
        "out of memory with 3 images for roughness at once: went on with 1",
    ]
