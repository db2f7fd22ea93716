"""The command palette: every action, screen, profile, accelerator, model and field by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.await_complete import AwaitComplete
from textual.command import CommandList, CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.markup import escape

from advisor.tui.actions import PANES, actions_of

if TYPE_CHECKING:
    from advisor.tui.app import AdvisorApp

Entry = tuple[str, str, Callable[[], object]]


class Finder(CommandPalette):
    """The framework's palette, safe from keys that come while it opens or closes."""

    def dismiss(self, result: None = None) -> AwaitComplete:
        """Close once, as `Window` does."""
        return super().dismiss(result) if self.app.screen is self else AwaitComplete()

    def _action_command_list(self, action: str) -> None:
        # A list without room has no lines yet, and the framework's page keys look theirs up.
        if self.query_one(CommandList).scrollable_content_region:
            super()._action_command_list(action)


class Commands(Provider):
    """Everything that can be found by name."""

    @property
    def program(self) -> AdvisorApp:
        """The app, with its type."""
        return cast("AdvisorApp", self.app)

    def _actions(self) -> Iterator[Entry]:
        app = self.program
        pane = app.pane
        for action in actions_of(app.at):
            yield action.name, f"{action.help}  [{action.shown_keys}]", partial(self._run, action.run, pane)
        for action in actions_of("app"):
            yield action.name, f"{action.help}  [{action.shown_keys}]", partial(self._run, action.run, None)
        for p in PANES:
            yield f"Go: {p.title}", f"{p.job}  [{p.key}]", partial(app.go, p.id)
        for name in app.theme_names:
            yield f"View: Colours {name}", "Colour scheme", partial(app.use_theme, name)

    async def _run(self, run: str, namespace: object) -> None:
        await self.program.run_action(run, self.program.pane if namespace is not None else self.program)

    def _things(self) -> Iterator[Entry]:
        from advisor.profiles.locate import list_profiles

        app = self.program
        for entry in list_profiles():
            where = "bundled" if entry.bundled else "own"
            yield f"Profile: Open {entry.name}", f"{where} profile", partial(app.open_path, entry.path, entry.bundled)
        bench = app.desk.facts.bench
        if bench is not None:
            for a in bench.catalog.accelerators.values():
                yield f"Accelerator: {a.name}", f"{a.vendor}, {a.id}", partial(app.show_fact, "accelerators", a.id)
            for m in bench.catalog.models.values():
                yield f"Model: {m.name}", f"{m.id}: facts", partial(app.show_fact, "models", m.id)
                if app.desk.document is not None:
                    yield f"Model: Use {m.id}", "Serve this model in the open profile", partial(app.use_model, m.id)
        if app.desk.document is not None:
            from advisor.tui.fields import sections_of

            for section in sections_of(app.desk.document):
                for spec in section.fields:
                    name = f"Field: {section.title}, {spec.label}"
                    yield name, spec.help, partial(app.edit_field, spec.key)

    async def discover(self) -> Hits:
        """What is listed before a letter is typed."""
        for name, text, run in self._actions():
            yield DiscoveryHit(name, run, help=escape(text))

    async def search(self, query: str) -> Hits:
        """What matches."""
        matcher = self.matcher(query)
        for source in (self._actions(), self._things()):
            for name, text, run in source:
                score = matcher.match(name)
                if score > 0:
                    yield Hit(score, matcher.highlight(name), run, help=escape(text))
