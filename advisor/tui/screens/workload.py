"""Workload: the profile as a form; every edit is answered at once."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from advisor.tui.actions import bindings
from advisor.tui.desk import Sight
from advisor.tui.document import Key, Problem, ProfileDocument
from advisor.tui.fields import FieldSpec, Section, sections_of
from advisor.tui.pickers import has_picker, pick
from advisor.tui.screens.pane import Pane
from advisor.tui.values import to_text
from advisor.tui.widgets.field_row import FieldRow
from advisor.tui.widgets.tones import content


class Heading(Static):
    """Title of a section; a click folds nothing, it only says what the section is for."""


class WorkloadPane(Pane):
    """The form."""

    PANE_ID = "workload"
    TEXT = "#field-help"
    HELP = (
        "Every field of the profile, with its unit. A field in grey is silent: the program takes the default that is"
        " shown and lists it as an assumption. Enter edits: what is typed takes the place of the value, End goes behind"
        " it to amend it; a paste begins to edit by itself. Delete brings the default back, arrows turn through"
        " choices, Escape takes back what was just typed. Shares are typed in percent, big numbers may end in k or M."
        " While no field is edited, digits and letters go to the screens, as the list at the left shows. The verdict"
        " above follows every edit; Ctrl+Z takes it back; Ctrl+S saves, comments kept."
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("workload")]

    def __init__(self) -> None:
        super().__init__()
        self._rows: dict[Key, FieldRow] = {}
        self._shape: list[tuple[Key, str]] = []
        self._wanted: Key | None = None
        self._at: Key | None = None
        self._document: ProfileDocument | None = None

    def compose(self) -> ComposeResult:
        """Form and help beside it."""
        with Horizontal(id="workload-body"):
            yield VerticalScroll(id="form", can_focus=False)
            with VerticalScroll(id="field-help", can_focus=False):
                yield Static("", id="field-text")

    def first_focus(self) -> Widget | None:
        """The field that was last used."""
        if self._at is not None and self._at in self._rows:
            return self._rows[self._at]
        return next(iter(self._rows.values()), None)

    def draw(self, sight: Sight) -> None:
        """Show the document; rebuild the form only where its sections have changed."""
        document = self.program.desk.document
        if document is not self._document:  # another profile is read from its beginning
            self._document, self._at = document, None
            self.query_one("#form", VerticalScroll).scroll_home(animate=False)
        if document is None:
            self._empty()
            return
        sections = sections_of(document)
        shape = [(s.key, s.title) for s in sections]
        if shape != self._shape:
            self._shape = shape
            self._rebuild(sections)
        self._fill(sight)

    def _empty(self) -> None:
        self._shape = []
        self._rows = {}
        form = self.query_one("#form", VerticalScroll)
        form.remove_children()
        form.mount(Static(
            content(("\n  No profile is open.\n\n", "strong"),
                    "  Press 1 for the list of profiles and Enter to open one,\n"
                    "  or n there for a commented starter of your own."), id="form-empty"))  # fmt: skip
        self.query_one("#field-text", Static).update("")

    def _rebuild(self, sections: list[Section]) -> None:
        form = self.query_one("#form", VerticalScroll)
        widgets: list[Widget] = []
        self._rows = {}
        for section in sections:
            widgets.append(Heading(content((section.title, "head"), (f"  {section.help}", "dim")), classes="section"))
            for spec in section.fields:
                row = FieldRow(spec, picker=has_picker(spec), suggestions=self._suggestions(spec))
                self._rows[spec.key] = row
                widgets.append(row)
        with self.app.batch_update():
            form.remove_children()
            form.mount_all(widgets)
        self.call_after_refresh(self._land)

    def _land(self) -> None:
        wanted, self._wanted = self._wanted, None
        if wanted is not None:
            self.jump(wanted)
        elif self.app.focused is None and self.display:
            first = self.first_focus()
            if first is not None:
                self.screen.set_focus(first)

    def _suggestions(self, spec: FieldSpec) -> tuple[str, ...]:
        if spec.key[-1] == "id" and self.bench is not None:
            return tuple(self.bench.catalog.models)
        return ()

    def _fill(self, sight: Sight) -> None:
        document = self.program.desk.document
        assert document is not None
        assumed = {a.path: a.value for a in sight.answer.assumptions} if sight.answer else {}
        complaints: dict[Key, str] = {}
        for problem in sight.problems:
            key = self._row_of(problem.key, problem.text)
            if key is not None:
                complaints.setdefault(key, problem.text)
        for key, row in self._rows.items():
            row.show(document.get(key), assumed.get(row.spec.path, ""), complaints.get(key, ""))
        self.call_after_refresh(self._keep_in_view)
        if self._at is not None and self._at in self._rows:
            self._help(self._rows[self._at])

    def _keep_in_view(self) -> None:
        """A complaint that comes or goes moves the lines below it; the field in use stays in sight."""
        row = self._rows.get(self._at) if self._at is not None else None
        if row is not None and row.has_focus_within:
            row.scroll_visible(animate=False, top=False)

    def _row_of(self, key: Key, text: str) -> Key | None:
        """The field that a complaint belongs to: its own, else the first of the section that its text names, or any."""
        while key:
            if key in self._rows:
                return key
            inside = [k for k in self._rows if k[: len(key)] == key]
            if inside:
                return next((k for k in inside if str(k[-1]) in text.split()), inside[0])
            key = key[:-1]
        return None

    # ---------------------------------------------------------------- events

    @on(FieldRow.Edited)
    def _edited(self, event: FieldRow.Edited) -> None:
        event.stop()
        value = event.value
        if isinstance(value, str) and not value:
            value = None
        self.program.edit(event.row.spec.key, value)

    @on(FieldRow.Unread)
    def _unread(self, event: FieldRow.Unread) -> None:
        event.stop()
        self.program.desk.leave_unread(Problem(event.row.spec.key, event.why) if event.why else None)

    @on(FieldRow.Done)
    def _done(self) -> None:
        if self.program.desk.document is not None:
            self.program.desk.document.seal()

    @on(FieldRow.Focused)
    def _focused(self, event: FieldRow.Focused) -> None:
        if not self.display:  # a screen that is put away has its focus moved about; the field last used stays known
            return
        self._at = event.row.spec.key
        self._help(event.row)
        event.row.scroll_visible(animate=False)

    @on(FieldRow.Stepped)
    def _stepped(self, event: FieldRow.Stepped) -> None:
        keys = list(self._rows)
        at = keys.index(event.row.spec.key) + event.by
        if 0 <= at < len(keys):
            self._rows[keys[at]].focus()
        elif at < 0:
            self.query_one("#form", VerticalScroll).scroll_home(animate=False)

    @on(FieldRow.Wanted)
    def _pick(self, event: FieldRow.Wanted) -> None:
        pick(self.program, event.row.spec, event.row.value, event.typed)

    def _help(self, row: FieldRow) -> None:
        self.query_one("#field-text", Static).update(field_help(row, self.sight))

    # --------------------------------------------------------------- actions

    def jump(self, key: Key) -> None:
        """Put the keyboard on a field."""
        row = self._rows.get(key)
        if row is None or not row.is_mounted:
            self._wanted = key
            return
        if self.display:
            self.screen.set_focus(row)
        row.scroll_visible(animate=False, top=False)

    def action_search(self) -> None:
        """Find a field by name."""
        from advisor.tui.widgets.dialogs import Item, Picker

        by_name = {row.spec.path: key for key, row in self._rows.items()}
        items = [Item(r.spec.path, r.spec.label, f"{r.spec.path} — {r.spec.help}") for r in self._rows.values()]

        def found(path: str | None) -> None:
            if path:
                self.call_after_refresh(self.jump, by_name[path])

        self.app.push_screen(Picker("Find a field", items), found)

    def action_reset(self) -> None:
        """Back to the default."""
        if self._at is not None and self._at in self._rows:
            self.program.edit(self._at, None)

    def _procurement(self) -> Key:
        return ("procurement",)

    def action_quote(self) -> None:
        """Add a price in hand."""
        document = self.program.desk.document
        if document is None:
            return
        choice = self.sight.answer.verdict.choice if self.sight.answer else None
        accelerator = choice.accelerator if choice else "mi355x"
        place = document.append(("procurement", "quotes"), {"accelerator": accelerator, "usd": 2.5})
        self._wanted = ("procurement", "quotes", place, "accelerator")
        self.program.desk.check()
        self.notify("A quote was added: state whose price it is, and how much.", timeout=4)

    def action_hosted_api(self) -> None:
        """Compare with a hosted API."""
        if self.program.desk.document is None:
            return
        self._wanted = ("procurement", "hosted_api", "provider")
        self.program.edit(
            ("procurement", "hosted_api"), {"provider": "name", "usd_per_mtok_input": 1.0, "usd_per_mtok_output": 1.0}
        )

    def action_drop_section(self) -> None:
        """Take the quote, tier or description under the cursor away."""
        if self._at is None or self.program.desk.document is None:
            return
        removable = [s.key for s in sections_of(self.program.desk.document) if s.removable]
        inside = [k for k in removable if self._at[: len(k)] == k]
        if not inside:
            self.notify("Only quotes, tiers, a hosted API and a model by hand can be removed.", timeout=4)
            return
        self.program.edit(max(inside, key=len), None)

    def action_load_config(self) -> None:
        """Ask for the path of a config.json."""
        from advisor.tui.pickers import ask_config

        ask_config(self.program, ("model", "config_json"))


def field_help(row: FieldRow, sight: Sight) -> Content:
    """What the help beside the form says of a field."""
    spec = row.spec
    parts = [content((spec.label, "head"), (f"   {spec.path}\n", "dim"), f"{spec.help}\n")]
    if row.problem:
        parts.append(content((f"✗ {row.problem}\n", "bad")))
    facts = []
    if spec.unit:
        facts.append(f"Unit: {spec.unit}")
    if spec.limits:
        facts.append(f"Allowed: {spec.limits}")
    if spec.choices:
        facts.append(
            f"One of: {', '.join(spec.choices)}" if spec.kind != "names" else f"Any of: {', '.join(spec.choices)}"
        )
    if spec.default not in (None, "", ()) and spec.default != {}:
        facts.append(f"Default: {to_text(spec, spec.default)} {spec.unit}".rstrip())
    if facts:
        parts.append(content(("\n".join(facts) + "\n", "dim")))
    assumption = None
    if sight.answer is not None and row.value is None:
        assumption = next((a for a in sight.answer.assumptions if a.path == spec.path), None)
    if assumption is not None:
        parts.append(content(("Assumed: ", "strong"), f"{assumption.value}\n", (f"{assumption.why}\n", "dim")))
    if row.value is not None:
        parts.append(content(("Stated in the profile. ", "strong"), ("Delete brings the default back.", "dim")))
    return Content("").join(parts)
