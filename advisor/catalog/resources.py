"""Where the catalog, the profiles and the user's own files lie.

A wheel carries `catalog/` and `profiles/` inside the package, under `_data`; an editable install and a
clone have them beside the package.
"""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def catalog_root() -> Path:
    """Folder of the bundled catalog."""
    return _bundled("catalog")


def profiles_root() -> Path:
    """Folder of the bundled profiles."""
    return _bundled("profiles")


def _bundled(name: str) -> Path:
    inside = _PACKAGE / "_data" / name
    return inside if inside.is_dir() else _PACKAGE.parent / name


def config_dir() -> Path:
    """The user's configuration folder; `ADVISOR_CONFIG_DIR` overrides the platform's choice."""
    override = os.environ.get("ADVISOR_CONFIG_DIR")
    if override:
        return Path(override)
    import platformdirs

    return Path(platformdirs.user_config_dir("advisor", appauthor=False))


def cache_dir() -> Path:
    """The user's cache folder; `ADVISOR_CACHE_DIR` overrides the platform's choice."""
    override = os.environ.get("ADVISOR_CACHE_DIR")
    if override:
        return Path(override)
    import platformdirs

    return Path(platformdirs.user_cache_dir("advisor", appauthor=False))


def user_overlay_dirs() -> tuple[Path, ...]:
    """Existing overlay folders, weakest first: refreshed data, then the user's own files."""
    refreshed = cache_dir() / "refreshed"
    if refreshed.is_symlink():
        refreshed = refreshed.resolve()  # one generation for a whole run, also when a refresh replaces it meanwhile
    return tuple(path for path in (refreshed, config_dir() / "catalog") if path.is_dir())
