"""A profile under edit: TOML with its comments, undo and redo, and what is wrong with it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from advisor.domain.text import is_device

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

    from advisor.domain.profile import Profile

Key = tuple[str | int, ...]
LENGTHS = ("isl", "osl")
EXCLUSIVE: tuple[tuple[str, ...], ...] = (
    ("model", "id", "config_json"),
    ("traffic", "peak_concurrency", "peak_requests_per_s"),
)
"""Table and keys of which a profile may give only one: setting one takes the other away."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong, at a field or, with an empty key, with the profile as a whole."""

    key: Key
    text: str

    @property
    def told(self) -> str:
        """With its field, where it has one.

        >>> Problem(("slo", "ttft_ms"), "must be above 0").told
        'slo.ttft_ms: must be above 0'
        """
        return f"{'.'.join(str(k) for k in self.key)}: {self.text}" if self.key else self.text


class ProfileDocument:
    """The text of a profile with an edit history; every edit keeps the comments around it."""

    def __init__(self, text: str, *, name: str, path: Path | None, bundled: bool = False) -> None:
        self.name, self.path, self.bundled = name, path, bundled
        self.is_json = path is not None and path.suffix.lower() == ".json"
        self.saved_text = text
        self.seen = digest(text)
        """Hash of the file as it was when the edits began; another one at saving means that somebody else wrote."""
        self._undo: list[str] = []
        self._redo: list[str] = []
        self._last_key: Key | None = None
        self._text = text
        self.data: dict[str, Any] = {}
        self._doc: TOMLDocument | dict[str, Any] = {}
        self._parse(text)

    @classmethod
    def open(cls, path: Path, *, bundled: bool = False) -> ProfileDocument:
        """Read a file.

        Raises
        ------
        ProfileError
            When it cannot be read or is no TOML or JSON.
        """
        from advisor.profiles.read import read_text

        return cls(read_text(path), name=path.stem, path=path, bundled=bundled)

    def _read(self, text: str) -> None:
        """Take over the text that the document has become; its form for edits is that already."""
        from advisor.profiles.read import parse_document

        label = self.path.name if self.path else self.name
        self.data = parse_document(text, label, is_json=self.is_json)
        self._text = text

    def _parse(self, text: str) -> None:
        self._read(text)
        if self.is_json:
            self._doc = json.loads(text)
        else:
            import tomlkit

            self._doc = tomlkit.parse(text)

    @property
    def text(self) -> str:
        """The file as it would be saved now."""
        return self._text

    @property
    def dirty(self) -> bool:
        """Whether there are edits that are not saved."""
        return self._text != self.saved_text

    @property
    def outdated(self) -> bool:
        """Whether the edits were made on a text that the file, as opened, no longer had."""
        return self.seen != digest(self.saved_text)

    def changed_outside(self) -> bool:
        """Whether saving would overwrite what somebody else has written into the file since."""
        from advisor.domain.errors import ProfileError
        from advisor.profiles.read import read_text

        if self.path is None:
            return False
        try:
            now = read_text(self.path)
        except ProfileError:  # gone: nothing to overwrite; empty or no text: somebody made it so
            return self.path.exists()
        return now != self._text and digest(now) != self.seen

    # -------------------------------------------------------------- reading

    def get(self, key: Key) -> Any:
        """The value that the profile states, or None where it is silent; `isl = 500` answers for `isl.mean`."""
        node: Any = self.data
        for i, part in enumerate(key):
            if isinstance(node, dict):
                node = node.get(str(part))
            elif isinstance(node, list) and isinstance(part, int):
                node = node[part] if part < len(node) else None
            elif part == "mean" and key[i - 1] in LENGTHS and isinstance(node, int | float):
                return node
            else:
                return None
            if node is None:
                return None
        return node

    def validate(self) -> tuple[Profile | None, tuple[Problem, ...]]:
        """The profile, or what is wrong with it, each at its field."""
        from pydantic import ValidationError

        from advisor.domain.profile import Profile
        from advisor.profiles.read import describe, dotted

        try:
            return Profile.model_validate(self.data), ()
        except ValidationError as error:
            found = {}
            for e in error.errors(include_url=False):
                loc = tuple(e["loc"])
                text = describe(e)
                lead = f"{dotted(loc)}: "
                text = text.removeprefix(lead).removeprefix("profile: ")
                found[loc, text] = Problem(loc, text)
            return None, tuple(found.values())

    # -------------------------------------------------------------- editing

    def set(self, key: Key, value: Any) -> tuple[Key, ...]:
        """State a value; returns keys that had to go because only one of them may be given."""
        if self.get(key) == value and type(self.get(key)) is type(value):
            return ()
        gone = []
        for table, *names in EXCLUSIVE:
            if len(key) >= 2 and key[-2] == table and key[-1] in names:
                for name in names:
                    other = (*key[:-1], name)
                    if name != key[-1] and self.get(other) is not None:
                        gone.append(other)
        if (
            key[-2:-1] == ("model",)
            and key[-1] in ("id", "config_json")
            and self.get((*key[:-1], "custom")) is not None
        ):
            gone.append((*key[:-1], "custom"))
        with _Edit(self, key):
            for other in gone:
                self._remove(other)
            self._put(key, value)
        return tuple(gone)

    def unset(self, key: Key) -> None:
        """Take a value away, so that the default holds again."""
        if self.get(key) is None:
            return
        with _Edit(self, key):
            self._remove(key)

    def append(self, key: Key, table: dict[str, Any]) -> int:
        """Add a table to a list of tables, e.g. a quote; returns its place."""
        with _Edit(self, (*key, -1)):
            parent = self._parent(key)
            name = str(key[-1])
            if self.is_json:
                parent.setdefault(name, []).append(table)
            else:
                import tomlkit

                inline = name in parent and not isinstance(parent[name], tomlkit.items.AoT)
                item = tomlkit.inline_table() if inline else tomlkit.table()
                item.update(table)
                if name not in parent:
                    parent[name] = tomlkit.aot()
                parent[name].append(item)
            return len(parent[name]) - 1

    def _put(self, key: Key, value: Any) -> None:
        parent = self._parent(key)
        parent[key[-1]] = _plain(value)

    def _parent(self, key: Key) -> Any:
        node: Any = self._doc
        for part in key[:-1]:
            if isinstance(part, int):
                node = node[part]
                continue
            child = node.get(part)
            if not isinstance(child, dict | list):
                length = part in LENGTHS
                fresh = self._table(inline=length)
                if length and child is not None and key[-1] != "mean":
                    fresh["mean"] = child
                node[part] = fresh
                child = node[part]
            node = child
        return node

    def _table(self, *, inline: bool) -> Any:
        if self.is_json:
            return {}
        import tomlkit

        if inline:
            return tomlkit.inline_table()
        if not self._text.endswith("\n\n") and isinstance(self._doc, tomlkit.TOMLDocument):
            self._doc.add(tomlkit.nl())
        return tomlkit.table()

    def _remove(self, key: Key) -> None:
        node: Any = self._doc
        for part in key[:-1]:
            node = node[part] if isinstance(part, int) else node.get(part)
            if node is None:
                return
        if key[-1] == "mean" and not isinstance(node, dict):
            self._remove(key[:-1])
        elif isinstance(node, dict):
            node.pop(str(key[-1]), None)
            if not node and len(key) > 1:
                self._remove(key[:-1])
        elif isinstance(node, list):
            del node[int(key[-1])]
            if not node:
                self._remove(key[:-1])

    def _dump(self) -> str:
        if self.is_json:
            return json.dumps(self._doc, indent=2, ensure_ascii=False) + "\n"
        import tomlkit

        return tomlkit.dumps(self._doc)

    # -------------------------------------------------------------- history

    @property
    def steps(self) -> int:
        """How many edits can be taken back."""
        return len(self._undo)

    def undo(self) -> bool:
        """Take back the last edit."""
        if not self._undo:
            return False
        self._redo.append(self._text)
        self._last_key = None
        self._parse(self._undo.pop())
        return True

    def redo(self) -> bool:
        """Do again what was taken back."""
        if not self._redo:
            return False
        self._undo.append(self._text)
        self._last_key = None
        self._parse(self._redo.pop())
        return True

    def seal(self) -> None:
        """The next edit is an undo step of its own, also at the same field."""
        self._last_key = None

    def as_one(self, steps: int) -> None:
        """Make what was edited since there were so many steps a single one, to be taken back together."""
        del self._undo[steps + 1 :]
        self._last_key = None

    def recover(self, text: str, seen: str = "") -> None:
        """Take over unsaved edits of an earlier run, as one step that can be undone.

        `seen` is the hash of the text that they were made on.
        """
        before = self._text
        self._parse(text)
        self.seen = seen or self.seen
        self._undo.append(before)

    # --------------------------------------------------------------- saving

    def save(self, path: Path | None = None) -> Path:
        """Write the file, whole or not at all.

        Raises
        ------
        InputError
            When the place cannot be written.
        """
        target = path or self.path
        assert target is not None
        write_whole(target, self._text)
        self.path, self.name, self.bundled = target, target.stem, False
        self.saved_text, self.seen = self._text, digest(self._text)
        return target


