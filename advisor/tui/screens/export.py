"""Export: the answer as a file, with a preview."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widget import Widget
from textual.widgets import Button, Input, Static

from advisor.tui.actions import bindings
from advisor.tui.desk import Sight
from advisor.tui.exporting import FORMATS, form_of, preview_text, produce, suggested, target_of, with_ending
from advisor.tui.paths import is_file
from advisor.tui.screens.pane import Pane
from advisor.tui.screens.verdict import no_answer
from advisor.tui.widgets.grid import Column, Grid
from advisor.tui.widgets.tones import Piece, content

if TYPE_CHECKING:
    from advisor.domain.recommendation import Recommendation

ABOUT = {
    "pdf": "the report to circulate: tagged PDF, A4, with charts and sources",
    "markdown": "the same report as text for a wiki or a pull request",
    "html": "the same report for a browser, one file",
    "json": "the whole answer, every number, for scripts",
    "csv": "the comparison table for a spreadsheet",
    "text": "what `advisor --profile` prints",
}


class Forms(Grid[str]):
    """The forms; Enter writes the one under the cursor."""

    DEFAULT_CSS = ""
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "open", "Write")]


class ExportPane(Pane):
    """Choose a form, look at it, write it."""

    PANE_ID = "export"
    TEXT = "#export-preview"
    HELP = (
        "Writes the answer on the desk. Up and down choose the form, Tab goes to the file name, Enter writes; before a"
        " file is replaced or a folder is made you are asked. The ending of the name and the form go together. The"
        " Monte Carlo runs in full before anything is written, so that the file says the same as `advisor --profile`."
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("export")]

    def __init__(self) -> None:
        super().__init__()
        self._typed = False
        self._pending: tuple[str, Path] | None = None
        self._preview = 0
        self._blank = True

    def compose(self) -> ComposeResult:
        """Forms, file name, preview."""
        with Horizontal(id="export-top"):
            yield Forms(
                [
                    Column("form", "Form", lambda n: Piece(n, "strong"), width=10),
                    Column("about", "What it is", lambda n: Piece(ABOUT[n], "dim"), grow=True, most=80),
                ],
                id="export-forms",
            )  # fmt: skip
        with Horizontal(id="export-line"):
            yield Static("File ", classes="label", markup=False)
            yield Input(compact=True, id="export-path")
            yield Button("Write", id="export-write", variant="primary", compact=True)
        yield Static("", id="export-state", classes="note")
        with VerticalScroll(id="export-preview"):
            yield Static("", id="export-text", markup=False)

    def on_mount(self) -> None:
        """List the forms."""
        self.query_one("#export-forms", Grid).show(FORMATS)

    def first_focus(self) -> Widget:
        """The forms."""
        return self.query_one("#export-forms")

    @property
    def form(self) -> str:
        """The chosen form."""
        return self.query_one("#export-forms", Grid).current or FORMATS[0]

    def draw(self, sight: Sight) -> None:
        """Suggest a file name and preview the form."""
        if sight.answer is None:
            self._blank = True
            self.query_one("#export-text", Static).update(no_answer(sight))
            self.query_one("#export-state", Static).update("")
            return
        if not self._typed:
            self.query_one("#export-path", Input).value = suggested(sight.name or "advisor", self.form)
        self._show_preview(sight.answer)
        if self._pending is not None and sight.fresh:
            from advisor.domain.recommendation import DEFAULT_DRAWS

            if sight.answer.draws >= DEFAULT_DRAWS:
                form, path = self._pending
                self._pending = None
                self._write(sight.answer, form, path)

    def _show_preview(self, answer: Recommendation) -> None:
        self._preview += 1
        ticket, form, app = self._preview, self.form, self.program
        if self._blank:  # what stands there says that there is no answer
            self.query_one("#export-text", Static).update(content(("  ◌ Laying out the preview …", "dim")))
            self._blank = False

        def work() -> None:
            text = preview_text(answer, form)
            app.call_back(self._previewed, ticket, text)

        app.in_thread(work)

    def _previewed(self, ticket: int, text: str) -> None:
        if ticket == self._preview and self.is_mounted:
            self.query_one("#export-text", Static).update(content(text))

    @on(Grid.Moved, "#export-forms")
    def _moved(self) -> None:
        box = self.query_one("#export-path", Input)
        if self._typed and not box.has_focus:
            box.value = with_ending(box.value, self.form)
        self._drawn = None
        self.draw_now()

    @on(Input.Changed, "#export-path")
    def _changed(self, event: Input.Changed) -> None:
        if not event.input.has_focus:
            return
        self._typed = True
        form = form_of(event.value)
        if form and form != self.form:
            grid: Grid[str] = self.query_one("#export-forms", Grid)
            grid.cursor = FORMATS.index(form)

    def action_next_format(self) -> None:
        """The next form."""
        grid: Grid[str] = self.query_one("#export-forms", Grid)
        grid.cursor = (grid.cursor + 1) % len(FORMATS)

    @on(Grid.Opened, "#export-forms")
    @on(Input.Submitted, "#export-path")
    @on(Button.Pressed, "#export-write")
    def action_write(self) -> None:
        """Write; a file that is there already is replaced, and a folder that is not is made, only on a word."""
        answer = self.sight.answer
        state = self.query_one("#export-state", Static)
        if answer is None or not self.sight.fresh:
            state.update(content(("✗ There is no answer to write yet.", "bad")))
            return
        path, wrong = target_of(self.query_one("#export-path", Input).value)
        if wrong:
            state.update(content(("✗ Not written: ", "bad"), wrong))
            return
        form, folder = self.form, path.parent
        if is_file(path):
            question = (f"Replace {path.name}?", f"{path} exists already.", "Replace")
            stays = f"{path} stays as it is."
        elif not os.path.lexists(folder):
            hint = f"{folder} does not exist. It is made, and the file written into it."
            question = ("Make a folder?", hint, "Make it")
            stays = f"{folder} does not exist."
        else:
            self._begin(form, path)
            return
        from advisor.tui.widgets.dialogs import Confirm

        def sure(yes: bool | None) -> None:
            if yes:
                self._begin(form, path)
            else:
                state.update(content(("Not written: ", "warn"), stays))

        self.app.push_screen(Confirm(*question), sure)

    def _begin(self, form: str, path: Path) -> None:
        """Write now, or as soon as the Monte Carlo has run in full."""
        from advisor.domain.recommendation import DEFAULT_DRAWS

        answer = self.sight.answer
        if answer is not None and self.sight.fresh and answer.draws >= DEFAULT_DRAWS:
            self._write(answer, form, path)
            return
        self._pending = (form, path)
        self.query_one("#export-state", Static).update(
            content(("◌ Running the Monte Carlo in full before it is written …", "warn"))
        )
        self.program.desk.refine()

    def _write(self, answer: Recommendation, form: str, path: Path) -> None:
        state = self.query_one("#export-state", Static)
        state.update(content((f"◌ Writing {path} …", "warn")))
        app = self.program

        def work() -> None:
            error = produce(answer, form, path)
            app.call_back(self._written, path, error)

        app.in_thread(work)

    def _written(self, path: Path, error: str) -> None:
        state = self.query_one("#export-state", Static)
        if error:
            state.update(content(("✗ Not written: ", "bad"), error))
            return
        state.update(content(("✓ Written: ", "good"), (str(path), "strong"), f"  {path.stat().st_size / 1000:,.0f} kB"))
        self.notify(f"Written to {path}", timeout=5, markup=False)
