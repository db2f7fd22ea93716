"""The terminal program without the command line, for a browser session that is no terminal of its own."""

from __future__ import annotations

from advisor.cli.serve_command import run_plain

if __name__ == "__main__":
    raise SystemExit(run_plain())
