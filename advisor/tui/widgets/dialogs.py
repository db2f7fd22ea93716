"""Small windows: ask for a line, ask yes or no, choose from a list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen, ScreenResultType
from textual.widgets import Button, Input, Static

from advisor.tui.widgets.grid import Column, Grid
from advisor.tui.widgets.tones import Piece, content

DIALOG_CSS = """
{name} { align: center middle; background: $background 60%; }
{name} > #box {
    width: 84; max-width: 96%; height: auto; max-height: 94%;
    background: $surface; border: round $primary; padding: 0 1;
}
{name} #title { color: $text-primary; text-style: bold; height: auto; }
{name} #hint { color: $text-muted; height: auto; }
{name} #error { color: $text-error; height: auto; display: none; }
{name} #error.shown { display: block; }
{name} #buttons { height: 1; margin-top: 1; align-horizontal: right; }
{name} Button { margin-left: 2; }
"""


class Window(ModalScreen[ScreenResultType]):
    """A small window, which answers once."""

    def dismiss(self, result: ScreenResultType | None = None) -> AwaitComplete:
        """Close with an answer; a key that was already on its way when the window closed asks for nothing more.

        The framework would give the answer a second time, and close whatever lies on top.
        """
        return super().dismiss(result) if self.app.screen is self else AwaitComplete()


class Ask(Window[str | None]):
    """Asks for one line of text; the answer is checked as it is typed."""

    DEFAULT_CSS = DIALOG_CSS.replace("{name}", "Ask")
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "Cancel")]

    def __init__(
        self, title: str, *, value: str = "", hint: str = "", button: str = "OK",
        check: Callable[[str], str] = lambda _: "",
    ) -> None:  # fmt: skip
        super().__init__()
        self._texts = (title, value, hint, button)
        self._check = check

    def compose(self) -> ComposeResult:
        """Title, input, hint, buttons."""
        title, value, hint, button = self._texts
        with Vertical(id="box"):
            yield Static(content(title), id="title")
            yield Input(value=value, compact=True)
            yield Static("", id="error", markup=False)
            yield Static(content(hint), id="hint")
            with Horizontal(id="buttons"):
                yield Button("Cancel", id="cancel", compact=True)
                yield Button(button, id="ok", variant="primary", compact=True)

    def on_mount(self) -> None:
        """Type at once."""
        self.query_one(Input).focus()

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        problem = self._check(event.value.strip()) if event.value.strip() else ""
        self._complain(problem)

    def _complain(self, problem: str) -> None:
        error = self.query_one("#error", Static)
        error.update(content(("✗ " + problem, "bad")) if problem else "")
        error.set_class(bool(problem), "shown")

    @on(Input.Submitted)
    @on(Button.Pressed, "#ok")
    def _submit(self) -> None:
        value = self.query_one(Input).value.strip()
        problem = self._check(value) if value else "write something, or press Escape"
        if problem:
            self._complain(problem)
        else:
            self.dismiss(value)

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        """Leave without an answer."""
        self.dismiss(None)


class Confirm(Window[bool]):
    """Asks yes or no; no is at hand first."""

    DEFAULT_CSS = DIALOG_CSS.replace("{name}", "Confirm")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,n", "answer(False)", "No"),
        Binding("y", "answer(True)", "Yes"),
    ]

    def __init__(self, title: str, hint: str, button: str, *, no: str = "No") -> None:
        super().__init__()
        self._texts = (title, hint, button, no)

    def compose(self) -> ComposeResult:
        """Question and buttons."""
        title, hint, button, no = self._texts
        with Vertical(id="box"):
            yield Static(content(title), id="title")
            yield Static(content(hint), id="hint")
            with Horizontal(id="buttons"):
                yield Button(no, id="no", compact=True)
                yield Button(button, id="yes", variant="error", compact=True)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Answer by mouse."""
        self.dismiss(event.button.id == "yes")

    def action_answer(self, yes: bool) -> None:
        """Answer by key."""
        self.dismiss(yes)


