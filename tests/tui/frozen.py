"""One answer, kept as a file, so that screens are tested apart from the engine and its catalog.

`python -m tests.tui.frozen` makes it anew from the bundled profile, shortened; run it when the tree's type changes.
"""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from advisor.domain.recommendation import Recommendation

DATA = Path(__file__).parent / "data"
FILE = DATA / "answer.json"
PROFILE = "renewal-100-gpus"


@cache
def frozen_answer() -> Recommendation:
    """The kept answer."""
    return Recommendation.model_validate_json(FILE.read_bytes())


def make() -> None:
    """Answer the profile and keep what the screens show."""
    from advisor.profiles.locate import find_profile
    from advisor.profiles.read import read_profile
    from advisor.workbench import Workbench

    bench = Workbench(as_of=date(2026, 11, 21), bare=True)
    answer = bench.advise(read_profile(find_profile(PROFILE)), draws=2_000)
    tree = answer.model_dump(mode="json", exclude_defaults=True)
    for candidate in tree["candidates"]:
        _shorten(candidate)
    information = tree["decision"]["information"]
    information["probes"] = information["probes"][:4]
    DATA.mkdir(exist_ok=True)
    text = Recommendation.model_validate(tree).model_dump_json(exclude_defaults=True, indent=0)
    FILE.write_text(text + "\n", encoding="utf-8")


def _shorten(candidate: dict[str, Any]) -> None:
    candidate["curve"] = [p for p in candidate["curve"] if p["kind"] == "estimate"] + [
        p for p in candidate["curve"] if p["kind"] == "measured"
    ][:6]
    if candidate.get("cost"):
        cost = candidate["cost"]
        cost["flows"], cost["inputs"] = cost["flows"][:2], cost["inputs"][:2]


if __name__ == "__main__":
    make()
