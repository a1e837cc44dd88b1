"""Sizes people ask for, sizes that follow, and what a photo is shrunk to."""

import pytest

from ttpo_cli.errors import UsageError
from ttpo_cli.imaging.result_size import default_factor, plan_sizes
from ttpo_cli.settings.size import SizeOptions


@pytest.mark.parametrize(
    ("options", "result"),
    [
        (SizeOptions(scale=1), (300, 400)),
        (SizeOptions(scale=1.5), (450, 600)),
        (SizeOptions(scale=3), (900, 1200)),
        (SizeOptions(scale=0.5), (150, 200)),
        (SizeOptions(long_edge=1000), (750, 1000)),
        (SizeOptions(megapixels=0.48), (600, 800)),
        (SizeOptions(), (1200, 1600)),
    ],
)
def test_each_way_to_ask_for_a_size(options, result):
    assert plan_sizes((300, 400), 4, options).result == result


@pytest.mark.parametrize(
    ("photo", "native", "factor"),
    [
        ((1000, 1000), 4, 4),
        ((1767, 1768), 4, 4),  # 49.98 megapixels
        ((1768, 1768), 4, 2),  # 50.01
        ((4000, 3000), 4, 2),
        ((4000, 6000), 4, 1),
        ((9000, 9000), 4, 1),  # its own size, however large
        ((4000, 6000), 1, 1),
        ((4000, 6000), 2, 1),
        ((1000, 1000), 8, 2),
        ((100, 100), 8, 8),
    ],
)
def test_a_result_without_a_size_stays_within_fifty_megapixels(photo, native, factor):
    assert default_factor(photo, native, 50.0) == factor
    assert plan_sizes(photo, native, SizeOptions()).result == (photo[0] * factor, photo[1] * factor)
    assert default_factor(photo, native, 0.0) == native


@pytest.mark.parametrize(
    "options",
    [
        SizeOptions(scale=2, long_edge=100),
        SizeOptions(long_edge=100, megapixels=1),
        SizeOptions(scale=0.0),
        SizeOptions(scale=-1.0),
        SizeOptions(scale=float("nan")),
        SizeOptions(scale=float("inf")),
        SizeOptions(megapixels=0.0),
        SizeOptions(megapixels=-3.0),
    ],
)
def test_sizes_that_cannot_be_are_refused(options):
    with pytest.raises(UsageError, match="give"):
        plan_sizes((30, 40), 4, options)


def test_a_result_above_the_limit_is_refused_with_its_size_and_the_ways_out():
    with pytest.raises(UsageError, match=r"24000x16000 pixels, 384 megapixels.*--max-megapixels 200.*--scale.*raise the limit"):
        plan_sizes((4000, 6000), 4, SizeOptions(scale=4))
    assert plan_sizes((4000, 6000), 4, SizeOptions(scale=4, max_megapixels=400)).result == (16000, 24000)


@pytest.mark.parametrize(
    ("detail", "share"), [(1.0, 1.0), (0.9, 1.0), (0.8, 0.75), (0.6, 0.75), (0.54, 0.5), (0.3, 0.5), (0.27, 0.25), (0.1, 0.25)]
)
def test_auto_shrinks_a_large_photo_to_the_smallest_share_that_holds_the_detail(detail, share):
    options = SizeOptions(scale=4)
    sizes = plan_sizes((1600, 1600), 4, options, detail)
    assert sizes.shrink == share and sizes.shrunk == (1600 * share, 1600 * share) and sizes.result == (6400, 6400)
    # A small one is restored from all of its pixels.
    assert plan_sizes((400, 400), 4, options, detail).shrink == 1


def test_a_share_that_was_asked_for_holds_whatever_the_detail():
    assert plan_sizes((400, 400), 4, SizeOptions(shrink="0.5"), 1.0).shrink == 0.5
    assert plan_sizes((400, 400), 4, SizeOptions(shrink="1"), 0.1).shrink == 1


def test_no_photo_is_shrunk_below_what_a_network_takes_nor_to_nothing():
    assert plan_sizes((40, 60_000), 4, SizeOptions(scale=4), 0.2).shrink == 0.5
    assert plan_sizes((8, 300_000), 4, SizeOptions(scale=4), 0.2).shrink == 1
    assert plan_sizes((1, 1), 4, SizeOptions(scale=0.01)).result == (1, 1)
    assert plan_sizes((1, 1), 4, SizeOptions(shrink="0.25")).shrunk == (1, 1)


@pytest.mark.parametrize(
    ("photo", "scale", "detail", "share"),
    [
        ((4000, 6000), None, 1.0, 0.25),  # its own size: the network makes four times a quarter
        ((4000, 6000), None, 0.5, 0.25),
        ((3000, 4000), None, 1.0, 0.5),  # twice its size
        ((3000, 4000), None, 0.2, 0.25),
        ((1500, 2000), 4, 1.0, 1.0),  # four times its size needs all of it
        ((1500, 2000), 3, 1.0, 0.75),
        ((1000, 1900), None, 1.0, 1.0),  # small enough for all its detail
        ((1000, 1900), 1, 1.0, 1.0),
    ],
)
def test_a_large_photo_is_shrunk_to_what_the_result_needs(photo, scale, detail, share):
    assert plan_sizes(photo, 4, SizeOptions(scale=scale), detail).shrink == share
