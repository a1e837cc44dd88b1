"""What a folder will take: exact for a machine that keeps to a rule, doubtful where it does not, never below what was seen."""

import pytest

from ttpo_cli.folder.estimate import Sample, estimate


def sample(pixels, ending=".png", base=2.0, slope=1e-5):
    return Sample(pixels, base + slope * pixels, {"process": 10**9 + 100 * pixels}, ending, 3 * pixels if ending == ".png" else pixels // 2)


def test_a_machine_that_keeps_to_a_line_is_foretold_on_that_line():
    samples = [sample(pixels) for pixels in (10_000, 20_000, 40_000, 80_000, 160_000)]
    told = estimate([(1_000_000, ".png"), (3_000_000, ".png")], samples, 0, "")
    low, high = told.seconds
    assert low < 2 * 2 + 40 < high and high / low < 1.5
    assert told.disk[0] < 12_000_000 < told.disk[1]
    assert told.memory["process"] == pytest.approx(10**9 + 3e8)


def test_two_pieces_leave_more_doubt_than_five_photos():
    few = estimate([(10**6, ".png")], [sample(10_000), sample(20_000)], 0, "")
    many = estimate([(10**6, ".png")], [sample(10_000 * (index + 1)) for index in range(5)], 0, "")
    assert few.seconds[1] / few.seconds[0] > many.seconds[1] / many.seconds[0]


def test_photos_that_scatter_widen_the_range_to_what_was_seen():
    samples = [Sample(10_000, seconds, {}, ".png", 10_000) for seconds in (1, 1, 2, 3, 3)]
    low, high = estimate([(10_000, ".png")], samples, 0, "").seconds
    assert low <= 1.01 and high >= 2.99


def test_each_format_has_bytes_a_pixel_of_its_own():
    samples = [sample(10_000), sample(10_000, ".jpg")]
    sizes = {ending: estimate([(10**6, ending)], samples, 0, "").disk[1] for ending in (".png", ".jpg", ".webp")}
    assert sizes[".png"] == pytest.approx(6 * sizes[".jpg"]) and sizes[".jpg"] < sizes[".webp"] < sizes[".png"]


def test_memory_stops_growing_at_a_region_but_for_the_whole_images():
    samples = [sample(10_000), sample(40_000)]
    at, beyond = (estimate([(pixels, ".png")], samples, 1000, "").memory["process"] for pixels in (10**6, 2 * 10**6))
    whole = estimate([(2 * 10**6, ".png")], samples, 0, "").memory["process"]
    assert at == pytest.approx(10**9 + 1e8) and beyond - at == pytest.approx(60 * 10**6)
    assert whole == pytest.approx(10**9 + 2e8)


def test_the_largest_photo_says_how_much_memory():
    samples = [sample(10_000), sample(40_000)]
    one, two = (estimate([(10**6, ".png")] * count, samples, 0, "").memory for count in (1, 2))
    assert one == two


def test_photos_of_one_size_are_foretold_in_proportion():
    told = estimate([(20_000, ".png")], [Sample(10_000, 3.0, {}, ".png", 1)] * 5, 0, "").seconds
    assert told[0] < 6 < told[1]
