"""A table that draws only the rows in sight: ten thousand rows open as fast as ten."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Generic

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.actions import SkipAction
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from advisor.tui.widgets.around import scrolled_around, show_line
from advisor.tui.widgets.column import Column, Row, cell_text
from advisor.tui.widgets.tones import Piece, Toned, fit, tone_styles

__all__ = ["Column", "Grid"]
GAP = 2
SAMPLE = 200
KEPT_LINES = 160
"""Drawn rows that are kept; each holds some kilobytes."""


class Grid(ScrollView, Toned, Generic[Row], can_focus=True):
    """A table over a sequence of rows, with a cursor on one cell, sorting, and a first column that stays in sight."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"grid--header", "grid--cursor", "grid--cell", "grid--zebra"}
    DEFAULT_CSS = """
    Grid {
        height: 1fr;
        background: $background;
        color: $foreground;
        overflow-x: auto;
        overflow-y: auto;
        scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 1;
        & > .grid--header { background: $panel; color: $text-muted; text-style: bold; }
        & > .grid--zebra { background: $surface; }
        & > .grid--cursor { background: $primary 22%; }
        & > .grid--cell { background: $primary 45%; text-style: bold; }
        &:blur > .grid--cell { background: $primary 22%; text-style: bold; }
        &:blur > .grid--cursor { background: $primary 12%; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "edge(-1)", "First row", show=False),
        Binding("end", "edge(1)", "Last row", show=False),
        Binding("left,h", "column(-1)", "Column left", show=False),
        Binding("right,l", "column(1)", "Column right", show=False),
        Binding("enter", "open", "Open"),
        Binding("s", "sort", "Sort by column", show=False),
        Binding("y", "copy", "Copy row", show=False),
    ]

    cursor: reactive[int] = reactive(0, repaint=True)
    column: reactive[int] = reactive(0, repaint=True)

    class Moved(Message):
        """The cursor stands on another row."""

        def __init__(self, grid: Grid[Any], row: Any) -> None:
            super().__init__()
            self.grid, self.row = grid, row

        @property
        def control(self) -> Grid[Any]:
            """The table."""
            return self.grid

    class Opened(Message):
        """A cell was opened with Enter or a second click."""

        def __init__(self, grid: Grid[Any], row: Any, column: str) -> None:
            super().__init__()
            self.grid, self.row, self.column = grid, row, column

        @property
        def control(self) -> Grid[Any]:
            """The table."""
            return self.grid

    def __init__(
        self, columns: Sequence[Column[Row]], *, empty: str = "Nothing here.", id: str | None = None,  # noqa: A002
        classes: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(id=id, classes=classes)
        self.columns: tuple[Column[Row], ...] = tuple(columns)
        self.rows: Sequence[Row] = ()
        self.empty = empty
        self._given: Sequence[Row] = ()
        self._sorted: tuple[str, bool] | None = None
        self._widths: list[int] = []
        self._room = 0
        self._lines: dict[tuple[int, int], Strip] = {}
        self._tones: object = None

    @property
    def full_height(self) -> int:
        """Lines that show every row, a scroll bar included where one is needed."""
        return len(self.rows) + 1 + (self.virtual_size.width > self.size.width)

    # ------------------------------------------------------------------ rows

    def show(self, rows: Sequence[Row], *, keep: Callable[[Row], Any] | None = None) -> None:
        """Show these rows; `keep` gives the identity by which the cursor stays on its row."""
        before = keep(self.rows[self.cursor]) if keep and self.rows and self.cursor < len(self.rows) else None
        self._given = rows
        self._arrange()
        at = 0
        if keep is not None and before is not None:
            at = next((i for i, row in enumerate(self.rows) if keep(row) == before), 0)
        self.set_reactive(Grid.cursor, at)
        self.column = min(self.column, max(0, len(self.columns) - 1))
        self._scroll_to_cursor()
        self._tell()

    def reshape(self, columns: Sequence[Column[Row]]) -> None:
        """Other columns over the same rows."""
        self.columns = tuple(columns)
        self.column = min(self.column, len(self.columns) - 1)
        self._arrange()

    @property
    def current(self) -> Row | None:
        """The row under the cursor."""
        return self.rows[self.cursor] if 0 <= self.cursor < len(self.rows) else None

    def select(self, wanted: Callable[[Row], bool]) -> bool:
        """Move the cursor to the first row that is wanted."""
        for i, row in enumerate(self.rows):
            if wanted(row):
                self.cursor = i
                self._scroll_to_cursor()
                return True
        return False

    def _arrange(self) -> None:
        rows = self._given
        if self._sorted is not None:
            key, down = self._sorted
            by = next((c.sort for c in self.columns if c.key == key), None)
            if by is not None:
                known = [r for r in rows if by(r) is not None]
                known.sort(key=by, reverse=down)
                rows = [*known, *(r for r in rows if by(r) is None)]
        self.rows = rows
        self._measure()
        self.refresh()

    def _measure(self) -> None:
        widths = []
        for c in self.columns:
            if c.width is not None:
                widths.append(c.width)
                continue
            longest = max((cell_len(cell_text(c.cell(r))) for r in self.rows[:SAMPLE]), default=0)
            widths.append(max(cell_len(c.title) + (2 if c.sort else 0), min(longest, c.most)))
        room = self._room = self.scrollable_content_region.width
        total = sum(widths) + GAP * len(widths) - GAP
        growing = [i for i, c in enumerate(self.columns) if c.grow]
        if growing and room:
            least = max(self.columns[growing[0]].least, cell_len(self.columns[growing[0]].title) + 2)
            widths[growing[0]] = max(least, widths[growing[0]] + room - total)
        self._widths = widths
        self._lines.clear()
        self.virtual_size = Size(sum(widths) + GAP * (len(widths) - 1), len(self.rows) + 1)

    def on_resize(self) -> None:
        """Widths follow the room there is."""
        self._measure()

    def _measure_again(self) -> None:
        """A scroll bar that came or went changes the room without a word of it."""
        if self.scrollable_content_region.width != self._room:
            self._measure()
            self.refresh()

    def notify_style_update(self) -> None:
        """A new theme draws all lines anew."""
        super().notify_style_update()
        self._lines.clear()

    # --------------------------------------------------------------- drawing

    def render_line(self, y: int) -> Strip:
        """The header, or one row in sight."""
        tones = tone_styles(self.app)
        if tones is not self._tones:
            self._tones = tones
            self._lines.clear()
        width = self.size.width
        scroll_x, scroll_y = self.scroll_offset
        if y == 0:
            if self.scrollable_content_region.width != self._room:
                self.call_later(self._measure_again)
            return self._crop(self._header(), scroll_x).extend_cell_length(width, self.rich_style)
        if not self.rows:
            lines = self.empty.split("\n")
            text = lines[y - 2] if 0 <= y - 2 < len(lines) else ""
            return self.strip([Piece("  " + text, "dim")], width)
        index = scroll_y + y - 1
        if index >= len(self.rows):
            return self.strip([], width)
        return self._crop(self._row(index), scroll_x).extend_cell_length(width, self.rich_style)

    @property
    def _fixed(self) -> int:
        """How many columns stay in sight: those up to the first with a heading, where that leaves room for others."""
        named = next((i for i, c in enumerate(self.columns) if c.title), 0) + 1
        return named if self._start_of(named) <= self.size.width // 2 else 1

    def _start_of(self, column: int) -> int:
        """Where a column begins when nothing is scrolled."""
        return sum(self._widths[:column]) + GAP * len(self._widths[:column])

    def _crop(self, strip: Strip, scroll_x: int) -> Strip:
        """The part of a line in sight: numbers whole or not at all, text with an ellipsis, a mark where more stands."""
        width = self.scrollable_content_region.width  # beside the scroll bar
        first = min(width, self._start_of(self._fixed))
        if not scroll_x and self.virtual_size.width <= width:
            return strip.crop(0, width).extend_cell_length(width, self.rich_style)
        more = self.virtual_size.width - scroll_x > width
        start, end = first + scroll_x, scroll_x + width - more
        parts = [strip.crop(0, first), strip.crop(start, max(start, end))]
        if scroll_x:
            parts[0] = _put(parts[0], first - 1, "‹", self.tone("dim"))
        at = 0
        for column, w in zip(self.columns, self._widths, strict=False):
            left, right = max(at, start), min(at + w, end)
            if left < right and (at < start or at + w > end):  # in sight, not whole
                lost = strip.crop(at, left).text + strip.crop(right, at + w).text
                if column.right and not (at < start and at + w > end):
                    parts[1] = _put(parts[1], left - start, " " * (right - left))
                elif lost.strip() or column.right:
                    parts[1] = _put(parts[1], (left if at < start else right - 1) - start, "…")
            at += w + GAP
        line = Strip.join(parts).extend_cell_length(width - more, self.rich_style)
        return _put(line.extend_cell_length(width, self.rich_style), width - 1, "›", self.tone("dim")) if more else line

    def _header(self) -> Strip:
        base = self.get_component_rich_style("grid--header")
        here = self.get_component_rich_style("grid--cursor") if self.has_focus else base
        head, dim = self.tone("head"), self.tone("dim")
        segments = []
        for i, (c, w) in enumerate(zip(self.columns, self._widths, strict=False)):
            mark = ""
            if self._sorted is not None and self._sorted[0] == c.key:
                mark = " ▼" if self._sorted[1] else " ▲"
            text = fit(c.title + mark, w, c.right) + " " * GAP
            segments.append(Segment(text, here + head if i == self.column else base + dim))
        return Strip(segments)

    def _row(self, index: int) -> Strip:
        at_cursor = index == self.cursor
        key = (index, self.column * 2 + int(self.has_focus) if at_cursor else -1)
        cached = self._lines.get(key)
        if cached is not None:
            return cached
        row = self.rows[index]
        base = self.rich_style
        if at_cursor:
            base = self.get_component_rich_style("grid--cursor")
        elif index % 2:
            base = self.get_component_rich_style("grid--zebra")
        tones = tone_styles(self.app)
        segments = []
        for i, (c, w) in enumerate(zip(self.columns, self._widths, strict=False)):
            cell = c.cell(row)
            back = base
            if at_cursor and i == self.column:
                back = self.get_component_rich_style("grid--cell")
            tone = cell.tone if isinstance(cell, Piece) else "plain"
            segments.append(Segment(fit(cell_text(cell), w, c.right) + " " * GAP, back + tones[tone or "plain"]))
        strip = Strip(segments)
        if len(self._lines) > KEPT_LINES:
            self._lines.clear()
        self._lines[key] = strip
        return strip

    # --------------------------------------------------------------- moving

    def watch_cursor(self) -> None:
        """Tell who listens."""
        self._tell()

    def _tell(self) -> None:
        if self.is_mounted and self.current is not None:
            self.post_message(self.Moved(self, self.current))

    def move(self, by: int) -> bool:
        """Move the cursor by rows; whether it has moved."""
        before = self.cursor
        if self.rows:
            self.cursor = max(0, min(len(self.rows) - 1, self.cursor + by))
            self._scroll_to_cursor()
        return self.cursor != before

    def action_move(self, by: int) -> None:
        """Move the cursor by rows; at the edge the key goes on to what the table stands in."""
        if not self.move(by):
            raise SkipAction
        at = self.cursor - self.scroll_offset.y
        show_line(self, at + (self.cursor > 0), 1 + (self.cursor == 0))  # the heading comes with the first row

    def action_page(self, by: int) -> None:
        """Move by a page; a table whose rows are all in sight leaves the key to what it stands in."""
        if not self.max_scroll_y and scrolled_around(self) is not None:
            raise SkipAction
        self.action_move(by * max(1, self.size.height - 2))

    def action_edge(self, to: int) -> None:
        """Go to the first or last row, then to the end of what the table stands in."""
        self.action_move(to * len(self.rows))

    def action_column(self, by: int) -> None:
        """Move the cursor by columns."""
        if self.columns:
            self.column = max(0, min(len(self.columns) - 1, self.column + by))
            self._scroll_to_cursor()

    def action_open(self) -> None:
        """Open the cell under the cursor."""
        if self.current is not None:
            self.post_message(self.Opened(self, self.current, self.columns[self.column].key))

    def action_sort(self) -> None:
        """Sort by the column under the cursor; once more reverses."""
        self.sort_by(self.columns[self.column].key)

    def sort_by(self, key: str) -> None:
        """Sort by a column; once more reverses, a third time restores the given order."""
        column = next((c for c in self.columns if c.key == key), None)
        if column is None or column.sort is None:
            return
        first = bool(column.best)
        if self._sorted is None or self._sorted[0] != key:
            self._sorted = (key, first)
        elif self._sorted[1] == first:
            self._sorted = (key, not first)
        else:
            self._sorted = None
        row = self.current
        self._arrange()
        if row is not None:
            self.cursor = next((i for i, r in enumerate(self.rows) if r is row), 0)
            self._scroll_to_cursor()

    def action_copy(self) -> None:
        """Copy the row as tab-separated text."""
        if self.current is not None:
            row = self.current
            self.app.copy_to_clipboard("\t".join(cell_text(c.cell(row)) for c in self.columns))
            self.app.notify("Row copied.", timeout=2)

    def _scroll_to_cursor(self) -> None:
        fixed = self._fixed
        first = self._start_of(fixed)
        width = (self._widths[self.column] if self.column < len(self._widths) else 1) + GAP
        left, width = (0, 1) if self.column < fixed else (self._start_of(self.column) - first, width + first)
        self.scroll_to_region(Region(left, self.cursor, width, 2), animate=False, force=True)

    def on_click(self, event: events.Click) -> None:
        """Header: sort. Row: put the cursor there; a second click opens."""
        x = event.x + (self.scroll_offset.x if event.x >= self._start_of(self._fixed) else 0)
        column, at = len(self.columns) - 1, 0
        for i, w in enumerate(self._widths):
            at += w + GAP
            if x < at:
                column = i
                break
        if event.y == 0:
            self.column = column
            self.action_sort()
            return
        index = self.scroll_offset.y + event.y - 1
        if 0 <= index < len(self.rows):
            again = index == self.cursor and event.chain >= 2
            self.cursor, self.column = index, column
            if again:
                self.action_open()


def _put(strip: Strip, at: int, text: str, tone: Style | None = None) -> Strip:
    """A line with other text in one place, on the ground that was there."""
    if at < 0:
        return strip
    width = cell_len(text)
    under = strip.crop(at, at + width)
    style = next((s.style for s in under if s.style is not None), None)
    if tone is not None:
        style = style + tone if style is not None else tone
    return Strip.join([strip.crop(0, at), Strip([Segment(text, style)]), strip.crop(at + width, strip.cell_length)])
