"""What stands out of a folder: by how much, by what, and never because of a few photos or a missing value."""

import pytest

from ttpo_cli.report.outliers import outliers


def test_the_one_photo_that_differs_stands_out_and_says_by_what():
    photos = [{"fidelity": 30.0 + index / 10, "seconds": 1.0} for index in range(9)] + [{"fidelity": 12.0, "seconds": 1.0}]
    found = outliers(photos)
    assert max(range(10), key=lambda index: found[index].distance) == 9
    assert found[9].distance > 3.5 and "fidelity 12" in found[9].why and "30.35" in found[9].why


def test_the_distance_does_not_depend_on_the_unit_nor_on_the_side():
    photos = [{"x": value} for value in (1.0, 2.0, 3.0, 4.0, 5.0, 20.0)]
    stretched = [{"x": -1000 * photo["x"] + 7} for photo in photos]
    for one, other in zip(outliers(photos), outliers(stretched), strict=True):
        assert one.distance == pytest.approx(other.distance)


def test_a_normal_spread_is_measured_in_its_own_deviations():
    from statistics import NormalDist

    spread = [NormalDist(10, 2).inv_cdf((index + 0.5) / 1001) for index in range(1001)]
    found = outliers([{"x": value} for value in [*spread, 16.0]])
    assert found[-1].distance == pytest.approx(3, abs=0.02)


def test_equal_photos_missing_values_and_too_few_have_no_outlier():
    assert {one.distance for one in outliers([{"x": 4.0}] * 7)} == {0}
    assert {one.distance for one in outliers([{"x": 1.0}] * 3 + [{"x": 9.0}])} == {0}
    told = outliers([*({"x": float(index)} for index in range(5)), {"x": None}, {}])
    assert [one.distance for one in told[-2:]] == [0, 0] and told[0].distance > 0


def test_where_most_are_equal_the_rest_still_stand_out():
    assert outliers([{"x": 1.0}] * 9 + [{"x": 2.0}])[-1].distance > 3.5
