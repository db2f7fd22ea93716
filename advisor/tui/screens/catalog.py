"""Catalog: every kind of fact, row by row, each with its source."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from advisor.tui.actions import bindings
from advisor.tui.desk import Sight
from advisor.tui.screens.pane import Pane
from advisor.tui.widgets.grid import Column, Grid
from advisor.tui.widgets.tones import Piece, content

if TYPE_CHECKING:
    from advisor.catalog.kinds import FactKind


class CatalogPane(Pane):
    """Kinds on the left, rows in the middle, the row on the right."""

    PANE_ID = "catalog"
    TEXT = ".side"
    HELP = (
        "What the advice rests on beside the measurements: parts, models, prices, cost parameters, software support,"
        " known issues, roadmap, and where public specifications disagree. Each row names its source, its date and what"
        " kind of statement it is. Own files in the configuration folder are laid over the bundled ones."
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("catalog")]

    def __init__(self) -> None:
        super().__init__()
        self._kind: FactKind | None = None
        self._rows: list[Any] = []
        self._bench: object = None
        self._wanted: tuple[str, str] | None = None

    def compose(self) -> ComposeResult:
        """Kinds, rows, row."""
        with Horizontal(classes="filter"):
            yield Input(placeholder="/ to filter rows by text", compact=True, id="catalog-search")
        with Horizontal(id="catalog-body"):
            yield Grid["FactKind"](
                [
                    Column("name", "Kind", lambda k: Piece(k.name, "strong"), width=13),
                    Column("count", "Rows", lambda k: Piece(self._count(k), "dim"), right=True, width=6),
                ],
                id="catalog-kinds", empty="◌ reading",
            )  # fmt: skip
            yield Grid[Any]([], id="catalog-rows", empty="No row matches. Press / and delete some letters.")
            with VerticalScroll(classes="side", can_focus=False):
                yield Static("", id="catalog-text")

    def first_focus(self) -> Widget:
        """The kinds."""
        return self.query_one("#catalog-kinds")

    def draw(self, sight: Sight) -> None:
        """List the kinds once the catalog is there."""
        del sight
        bench = self.bench
        if bench is None or bench is self._bench:
            return
        from advisor.catalog.kinds import KINDS

        self._bench = bench
        self.query_one("#catalog-kinds", Grid).show(list(KINDS.values()))
        if self._wanted is not None:
            self.show_entry(*self._wanted)

    def _count(self, kind: FactKind) -> str:
        bench = self.bench
        return f"{sum(1 for _ in kind.rows(bench.catalog)):,}" if bench else ""

    def show_entry(self, kind: str, entry: str) -> None:
        """Show one row."""
        if self.bench is None:
            self._wanted = (kind, entry)
            return
        self._wanted = None
        from advisor.catalog.kinds import row_key

        kinds: Grid[FactKind] = self.query_one("#catalog-kinds", Grid)
        kinds.select(lambda k: k.name == kind)
        if kinds.current is not None:
            chosen = kinds.current
            self._show_kind(chosen)
            rows: Grid[Any] = self.query_one("#catalog-rows", Grid)
            rows.select(lambda r: row_key(chosen, r) == entry)
            rows.focus()

    @on(Grid.Moved, "#catalog-kinds")
    def _kind_moved(self, event: Grid.Moved) -> None:
        self._show_kind(event.row)

    def _show_kind(self, kind: FactKind) -> None:
        from advisor.catalog.kinds import row_key

        bench = self.bench
        if bench is None or kind is self._kind:
            return
        self._kind = kind
        self._rows = list(kind.rows(bench.catalog))
        grid: Grid[Any] = self.query_one("#catalog-rows", Grid)
        found: list[Column[Any]] = [
            Column(
                "key", kind.title, lambda r: Piece(row_key(kind, r), "strong"), sort=lambda r: row_key(kind, r), most=30
            )
        ]
        for name in kind.shown:
            number = any(isinstance(getattr(r, name), int | float) for r in self._rows[:20])
            found.append(Column(
                name, name.replace("_", " "), partial(_cell_of, name),
                sort=partial(_sort_of, name), right=number, best=number, most=44,
            ))  # fmt: skip
        grid.columns = tuple(found)
        grid.column = 0
        self._filter()

    @on(Input.Changed, "#catalog-search")
    def _filter(self) -> None:
        words = self.query_one("#catalog-search", Input).value.casefold().split()
        rows = [r for r in self._rows if all(w in str(r).casefold() for w in words)] if words else self._rows
        self.query_one("#catalog-rows", Grid).show(rows)
        if not rows:
            self.query_one("#catalog-text", Static).update("")

    @on(Input.Submitted, "#catalog-search")
    def _to_rows(self) -> None:
        self.query_one("#catalog-rows").focus()

    @on(Grid.Moved, "#catalog-rows")
    def _row_moved(self, event: Grid.Moved) -> None:
        self.query_one("#catalog-text", Static).update(self._about(event.row))

    @on(Grid.Opened, "#catalog-kinds")
    def _into(self) -> None:
        self.query_one("#catalog-rows").focus()

    @on(Grid.Opened, "#catalog-rows")
    def _opened(self, event: Grid.Opened) -> None:
        from advisor.tui.widgets.dialogs import Reader

        self.app.push_screen(Reader("One row of the catalog", self._about(event.row)))

    def _about(self, row: Any) -> Content:
        from advisor.catalog.kinds import row_fields

        parts: list[Content] = []
        pairs = row_fields(row)
        for name, value in pairs:
            if value not in (None, "", ()):
                parts.append(content((f"{name.replace('_', ' ')}: ", "dim"), f"{cell(value)}\n"))
        found = dict(pairs)
        source_id = str(found.get("source") or found.get("source_id") or "")
        source = self.bench.catalog.sources.get(source_id) if self.bench else None
        if source is not None:
            parts.append(
                content(("\nSource\n", "head"), f"{source.reference}\n", (f"{source.kind}, {source.as_of}\n", "dim"))
            )
            if source.attribution:
                parts.append(content((f"{source.attribution}\n", "dim")))
        return Content("").join(parts)

    def action_search(self) -> None:
        """Type a filter."""
        self.query_one("#catalog-search").focus()

    def action_next_kind(self) -> None:
        """The next kind of fact."""
        kinds: Grid[FactKind] = self.query_one("#catalog-kinds", Grid)
        if kinds.rows:
            kinds.cursor = (kinds.cursor + 1) % len(kinds.rows)


def cell(value: Any) -> str:
    """A value of a row as text."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:g}"
    if isinstance(value, tuple | list):
        return ", ".join(str(v) for v in value)
    return str(value)


def _cell_of(name: str, row: Any) -> str:
    return cell(getattr(row, name))


def _sort_of(name: str, row: Any) -> Any:
    return _sortable(getattr(row, name))


def _sortable(value: Any) -> Any:
    if value is None or value == "":
        return None
    if isinstance(value, bool | int | float):
        return float(value)
    return value.isoformat() if isinstance(value, date) else cell(value)
