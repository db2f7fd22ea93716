"""What must survive a crash and a quit: unsaved edits, and how the program was left."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from advisor.tui.document import ProfileDocument, write_whole

MADE_FOR = "# draft, made for sha256:"
"""First line of a draft, with the hash of the file as it was when the edits were made."""


@dataclass(slots=True)
class Settings:
    """How the program was left."""

    theme: str = ""
    profile: str = ""
    screen: str = ""


class Drafts:
    """Unsaved edits, one small file for each profile, under the user's own folder."""

    def __init__(self, folder: Path | None = None) -> None:
        if folder is None:
            from advisor.catalog.resources import config_dir

            folder = config_dir() / "drafts"
        self.folder = folder
        self.trouble = ""
        """Why the edits that were to be kept last are not; empty where they are, or where there are none."""

    def _file(self, document: ProfileDocument) -> Path:
        return self._of(document.name, str(document.path.resolve()) if document.path else document.name)

    def _of(self, name: str, where: str) -> Path:
        return self.folder / f"{name[:60]}-{hashlib.sha256(where.encode()).hexdigest()[:10]}.draft"

    def keep(self, document: ProfileDocument) -> bool:
        """Write the edits down, or forget them where there are none; whether something is kept.

        `trouble` says why where something should have been.
        """
        from advisor.domain.errors import InputError

        self.trouble = ""
        try:
            file = self._file(document)
            if not document.dirty:
                file.unlink(missing_ok=True)
                return False
            write_whole(file, f"{MADE_FOR}{document.seen}\n{document.text}", private=True)
            return True
        except (InputError, OSError) as error:
            self.trouble = str(error) if document.dirty else ""
            return False

    def forget(self, document: ProfileDocument) -> None:
        """Drop the draft of a document, because it lives on under another name."""
        try:
            self._file(document).unlink(missing_ok=True)
        except OSError:
            return

    def moved(self, old: Path, new: Path | None) -> None:
        """Let the draft of a file go with it to another name, or away; `old` need not be there any more."""
        draft = self._of(old.stem, str(old.resolve()))
        try:
            if new is None:
                draft.unlink(missing_ok=True)
            elif draft.exists():
                draft.replace(self._of(new.stem, str(new.resolve())))
        except OSError:
            return

    def restore(self, document: ProfileDocument) -> bool:
        """Bring edits of an earlier run back into the document; whether there were any.

        `outdated` of the document says whether its file has changed since they were made.
        """
        from advisor.domain.errors import ProfileError

        file = self._file(document)
        try:
            text = file.read_bytes().decode("utf-8")  # line ends as they are
        except (OSError, UnicodeDecodeError):
            return False
        seen = ""
        if text.startswith(MADE_FOR):  # drafts of earlier versions do not say it
            first, _, text = text.partition("\n")
            seen = first.removeprefix(MADE_FOR).strip()
        if text == document.text:
            self.forget(document)
            return False
        try:
            document.recover(text, seen)
        except ProfileError:
            return False
        return True

    def settings(self) -> Settings:
        """How the program was left; defaults where that cannot be read."""
        try:
            data = json.loads((self.folder / "terminal.json").read_text(encoding="utf-8"))
            return Settings(**{k: str(v) for k, v in data.items() if k in Settings.__slots__})
        except (OSError, ValueError, TypeError, AttributeError):
            return Settings()

    def remember(self, settings: Settings) -> None:
        """Write down how the program is left; a disk that is full or read-only must not keep anyone here."""
        from advisor.domain.errors import InputError

        try:
            write_whole(self.folder / "terminal.json", json.dumps(asdict(settings), indent=1) + "\n", private=True)
        except InputError:
            return
