"""Tiers on two vendors' parts, in nodes that those of one part share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from advisor.catalog import Catalog, load_catalog
from advisor.domain.profile import Profile
from advisor.engine.decision import DecisionOutcome, decide
from advisor.engine.paying import price_candidate
from advisor.engine.sized import PricedCandidate
from tests.conftest import AS_OF
from tests.sized_kit import FIRM, quotes, sized_of


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


def _split_of_two_tiers(catalog: Catalog, seller_quotes: list[dict[str, Any]]) -> DecisionOutcome:
    tier = {
        "model": {"id": "llama3.3-70b"}, "slo": {"availability": 0.9},
        "traffic": {"isl": 1000, "osl": 500, "peak_requests_per_s": 40.0, "burst_headroom": 0.0},
    }  # fmt: skip
    profile = Profile.model_validate(
        {
            "name": "two tiers",
            "workloads": [{"name": "chat", **tier}, {"name": "documents", **tier}],
            "team": {"rocm_experience": "expert"},
            "procurement": {**FIRM, "volume_discount": 0.1, "quotes": seller_quotes},
        }
    )
    priced = []
    for part, rates in (("b200", (2.0, 0.5)), ("mi300x", (0.2, 1.6))):
        sized = sized_of(profile, catalog, part, rates=rates, spread=1.05)
        priced.append(PricedCandidate(sized, price_candidate(profile, sized, catalog, AS_OF)))
    return decide(profile, priced, catalog, AS_OF, 1, 1000)


def test_tiers_that_suit_different_vendors_are_split(catalog: Catalog) -> None:
    outcome = _split_of_two_tiers(catalog, [])
    split = outcome.decision.split
    assert split is not None
    assert {t.tier: t.accelerator for t in split.tiers} == {"chat": "b200", "documents": "mi300x"}
    assert split.usd_per_month == pytest.approx(
        split.hardware_usd_per_month + split.second_stack_usd_per_month + split.lost_discount_usd_per_month
        - split.leverage_usd_per_month
    )  # fmt: skip
    assert split.gain_usd_per_month == pytest.approx(split.single_usd_per_month - split.usd_per_month)
    assert split.lost_discount_usd_per_month > 0
    assert outcome.verdict.kind == "split"


def test_a_split_loses_no_discount_on_quotes_which_are_net_of_it(catalog: Catalog) -> None:
    split = _split_of_two_tiers(catalog, quotes(b200=4.0, mi300x=2.0)).decision.split
    assert split is not None
    assert split.lost_discount_usd_per_month == 0.0


def test_a_split_names_each_tier_once_whatever_the_order_in_a_candidate(catalog: Catalog) -> None:
    tier = {
        "model": {"id": "llama3.3-70b"}, "slo": {"availability": 0.9},
        "traffic": {"isl": 1000, "osl": 500, "peak_requests_per_s": 20.0, "burst_headroom": 0.0},
    }  # fmt: skip
    names = ("chat", "documents", "agents")
    profile = Profile.model_validate(
        {"name": "three tiers", "workloads": [{"name": n, **tier} for n in names], "procurement": {"mode": "rent"}}
    )
    priced = []
    for part, order in (("b200", (0, 1, 2)), ("mi300x", (2, 0, 1))):
        s = sized_of(profile, catalog, part, rates=(2.0, 1.0, 0.5))
        s = replace(
            s, tiers=tuple(s.tiers[i] for i in order), workloads=tuple(s.workloads[i] for i in order),
            demands=tuple(s.demands[i] for i in order), memo={},
        )  # fmt: skip
        priced.append(PricedCandidate(s, price_candidate(profile, s, catalog, AS_OF)))
    split = decide(profile, priced, catalog, AS_OF, 1, 300).decision.split
    assert split is not None
    assert [t.tier for t in split.tiers] == list(names)
    assert len({t.accelerator for t in split.tiers}) == 2


def _small_tiers(catalog: Catalog, *parts: tuple[str, tuple[float, ...]], rps: Sequence[float]) -> DecisionOutcome:
    """Tiers of replicas of two GPUs, at demands of a few of them, on parts with the given rates per replica."""
    tiers = [
        {
            "name": f"tier{i}", "model": {"id": "llama3.3-70b"}, "slo": {"availability": 0.5},
            "traffic": {"isl": 1000, "osl": 500, "peak_requests_per_s": r, "burst_headroom": 0.0},
        }
        for i, r in enumerate(rps)
    ]  # fmt: skip
    profile = Profile.model_validate(
        {"name": "small", "workloads": tiers, "team": {"rocm_experience": "expert"}, "procurement": FIRM}
    )
    priced = []
    for part, rates in parts:
        s = sized_of(profile, catalog, part, rates=rates, gpus_per_replica=2)
        priced.append(PricedCandidate(s, price_candidate(profile, s, catalog, AS_OF)))
    return decide(profile, priced, catalog, AS_OF, 1, 300)


def test_tiers_of_a_split_on_one_part_share_its_nodes(catalog: Catalog) -> None:
    """Three replicas of two GPUs of one tier and one of another were two nodes of eight in a split: they fill one."""
    rates = (1.0, 1.0, 0.05), (0.1, 0.1, 1.0)
    outcome = _small_tiers(catalog, ("b200", rates[0]), ("mi300x", rates[1]), rps=(3.0, 1.0, 8.0))
    split = outcome.decision.split
    assert split is not None
    assert [(p.accelerator, p.tiers, p.gpus, p.gpus_needed) for p in split.parts] == [
        ("b200", ("tier0", "tier1"), 8, 8), ("mi300x", ("tier2",), 16, 16),
    ]  # fmt: skip
    shared, own = split.parts
    assert shared.shares == (0.75, 0.25)  # 6 and 2 of 8 GPUs
    assert [t.gpus for t in split.tiers] == [6, 2, 16]
    assert [t.usd_per_month for t in split.tiers] == pytest.approx(
        [0.75 * shared.usd_per_month, 0.25 * shared.usd_per_month, own.usd_per_month]
    )
    assert split.hardware_usd_per_month == pytest.approx(shared.usd_per_month + own.usd_per_month)
    alone = _small_tiers(catalog, ("b200", (1.0,)), ("mi300x", (1.0,)), rps=(4.0,)).candidates["b200"]
    assert shared.usd_per_month == pytest.approx(alone.cost.point_usd_per_month)  # a node is a node
    assert "(tier0 and tier1 on B200; tier2 on MI300X)" in split.text
    assert outcome.verdict.kind == "split"
    assert outcome.verdict.headline.startswith("Split: tier0 and tier1 on 8 B200; tier2 on 16 MI300X, about")


def test_a_tier_joins_the_part_that_has_room_though_another_is_cheaper_by_itself(catalog: Catalog) -> None:
    """A node of MI300X costs less than one of B200, where six of eight GPUs are in use: two more cost nothing."""
    alone = _small_tiers(catalog, ("b200", (1.0,)), ("mi300x", (1.0,)), rps=(1.0,)).candidates
    assert alone["mi300x"].cost.point_usd_per_month < alone["b200"].cost.point_usd_per_month
    rates = (1.0, 1.0, 0.05), (0.1, 1.0, 1.0)
    split = _small_tiers(catalog, ("b200", rates[0]), ("mi300x", rates[1]), rps=(3.0, 1.0, 8.0)).decision.split
    assert split is not None
    assert [t.accelerator for t in split.tiers] == ["b200", "b200", "mi300x"]
    assert [(p.gpus, p.gpus_needed) for p in split.parts] == [(8, 8), (16, 16)]


@pytest.mark.parametrize("tiers", [2, 3, 4, 6])
def test_a_split_sought_step_by_step_is_as_cheap_as_all_of_them(
    catalog: Catalog, tiers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = [tuple(0.3 + ((i * 7 + j * 5) % 11) / 10 for i in range(tiers)) for j in range(3)]
    parts = list(zip(("b200", "mi300x", "mi355x"), rates, strict=True))
    totals = []
    for most in (3**tiers, 0):
        monkeypatch.setattr("advisor.engine.decision.split.MOST_SPLITS", most)
        split = _small_tiers(catalog, *parts, rps=[1.0 + (i * 3) % 5 for i in range(tiers)]).decision.split
        assert split is not None
        assert [t.tier for t in split.tiers] == [f"tier{i}" for i in range(tiers)]
        for part in split.parts:
            assert part.gpus == 8 * math.ceil(part.gpus_needed / 8)
            assert sum(part.shares) == pytest.approx(1.0)
        assert sum(t.usd_per_month for t in split.tiers) == pytest.approx(split.hardware_usd_per_month)
        totals.append(split.usd_per_month)
    assert totals[0] == pytest.approx(totals[1])
