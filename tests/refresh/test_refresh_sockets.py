"""Offline is the normal case: of all commands only `refresh` and `probe` open a socket."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import json, sys

opened = []

def watch(event, arguments):
    if event.startswith("socket.") and event not in ("socket.gethostname", "socket.__delattr__"):
        opened.append(event)
        raise RuntimeError(f"a socket was opened: {event}")

sys.addaudithook(watch)
from advisor.cli.main import main

codes = []
for arguments in json.loads(sys.argv[1]):
    before = len(opened)
    try:
        code = main(arguments)
    except SystemExit as left:
        code = left.code
    codes.append([arguments, code, opened[before:]])
print("\\n" + json.dumps(codes), file=sys.stderr)
"""

COMMANDS: list[list[str]] = [
    ["--version"],
    ["--profile", "renewal-100-gpus", "--draws", "200"],
    ["--profile", "renewal-100-gpus", "--draws", "200", "--format", "json"],
    ["recommend", "--profile", "eu-sovereign-640", "--draws", "200"],
    ["profile", "list"],
    ["schema"],
    ["estimate", "--help"],
    ["backtest"],
    ["evidence", "--help"],
    ["probe", "--help"],
    ["refresh", "--help"],
    ["catalog", "check"],
    ["catalog", "status"],
    ["catalog", "list", "rent"],
    ["catalog", "sources", "mlperf"],
    ["calibrate"],
]


def run(commands: list[list[str]]) -> list[tuple[list[str], int, list[str]]]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(commands)], capture_output=True, text=True, timeout=120
    )
    return json.loads(done.stderr.rstrip().rpartition("\n")[2])  # type: ignore[no-any-return]


def test_no_command_but_refresh_and_probe_opens_a_socket() -> None:
    found = run(COMMANDS)
    assert [arguments for arguments, _, opened in found if opened] == []
    assert [(arguments, code) for arguments, code, _ in found if code not in (0, 3)] == []


@pytest.mark.parametrize("arguments", [["refresh", "--help"], ["calibrate", "--help"], ["catalog", "status"]])
def test_what_asks_nobody_loads_no_client(arguments: list[str]) -> None:
    program = f"""
import sys
from advisor.cli.main import main
try:
    main({arguments!r})
except SystemExit:
    pass
print(sorted({{"httpx", "httpcore", "ssl", "numpy", "pandas"}} & set(sys.modules)), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stderr == "[]\n"


@pytest.mark.parametrize("arguments", [["refresh", "prices"], ["probe", "https://prices.example"]])
def test_the_watch_would_have_seen_one(arguments: list[str], config: Path) -> None:
    ((_, code, opened),) = run([arguments])
    assert opened or code == 2
    if arguments[0] == "refresh":
        assert opened