class _Edit:
    """One step of the history; keystrokes in the same field are one step."""

    def __init__(self, document: ProfileDocument, key: Key) -> None:
        self.document, self.key, self.before = document, key, document.text

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        d = self.document
        if kind is not None:
            d._parse(self.before)
            return
        dumped = d._dump()
        try:
            d._read(dumped)
        except Exception:
            d._parse(self.before)
            raise
        if d._last_key != self.key or not d._undo:
            d._undo.append(self.before)
        d._redo.clear()
        d._last_key = self.key


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return value


def digest(text: str) -> str:
    """By which one text is told from another."""
    return hashlib.sha256(text.encode()).hexdigest()


def write_whole(path: Path, text: str, *, private: bool = False) -> None:
    """Write a text file, and the folder for it, so that a reader sees the old or the new one, never half.

    Raises
    ------
    InputError
        When the place cannot be written.
    """
    from advisor.domain.errors import InputError
    from advisor.report.output import replace_file

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, text.encode("utf-8"), private=private, follow=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from None


def slug(name: str, taken: Sequence[str] = ()) -> str:
    """A file name for a profile.

    >>> slug("My chat (EU)"), slug("a", ["a", "a-2"])
    ('my-chat-eu', 'a-3')
    """
    base = "-".join("".join(c if c.isalnum() else " " for c in name.lower()).split()) or "profile"
    found, n = base[:60], 2
    while found in taken or is_device(found):
        found, n = f"{base[:56]}-{n}", n + 1
    return found
