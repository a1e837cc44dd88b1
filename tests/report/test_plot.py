import math
from xml.etree import ElementTree

import pytest

from ttpo_cli.report.plot import Axis, line_plot

SVG = "{http://www.w3.org/2000/svg}"


def _lines(svg: str) -> list[list[tuple[float, float]]]:
    lines = ElementTree.fromstring(svg).findall(f"{SVG}polyline")
    return [[(float(x), float(y)) for x, y in (pair.split(",") for pair in line.get("points", "").split())] for line in lines]


def test_a_power_law_is_straight_on_logarithmic_axes() -> None:
    svg = line_plot({"error": [(n, 3 / n**2) for n in (1, 2, 4, 8, 16)]}, "order", Axis("steps", True), Axis("error", True))
    (points,) = _lines(svg)
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in zip(points, points[1:], strict=False)]
    assert max(slopes) - min(slopes) < 0.01 * abs(slopes[0])


def test_larger_values_stand_higher_and_further_right() -> None:
    (points,) = _lines(line_plot({"rise": [(0, 0), (1, 5), (2, 7)]}, "t", Axis("x"), Axis("y")))
    assert points[0][0] < points[1][0] < points[2][0]
    assert points[0][1] > points[1][1] > points[2][1]


def test_more_lines_than_colours_are_told_apart_by_dashes() -> None:
    drawn = ElementTree.fromstring(line_plot({f"n{index}": [(0, index), (1, index)] for index in range(10)}, "t", Axis("x"), Axis("y")))
    looks = [(line.get("stroke"), line.get("stroke-dasharray")) for line in drawn.findall(f"{SVG}polyline")]
    assert len(set(looks)) == 10 and [dashes is not None for _, dashes in looks] == [False] * 8 + [True] * 2
    assert [text.text for text in drawn.findall(f"{SVG}text")][-1] == "-- n9"


def test_names_are_escaped_and_odd_points_left_out() -> None:
    svg = line_plot({"<a & b>": [(1, 1), (2, math.nan), (3, 0), (4, 2)]}, "<t>", Axis("x"), Axis("y", True))
    assert len(_lines(svg)[0]) == 2
    assert "&lt;a &amp; b&gt;" in svg


def test_nothing_to_draw_is_an_error_and_one_point_is_not() -> None:
    with pytest.raises(ValueError, match="no point"):
        line_plot({"none": []}, "t", Axis("x"), Axis("y"))
    assert len(_lines(line_plot({"one": [(1, 1)]}, "t", Axis("x"), Axis("y")))[0]) == 1
