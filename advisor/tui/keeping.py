"""What must not be lost: edits on the way to another profile or out of the program, and a measurement under way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from advisor.tui.desk import Desk
from advisor.tui.document import ProfileDocument
from advisor.tui.drafts import Drafts

if TYPE_CHECKING:
    from advisor.tui.widgets.dialogs import Confirm


class Keeping:
    """Mixin of the app."""

    if TYPE_CHECKING:
        desk: Desk
        drafts: Drafts
        theme: str
        at: str
        exit: Any
        push_screen: Any

        async def go(self, pane: str) -> None: ...
        def title_line(self) -> None: ...
        def notify(
            self, message: str, *, title: str = "", severity: Any = "information", timeout: float | None = None,
            markup: bool = False,
        ) -> None: ...  # fmt: skip

    probing = False
    """Whether a probe runs; `title_line` shows it on the other screens."""
    _asking = False
    _told_trouble = ""

    def set_probing(self, running: bool) -> None:
        """A probe has begun or ended."""
        self.probing = running
        self.title_line()

    # ---------------------------------------------------------------- drafts

    def keep_draft(self) -> str:
        """Write unsaved edits where a crash cannot reach them; why that cannot be done, empty where it can."""
        if self.desk.document is None:
            return ""
        self.drafts.keep(self.desk.document)
        return self.drafts.trouble

    def keep_draft_and_tell(self) -> None:
        """The same while somebody edits; a reason that stands in the way is told once."""
        trouble = self.keep_draft()
        if trouble and trouble != self._told_trouble:
            self.notify(f"{trouble}. Save with Ctrl+S before you leave.", title="Edits are not kept as a draft",
                        severity="warning", timeout=12)  # fmt: skip
        self._told_trouble = trouble

    def remember(self) -> None:
        """Write down how the program stands."""
        settings = self.drafts.settings()
        settings.theme, settings.screen = self.theme, self.at
        if self.desk.document is not None and self.desk.document.path is not None:
            settings.profile = str(self.desk.document.path)
        self.drafts.remember(settings)

    # -------------------------------------------------------------- profiles

    async def open_path(
        self, path: Path, bundled: bool = False, *, show: str = "workload", without_edits: bool = False
    ) -> bool:
        """Open a profile; unsaved edits of an earlier run come back with it.

        Edits of the profile that is left are kept as a draft; where they cannot be, nothing is opened before a yes,
        unless `without_edits`.
        """
        from advisor.domain.errors import AdvisorError

        trouble = self.keep_draft()
        try:
            document = ProfileDocument.open(path, bundled=bundled)
        except AdvisorError as error:
            self.notify(str(error), title="Cannot be opened", severity="error", timeout=12, markup=False)
            return False
        if trouble and not without_edits:

            async def sure(yes: bool | None) -> None:
                if yes:
                    await self.open_path(path, bundled, show=show, without_edits=True)

            self.push_screen(edits_are_lost(trouble, f"Open {document.name} without them"), sure)
            return False
        if self.drafts.restore(document):
            back = "Unsaved edits of an earlier session are back. Ctrl+Z takes them away."
            if document.outdated:
                self.notify(f"{back} The file has changed since they were made; Ctrl+S asks before it overwrites it.",
                            title="The file has changed", severity="warning", timeout=14)  # fmt: skip
            else:
                self.notify(back, timeout=8)
        self.desk.open(document)
        self.remember()
        if show:
            await self.go(show)
        return True

    # --------------------------------------------------------------- leaving

    async def action_quit(self) -> None:
        """Leave; unsaved edits stay as a draft, and what would be lost is asked about first."""
        if self._asking:
            return
        questions = []
        if self.probing:
            questions.append(probe_is_cut())
        trouble = self.keep_draft()
        if trouble:
            questions.append(edits_are_lost(trouble, "Quit without them"))
        self.remember()
        self._ask_in_turn(questions, self.exit)

    def _ask_in_turn(self, questions: list[Confirm], then: Callable[[], None]) -> None:
        self._asking = bool(questions)
        if not questions:
            then()
            return
        first, *rest = questions

        def answered(yes: bool | None) -> None:
            self._asking = False
            if yes:
                self._ask_in_turn(rest, then)

        self.push_screen(first, answered)


def edits_are_lost(trouble: str, button: str) -> Confirm:
    """Asks whether unsaved edits may go."""
    from advisor.tui.widgets.dialogs import Confirm

    hint = f"There are unsaved edits, and no draft of them can be written: {trouble}. Stay, and save them with Ctrl+S."
    return Confirm("The edits cannot be kept", hint, button, no="Stay")


def probe_is_cut() -> Confirm:
    """Asks whether a measurement may end."""
    from advisor.tui.widgets.dialogs import Confirm

    hint = "Quitting ends it: what is in flight is cut, though paid for; steps that are finished are kept."
    return Confirm("A probe is running", hint, "Quit and end it", no="Stay")
