"""Drill into any number of an answer, down to its arithmetic and its sources."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Static

from advisor.tui.tree import Node, children_of, resolve, shown
from advisor.tui.widgets.dialogs import Window
from advisor.tui.widgets.grid import Column, Grid
from advisor.tui.widgets.tones import Piece, content

if TYPE_CHECKING:
    from advisor.domain.recommendation import Recommendation
    from advisor.tui.app import AdvisorApp


class Explanation(Window[None]):
    """The tree on the left, what is known of the place under the cursor on the right."""

    DEFAULT_CSS = """
    Explanation { align: center middle; background: $background 60%; }
    Explanation > #box { width: 94%; height: 92%; background: $surface; border: round $primary; padding: 0 1; }
    Explanation #crumbs { height: auto; max-height: 2; color: $text-primary; }
    Explanation #columns { height: 1fr; }
    Explanation Grid { width: 1fr; background: $surface; }
    Explanation #about { width: 1fr; border-left: solid $panel; padding: 0 1; scrollbar-size-vertical: 1; }
    Explanation #about > Static { height: auto; }
    Explanation #buttons { height: 1; align-horizontal: right; }
    Explanation Button { margin-left: 2; }
    .-narrow Explanation #columns { layout: vertical; }
    .-narrow Explanation #about { border-left: none; border-top: solid $panel; width: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "close", "Close"),
        Binding("backspace,u", "up", "Up"),
        Binding("y", "copy", "Copy the path", show=False),
        Binding("pagedown,ctrl+d,shift+pagedown", "text(1)", "Text down"),
        Binding("pageup,ctrl+u,shift+pageup", "text(-1)", "Text up", show=False),
    ]

    def __init__(self, answer: Recommendation, path: str) -> None:
        super().__init__()
        self.answer = answer
        node = resolve(answer, path)
        while node is None and path:
            path = path.rpartition(".")[0]
            node = resolve(answer, path)
        inside = node is not None and any(not child.leaf for child in children_of(node))
        self.path, self.at = (path, "") if inside else (path.rpartition(".")[0], path)

    def compose(self) -> ComposeResult:
        """Path, tree, text."""
        with Vertical(id="box"):
            yield Static("", id="crumbs", markup=False)
            with Horizontal(id="columns"):
                yield Grid[Node](
                    [
                        Column("name", "What", lambda n: Piece(n.name, "strong"), most=34),
                        Column("value", "Value", lambda n: Piece(shown(n.value), "head"), most=34),
                        Column("help", "", lambda n: Piece(n.help, "dim"), grow=True, most=120),
                    ],
                    empty="Nothing stands here.", id="tree",
                )  # fmt: skip
                with VerticalScroll(id="about", can_focus=False):
                    yield Static("", id="text")
            with Horizontal(id="buttons"):
                yield Button("Up", id="up", compact=True)
                yield Button("Close", id="close", variant="primary", compact=True)

    def on_mount(self) -> None:
        """Show the place that was asked for."""
        self._show()

    def _show(self) -> None:
        node = resolve(self.answer, self.path)
        grid: Grid[Node] = self.query_one("#tree", Grid)
        grid.show(children_of(node) if node is not None else [])
        if self.at:
            grid.select(lambda n: n.path == self.at)
        self.query_one("#crumbs", Static).update(
            content(("Explain  ", "strong"), (self.path.replace(".", " ▸ ") or "the whole answer", "head"),
                    ("    Enter goes deeper, Backspace goes up", "dim")))  # fmt: skip
        self.query_one("#text", Static).update(about(self.answer, grid.current or node))
        grid.focus()

    @on(Grid.Moved, "#tree")
    def _moved(self, event: Grid.Moved) -> None:
        self.query_one("#text", Static).update(about(self.answer, event.row))

    @on(Grid.Opened, "#tree")
    def _opened(self, event: Grid.Opened) -> None:
        node: Node = event.row
        if not node.leaf:
            self.path, self.at = node.path, ""
            self._show()

    @on(Button.Pressed, "#up")
    def action_up(self) -> None:
        """To the branch above."""
        if self.path:
            self.path, self.at = self.path.rpartition(".")[0], self.path
            self._show()

    def action_text(self, by: int) -> None:
        """Scroll what is said of the place; PageDown does so once the tree has no more rows."""
        box = self.query_one("#about")
        box.scroll_relative(y=by * max(1, box.size.height - 1), animate=False)

    def action_copy(self) -> None:
        """Copy the path, for `advisor explain`."""
        grid: Grid[Node] = self.query_one("#tree", Grid)
        if grid.current is not None:
            self.app.copy_to_clipboard(grid.current.path)
            self.notify(f"Copied {grid.current.path}", timeout=3, markup=False)

    @on(Button.Pressed, "#close")
    def action_close(self) -> None:
        """Close."""
        self.dismiss(None)


def open_explanation(app: AdvisorApp, answer: Recommendation, path: str) -> None:
    """Open the window at a path."""
    app.push_screen(Explanation(answer, path))


def about(answer: Recommendation, node: Node | None) -> Content:
    """How the engine explains one place: meaning, arithmetic, check, inputs, sources."""
    from advisor.domain.errors import AdvisorError
    from advisor.engine.explain import explain

    if node is None:
        return Content("")
    head = content((node.path.replace(".", " ▸ ") + "\n", "head"), (shown(node.value) + "\n", "strong"))
    try:
        e = explain(answer, node.path) if node.path else None
    except AdvisorError:
        e = None
    if e is None:
        return head + content(node.help)
    parts = [head, content(f"{e.what}\n")]
    for step in e.steps:
        parts.append(content((f"\n{step.name}\n", "strong"), f"{step.formula}\n" if step.formula else ""))
    if e.check:
        parts.append(content(("\n✓ ", "good"), f"{e.check}\n"))
    if e.inputs:
        parts.append(content(("\nInputs\n", "head")))
    for q in e.inputs:
        span = "" if q.low is None or q.high is None else f" ({q.low:,.6g} to {q.high:,.6g})"
        dated = f", {q.as_of}" if q.as_of else ""
        parts.append(content((f"{q.name} ", "strong"), f"{q.value:,.6g} {q.unit}{span}",
                             (f"  {q.kind}{dated}; {q.source_id}\n", "dim")))  # fmt: skip
        if q.note:
            parts.append(content((f"  {q.note}\n", "dim")))
    if e.rows:
        parts.append(content(("\nCatalog rows\n", "head"), f"{', '.join(e.rows)}\n"))
    parts += [content(("· ", "dim"), f"{note}\n") for note in e.notes]
    if e.sources:
        parts.append(content(("\nSources\n", "head")))
    for source in e.sources:
        dated = f", {source.as_of}" if source.as_of else ""
        parts.append(content((source.id, "strong"), f" {source.reference}", (f" ({source.kind}{dated})\n", "dim")))
        if source.attribution:
            parts.append(content((f"  {source.attribution}\n", "dim")))
    return Content("").join(parts)
