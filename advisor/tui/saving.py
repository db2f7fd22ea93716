"""Saving a profile: where to, and what is said about it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from advisor.tui.document import slug

if TYPE_CHECKING:
    from pathlib import Path

    from advisor.tui.app import AdvisorApp


def save(app: AdvisorApp) -> None:
    """Save the open profile; a bundled or unnamed one asks for a name first, a file that has changed for leave."""
    document = app.desk.document
    if document is None:
        app.notify("No profile is open. Choose one under Profiles, or press n there for a new one.", timeout=5)
        return
    if document.path is not None and not document.bundled:
        if document.path.exists() and not os.access(document.path, os.W_OK):
            save_as(app, f"{document.path.name} is read-only and stays as it is.")
        elif document.changed_outside():
            _ask_first(app, document.path)
        else:
            _write(app, document.path)
        return
    save_as(app, "Bundled profiles stay as they are.")


def _ask_first(app: AdvisorApp, path: Path) -> None:
    from advisor.tui.widgets.dialogs import Decide

    def decided(way: str | None) -> None:
        if way == "overwrite":
            _write(app, path)
        elif way == "another":
            save_as(app, f"{path.name} stays as it is.")

    hint = (
        f"{path} was changed outside this program since it was opened. Overwriting takes that change away; under"
        " another name both stay."
    )
    ways = (("cancel", "Cancel"), ("another", "Save as"), ("overwrite", "Overwrite"))
    app.push_screen(Decide("The file has changed", hint, ways), decided)


def save_as(app: AdvisorApp, why: str) -> None:
    """Ask for a name and save under it."""
    document = app.desk.document
    if document is None:
        return
    from advisor.profiles.locate import list_profiles, own_profiles_dir
    from advisor.tui.widgets.dialogs import Ask

    folder = own_profiles_dir()
    taken = [e.name for e in list_profiles() if not e.bundled]
    suggestion = slug(document.name if document.name not in taken else f"{document.name}-mine", taken)

    def named(name: str | None) -> None:
        if name:
            _write(app, folder / f"{slug(name)}{ending}")

    ending = ".json" if document.is_json else ".toml"
    hint = f"{why} It goes to {folder}"
    app.push_screen(
        Ask("Save as your own profile", value=suggestion, hint=hint, button="Save", check=lambda n: free(n, taken)),
        named,
    )


def free(name: str, taken: list[str]) -> str:
    """Complaint about a name that is taken; empty where it is free."""
    return f'you have a profile "{slug(name)}" already; give another name' if slug(name) in taken else ""


def _write(app: AdvisorApp, path: Path) -> None:
    from advisor.domain.errors import AdvisorError

    document = app.desk.document
    assert document is not None
    if document.path is not None and document.path != path:
        app.drafts.forget(document)
    try:
        target = document.save(path)
    except AdvisorError as error:
        app.notify(str(error), title="Not saved", severity="error", timeout=12, markup=False)
        return
    app.desk.saved()
    app.keep_draft()
    app.remember()
    app.notify(f"Saved to {target}", timeout=4, markup=False)
