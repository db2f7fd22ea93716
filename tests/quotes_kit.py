"""One situation whose answer hangs on two quotes, for tests that set answers against each other."""

from __future__ import annotations

FAST = ["--as-of", "2026-11-21", "--draws", "400", "--no-user-data"]
PROFILE = """
name = "{name}"
candidates = ["b200", "mi355x"]
[model]
id = "llama3.3-70b"
[traffic]
isl = 1000
osl = 300
peak_requests_per_s = 20
[team]
rocm_experience = "expert"
[procurement]
mode = "rent"
commitment = "{commitment}"
horizon_months = 12
quotes = [{{ accelerator = "b200", usd = {b200} }}, {{ accelerator = "mi355x", usd = {mi355x} }}]
"""
"""To be filled with a name, a commitment and both quotes [USD/GPU-h]."""
