"""Compare: two or three profiles, or answers saved on different days, side by side."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Static

from advisor.tui.actions import bindings
from advisor.tui.comparing import Entry, Line, lines_of
from advisor.tui.desk import Sight
from advisor.tui.paths import is_file, typed_path
from advisor.tui.screens.pane import Pane
from advisor.tui.widgets.grid import Column, Grid
from advisor.tui.widgets.tones import Piece, content

if TYPE_CHECKING:
    from advisor.domain.recommendation import Recommendation

MOST = 3
FROM_FILE = "an answer saved as JSON…"


class ComparePane(Pane):
    """Columns of answers over rows of what they say."""

    PANE_ID = "compare"
    HELP = (
        "The profile on the desk is the first column. a adds another profile, answered with all draws, or an answer"
        " that was exported as JSON, e.g. last quarter's. ≠ marks rows that differ; f hides the others."
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("compare")]

    def __init__(self) -> None:
        super().__init__()
        self.added: list[Entry] = []
        self._only = False
        self._desk: Entry | None = None

    def compose(self) -> ComposeResult:
        """Note and table."""
        yield Static("", id="compare-note", classes="note")
        yield Grid[Line](
            [], id="compare-grid", empty="Nothing to compare yet.\nPress a to add a profile or a saved answer."
        )

    def first_focus(self) -> Widget:
        """The table."""
        return self.query_one("#compare-grid")

    def draw(self, sight: Sight) -> None:
        """The desk's answer first, then what was added."""
        self._desk = Entry(f"{sight.name}{' ●' if sight.dirty else ''}", sight.answer) if sight.answer else None
        self._show()

    @property
    def entries(self) -> list[Entry]:
        """The columns."""
        return [*([self._desk] if self._desk else []), *self.added][:MOST]

    def _show(self) -> None:
        entries = self.entries
        grid: Grid[Line] = self.query_one("#compare-grid", Grid)
        note = self.query_one("#compare-note", Static)
        if not entries:
            grid.columns = ()
            grid.show([])
            note.update("Open a profile (1), or press a to add one to compare.")
            return
        more = " Press a to add a profile, or an answer saved as JSON on another day." if len(entries) < MOST else ""
        same = len({e.answer.catalog_fingerprint for e in entries if e.answer}) < 2
        drift = "" if same else "  ▲ The answers rest on different catalogs."
        lead = f"{len(entries)} side by side." if len(entries) > 1 else "Nothing stands beside it yet."
        note.update(content(f"{lead}{more}", (drift, "warn"), (self._change(), "strong")))
        room = max(18, min(44, (self.size.width - 34) // len(entries) - 2))
        found: list[Column[Line]] = [
            Column("label", "", lambda r: Piece(r.label, "strong"), most=30),
            Column("differs", "", lambda r: Piece("≠" if r.differs and len(entries) > 1 else "", "warn"), width=1),
        ]
        for i, entry in enumerate(entries):
            found.append(Column(f"c{i}", entry.name, partial(_cell, i), width=room))
        found.append(Column("group", "", lambda r: Piece(r.group, "dim"), most=12))
        grid.columns = tuple(found)
        rows = lines_of(entries)
        grid.show([r for r in rows if r.differs] if self._only and len(entries) > 1 else rows, keep=lambda r: r.label)

    def _change(self) -> str:
        """What has changed from the first to the second, in the words of `advisor diff`."""
        from advisor.engine.diff import diff

        answers = [e.answer for e in self.entries]
        if len(answers) < 2 or answers[0] is None or answers[1] is None:
            return ""
        return f"  First to second: {diff(answers[0], answers[1]).headline}"

    def on_resize(self) -> None:
        """Columns use the room there is."""
        if self.is_mounted:
            self._show()

    def action_add(self) -> None:
        """Add a profile or a saved answer."""
        from advisor.profiles.locate import list_profiles
        from advisor.tui.widgets.dialogs import Item, Picker

        if len(self.entries) >= MOST:
            self.notify(f"{MOST} columns are the most; remove one with d.", timeout=4)
            return
        profiles = {str(e.path): e for e in list_profiles()}
        items = [Item("", FROM_FILE, "exported earlier; the comparison shows what has changed")]
        items += [Item(path, e.name, "bundled" if e.bundled else "own") for path, e in profiles.items()]

        def chosen(path: str | None) -> None:
            if path == "":
                self._ask_file()
            elif path:
                self._add_profile(Path(path))

        self.app.push_screen(Picker("Compare with", items), chosen)

    def _add_profile(self, path: Path) -> None:
        from advisor.domain.errors import AdvisorError
        from advisor.domain.recommendation import DEFAULT_DRAWS
        from advisor.profiles.read import read_profile

        entry = Entry(path.stem, None)
        self.added.append(entry)
        self._show()
        app = self.program

        def work() -> None:
            try:
                profile = read_profile(path)
            except AdvisorError as error:
                app.call_back(self._answered, entry, None, str(error))
                return
            answer, problem = app.desk.facts.answer(profile, path.parent, DEFAULT_DRAWS)
            app.call_back(self._answered, entry, answer, problem)

        app.in_thread(work)

    def _answered(self, entry: Entry, answer: Recommendation | None, error: str) -> None:
        if entry in self.added and self.is_mounted:
            self.added[self.added.index(entry)] = Entry(entry.name, answer, f"✗ {error}" if error else "")
            if error:
                self.notify(error, title=f"{entry.name} has no answer", severity="error", timeout=8, markup=False)
            self._show()

    def _ask_file(self) -> None:
        from advisor.tui.widgets.dialogs import Ask

        def check(text: str) -> str:
            return "" if is_file(typed_path(text)) else "no such file"

        def given(text: str | None) -> None:
            if text:
                self._add_file(typed_path(text))

        hint = "A file written by Export as JSON, or by `advisor --profile ... --format json`."
        self.app.push_screen(Ask("Answer to compare with", hint=hint, button="Add", check=check), given)

    def _add_file(self, path: Path) -> None:
        from advisor.domain.errors import InputError
        from advisor.domain.stored import parse_answer

        try:
            answer = parse_answer(path.read_bytes(), path.name)
        except OSError as error:
            self.notify(f"{path}: cannot be read ({error.strerror})", severity="error", timeout=8)
            return
        except InputError as error:
            self.notify(str(error), severity="error", timeout=12)
            return
        self.added.append(Entry(f"{path.stem} {answer.as_of}", answer))
        self._show()

    @on(Grid.Opened, "#compare-grid")
    def _opened(self, event: Grid.Opened) -> None:
        from advisor.tui.explain import open_explanation

        if event.column.startswith("c"):
            entry = self.entries[int(event.column[1:])]
            if entry.answer is not None:
                open_explanation(self.program, entry.answer, "verdict")

    def action_drop(self) -> None:
        """Remove the column under the cursor, or the last one."""
        if not self.added:
            self.notify("The profile on the desk stays; add another with a.", timeout=4)
            return
        grid: Grid[Line] = self.query_one("#compare-grid", Grid)
        key = grid.columns[grid.column].key
        index = int(key[1:]) - (1 if self._desk else 0) if key.startswith("c") else -1
        self.added.pop(index if 0 <= index < len(self.added) else -1)
        self._show()

    def action_differences(self) -> None:
        """Only rows that differ."""
        self._only = not self._only
        self._show()


def _cell(column: int, line: Line) -> Piece:
    value = line.values[column]
    return Piece(value, "head" if column and value != line.values[0] else "plain")
