"""Pages of the documentation as programs: files that a page shows, and commands that it marks `run`.

A fence opens with its language and, where the test takes it, `file=PATH` or `run`. A command may end in `# exit N`.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from advisor.cli.main import main

ROOT = Path(__file__).resolve().parent.parent.parent
FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<body>.*?)^```$", re.DOTALL | re.MULTILINE)
EXIT = re.compile(r"\s+# exit (\d+)$")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block."""

    info: str
    body: str

    @property
    def file(self) -> str:
        """Path that the block is to be written to; empty for none."""
        found = re.search(r"\bfile=(\S+)", self.info)
        return found.group(1) if found else ""

    @property
    def runs(self) -> bool:
        """Whether its lines are commands to run."""
        return "run" in self.info.split()


def blocks(page: str) -> list[Block]:
    """Fenced blocks of a page, in order."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [Block(m["info"].strip(), m["body"]) for m in FENCE.finditer(text)]


def write_files(page: str, folder: Path) -> list[Path]:
    """Write the files that a page shows."""
    out = []
    for block in blocks(page):
        if block.file:
            path = folder / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.body, encoding="utf-8")
            out.append(path)
    return out


def commands(page: str) -> list[str]:
    """Commands that a page marks as runnable, continued lines joined."""
    joined = "".join(b.body for b in blocks(page) if b.runs).replace("\\\n", " ")
    return [line.strip() for line in joined.splitlines() if line.strip() and not line.startswith("#")]


def run(command: str) -> tuple[int, int]:
    """(exit code, exit code as stated) of a command of the documentation, run in this process."""
    stated = EXIT.search(command)
    words = shlex.split(EXIT.sub("", command), comments=True)
    assert words[0] == "advisor", command
    try:
        code = main(words[1:])
    except SystemExit as left:
        code = int(left.code or 0)
    return code, int(stated.group(1)) if stated else 0
