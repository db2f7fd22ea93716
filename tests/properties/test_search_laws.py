"""What no search among deployments may break: to ask for less, or to allow more, never costs a candidate more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import pytest

from advisor.domain.profile import Profile
from advisor.domain.recommendation import Recommendation
from advisor.engine.choice import TIE
from advisor.profiles.read import read_profile
from tests.bench_kit import bundled_answer, usual_bench
from tests.conftest import PROFILE_FILES

Change = tuple[str, Callable[[Any], Any]]
STRICTER: Mapping[str, Change] = {
    "a shorter TPOT": ("slo.tpot_ms", lambda ms: ms * 0.7),
    "a shorter TTFT": ("slo.ttft_ms", lambda ms: ms * 0.5),
    "a higher percentile": ("slo.percentile", lambda _: 99),
    "more requests in flight": ("traffic.peak_concurrency", lambda n: n * 1.1),
    "more requests a second": ("traffic.peak_requests_per_s", lambda n: n * 1.1),
    "no drafts": ("model.speculative", lambda _: False),
}
FOUND: tuple[tuple[str, Mapping[str, Any], str], ...] = (
    # Three engines of one split promised 3 in flight a GPU and held 2: 216 B300 were named where 176 do.
    (
        "gpt-oss-120b-agents",
        {"model.id": "glm-4.6", "traffic.peak_concurrency": 180.0, "traffic.isl": {"mean": 20_000}},
        "a shorter TTFT",
    ),
    # The rate of short outputs levels off at 128 in flight, and 227 keep the level: 64,000 USD a month for 42,000.
    (
        "llama-70b-4k-512-concurrent",
        {"model.id": "llama3.1-8b", "traffic.peak_concurrency": 2560.0, "traffic.osl": {"mean": 60}},
        "a shorter TPOT",
    ),
)


def changed(profile: Profile, changes: Mapping[str, Any]) -> Profile | None:
    """The profile with other values of some fields, by path; None where it does not state one that is reckoned from."""
    body = profile.model_dump(mode="json")
    for path, value in changes.items():
        section, name = path.split(".")
        if callable(value) and body[section][name] is None:
            return None
        body[section][name] = value(body[section][name]) if callable(value) else value
    return Profile.model_validate(body)


def costs(tree: Recommendation) -> dict[str, float]:
    """By which candidates rank [USD/month]."""
    return {c.accelerator: c.risk_adjusted_usd_per_month for c in tree.candidates if c.risk_adjusted_usd_per_month}


def dearer_when_less_is_asked(plain: Recommendation, strict: Recommendation) -> dict[str, tuple[float, float]]:
    """Candidates that cost more as they are than where more is asked of them, by more than a tie of each search."""
    less, more = costs(plain), costs(strict)
    gone = {name: (float("inf"), usd) for name, usd in more.items() if name not in less}
    return gone | {n: (usd, more[n]) for n, usd in less.items() if n in more and usd > more[n] * (1 + TIE) ** 2}


@cache
def single_profiles() -> tuple[str, ...]:
    return tuple(sorted(name for name, path in PROFILE_FILES.items() if not read_profile(path).workloads))


@pytest.mark.parametrize("change", STRICTER.values(), ids=STRICTER)
@pytest.mark.parametrize("name", single_profiles())
def test_to_ask_for_more_never_costs_less(name: str, change: Change) -> None:
    asked = changed(read_profile(PROFILE_FILES[name]), dict([change]))
    if asked is not None:
        strict = usual_bench().advise(asked, folder=PROFILE_FILES[name].parent, draws=2000)
        assert dearer_when_less_is_asked(bundled_answer(name), strict) == {}


@pytest.mark.parametrize(("name", "changes", "more"), FOUND)
def test_what_once_cost_more_when_less_was_asked(name: str, changes: Mapping[str, Any], more: str) -> None:
    profile = changed(read_profile(PROFILE_FILES[name]), changes)
    assert profile is not None
    asked = changed(profile, dict([STRICTER[more]]))
    assert asked is not None
    found, strict = (usual_bench().advise(p, draws=2000) for p in (profile, asked))
    assert dearer_when_less_is_asked(found, strict) == {}
