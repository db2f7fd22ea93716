"""Profiles: the user's own and the bundled ones."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from advisor.tui.actions import bindings
from advisor.tui.paths import is_file, is_folder, typed_path
from advisor.tui.screens.pane import Pane
from advisor.tui.widgets.grid import Column, Grid
from advisor.tui.widgets.tones import Piece, content

if TYPE_CHECKING:
    from advisor.profiles.locate import ProfileEntry


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of the list."""

    entry: ProfileEntry
    title: str
    summary: str
    model: str
    text: str
    error: str = ""

    @property
    def name(self) -> str:
        """Name of the file, without its ending."""
        return self.entry.name


class ProfilesPane(Pane):
    """List, search and preview of profiles."""

    PANE_ID = "profiles"
    TEXT = "#profile-preview"
    HELP = (
        "A profile is a procurement question in a file: the model, the traffic, the service level, the team, the place"
        " and how it may be paid for. Open one, or make your own with n, then see the verdict follow every edit."
        " Bundled profiles are never changed: saving one keeps it among your own."
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("profiles")]

    def compose(self) -> ComposeResult:
        """Search line, list, preview."""
        with Horizontal(classes="filter"):
            yield Input(placeholder="/ to search profiles by name or text", compact=True, id="profile-search")
        with Horizontal(id="profiles-body"):
            yield Grid[Listed](
                [
                    Column("own", "", lambda r: Piece("" if r.entry.bundled else "★", "accent"), width=1),
                    Column("name", "Profile", lambda r: Piece(r.name, "bad" if r.error else "strong"),
                           sort=lambda r: r.name, most=36),
                    Column("model", "Model", lambda r: Piece(r.model, "dim"), sort=lambda r: r.model, most=18),
                    Column("title", "What it asks", lambda r: r.error or r.title, grow=True, most=60),
                ],
                empty="No profile matches.\nPress Escape to see all, or n for a new one.",
                id="profile-list",
            )  # fmt: skip
            with VerticalScroll(id="profile-preview"):
                yield Static("", id="profile-text", markup=False)

    def on_mount(self) -> None:
        """Read the list."""
        self.reload()

    def first_focus(self) -> Widget:
        """The list."""
        return self.query_one("#profile-list")

    def reload(self, select: str = "") -> None:
        """Read the folders again."""
        from advisor.profiles.locate import list_profiles

        self._all = [describe(e) for e in list_profiles()]
        self._filter()
        if select:
            self.query_one("#profile-list", Grid).select(lambda r: r.name == select)

    @on(Input.Changed, "#profile-search")
    def _filter(self) -> None:
        words = self.query_one("#profile-search", Input).value.casefold().split()
        rows = [r for r in self._all if all(w in f"{r.name} {r.title} {r.summary} {r.text}".casefold() for w in words)]
        if words:  # what is called so comes first, and Enter opens it
            rows.sort(key=lambda r: not all(w in f"{r.name} {r.title}".casefold() for w in words))
        self.query_one("#profile-list", Grid).show(rows, keep=None if words else lambda r: r.name)
        if not rows:
            self.query_one("#profile-text", Static).update("")

    @on(Input.Submitted, "#profile-search")
    def _to_list(self) -> None:
        self.query_one("#profile-list").focus()

    def key_escape(self) -> None:
        """Leave the search."""
        self.query_one("#profile-search", Input).value = ""
        self.query_one("#profile-list").focus()

    @on(Grid.Moved, "#profile-list")
    def _preview(self, event: Grid.Moved) -> None:
        self.query_one("#profile-text", Static).update(preview(event.row))

    @on(Grid.Opened, "#profile-list")
    async def action_open(self) -> None:
        """Open the profile under the cursor."""
        row = self._row()
        if row is not None:
            await self.program.open_path(row.entry.path, row.entry.bundled)

    def _row(self) -> Listed | None:
        grid: Grid[Listed] = self.query_one("#profile-list", Grid)
        return grid.current

    def action_search(self) -> None:
        """Type a search."""
        self.query_one("#profile-search").focus()

    def action_new(self) -> None:
        """Start from the commented starter."""
        from advisor.profiles.starter import STARTER

        def write(path: Path, name: str) -> None:
            text = STARTER.replace('name = "My service"', f"name = {json.dumps(name, ensure_ascii=False)}", 1)
            path.write_text(text, encoding="utf-8")

        self._ask("New profile", "my-workload", "Create", write)

    def action_copy(self) -> None:
        """Copy into one's own profiles."""
        row = self._row()
        if row is not None:
            self._ask(f"Copy {row.name}", f"{row.name}-copy", "Copy",
                      lambda path, _: path.write_bytes(row.entry.path.read_bytes()), row.entry.path.suffix)  # fmt: skip

    def action_rename(self) -> None:
        """Rename an own profile."""
        row = self._row()
        if row is None:
            return
        if row.entry.bundled:
            self.notify("Bundled profiles keep their names. Press c to copy it first.", timeout=5)
            return
        def move(path: Path, _: str) -> None:
            row.entry.path.rename(path)
            self.program.drafts.moved(row.entry.path, path)
            document = self.program.desk.document
            if document is not None and document.path == row.entry.path:  # it stays open, under its new name
                document.path, document.name = path, path.stem
                self.program.desk.saved()

        self._ask(f"Rename {row.name}", row.name, "Rename", move, row.entry.path.suffix)

    def action_delete(self) -> None:
        """Delete an own profile, after a question."""
        from advisor.tui.widgets.dialogs import Confirm

        row = self._row()
        if row is None:
            return
        if row.entry.bundled:
            self.notify("Bundled profiles cannot be deleted.", timeout=4)
            return

        def sure(yes: bool | None) -> None:
            if not yes:
                return
            path = row.entry.path
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                self.notify(f"{path}: cannot be deleted ({error.strerror})", severity="error", markup=False)
                return
            document = self.program.desk.document
            if document is not None and document.path == path:
                self.program.desk.close()
            self.program.drafts.moved(path, None)
            self.reload()
            self.notify(f"{row.name} is deleted.", timeout=4, markup=False)

        self.app.push_screen(Confirm(f"Delete {row.name}?", f"The file {row.entry.path} goes away.", "Delete"), sure)

    def action_import(self) -> None:
        """Bring a file into one's own profiles."""
        from advisor.tui.widgets.dialogs import Ask

        def check(text: str) -> str:
            path = typed_path(text)
            if is_folder(path):
                return "is a folder; give the path of a TOML or JSON file in it"
            if not is_file(path):
                return "no such file"
            row = describe_path(path)
            return row.error

        def given(text: str | None) -> None:
            if text:
                source = typed_path(text)
                self._ask(f"Import {source.name} as", source.stem, "Import",
                          lambda path, _: path.write_bytes(source.read_bytes()), source.suffix)  # fmt: skip

        self.app.push_screen(
            Ask(
                "Import a profile", hint="Path of a TOML or JSON file; it is checked first.", button="Next", check=check
            ),
            given,
        )

    def _ask(self, title: str, value: str, button: str, write: Any, suffix: str = ".toml") -> None:
        from advisor.profiles.locate import own_profiles_dir
        from advisor.tui.document import slug
        from advisor.tui.saving import free
        from advisor.tui.widgets.dialogs import Ask

        folder = own_profiles_dir()
        taken = [r.name for r in self._all if not r.entry.bundled]

        async def named(name: str | None) -> None:
            if not name:
                return
            path = folder / f"{slug(name)}{suffix}"
            try:
                folder.mkdir(parents=True, exist_ok=True)
                write(path, name)
            except OSError as error:
                self.notify(f"{path}: cannot be written ({error.strerror})", severity="error", markup=False)
                return
            self.reload(select=path.stem)
            if button in ("Create", "Copy", "Import"):
                await self.program.open_path(path)

        self.app.push_screen(
            Ask(title, value=slug(value, taken), hint=f"A name; the file goes to {folder}", button=button,
                check=lambda n: free(n, taken)), named,
        )  # fmt: skip


