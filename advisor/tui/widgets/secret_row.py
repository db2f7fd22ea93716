"""A field for a key: typed or pasted without echo, held as a secret, never in a widget that shows or logs its text."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from advisor.tui.widgets.form_row import LABEL, FormRow
from advisor.tui.widgets.tones import Piece, fit

if TYPE_CHECKING:
    from advisor.probe.keys import Secret

MOST = 4096


class SecretRow(FormRow):
    """Shows dots while it is typed, and then only that it is there.

    It keeps its own characters, since an input would carry them in the messages that it sends.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "edit", "Edit"),
        Binding("up", "step(-1)", "Previous field", show=False),
        Binding("down", "step(1)", "Next field", show=False),
        Binding("delete", "forget", "Forget", show=False),
    ]

    class Changed(Message):
        """Another key holds; ask the row for it."""

    class Focused(Message):
        """The keyboard came to the field."""

    class Stepped(Message):
        """Go to the next or previous field."""

        def __init__(self, by: int) -> None:
            super().__init__()
            self.by = by

    def __init__(self, label: str, *, absent: str, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._label, self.absent = label, absent
        self._characters: list[str] = []
        self._secret: Secret | None = None

    @property
    def secret(self) -> Secret | None:
        """The key; None where none was typed."""
        return self._secret

    def render_line(self, y: int) -> Strip:
        """The field, or the complaint under it."""
        if y == 1:
            return self.complaint()
        room = max(4, self.size.width - LABEL - 4)
        if self.editing:
            shown = Piece(fit("•" * min(len(self._characters), room - 2) + "▏", room), "head")
        elif self._secret is not None:
            shown = Piece(fit("•••••••• in memory only", room), "head")
        else:
            shown = Piece(fit(self.absent, room), "dim")
        return self.line(self._label, stated=self._secret is not None, rest=[shown])

    # --------------------------------------------------------------- editing

    def on_key(self, event: events.Key) -> None:
        """Take what is printable; everything else goes its way."""
        if event.is_printable and event.character and (self.editing or event.character not in (" ", "?")):
            event.stop()
            event.prevent_default()
            self._add(event.character)
        elif self.editing and event.key in ("backspace", "ctrl+u", "escape"):
            event.stop()
            event.prevent_default()
            if event.key == "backspace":
                del self._characters[-1:]
                self.refresh()
            elif event.key == "ctrl+u":
                self._characters.clear()
                self.refresh()
            else:
                self._end(keep=False)

    def on_paste(self, event: events.Paste) -> None:
        """A key is pasted more often than typed."""
        event.stop()
        self._add(event.text.strip())

    def _add(self, text: str) -> None:
        if not self.editing:
            self._characters.clear()
            self.problem = ""
            self.editing = True
        self._characters.extend(text[: max(0, MOST - len(self._characters))])
        self.refresh()

    def _end(self, *, keep: bool) -> None:
        if not self.editing:
            return
        from advisor.probe.keys import Secret

        self.editing = False
        if keep and all(32 < ord(c) < 127 for c in self._characters):
            self._secret = Secret("".join(self._characters)) if self._characters else None
            self.post_message(self.Changed())
        elif keep:
            self.problem = "a key holds no spaces, control or non-ASCII characters; check what was pasted"
        self._characters.clear()
        self.refresh()

    def action_edit(self) -> None:
        """Begin to type, or end it."""
        if self.editing:
            self._end(keep=True)
        else:
            self._add("")

    def action_forget(self) -> None:
        """Forget the key."""
        self._end(keep=False)
        self._secret, self.problem = None, ""
        self.post_message(self.Changed())
        self.refresh()

    def action_step(self, by: int) -> None:
        """The next or previous field."""
        self._end(keep=True)
        if not self.problem:
            self.post_message(self.Stepped(by))

    def on_focus(self) -> None:
        """Tell whose help is to be shown."""
        self.post_message(self.Focused())

    def on_blur(self) -> None:
        """Leaving the field keeps what was typed."""
        self._end(keep=True)

    def on_click(self, event: events.Click) -> None:
        """A click on the value begins to type."""
        self.focus()
        if event.x > LABEL and event.y == 0 and not self.editing:
            self._add("")
