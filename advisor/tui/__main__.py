"""The terminal program without the command line, for a browser session that is no terminal of its own."""

from __future__ import annotations

import gc

from advisor.cli.serve_command import run_plain

if __name__ == "__main__":
    # As for the command line: a screen is redrawn of tens of thousands of objects, few of them cycles.
    gc.set_threshold(100_000, 50, 50)
    raise SystemExit(run_plain())