def describe(entry: ProfileEntry) -> Listed:
    """Title and summary of a profile file, read without judging it."""
    try:
        text = entry.path.read_text(encoding="utf-8-sig")
        if entry.path.suffix == ".json":
            import json

            data = json.loads(text)
        else:
            data = tomllib.loads(text)
        if not isinstance(data, dict):
            raise ValueError("is no table")
    except (OSError, ValueError, RecursionError) as error:
        return Listed(entry, "", "", "", "", f"unreadable: {error}")
    tiers = data.get("workloads")
    models = [
        data.get("model"),
        *((t.get("model") for t in tiers if isinstance(t, dict)) if isinstance(tiers, list) else ()),
    ]
    names = [_model(m) for m in models if isinstance(m, dict)]
    return Listed(entry, str(data.get("name", "")), str(data.get("summary", "")), ", ".join(names), text)


def describe_path(path: Path) -> Listed:
    """The same for any file."""
    from advisor.profiles.locate import ProfileEntry

    return describe(ProfileEntry(path.stem, path, False))


def _model(section: dict[str, Any]) -> str:
    custom = section.get("custom")
    named = custom.get("name") if isinstance(custom, dict) else None
    return str(section.get("id") or named or section.get("config_json") or "?")


def preview(row: Listed) -> Content:
    """What the right side shows."""
    where = "bundled, read-only" if row.entry.bundled else "your own"
    head = content(
        (f"{row.title or row.name}\n", "head"), (f"{where}\n", "dim"), f"{row.summary}\n\n" if row.summary else "\n"
    )
    lines = []
    for line in row.text.splitlines():
        tone = "dim" if line.lstrip().startswith("#") else "head" if line.startswith("[") else "plain"
        lines.append(content((line, tone)))
    return Content("\n").join([head, *lines])
