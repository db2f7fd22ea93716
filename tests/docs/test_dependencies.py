"""Dependencies as documented and as pinned: licences, reasons, and a lock that fits `pyproject.toml`."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata

import pytest
from doc_kit import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCK = (ROOT / ".ci" / "requirements-dev.lock").read_text(encoding="utf-8")
PAGE = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
LISTED = dict(re.findall(r"^\| ([a-z][\w-]*) \| ([^|]+) \| (?!needed|licence)[\w, -]+ \|$", PAGE, re.MULTILINE))
"""Licence by package, of the table of what is installed at run time."""
IDENTIFIERS = {"MIT License": "MIT", "BSD License": "BSD-3-Clause", "Apache Software License": "Apache-2.0",
               "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0"}  # fmt: skip


def pins() -> dict[str, list[str]]:
    """Pinned versions by package; more than one where they differ by Python."""
    found: dict[str, list[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)(?:\[[\w,]+\])?==([^\s;\\]+)", LOCK, re.MULTILINE):
        found.setdefault(canonicalize_name(name), []).append(version)
    return found


def installed_with(names: list[str]) -> set[str]:
    """Packages that these bring with them on this machine, themselves included."""
    found: set[str] = set()
    names = list(names)
    while names:
        name = canonicalize_name(names.pop())
        if name not in found:
            found.add(name)
            needs = [Requirement(text) for text in metadata.requires(name) or []]
            names += [n.name for n in needs if n.marker is None or n.marker.evaluate({"extra": ""})]
    return found


def licence_of(name: str) -> str:
    """What a package says of its own licence, as an SPDX expression."""
    about = metadata.metadata(name)
    if about.get("License-Expression"):
        return str(about["License-Expression"])
    classes = [c.rpartition(" :: ")[2] for c in about.get_all("Classifier") or [] if c.startswith("License ::")]
    return " AND ".join(IDENTIFIERS.get(c, c) for c in classes)


@pytest.mark.parametrize("name", sorted(LISTED))
def test_the_licence_of_a_package_is_the_one_that_it_states(name: str) -> None:
    try:
        stated = licence_of(name)
    except metadata.PackageNotFoundError:
        pytest.skip("not installed here")
    assert stated == LISTED[name]


def test_everything_that_is_installed_at_run_time_is_listed() -> None:
    core = [Requirement(text).name for text in PYPROJECT["dependencies"]]
    assert installed_with(core) <= LISTED.keys()
    assert {canonicalize_name(name) for name in core} == {n for n in LISTED if f"| {n} | {LISTED[n]} | core |" in PAGE}


def test_every_extra_is_listed() -> None:
    extras = {name for name in PYPROJECT["optional-dependencies"] if name != "dev"}
    assert extras == set(re.findall(r"^\| `(\w+)` \| [\w-]+ \| ", PAGE, re.MULTILINE))


@pytest.mark.parametrize("text", [*PYPROJECT["dependencies"], *PYPROJECT["optional-dependencies"]["dev"]])
def test_the_lock_satisfies(text: str) -> None:
    wanted = Requirement(text)
    versions = pins()[canonicalize_name(wanted.name)]
    assert versions
    assert all(wanted.specifier.contains(version) for version in versions)


def test_the_lock_is_pinned_by_hash_and_names_no_place() -> None:
    blocks = re.split(r"^(?=[\w.-]+(?:\[[\w,]+\])?==)", LOCK, flags=re.MULTILINE)[1:]
    assert len(blocks) == sum(map(len, pins().values())) >= 30
    assert not [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block]
    assert not re.search(r"://|@ file|^-|^/|\.\./", LOCK, re.MULTILINE)
