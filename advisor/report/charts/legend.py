"""Legends: a row of marks with names, wrapped over lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from advisor.report.charts.canvas import Canvas, text_width

Mark = Callable[[Canvas, float, float], None]
"""Draws the sample of a series, 22 units wide, centred on the height given."""

LINE = 19.0


def place(names: Sequence[str], left: float, right: float) -> list[tuple[float, float]]:
    """Where each entry starts: x and the height below the first line."""
    out: list[tuple[float, float]] = []
    x, y = left, 0.0
    for name in names:
        width = 30 + text_width(name) + 16
        if out and x + width > right:
            x, y = left, y + LINE
        out.append((x, y))
        x += width
    return out


def height(names: Sequence[str], left: float, right: float) -> float:
    """Height that the legend takes."""
    return (place(names, left, right)[-1][1] + LINE) if names else 0.0


def draw(canvas: Canvas, entries: Sequence[tuple[str, Mark]], left: float, right: float, top: float) -> None:
    """Draw the legend with its first line at `top`."""
    for (name, mark), (x, y) in zip(entries, place([n for n, _ in entries], left, right), strict=True):
        mark(canvas, x, top + y + LINE / 2)
        canvas.text(x + 28, top + y + LINE / 2 + 4, name)
