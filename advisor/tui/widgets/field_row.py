"""One field of the form: a line to read, and an input on it while it is edited.

At rest a field takes no letters and digits, since those are the keys of the screens; Enter or a paste begins to edit.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip
from textual.suggester import SuggestFromList
from textual.widgets import Input
from textual.widgets.input import Selection

from advisor.tui.fields import FieldSpec
from advisor.tui.values import from_text, to_text
from advisor.tui.widgets.form_row import DEFAULT, LABEL, FormRow
from advisor.tui.widgets.tones import Piece, fit

VALUE = 30
ABSENT = "–"
_DEFAULT = re.compile(r"\b[Dd]efault ([^;.\]]+)")
_NUMBER = re.compile(r"([\d,]+(?:\.\d+)?(?:e-?\d+)?) [A-Za-z1][\w/-]*")


class FieldRow(FormRow):
    """A field with its value, its unit, where it comes from, and what is wrong with it."""

    DEFAULT_CSS = """
    FieldRow > Input { width: 31; height: 1; margin-left: 26; background: $panel; padding: 0; border: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "edit", "Edit"),
        Binding("space", "turn(1)", "Change", show=False),
        Binding("up", "step(-1)", "Previous field", show=False),
        Binding("down", "step(1)", "Next field", show=False),
        Binding("right", "turn(1)", "Next value", show=False),
        Binding("left", "turn(-1)", "Previous value", show=False),
    ]

    class Edited(Message):
        """A value was typed or chosen; None takes it away."""

        def __init__(self, row: FieldRow, value: Any) -> None:
            super().__init__()
            self.row, self.value = row, value

    class Unread(Message):
        """What is typed is no value of the field, for the reason given; without one it is again, or is gone."""

        def __init__(self, row: FieldRow, why: str) -> None:
            super().__init__()
            self.row, self.why = row, why

    class Done(Message):
        """Typing in the field has ended."""

    class Wanted(Message):
        """The field asks for its picker; `typed` is what is to be searched for in it."""

        def __init__(self, row: FieldRow, typed: str = "") -> None:
            super().__init__()
            self.row, self.typed = row, typed

    class Focused(Message):
        """The keyboard came to the field."""

        def __init__(self, row: FieldRow) -> None:
            super().__init__()
            self.row = row

    class Stepped(Message):
        """Go to the next or previous field."""

        def __init__(self, row: FieldRow, by: int) -> None:
            super().__init__()
            self.row, self.by = row, by

    def __init__(self, spec: FieldSpec, *, picker: bool = False, suggestions: tuple[str, ...] = ()) -> None:
        super().__init__(classes="field")
        self.spec, self.picker, self.suggestions = spec, picker, suggestions
        self.value: Any = None
        self.assumed = ""
        self._before: Any = None
        self._mine = ""
        self._told = ""
        self._asked = False

    def show(self, value: Any, assumed: str, problem: str) -> None:
        """Show what the document says of this field."""
        self._told = problem
        if (value, assumed) == (self.value, self.assumed) and problem == self.problem:
            return
        self.value, self.assumed = value, assumed
        if not (self.editing and self._mine):
            self.problem = problem
        self.refresh()

    # --------------------------------------------------------------- drawing

    def render_line(self, y: int) -> Strip:
        """The field, or the complaint under it."""
        width = self.size.width
        if y == 1:
            return self.complaint()
        spec, stated = self.spec, self.value is not None
        room = VALUE if width >= 84 else max(14, min(VALUE, width - LABEL - 24))
        if spec.kind == "text" and stated and not self.picker:
            room = max(room, width - LABEL - 4)  # nothing stands behind a text
        if stated:
            value = Piece(fit(to_text(spec, self.value), room), "head")
            tail = [Piece(f" {spec.unit}", "dim")]
        else:
            default = self._default()
            value = Piece(fit(default, room), "dim")
            tail = [Piece(f" {spec.unit}" if spec.unit else "", "dim")]
            if default != ABSENT:
                tail.append(Piece(DEFAULT, "dim"))
            if spec.required:
                tail = [Piece(" · needed", "warn")]
        if self.picker:
            tail.append(Piece("  ▾", "head"))
        elif spec.kind in ("toggle", "choice"):
            tail.append(Piece("  ◂ ▸", "dim"))
        return self.line(spec.label + (" *" if spec.required else ""), stated=stated, rest=[value, *tail])

    def _default(self) -> str:
        """What holds while the profile is silent: the spec's own default, what the answer assumed, or its words."""
        default = self.spec.default
        if default is not None and default not in ("", ()) and default != {}:
            return to_text(self.spec, default)
        if self.assumed and self.assumed != "none":
            number = _NUMBER.fullmatch(self.assumed)  # with the answer's own unit; the field has its own
            return to_text(self.spec, float(number[1].replace(",", ""))) if number else self.assumed
        words = _DEFAULT.search(self.spec.help)
        return words.group(1).replace("`", "") if words else ABSENT

    # --------------------------------------------------------------- editing

    def compose(self) -> ComposeResult:
        """Nothing until it is edited."""
        return []

    def start(self, typed: str | None = None) -> None:
        """Begin to type over what is there, which is selected; `typed` has taken its place already.

        Nothing is awaited: keys that are waiting belong to the field, and must find it in editing.
        """
        if self.editing:
            return
        self.editing = True
        self._before, self._mine = self.value, ""
        text = to_text(self.spec, self.value) if typed is None else typed
        if typed is None and self.spec.kind in ("number", "whole"):
            text = text.replace(",", "")  # a digit more would leave the commas in wrong places
        box = Input(
            value=text, compact=True, select_on_focus=False,
            suggester=SuggestFromList(self.suggestions, case_sensitive=False) if self.suggestions else None,
        )  # fmt: skip
        self.mount(box)
        self.screen.set_focus(box)
        box.selection = Selection(0, len(text)) if typed is None else Selection.cursor(len(text))
        if typed is not None:
            self._typed(text)

    def _insert(self, text: str) -> None:
        """Take what was sent to the row before its input had the keyboard."""
        box = self.query_one(Input)
        box.replace(text, *box.selection)
        self._typed(box.value)

    async def stop(self, *, keep: bool, focus: bool = True) -> None:
        """End typing; without `keep` the value from before comes back."""
        if not self.editing:
            return
        if self._mine:  # a complaint of what was typed goes with it
            self.problem = self._told
            self._complain("")
        self.editing = False
        if not keep:
            self.post_message(self.Edited(self, self._before))
        await self.query(Input).remove()
        if focus:
            self.focus()
        self.post_message(self.Done())

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        if self.editing:
            self._typed(event.value)

    def _typed(self, text: str) -> None:
        try:
            value = from_text(self.spec, text)
        except ValueError as error:
            self.problem = str(error)
            self._complain(self.problem)
            return
        self.problem = ""
        self._complain("")
        self.post_message(self.Edited(self, value))

    def _complain(self, why: str) -> None:
        if self.editing and why != self._mine:  # what a field at rest does not take stands nowhere
            self.post_message(self.Unread(self, why))
        self._mine = why

    @on(Input.Submitted)
    async def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if not self._mine:
            await self.stop(keep=True)

    @on(Input.Blurred)
    async def _blurred(self, event: Input.Blurred) -> None:
        event.stop()
        await self.stop(keep=not self._mine, focus=False)

    async def on_key(self, event: events.Key) -> None:
        """Enter edits; Escape takes back."""
        if not self.editing:
            if event.key == "enter":  # here and not as a binding, which would let the next key pass first
                event.stop()
                event.prevent_default()
                self.action_edit()
            elif self._asked and event.is_printable and event.character:
                event.stop()
                self.post_message(self.Wanted(self, event.character))
        elif event.is_printable and event.character:  # the input stops those that it gets
            event.stop()
            event.prevent_default()
            self._insert(event.character)
        elif event.key == "escape":
            event.stop()
            await self.stop(keep=False)
        elif event.key in ("up", "down"):
            event.stop()
            if not self._mine:
                await self.stop(keep=True)
                self.post_message(self.Stepped(self, 1 if event.key == "down" else -1))

    def on_paste(self, event: events.Paste) -> None:
        """What is pasted takes the place of the value."""
        event.stop()
        text = next((line.strip() for line in event.text.splitlines() if line.strip()), "")
        if not text:
            return
        if self.editing:
            self._insert(text)
        elif self.picker:
            self.post_message(self.Wanted(self, text))
        elif self.spec.kind in ("toggle", "choice"):
            self._typed(text)
        else:
            self.start(text)

    def action_edit(self) -> None:
        """Edit, or open the picker."""
        if self.picker:
            self.post_message(self.Wanted(self))
            self._asked = True  # keys that wait here already are meant for the list
            self.call_later(setattr, self, "_asked", False)
        elif self.spec.kind in ("toggle", "choice"):
            self.action_turn(1)
        else:
            self.start()

    def action_turn(self, by: int) -> None:
        """The next or previous choice."""
        if self.editing or self.spec.kind not in ("toggle", "choice"):
            return
        words = list(self.spec.choices)
        now = to_text(self.spec, self.value if self.value is not None else self.spec.default)
        at = (words.index(now) + by) % len(words) if now in words else 0
        self.post_message(self.Edited(self, from_text(self.spec, words[at])))

    def action_step(self, by: int) -> None:
        """The next or previous field."""
        self.post_message(self.Stepped(self, by))

    def on_focus(self) -> None:
        """Tell whose help is to be shown."""
        self.post_message(self.Focused(self))

    def on_click(self, event: events.Click) -> None:
        """A click on the value edits; on the label it only selects."""
        if self.editing:
            return
        self.focus()
        if event.x > LABEL and event.y == 0:
            self.action_edit()
