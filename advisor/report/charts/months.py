"""Cash out by month: bars for the choice, marked line for the runner-up."""

from __future__ import annotations

from collections.abc import Sequence

from advisor.report.charts import legend
from advisor.report.charts.canvas import INK, LOOKS, Canvas
from advisor.report.charts.frame import Frame
from advisor.report.numbers import short_usd

WIDTH, HEIGHT = 680.0, 300.0


def draw_months(choice: tuple[str, Sequence[float]], rival: tuple[str, Sequence[float]] | None, alt: str) -> str:
    """Cash out [USD] by month of the horizon, money coming back below zero."""
    canvas = Canvas(WIDTH, HEIGHT, "Cash out by month", alt)
    entries: list[tuple[str, legend.Mark]] = [(choice[0], _bar_mark)]
    if rival is not None:
        entries.append((rival[0], _line_mark))
    legend.draw(canvas, entries, 64, WIDTH - 16, 4)
    values = [*choice[1], *(rival[1] if rival else ()), 0.0]
    months = max(len(choice[1]), len(rival[1]) if rival else 0)
    y_frame = Frame.over((64, 58, WIDTH - 16, HEIGHT - 42), (0.0, 1.0), (min(values), max(values)))
    y_frame.draw_y(canvas, "USD in the month", short_usd)
    slot = (y_frame.right - y_frame.left) / months
    every = 1 if months <= 12 else 3 if months <= 36 else 6
    for month, value in enumerate(choice[1]):
        x, zero, at = y_frame.left + slot * month, y_frame.y(0.0), y_frame.y(value)
        canvas.rect(x + slot * 0.14, min(zero, at), slot * 0.72, abs(zero - at), fill=LOOKS[0].colour)
    for month in range(0, months, every):
        canvas.text(y_frame.left + slot * (month + 0.5), y_frame.bottom + 15, str(month), anchor="middle", size=11)
    if rival is not None:
        places = [(y_frame.left + slot * (m + 0.5), y_frame.y(v)) for m, v in enumerate(rival[1])]
        canvas.path(places, colour=LOOKS[1].colour, width=1.6, dash=LOOKS[1].dash)
        for x, y in places:
            canvas.marker(x, y, "square", LOOKS[1].colour, size=2.2, hollow=True)
    canvas.line((y_frame.left, y_frame.y(0.0)), (y_frame.right, y_frame.y(0.0)), colour=INK, width=1.2)
    canvas.text((y_frame.left + y_frame.right) / 2, y_frame.bottom + 33, "month", anchor="middle")
    return canvas.svg()


def _bar_mark(canvas: Canvas, x: float, y: float) -> None:
    canvas.rect(x + 6, y - 6, 10, 12, fill=LOOKS[0].colour)


def _line_mark(canvas: Canvas, x: float, y: float) -> None:
    canvas.path([(x, y), (x + 22, y)], colour=LOOKS[1].colour, width=1.6, dash=LOOKS[1].dash)
    canvas.marker(x + 11, y, "square", LOOKS[1].colour, size=2.6, hollow=True)
