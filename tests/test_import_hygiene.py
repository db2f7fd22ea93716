"""What may be loaded where: a static graph cannot tell a late import from an early one, so processes are asked."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = ("numpy", "pandas", "pydantic", "textual", "rich", "httpx", "typst", "platformdirs", "sqlite3", "asyncio")
PROGRAM = """
import json, sys
from advisor.cli.main import main
try:
    code = main({arguments!r})
except SystemExit as left:
    code = left.code
print("\\n" + json.dumps([code, sorted(m for m in sys.modules if "." not in m)]))
"""


def modules_after(*arguments: str) -> tuple[int, set[str]]:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(arguments=list(arguments))], capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stderr
    code, names = json.loads(run.stdout.rstrip().rpartition("\n")[2])
    return code, set(names)


@pytest.mark.parametrize("arguments", [("--version",), ("--help",), ("probe", "--help"), ("catalog", "--help")])
def test_help_and_version_load_nothing_heavy(arguments: tuple[str, ...]) -> None:
    code, names = modules_after(*arguments)
    assert code == 0
    assert not names & set(HEAVY)


def test_a_headless_run_loads_no_surface_and_no_network() -> None:
    code, names = modules_after("--profile", "llama-70b-4k-512-concurrent", "--format", "json", "--output", "/dev/null")
    assert code == 0
    assert not names & {"pandas", "textual", "rich", "httpx", "typst", "scipy", "sqlite3"}