class Decide(Window[str]):
    """Asks which of several ways to go; the first harms nothing, is at hand first, and is what Escape takes."""

    DEFAULT_CSS = DIALOG_CSS.replace("{name}", "Decide")
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "first", "Cancel")]

    def __init__(self, title: str, hint: str, ways: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._title, self._hint, self._ways = title, hint, tuple(ways)

    def compose(self) -> ComposeResult:
        """Question and a button for each way."""
        with Vertical(id="box"):
            yield Static(content(self._title), id="title")
            yield Static(content(self._hint), id="hint")
            with Horizontal(id="buttons"):
                for way, label in self._ways:
                    yield Button(label, id=way, compact=True)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Go that way."""
        self.dismiss(event.button.id or self._ways[0][0])

    def action_first(self) -> None:
        """The way that harms nothing."""
        self.dismiss(self._ways[0][0])


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a picker."""

    id: str
    label: str
    detail: str = ""


class Picker(Window[str | None]):
    """A list with a search line; with `several`, Space marks and Enter takes all that are marked."""

    DEFAULT_CSS = (
        DIALOG_CSS.replace("{name}", "Picker")
        + """
    Picker > #box { height: 90%; max-height: 40; }
    Picker Grid { background: $surface; }
    """
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel"),
        Binding("down", "list(1)", "Down", show=False, priority=True),
        Binding("up", "list(-1)", "Up", show=False, priority=True),
        Binding("pagedown", "list(10)", "Page down", show=False, priority=True),
        Binding("pageup", "list(-10)", "Page up", show=False, priority=True),
    ]

    def __init__(
        self, title: str, items: Sequence[Item], *, marked: Sequence[str] | None = None, at: str = "", hint: str = "",
        query: str = "",
    ) -> None:  # fmt: skip
        super().__init__()
        self._title, self._items, self._at, self._hint = title, tuple(items), at, hint
        self._query = query
        self.several = marked is not None
        self.marked = list(marked or ())

    def compose(self) -> ComposeResult:
        """Search line and list."""
        with Vertical(id="box"):
            yield Static(content(self._title), id="title")
            yield Input(self._query, placeholder="type to search", compact=True, select_on_focus=False)
            yield Grid(self._columns(), empty="Nothing matches. Delete some letters of the search.", id="list")
            yield Static(content(self._hint_text()), id="hint")
            with Horizontal(id="buttons"):
                yield Button("Cancel", id="cancel", compact=True)
                yield Button("Take", id="ok", variant="primary", compact=True)

    def _hint_text(self) -> str:
        keys = (
            "Enter on a line marks it; Take (or Ctrl+S) takes the marked ones." if self.several else "Enter takes it."
        )
        return f"{self._hint} {keys}".strip()

    def _columns(self) -> list[Column[Item]]:
        first: list[Column[Item]] = [
            Column("mark", "", lambda i: Piece("✓" if i.id in self.marked else "·", "good"), width=1)
        ]
        return [
            *(first if self.several else []),
            Column("label", "Name", lambda i: Piece(i.label, "strong" if i.id == self._at else "plain"), most=34),
            Column("detail", "", lambda i: Piece(i.detail, "dim"), grow=True, most=200),
        ]

    def on_mount(self) -> None:
        """All items, the present one under the cursor."""
        grid = self.query_one("#list", Grid)
        grid.show(self._items)
        grid.select(lambda i: i.id == self._at)
        box = self.query_one(Input)
        box.focus()
        if box.value:
            box.cursor_position = len(box.value)
            self._find(box.value)

    def type(self, text: str) -> None:
        """Search for more, also while the window is still being made."""
        self._query += text
        for box in self.query(Input):
            box.value += text
            box.cursor_position = len(box.value)

    @on(Input.Changed)
    def _search(self, event: Input.Changed) -> None:
        self._find(event.value)

    def _find(self, text: str) -> None:
        words = text.casefold().split()
        found = [i for i in self._items if all(w in f"{i.id} {i.label} {i.detail}".casefold() for w in words)]
        found.sort(key=lambda i: _rank(i, text.casefold().strip()))
        self.query_one("#list", Grid).show(found)

    @on(Input.Submitted)
    def _entered(self) -> None:
        self._take_one()

    @on(Grid.Opened)
    def _opened(self, event: Grid.Opened) -> None:
        event.stop()
        self._take_one()

    @on(Button.Pressed, "#ok")
    def _ok(self) -> None:
        if self.several:
            self.dismiss(",".join(self.marked))
        else:
            self._take_one()

    def _take_one(self) -> None:
        grid: Grid[Item] = self.query_one("#list", Grid)
        item = grid.current
        if item is None:
            return
        if not self.several:
            self.dismiss(item.id)
            return
        if item.id in self.marked:
            self.marked.remove(item.id)
        else:
            self.marked.append(item.id)
        grid.reshape(self._columns())

    def key_ctrl_s(self) -> None:
        """Take what is marked."""
        self._ok()

    def action_list(self, by: int) -> None:
        """Move in the list while typing."""
        self.query_one("#list", Grid).move(by)

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        """Leave without a choice."""
        self.dismiss(None)


def _rank(item: Item, wanted: str) -> int:
    """Better matches first: the id, the start of a word of the label, anywhere in the label, the rest."""
    label = item.label.casefold()
    if not wanted or wanted in (item.id.casefold(), label):
        return 0
    if any(word.startswith(wanted) for word in label.split()):
        return 1
    return 2 if wanted in label else 3


READER = 100
"""Cells of a reader where there is room."""
READER_EDGES = 5
"""Of these, border, padding and scroll bar."""


class Reader(Window[None]):
    """A page of text."""

    DEFAULT_CSS = (
        DIALOG_CSS.replace("{name}", "Reader")
        + """
    Reader > #box { width: {width}; height: auto; max-height: 94%; }
    Reader #page { height: auto; max-height: 100%; overflow-y: auto; scrollbar-size-vertical: 1; }
    """.replace("{width}", str(READER))
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,f1,question_mark", "close", "Close"),
        Binding("down,j", "scroll(1)", "Down", show=False),
        Binding("up,k", "scroll(-1)", "Up", show=False),
        Binding("pagedown,space", "scroll(15)", "Page down", show=False),
        Binding("pageup", "scroll(-15)", "Page up", show=False),
    ]

    def __init__(self, title: str, page: Content | Callable[[int], Content]) -> None:
        """`page` may be laid out for the cells of a line."""
        super().__init__()
        self._title, self._page = title, page
        self._width = 0

    def compose(self) -> ComposeResult:
        """Title, page, a way out."""
        with Vertical(id="box"):
            yield Static(content(self._title), id="title")
            with Vertical(id="page"):
                yield Static("" if callable(self._page) else self._page, id="text")
            with Horizontal(id="buttons"):
                yield Button("Close", id="close", compact=True)

    def on_mount(self) -> None:
        """Lay the page out."""
        self._fit()

    def on_resize(self) -> None:
        """Lay it out again."""
        self._fit()

    def _fit(self) -> None:
        if callable(self._page):
            width = max(20, min(READER, self.app.size.width * 96 // 100) - READER_EDGES)
            if width != self._width:
                self._width = width
                self.query_one("#text", Static).update(self._page(width))

    def action_scroll(self, by: int) -> None:
        """Scroll the page."""
        self.query_one("#page").scroll_relative(y=by, animate=False)

    @on(Button.Pressed, "#close")
    def action_close(self) -> None:
        """Close the page."""
        self.dismiss(None)
