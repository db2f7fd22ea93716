"""Laws of nodes that several tiers share: never dearer than apart, never fewer than the GPUs, and the cost adds up."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.catalog import Catalog, load_catalog
from advisor.domain.profile import Profile
from advisor.engine.cost.levels import Levels
from advisor.engine.cost.shares import gpu_months, shares_of, tier_shares
from advisor.engine.explain.explain import explain
from advisor.engine.paying import build_pricing, price_candidate
from advisor.engine.sized import SizedCandidate
from tests.bench_kit import usual_bench
from tests.conftest import AS_OF
from tests.sized_kit import sized_of

quick = settings(max_examples=40, deadline=None)
TIERS = st.lists(
    st.tuples(st.floats(0.5, 40.0), st.sampled_from((0.0, 0.4, -0.2)), st.floats(0.05, 1.0), st.sampled_from((24, 8))),
    min_size=2, max_size=4,
)  # fmt: skip
"""Peak [requests/s], growth a year, average over peak, hours a day."""


@cache
def facts() -> Catalog:
    return load_catalog()


def profile_with(tiers: Sequence[tuple[float, float, float, float]], **procurement: Any) -> Profile:
    workloads = [
        {
            "name": f"tier{i}", "model": {"id": "llama3.3-70b"}, "slo": {"availability": 0.9},
            "traffic": {
                "isl": 1000, "osl": 500, "peak_requests_per_s": rps, "burst_headroom": 0.0, "growth_per_year": growth,
                "average_to_peak": average, "hours_per_day": hours,
            },
        }
        for i, (rps, growth, average, hours) in enumerate(tiers)
    ]  # fmt: skip
    return Profile.model_validate({"name": "shared", "workloads": workloads, "procurement": procurement})


def sized(profile: Profile, gpus_per_replica: int, up: float = 0.999) -> SizedCandidate:
    return sized_of(profile, facts(), "b200", gpus_per_replica=gpus_per_replica, spread=1.3, up=up)


@quick
@given(TIERS, st.sampled_from((1, 2, 3, 4, 5, 8, 16)))
def test_in_every_case_sharing_takes_no_more_than_apart_and_no_fewer_than_the_gpus(
    tiers: list[tuple[float, float, float, float]], gpus_per_replica: int
) -> None:
    whole = sized(profile_with(tiers), gpus_per_replica)
    z, demand = np.linspace(-2, 2, 9), np.linspace(0.5, 2, 9)[:, None]
    growth = [np.array([1.0, 1.0 + g]) for _, g, *_ in tiers]
    shared = whole.gpus(z, 1.0, demand, growth)
    apart = sum(whole.only(i).gpus(z, 1.0, demand, [growth[i]]) for i in range(len(tiers)))
    needed = sum(d.gpus(d.rate(z)[:, None], demand, g) for d, g in zip(whole.demands, growth, strict=True))
    assert (shared <= apart).all()
    assert (shared >= np.ceil(needed / 8) * 8).all()
    if 8 % gpus_per_replica == 0 or gpus_per_replica % 8 == 0:
        assert (shared == np.ceil(needed / 8) * 8).all()


@quick
@given(TIERS, st.sampled_from((1, 2, 4, 8)), st.sampled_from(("rent", "buy")))
def test_shared_nodes_cost_no_more_than_apart(
    tiers: list[tuple[float, float, float, float]], gpus_per_replica: int, mode: str
) -> None:
    profile = profile_with(tiers, mode=mode, commitment="reserved_1y", horizon_months=24)
    whole = sized(profile, gpus_per_replica)
    pricing = build_pricing(profile, whole, facts(), AS_OF)
    assert not pricing.way.floats
    assert pricing.way.mode == mode

    def usd(part: SizedCandidate) -> float:
        found = build_pricing(profile, part, facts(), AS_OF)
        way = next(w for w in found.open.ways if w.id == pricing.way.id)
        terms = found.model.terms(way, Levels())
        return float(sum(t.usd_per_month for t in terms if t.category in ("rent", "capital", "power")))

    assert usd(whole) <= sum(usd(whole.only(i)) for i in range(len(tiers))) * (1 + 1e-9)


@quick
@given(TIERS, st.sampled_from((1, 2, 4, 8)), st.sampled_from(("on_demand", "reserved_1y", "any")))
def test_shares_add_up(
    tiers: list[tuple[float, float, float, float]], gpus_per_replica: int, commitment: str
) -> None:
    profile = profile_with(tiers, mode="rent", commitment=commitment, horizon_months=30)
    candidate = sized(profile, gpus_per_replica)
    pricing = build_pricing(profile, candidate, facts(), AS_OF)
    cost = price_candidate(profile, candidate, facts(), AS_OF)
    shares = tier_shares(pricing.model, pricing.way, cost)
    assert sum(s.share for s in shares) == pytest.approx(1.0)
    assert all(0 < s.share < 1 for s in shares)
    assert sum(s.usd_per_month for s in shares) == pytest.approx(cost.usd_per_month.p50)
    assert sum(s.point_usd_per_month for s in shares) == pytest.approx(cost.point_usd_per_month)
    assert sum(s.mtok_per_month for s in shares) == pytest.approx(cost.mtok_per_month)
    tokens = sum(s.usd_per_mtok_blended * s.mtok_per_month for s in shares)
    assert tokens == pytest.approx(cost.usd_per_mtok_blended.p50 * cost.mtok_per_month)
    for year, fleet in enumerate(cost.fleet_years):
        needed = sum(s.gpus_by_year[year] for s in shares)
        assert needed <= fleet.gpus_needed


def test_shares_by_hand() -> None:
    """Six and two GPUs of a node: held they are three quarters and a quarter. By the hour the first uses half of its
    six, the second never less than its one replica of two in half of the hours: 3 and 1."""
    tiers = [(3.0, 0.0, 0.5, 24), (1.0, 0.0, 0.1, 12)]
    for commitment, months in (("reserved_1y", (72.0, 24.0)), ("on_demand", (36.0, 12.0))):
        profile = profile_with(tiers, mode="rent", commitment=commitment, horizon_months=12)
        candidate = sized_of(profile, facts(), "b200", gpus_per_replica=2, up=1.0)
        assert candidate.gpus_at_start == 8
        pricing = build_pricing(profile, candidate, facts(), AS_OF)
        assert gpu_months(pricing.model, pricing.way) == pytest.approx(months)
        assert shares_of(pricing.model, pricing.way) == pytest.approx((0.75, 0.25))


@pytest.mark.parametrize("commitment", ["on_demand", "reserved_1y", "any"])
def test_every_share_and_sum_is_redone_from_the_tree(commitment: str) -> None:
    chat = {"model": {"id": "llama3.3-70b"}, "traffic": {"isl": 800, "osl": 300, "peak_concurrency": 400}}
    agents = {
        "model": {"id": "gpt-oss-120b", "precisions": ["fp4"]}, "slo": {"ttft_ms": 2000, "tpot_ms": 25},
        "traffic": {"isl": 8000, "osl": 500, "peak_requests_per_s": 2, "growth_per_year": 0.5, "hours_per_day": 10},
    }  # fmt: skip
    documents = {
        "model": {"id": "gpt-oss-20b"},
        "traffic": {"isl": 4000, "osl": 200, "peak_requests_per_s": 2, "average_to_peak": 0.1, "days_per_week": 5},
    }
    workloads = [{"name": n, **t} for n, t in (("chat", chat), ("agents", agents), ("documents", documents))]
    tree = usual_bench().advise(
        Profile.model_validate(
            {
                "name": "three", "workloads": workloads, "candidates": ["h100", "b200", "mi300x"],
                "procurement": {"mode": "rent", "commitment": commitment, "horizon_months": 30},
            }
        ),
        draws=200,
    )  # fmt: skip
    assert tree.decision is not None
    split = tree.decision.split
    assert split is not None
    paths = [f"decision.split.tiers[{i}].usd_per_month" for i in range(3)]
    paths += [f"decision.split.parts[{i}].usd_per_month" for i in range(len(split.parts))]
    for n, c in enumerate(tree.candidates):
        assert c.fleet is not None
        assert c.cost is not None
        assert c.fleet.gpus <= sum(t.fleet.gpus for t in c.tiers)
        assert c.fleet.shared_nodes
        paths += [f"candidates[{n}].fleet.gpus", f"candidates[{n}].fleet.gpus_needed"]
        shares = [t.share for t in c.tiers if t.share is not None]
        assert len(shares) == 3
        assert sum(s.usd_per_month for s in shares) == pytest.approx(c.cost.usd_per_month.p50)
        for i, s in enumerate(shares):
            names = [name for name in type(s).model_fields if isinstance(getattr(s, name), float)]
            names += [f"gpus_by_year[{year}]" for year in range(len(s.gpus_by_year))]
            paths += [f"candidates[{n}].tiers[{i}].share.{name}" for name in names]
    for path in paths:
        found = explain(tree, path)
        assert found.origin == "reckoned", path
        assert "agrees" in found.check, (path, found.check)
