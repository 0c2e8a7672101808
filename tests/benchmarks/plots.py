"""Plots as SVG: bars side by side, and lines over logarithmic axes. Plain text in, plain text out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

_FONT = "font-family='sans-serif' font-size='13'"
_OURS, _OTHERS = "#0b6e99", "#b3b3b3"
_COLOURS = ("#0b6e99", "#c2571a", "#4d7c0f", "#6b21a8")
_LABELS, _WIDTH, _ROW = 300, 820, 26
_LEFT, _TOP, _PLOT_WIDTH, _PLOT_HEIGHT = 80, 50, 560, 300


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its label, its value with the lowest and highest that were seen, and whether it is emphasised."""

    label: str
    value: float
    low: float
    high: float
    emphasised: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its label and its points, all above zero."""

    label: str
    points: Sequence[tuple[float, float]]


def bars(title: str, rows: Sequence[Bar], unit: str) -> str:
    """Horizontal bars from zero, with whiskers from the lowest to the highest value."""
    height = _TOP + _ROW * len(rows) + 10
    room = _WIDTH - _LABELS - 90
    scale = room / max(row.high for row in rows)
    drawn = []
    for number, row in enumerate(rows):
        top, middle = _TOP + _ROW * number, _TOP + _ROW * number + _ROW / 2 - 3
        low, high = (_LABELS + value * scale for value in (row.low, row.high))
        drawn += [
            _text(_LABELS - 8, middle + 4, row.label, anchor="end"),
            _bar(top, row.value * scale, _OURS if row.emphasised else _OTHERS),
            f"<path d='M{low:.1f} {middle:.1f}H{high:.1f}' stroke='black'/>",
            _text(high + 6, middle + 4, f"{_number(row.value)}{unit}"),
        ]
    return _svg(_WIDTH, height, title, drawn)


def lines(title: str, across: str, up: str, rows: Sequence[Line]) -> str:
    """Lines over two logarithmic axes, whole powers of ten marked."""
    xs = [x for row in rows for x, _ in row.points]
    ys = [y for row in rows for _, y in row.points]
    x_from, x_to = _decades(xs)
    y_from, y_to = _decades(ys)

    def place(x: float, y: float) -> tuple[float, float]:
        right = (math.log10(x) - x_from) / (x_to - x_from) * _PLOT_WIDTH
        above = (math.log10(y) - y_from) / (y_to - y_from) * _PLOT_HEIGHT
        return _LEFT + right, _TOP + _PLOT_HEIGHT - above

    drawn = [f"<rect x='{_LEFT}' y='{_TOP}' width='{_PLOT_WIDTH}' height='{_PLOT_HEIGHT}' fill='none' stroke='#999'/>"]
    for power in range(x_from, x_to + 1):
        x, _ = place(10.0**power, 10.0**y_from)
        drawn += [_grid(x, _TOP, x, _TOP + _PLOT_HEIGHT), _text(x, _TOP + _PLOT_HEIGHT + 18, _power(power), "middle")]
    for power in range(y_from, y_to + 1):
        _, y = place(10.0**x_from, 10.0**power)
        drawn += [_grid(_LEFT, y, _LEFT + _PLOT_WIDTH, y), _text(_LEFT - 8, y + 4, _power(power), "end")]
    drawn.append(_text(_LEFT + _PLOT_WIDTH / 2, _TOP + _PLOT_HEIGHT + 40, across, "middle"))
    drawn.append(_text(8, _TOP - 10, up))
    for number, row in enumerate(rows):
        colour = _COLOURS[number % len(_COLOURS)]
        places = [place(x, y) for x, y in row.points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        drawn.append(f"<polyline points='{path}' fill='none' stroke='{colour}' stroke-width='2'/>")
        drawn += [f"<circle cx='{x:.1f}' cy='{y:.1f}' r='4' fill='{colour}'/>" for x, y in places]
        drawn.append(_text(places[-1][0] + 8, places[-1][1] + 4, row.label, colour=colour))
    return _svg(_LEFT + _PLOT_WIDTH + 180, _TOP + _PLOT_HEIGHT + 55, title, drawn)


def _decades(numbers: Iterable[float]) -> tuple[int, int]:
    logarithms = [math.log10(number) for number in numbers]
    low, high = math.floor(min(logarithms)), math.ceil(max(logarithms))
    return low, max(high, low + 1)


def _power(power: int) -> str:
    return f"{10**power:,}" if power >= 0 else f"{10.0**power:g}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 20 else f"{value:.1f}"


def _bar(top: float, width: float, colour: str) -> str:
    return f"<rect x='{_LABELS}' y='{top}' width='{max(1.0, width):.1f}' height='{_ROW - 6}' fill='{colour}'/>"


def _grid(x1: float, y1: float, x2: float, y2: float) -> str:
    return f"<path d='M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}' stroke='#ddd'/>"


def _text(x: float, y: float, text: str, anchor: str = "start", *, colour: str = "black") -> str:
    return f"<text x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}' fill='{colour}' {_FONT}>{escape(text)}</text>"


def _svg(width: float, height: float, title: str, drawn: Sequence[str]) -> str:
    head = f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width:.0f} {height:.0f}' role='img'>"
    heading = f"<text x='8' y='22' font-weight='bold' {_FONT}>{escape(title)}</text>"
    ground = "<rect width='100%' height='100%' fill='white'/>"
    return "\n".join((head, f"<title>{escape(title)}</title>", ground, heading, *drawn, "</svg>", ""))
