"""Level bars: cost stacked by kind, ranges of cost, and the tornado."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap

from advisor.report.charts import legend
from advisor.report.charts.canvas import GREY, INK, LOOKS, PAPER, Canvas, text_width
from advisor.report.charts.frame import Frame
from advisor.report.numbers import money, short_usd

WIDTH = 680.0
ROW = 26.0
NAME_CHARS = 34

FILLS: dict[str, tuple[str, str, str]] = {
    "rent": ("#0b4f7d", "none", PAPER),
    "capital": ("#3d7ea6", "up", PAPER),
    "power": ("#e0a100", "none", INK),
    "space": ("#f1d58a", "flat", "#8a6d00"),
    "maintenance": ("#8fbcd4", "down", "#0b4f7d"),
    "staff": ("#7d8894", "none", PAPER),
    "software": ("#c9ced4", "upright", "#5b6672"),
    "stack premium": ("#c4500a", "cross", PAPER),
    "other": ("#e8eaed", "none", INK),
    "residual": ("#ffffff", "up", "#007a5a"),
}
"""Fill, hatch and hatch colour of each kind of cost."""


@dataclass(frozen=True, slots=True)
class Stack:
    """One bar: parts by kind of cost, in the order of `FILLS`; negative parts stand left of zero."""

    name: str
    parts: tuple[tuple[str, float], ...]
    total: float


@dataclass(frozen=True, slots=True)
class Range:
    """One range with its middle, and optionally a second mark."""

    name: str
    low: float
    middle: float
    high: float
    mark: float | None = None


@dataclass(frozen=True, slots=True)
class Swing:
    """One bar of the tornado."""

    name: str
    at_low: float
    at_high: float
    low_label: str
    high_label: str


def draw_stacks(stacks: Sequence[Stack], alt: str) -> str:
    """Cost per month by kind, one bar a candidate."""
    kinds = [k for k in FILLS if any(k == name for s in stacks for name, _ in s.parts)]
    entries = [(k, _box_mark(k)) for k in kinds]
    top = 8 + legend.height(kinds, 12, WIDTH - 16) + 8
    left = _name_space([s.name for s in stacks])
    height = top + ROW * len(stacks) + 44
    canvas = Canvas(WIDTH, height, "Cost by kind", alt)
    legend.draw(canvas, entries, 12, WIDTH - 16, 6)
    most = max(sum(v for _, v in s.parts if v > 0) for s in stacks)
    least = min(sum(v for _, v in s.parts if v < 0) for s in stacks)
    frame = Frame.over((left, top, WIDTH - 84, top + ROW * len(stacks)), (min(least, 0.0), most))
    frame.draw_x(canvas, "USD per month (levelised, typical inputs)", short_usd)
    for i, stack in enumerate(stacks):
        y = top + ROW * i + 4
        canvas.text(left - 8, y + 13, stack.name, anchor="end", bold=i == 0)
        right, under = 0.0, 0.0
        for kind in kinds:
            value = sum(v for name, v in stack.parts if name == kind)
            start = right if value >= 0 else under + value
            x, width = frame.x(start), abs(value) / (frame.x_ticks[-1] - frame.x_ticks[0]) * (frame.right - frame.left)
            _box(canvas, x, y, width, ROW - 8, kind)
            if value >= 0:
                right += value
            else:
                under += value
        canvas.text(frame.x(right) + 6, y + 13, money(stack.total), bold=i == 0)
    return canvas.svg()


def draw_ranges(ranges: Sequence[Range], title: str, mark_name: str, alt: str) -> str:
    """P10 to P90 with the median, one row a candidate."""
    left = _name_space([r.name for r in ranges])
    entries: list[tuple[str, legend.Mark]] = [("P10 to P90, median", _range_mark)]
    if any(r.mark is not None for r in ranges):
        entries.append((mark_name, _diamond_mark))
    top = 8 + legend.LINE + 10
    bottom = top + ROW * len(ranges)
    canvas = Canvas(WIDTH, bottom + 44, title, alt)
    legend.draw(canvas, entries, 12, WIDTH - 16, 6)
    values = [v for r in ranges for v in (r.low, r.high, r.mark if r.mark is not None else r.middle)]
    frame = Frame.over((left, top, WIDTH - 24, bottom), (min(values), max(values)))
    frame.draw_x(canvas, title, short_usd)
    for i, r in enumerate(ranges):
        y = top + ROW * i + ROW / 2
        look = LOOKS[0 if i == 0 else 4]
        canvas.text(left - 8, y + 4, r.name, anchor="end", bold=i == 0)
        canvas.line((frame.x(r.low), y), (frame.x(r.high), y), colour=look.colour, width=5 if i == 0 else 3.5)
        for end in (r.low, r.high):
            canvas.line((frame.x(end), y - 6), (frame.x(end), y + 6), colour=look.colour, width=1.6)
        if r.mark is not None:
            canvas.marker(frame.x(r.mark), y, "diamond", LOOKS[1].colour, size=4.5, hollow=True)
        canvas.marker(frame.x(r.middle), y, "circle", look.colour, size=5)
    return canvas.svg()


def draw_tornado(swings: Sequence[Swing], title: str, zero_label: str, alt: str) -> str:
    """How far each input moves the result from its 10th to its 90th percentile, the largest on top."""
    names = [_wrapped(s.name, NAME_CHARS) for s in swings]
    left = max(_name_space([line for lines in names for line in lines]), 120.0)
    row = 34.0 if all(len(lines) == 1 for lines in names) else 46.0
    entries: list[tuple[str, legend.Mark]] = [
        ("input at its 10th percentile", _end_mark(hollow=True)),
        ("input at its 90th percentile", _end_mark(hollow=False)),
    ]
    top = 8 + legend.LINE + (26 if zero_label else 10)
    bottom = top + row * len(swings)
    canvas = Canvas(WIDTH, bottom + 44, title, alt)
    legend.draw(canvas, entries, 12, WIDTH - 16, 6)
    values = [v for s in swings for v in (s.at_low, s.at_high)]
    least, most = min(values), max(values)
    if zero_label:
        least, most = min(least, 0.0), max(most, 0.0)
    frame = Frame.over((left, top, WIDTH - 28, bottom), (least, most))
    frame.draw_x(canvas, title, short_usd)
    if zero_label:
        zero = frame.x(0.0)
        canvas.line((zero, top - 4), (zero, bottom), colour=INK, width=1.6)
        half = text_width(zero_label) / 2
        canvas.text(min(max(zero, half + 4), WIDTH - half - 4), top - 9, zero_label, anchor="middle", size=11)
    for i, s in enumerate(swings):
        y = top + row * i + row / 2
        a, b = frame.x(s.at_low), frame.x(s.at_high)
        first = y - 1 - 7 * (len(names[i]) - 1)
        for k, line in enumerate([*names[i], f"{s.low_label} to {s.high_label}"]):
            last = k == len(names[i])
            canvas.text(
                left - 8, first + 13 * k, line, anchor="end", size=10 if last else 12, colour=GREY if last else INK
            )
        canvas.rect(min(a, b), y - 5, abs(a - b), 10, fill="#b9cfde")
        canvas.marker(a, y, "circle", LOOKS[0].colour, size=4.5, hollow=True)
        canvas.marker(b, y, "circle", LOOKS[0].colour, size=4.5)
    return canvas.svg()


def _wrapped(name: str, width: int) -> list[str]:
    """The name in at most two lines."""
    lines = wrap(name, width, break_long_words=True) or [""]
    return lines if len(lines) <= 2 else [lines[0], f"{lines[1][: width - 1]}…"]


def _name_space(names: Sequence[str]) -> float:
    return max(text_width(n) for n in names) + 20


def _box(canvas: Canvas, x: float, y: float, width: float, height: float, kind: str) -> None:
    if width < 0.4:
        return
    fill, hatch, line = FILLS[kind]
    canvas.rect(x, y, width, height, fill=fill)
    canvas.hatch(x, y, width, height, hatch, line)
    canvas.rect(x, y, width, height, fill="none", stroke=PAPER if fill != PAPER else line)


def _box_mark(kind: str) -> legend.Mark:
    def mark(canvas: Canvas, x: float, y: float) -> None:
        _box(canvas, x, y - 6, 22, 12, kind)

    return mark


def _end_mark(*, hollow: bool) -> legend.Mark:
    def mark(canvas: Canvas, x: float, y: float) -> None:
        canvas.marker(x + 11, y, "circle", LOOKS[0].colour, size=4.5, hollow=hollow)

    return mark


def _range_mark(canvas: Canvas, x: float, y: float) -> None:
    canvas.line((x, y), (x + 22, y), colour=LOOKS[0].colour, width=4)
    canvas.marker(x + 11, y, "circle", LOOKS[0].colour, size=5)


def _diamond_mark(canvas: Canvas, x: float, y: float) -> None:
    canvas.marker(x + 11, y, "diamond", LOOKS[1].colour, size=4.5, hollow=True)
