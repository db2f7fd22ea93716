"""The program: one window with a rail of screens, the verdict always in sight, one profile on the desk."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

from textual import on
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Horizontal
from textual.notifications import SeverityLevel
from textual.timer import Timer

from advisor.tui.actions import PANE, PANES, bindings
from advisor.tui.desk import LIVE_DRAWS, Desk, Facts, Sight
from advisor.tui.document import Key
from advisor.tui.drafts import Drafts
from advisor.tui.faults import Faults
from advisor.tui.keeping import Keeping
from advisor.tui.reach import Reach
from advisor.tui.screens.pane import Pane
from advisor.tui.themes import DEFAULT, THEMES
from advisor.tui.turns import Turns
from advisor.tui.widgets.bar import VerdictBar
from advisor.tui.widgets.keybar import KeyBar
from advisor.tui.widgets.rail import Rail, TitleBar
from advisor.tui.widgets.tones import clean

HERE = Path(__file__).parent
REFINE_S = 0.9
DRAFT_S = 0.6
ROWS_FOR_LABELS = 34


def _commands() -> Any:
    from advisor.tui.palette import Commands

    return Commands


class AdvisorApp(Turns, Reach, Keeping, Faults, App[None]):
    """The terminal program.

    Parameters
    ----------
    facts
        Where answers come from; loaded in a thread after the first paint.
    as_of
        Date shown in the title.
    drafts
        Where unsaved edits and settings are kept.
    refine
        Whether the full number of draws follows by itself once the hands rest.
    """

    TITLE = "advisor"
    CSS_PATH = [HERE / "app.tcss", *sorted((HERE / "screens").glob("*.tcss"))]  # noqa: RUF012
    COMMANDS: ClassVar[set[Any]] = {_commands}
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("app")]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-normal"), (150, "-wide")]  # noqa: RUF012 - as the base has it
    VERTICAL_BREAKPOINTS = [(0, "-short"), (34, "-tall")]  # noqa: RUF012
    ENABLE_COMMAND_PALETTE = True

    def __init__(
        self, facts: Facts, *, as_of: str = "", drafts: Drafts | None = None, refine: bool = True,
        live_draws: int = LIVE_DRAWS, on_paint: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.as_of = as_of
        self.drafts = drafts or Drafts()
        self.at = "profiles"
        self.desk = Desk(facts, self.in_thread, self.call_back, self._changed, live_draws=live_draws)
        self._loop_of_app: asyncio.AbstractEventLoop | None = None
        self._refine, self._on_paint = refine, on_paint
        self._delays: dict[str, Timer] = {}
        for theme in THEMES:
            self.register_theme(theme)

    # ---------------------------------------------------------------- frame

    def compose(self) -> ComposeResult:
        """Title, verdict, rail and stage, footer."""
        yield TitleBar(id="title-bar")
        yield VerdictBar(id="verdict-bar")
        with Horizontal(id="body"):
            yield Rail(id="rail")
            yield Container(id="stage")
        yield KeyBar(id="key-bar")

    async def on_mount(self) -> None:
        """Paint first, then load the facts."""
        self._loop_of_app = asyncio.get_running_loop()
        settings = self.drafts.settings()
        self.theme_changed_signal.subscribe(self, self._recoloured)
        self.theme = settings.theme if settings.theme in self.available_themes else DEFAULT
        await self.go("profiles")
        self.call_after_refresh(self._painted)

    def _painted(self) -> None:
        if self._on_paint is not None:
            self._on_paint()
        self.in_thread(self._load)

    def _load(self) -> None:
        self.desk.facts.load()
        self.call_back(self._facts_are_there)

    def _facts_are_there(self) -> None:
        facts = self.desk.facts
        if facts.error:
            self.notify(facts.error, title="The catalog cannot be read", severity="error", timeout=20, markup=False)
        self.title_line()
        for pane in self.query(Pane):
            pane.offer(self.desk.sight)
        if self.desk.document is not None and self.desk.sight.phase == "loading":
            self._changed(self.desk.sight)

    @property
    def theme_names(self) -> list[str]:
        """Own colour schemes, then those that follow the terminal's own colours."""
        return [t.name for t in THEMES] + [n for n in ("ansi-dark", "ansi-light") if n in self.available_themes]

    @property
    def pane(self) -> Pane:
        """The screen in view."""
        return self.query_one(f"#pane-{self.at}", Pane)

    async def go(self, pane: str) -> None:
        """Show a screen; it is built when first shown."""
        stage = self.query_one("#stage", Container)
        found = stage.query(f"#pane-{pane}")
        if self.at != pane and stage.query(f"#pane-{self.at}"):
            self.screen.set_focus(None)  # keys that come while the next is built are not for the one that goes
            self.pane.left()
        if not found:
            info = PANE[pane]
            module = import_module(f"advisor.tui.screens.{info.module}")
            widget: Pane = getattr(module, info.pane)()
            for other in stage.children:
                other.display = False
            self.at = pane
            await stage.mount(widget)
            if self.at != pane:  # another screen was asked for meanwhile
                return
        else:
            self.at = pane
            for other in stage.children:
                other.display = other.id == f"pane-{pane}"
        self.query_one(Rail).show(pane)
        self.title_line()
        self.pane.offer(self.desk.sight)
        self.pane.entered()
        target = self.pane.first_focus()
        if target is not None:
            target.screen.set_focus(target)  # at once: a key that waits is for this screen, not for one that was left
        else:
            self.screen.set_focus(None)

    def title_line(self) -> None:
        """Redraw the title."""
        s = self.desk.sight
        state = "● unsaved" if s.dirty else ""
        name = s.profile.name if s.profile is not None else s.name
        self.query_one(TitleBar).show(
            pane=self.at, profile=name, state=state, right=f"as of {self.as_of} " if self.as_of else "",
            running="probe running" if self.probing and self.at != "probe" else "",
        )

    @on(Rail.Chosen)
    async def _rail(self, event: Rail.Chosen) -> None:
        await self.go(event.pane)

    @on(VerdictBar.Pressed)
    async def _bar(self) -> None:
        await self.go("verdict" if self.desk.document else "profiles")

    @on(TitleBar.Menu)
    def action_goto(self) -> None:
        """Choose a screen from a list."""
        from advisor.tui.widgets.dialogs import Item, Picker

        if len(self.screen_stack) > 1:
            return
        items = [Item(p.id, f"{p.key}  {p.title}", p.job) for p in PANES]

        async def chosen(pane: str | None) -> None:
            if pane:
                await self.go(pane)

        self.push_screen(Picker("Go to", items, at=self.at), chosen)

    async def action_go(self, pane: str) -> None:
        """Show a screen by its key."""
        if len(self.screen_stack) == 1:
            await self.go(pane)

    async def action_next_pane(self, by: int) -> None:
        """The next or the previous screen."""
        if len(self.screen_stack) == 1:
            ids = [p.id for p in PANES]
            await self.go(ids[(ids.index(self.at) + by) % len(ids)])

    def action_command_palette(self) -> None:
        """Find anything by name."""
        from advisor.tui.palette import Finder

        if not isinstance(self.screen, Finder):
            self.push_screen(Finder(id="--command-palette"))

    def action_help(self) -> None:
        """Help for the screen in view."""
        from advisor.tui.help import help_page
        from advisor.tui.widgets.dialogs import Reader

        if len(self.screen_stack) == 1:
            page = partial(help_page, self.at, self.pane.HELP)
            self.push_screen(Reader(f"Help: {PANE[self.at].title}", page))

    def action_theme_next(self) -> None:
        """The next own colour scheme."""
        names = [t.name for t in THEMES]
        here = names.index(self.theme) if self.theme in names else -1
        self.use_theme(names[(here + 1) % len(names)])

    def use_theme(self, name: str) -> None:
        """Use a colour scheme, and remember it."""
        self.theme = name
        self.remember()

    def _recoloured(self, _: object) -> None:
        """Draw anew what keeps drawn lines."""
        for widget in self.query("*"):
            widget.notify_style_update()
            widget.refresh()

    def notify(
        self, message: str, *, title: str = "", severity: SeverityLevel = "information", timeout: float | None = None,
        markup: bool = False,
    ) -> None:  # fmt: skip
        """Say something in passing; always literal text."""
        del markup
        super().notify(clean(message), title=clean(title), severity=severity, timeout=timeout, markup=False)

    # ----------------------------------------------------------------- desk

    def in_thread(self, run: Callable[[], None]) -> None:
        threading.Thread(target=run, daemon=True, name="advisor").start()

    def call_back(self, run: Callable[..., Any], *args: Any) -> None:
        """Run on the program's own thread; what comes while the program is being left is dropped."""
        loop = self._loop_of_app
        if loop is not None and not loop.is_closed():
            try:
                loop.call_soon_threadsafe(lambda: self.call_later(self._while_running, run, *args))
            except RuntimeError:  # the program is being left
                return

    def _while_running(self, run: Callable[..., Any], *args: Any) -> None:
        if self.is_running:  # else its screens may be gone
            run(*args)

    def _changed(self, sight: Sight) -> None:
        if not self.is_running:
            return
        self.query_one(VerdictBar).show(sight)
        self.title_line()
        self.pane.offer(sight)
        for other in self.query(Pane):
            if other.id != f"pane-{self.at}":
                other.sight = sight
        if self._refine:
            self._after("refine", REFINE_S, self.desk.refine)
        self._after("draft", DRAFT_S, self.keep_draft_and_tell)

    def _after(self, name: str, seconds: float, run: Callable[[], object]) -> None:
        timer = self._delays.get(name)
        if timer is not None:
            timer.stop()
        self._delays[name] = self.set_timer(seconds, run)

    def edit(self, key: Key, value: Any) -> None:
        """Edit the open profile."""
        from advisor.domain.errors import AdvisorError

        if self.desk.document is None:
            return
        try:
            gone = self.desk.set(key, value)
        except AdvisorError as error:
            self.notify(str(error), title="Not changed", severity="error", timeout=8)
            return
        if gone:
            names = ", ".join(".".join(str(k) for k in g) for g in gone)
            self.notify(f"{names} was taken away: only one of them may be given.", timeout=5, markup=False)

    def action_undo(self) -> None:
        """Take back the last edit."""
        self._history("undo")

    def action_redo(self) -> None:
        """Do again what was taken back."""
        self._history("redo")

    def _history(self, what: str) -> None:
        document = self.desk.document
        if document is not None and getattr(document, what)():
            self.desk.check()
        else:
            self.notify(f"Nothing to {what}.", timeout=2)

    def action_full_draws(self) -> None:
        """Answer with all draws now."""
        self.desk.refine()

    def action_help_quit(self) -> None:
        """Ctrl+C copies, and quits nothing; Textual's own words for that are markup, which nothing here is."""
        self.notify("Ctrl+Q leaves the program; unsaved edits are kept as a draft.", title="Ctrl+C copies", timeout=5)

    def action_save(self) -> None:
        """Save; a bundled profile is saved as one's own."""
        from advisor.tui.saving import save

        if len(self.screen_stack) == 1:
            save(self)
