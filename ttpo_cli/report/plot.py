"""A line plot as SVG text: what the documents show of curves, without a plotting library."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

Points = Sequence[tuple[float, float]]

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 400, 70, 170, 40, 50
COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#8c564b", "#7f7f7f")
DASHES = "6 4"  # of the lines that bear a colour for the second time


@dataclass(frozen=True)
class Axis:
    """label; whether logarithmic."""

    label: str
    log: bool = False


def line_plot(series: Mapping[str, Points], title: str, x: Axis, y: Axis) -> str:
    """One SVG of named lines. Points that a logarithmic axis cannot show, and values that are not finite, are left out.

    Raises ValueError where no point is left.
    """
    shown = {name: [point for point in points if _showable(point, x, y)] for name, points in series.items()}
    every = [point for points in shown.values() for point in points]
    if not every:
        raise ValueError("there is no point to draw")
    across = _scale([point[0] for point in every], x.log, LEFT, WIDTH - RIGHT)
    upward = _scale([point[1] for point in every], y.log, HEIGHT - BOTTOM, TOP)
    parts = [f'<text x="{LEFT}" y="22" font-size="15">{escape(title)}</text>', *_grid(across, upward, x, y)]
    for index, (name, points) in enumerate(shown.items()):
        again, colour = index >= len(COLOURS), COLOURS[index % len(COLOURS)]
        path = " ".join(f"{across.place(px):.1f},{upward.place(py):.1f}" for px, py in points)
        dashes = f' stroke-dasharray="{DASHES}"' if again else ""
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>')
        if len(points) <= 20:
            parts += [f'<circle cx="{across.place(px):.1f}" cy="{upward.place(py):.1f}" r="3" fill="{colour}"/>' for px, py in points]
        row = TOP + 12 + 18 * index
        parts.append(f'<text x="{WIDTH - RIGHT + 12}" y="{row}" fill="{colour}">{"-- " if again else ""}{escape(name)}</text>')
    body = "\n".join(parts)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">'
    return f'{head}\n<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n{body}\n</svg>\n'


@dataclass(frozen=True)
class Scale:
    """Values from low to high (logarithms of them, if log) onto pixels from start to end."""

    low: float
    high: float
    log: bool
    start: float
    end: float

    def place(self, value: float) -> float:
        share = ((math.log10(value) if self.log else value) - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self) -> list[float]:
        if self.log:
            whole = range(math.floor(self.low), math.ceil(self.high) + 1)
            places = [10.0**power * step for power in whole for step in (1, 2, 5)]
            return [tick for tick in places if self.low - 1e-9 <= math.log10(tick) <= self.high + 1e-9]
        step = 10 ** math.floor(math.log10((self.high - self.low) / 4))
        step *= next(factor for factor in (1, 2, 5, 10) if (self.high - self.low) / (step * factor) <= 6)
        first = math.ceil(self.low / step)
        return [index * step for index in range(first, math.floor(self.high / step) + 1)]


def _scale(values: Sequence[float], log: bool, start: float, end: float) -> Scale:
    placed = [math.log10(value) if log else value for value in values]
    low, high = min(placed), max(placed)
    margin = (high - low) * 0.04 or abs(low) * 0.1 or 1.0
    return Scale(low=low - margin, high=high + margin, log=log, start=start, end=end)


def _showable(point: tuple[float, float], x: Axis, y: Axis) -> bool:
    return all(math.isfinite(value) and (value > 0 or not axis.log) for value, axis in zip(point, (x, y), strict=True))


def _grid(across: Scale, upward: Scale, x: Axis, y: Axis) -> list[str]:
    parts = []
    for tick in across.ticks():
        place = across.place(tick)
        parts.append(f'<line x1="{place:.1f}" x2="{place:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="#ddd"/>')
        parts.append(f'<text x="{place:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{tick:g}</text>')
    for tick in upward.ticks():
        place = upward.place(tick)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{place:.1f}" y2="{place:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{place + 4:.1f}" text-anchor="end">{tick:g}</text>')
    parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 12}" text-anchor="middle">{escape(x.label)}</text>')
    middle = (TOP + HEIGHT - BOTTOM) / 2
    parts.append(f'<text transform="translate(16 {middle}) rotate(-90)" text-anchor="middle">{escape(y.label)}</text>')
    return parts
