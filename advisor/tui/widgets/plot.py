"""A plot in dots: lines with their bands, points, a limit, and a cursor that walks the points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip

from advisor.tui.format import compact
from advisor.tui.widgets.canvas import Canvas, ticks
from advisor.tui.widgets.tones import Piece, Toned, fit

LEFT = 8
Y_ROWS = 5


@dataclass(frozen=True, slots=True)
class Series:
    """One line or cloud of points."""

    key: str
    name: str
    xs: tuple[float, ...]
    ys: tuple[float, ...]
    tone: str
    mark: str = ""
    """A character for each point; empty draws a line only."""
    line: bool = True
    lows: tuple[float, ...] = ()
    highs: tuple[float, ...] = ()
    walk: bool = False
    """Whether the cursor walks its points."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What a plot shows."""

    series: tuple[Series, ...] = ()
    x_title: str = ""
    y_title: str = ""
    limit_x: float | None = None
    limit_name: str = ""
    chosen: tuple[float, float] | None = None
    log_y: bool = False
    log_x: bool = False
    empty: str = "Nothing to plot."
    notes: tuple[str, ...] = field(default=())


class Plot(Toned, can_focus=True):
    """Draws a figure; left and right walk the points of the series that can be walked."""

    DEFAULT_CSS = """
    Plot { height: 1fr; background: $background; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "walk(-1)", "Previous point", show=False),
        Binding("right,l", "walk(1)", "Next point", show=False),
        Binding("home", "walk(-1000)", "First point", show=False),
        Binding("end", "walk(1000)", "Last point", show=False),
    ]
    at: reactive[int] = reactive(0, repaint=True)

    class Walked(Message):
        """The cursor stands on another point."""

        def __init__(self, plot: Plot, index: int) -> None:
            super().__init__()
            self.plot, self.index = plot, index

    def __init__(self, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.figure = Figure()
        self._drawn: list[list[tuple[str, str]]] | None = None

    def show(self, figure: Figure, at: int | None = None) -> None:
        """Show another figure, the cursor on a point."""
        self.figure = figure
        self._drawn = None
        walked = self._walked()
        if at is not None or (walked is not None and self.at >= len(walked.xs)):
            self.set_reactive(Plot.at, at or 0)
        self.refresh()

    def _walked(self) -> Series | None:
        return next((s for s in self.figure.series if s.walk and s.xs), None)

    def watch_at(self) -> None:
        """Draw the cursor anew."""
        self._drawn = None

    def on_resize(self) -> None:
        """Another size, another drawing."""
        self._drawn = None

    def notify_style_update(self) -> None:
        """Another theme, another drawing."""
        super().notify_style_update()
        self._drawn = None

    def action_walk(self, by: int) -> None:
        """Walk the points."""
        walked = self._walked()
        if walked is not None:
            self.at = max(0, min(len(walked.xs) - 1, self.at + by))
            self.post_message(self.Walked(self, self.at))

    def on_click(self, event: events.Click) -> None:
        """Go to the point that is nearest to the mouse."""
        walked = self._walked()
        if walked is None:
            return
        width, height = self._room()
        places = [self._place(x, y, width * 2, height * 4) for x, y in zip(walked.xs, walked.ys, strict=True)]
        x, y = (event.x - LEFT) * 2, (event.y - 1) * 4
        nearest = min(range(len(places)), key=lambda i: (places[i][0] - x) ** 2 + (places[i][1] - y) ** 2)
        self.at = nearest
        self.post_message(self.Walked(self, nearest))

    # --------------------------------------------------------------- drawing

    def _room(self) -> tuple[int, int]:
        return max(4, self.size.width - LEFT - 1), max(3, self.size.height - 4 - self._legend_rows())

    def _legend_rows(self) -> int:
        return len(self._legend())

    def _legend(self) -> list[list[Piece]]:
        rows: list[list[Piece]] = [[Piece(" " * LEFT)]]
        used = LEFT
        entries = [(s.mark or "━", s.name, s.tone) for s in self.figure.series if s.name]
        if self.figure.chosen is not None:
            entries.append(("◉", "chosen point", "good"))
        if self.figure.limit_x is not None:
            entries.append(("┊", self.figure.limit_name, "warn"))
        for mark, name, tone in entries:
            text = f"{mark} {name}   "
            if used + len(text) > self.size.width and used > LEFT:
                rows.append([Piece(" " * LEFT)])
                used = LEFT
            rows[-1] += [Piece(mark, tone), Piece(f" {name}   ", "dim")]
            used += len(text)
        return rows

    def _span(self) -> tuple[float, float, float, float]:
        f = self.figure
        xs = [x for s in f.series for x in s.xs] + ([f.limit_x] if f.limit_x else [])
        ys = [y for s in f.series for y in (*s.ys, *s.lows, *s.highs) if not f.log_y or y > 0]
        if f.chosen is not None:
            xs.append(f.chosen[0])
            ys.append(f.chosen[1])
        if not xs or not ys:
            return 0.0, 1.0, 0.0, 1.0
        x0, x1 = (min(x for x in xs if x > 0), max(xs)) if f.log_x else (0.0, max(xs))
        y0, y1 = (min(ys), max(ys)) if f.log_y else (0.0, max(ys))
        return x0, x1 * (1.05 if f.log_x else 1.02), y0 / (1.1 if f.log_y else 1.0), y1 * (1.15 if f.log_y else 1.05)

    def _place(self, x: float, y: float, dots_x: int, dots_y: int) -> tuple[float, float]:
        x0, x1, y0, y1 = self._span()
        f = self.figure
        if f.log_x:
            x, x0, x1 = (math.log(max(v, 1e-12)) for v in (x, x0, x1))
        if f.log_y:
            y, y0, y1 = (math.log(max(v, 1e-12)) for v in (y, y0, y1))
        across = (x - x0) / ((x1 - x0) or 1.0)
        up = (y - y0) / ((y1 - y0) or 1.0)
        return across * (dots_x - 1), (1 - min(1.2, max(-0.2, up))) * (dots_y - 1)

    def _draw(self) -> list[list[tuple[str, str]]]:
        width, height = self._room()
        canvas = Canvas(width, height)
        across, down = canvas.dots
        f = self.figure

        def place(xs: Sequence[float], ys: Sequence[float]) -> list[tuple[float, float]]:
            return [self._place(x, y, across, down) for x, y in zip(xs, ys, strict=True)]

        for s in f.series:
            if s.lows and s.highs:
                canvas.band(place(s.xs, s.lows), place(s.xs, s.highs), "dim")
        if f.limit_x is not None:
            canvas.vertical(round(self._place(f.limit_x, 1, across, down)[0]), "warn")
        for s in f.series:
            points = place(s.xs, s.ys)
            if s.line:
                canvas.line(points, s.tone, 3 if s.walk else 2)
            if s.mark:
                for x, y in points:
                    canvas.mark(round(x), round(y), s.mark, s.tone)
        if f.chosen is not None:
            x, y = self._place(*f.chosen, across, down)
            canvas.mark(round(x), round(y), "◉", "good")
        walked = self._walked()
        if walked is not None and self.at < len(walked.xs):
            x, y = self._place(walked.xs[self.at], walked.ys[self.at], across, down)
            canvas.mark(round(x), round(y), "✚" if self.has_focus else "+", "strong")
        return self._frame(canvas, width, height)

    def _frame(self, canvas: Canvas, width: int, height: int) -> list[list[tuple[str, str]]]:
        x0, x1, y0, y1 = self._span()
        f = self.figure
        labels: dict[int, str] = {}
        for t in ticks(y0, y1, max(2, height // 4), f.log_y):
            labels[int(self._place(x0, t, width * 2, height * 4)[1] // 4)] = _tick(t)
        rows: list[list[tuple[str, str]]] = [[(f" {f.y_title}", "dim")]]
        for row in range(height):
            label = labels.get(row, "")
            edge = "┤" if label else "│"
            rows.append([(f"{label:>{LEFT - 2}} {edge}", "dim"), *canvas.row(row)])
        axis = ["─"] * width
        names = [" "] * width
        for t in ticks(x0, x1, max(2, width // 12), f.log_x):
            col = int(self._place(t, y0 or 1, width * 2, height * 4)[0] // 2)
            text = _tick(t)
            start = max(0, min(width - len(text), col - len(text) // 2))
            if 0 <= col < width and all(c == " " for c in names[max(0, start - 1) : start + len(text) + 1]):
                axis[col] = "┬"
                names[start : start + len(text)] = list(text)
        rows.append([(" " * (LEFT - 1) + "└" + "".join(axis), "dim")])
        rows.append([(" " * LEFT + "".join(names), "dim")])
        rows.append([(fit(f.x_title, self.size.width - 2, right=True), "dim")])
        return rows

    def render_line(self, y: int) -> Strip:
        """One line of the plot, its axes or its legend."""
        width = self.size.width
        if not any(s.xs for s in self.figure.series):
            lines = self.figure.empty.split("\n")
            return self.strip([Piece("  " + lines[y - 1], "dim")] if 0 <= y - 1 < len(lines) else [], width)
        if self._drawn is None:
            self._drawn = self._draw()
        if y < len(self._drawn):
            return self.strip(self._drawn[y], width)
        legend = self._legend()
        index = y - len(self._drawn)
        return self.strip(legend[index] if index < len(legend) else [], width)

    def on_focus(self) -> None:
        """Show the cursor."""
        self._drawn = None

    def on_blur(self) -> None:
        """Dim the cursor."""
        self._drawn = None


def _tick(value: float) -> str:
    return f"{value:g}" if abs(value) < 1000 else compact(value)
