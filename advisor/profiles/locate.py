"""Find profiles: a path, one of the user's own by name, or a bundled one by name."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from advisor.domain.errors import ProfileError, did_you_mean

SUFFIXES = (".toml", ".json")
STDIN = "-"
"""What stands for standard input in place of a file."""


@dataclass(frozen=True, slots=True)
class ProfileEntry:
    """A profile that can be opened by name."""

    name: str
    path: Path
    bundled: bool


def own_profiles_dir() -> Path:
    """Folder of the user's own profiles; not created here."""
    override = os.environ.get("ADVISOR_CONFIG_DIR")
    if override:
        return Path(override) / "profiles"
    from platformdirs import user_config_path

    return user_config_path("advisor", appauthor=False) / "profiles"


def list_profiles() -> list[ProfileEntry]:
    """Own profiles first, then bundled ones; an own profile hides a bundled one of its name."""
    from advisor.catalog.resources import profiles_root

    found: dict[str, ProfileEntry] = {}
    for folder, bundled in ((own_profiles_dir(), False), (profiles_root(), True)):
        if not folder.is_dir():
            continue
        for path in sorted(folder.iterdir()):
            if path.suffix in SUFFIXES and path.is_file():
                found.setdefault(path.stem, ProfileEntry(path.stem, path, bundled))
    return sorted(found.values(), key=lambda e: (e.bundled, e.name))


def find_profile(name_or_path: str) -> Path:
    """Resolve `--profile`: `-` is standard input, an existing path wins, then a name.

    Raises
    ------
    ProfileError
        With close matches when there is neither.
    """
    if "\0" in name_or_path:
        raise ProfileError("a profile name cannot hold a NUL byte")
    if name_or_path == STDIN:
        return Path(STDIN)
    if not name_or_path.strip():
        raise ProfileError("give a profile: a file, or a name of `advisor profile list`")
    path = Path(name_or_path)
    looks_like_path = path.suffix in SUFFIXES or len(path.parts) > 1 or name_or_path in (".", "..")
    try:
        if looks_like_path and path.is_dir():
            raise ProfileError(_folder(name_or_path))
        if path.exists() and (looks_like_path or path.is_file()):
            return path
    except OSError:
        pass
    if looks_like_path:
        raise ProfileError(f"{name_or_path}: no such file; `advisor profile list` names the profiles there are")
    entries = list_profiles()
    for entry in entries:
        if entry.name == name_or_path:
            return entry.path
    if path.is_dir():
        raise ProfileError(_folder(name_or_path))
    hint = did_you_mean(name_or_path, [e.name for e in entries])
    raise ProfileError(
        f'no profile "{name_or_path}"{hint or "; `advisor profile list` names the profiles there are"}'
    )


def _folder(name: str) -> str:
    return (
        f"{name}: is a folder; give one of its profiles, or answer them all with `advisor batch {shlex.quote(name)}"
        " --output DIR`"
    )
