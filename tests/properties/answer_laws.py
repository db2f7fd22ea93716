"""The laws that every answer obeys, whatever was asked and on whatever facts."""

from __future__ import annotations

import json

import pytest

from advisor.domain.recommendation import Recommendation
from advisor.report.text import WIDTH, render_text


def check_answer(tree: Recommendation) -> None:
    """The laws of an answer."""
    body = tree.model_dump_json()
    assert Recommendation.model_validate_json(body) == tree
    json.loads(body, parse_constant=lambda word: pytest.fail(f"{word} in the answer"))
    feasible = [c for c in tree.candidates if c.feasible]
    assert (tree.verdict.kind == "infeasible") == (not feasible)
    assert [c.rank for c in feasible] == list(range(1, len(feasible) + 1))
    if feasible:
        assert sum(c.p_cheapest for c in feasible) == pytest.approx(1.0)
        assert tree.verdict.choice is not None
        assert tree.verdict.choice.accelerator == feasible[0].accelerator
    else:
        assert tree.verdict.binding_constraint
        assert tree.verdict.smallest_change
    for c in tree.candidates:
        assert c.feasible or c.infeasible_reason
        assert c.gates
        if not c.feasible:
            continue
        cost, fleet, point = c.cost, c.fleet, c.operating_point
        assert cost is not None
        assert fleet is not None
        assert point is not None
        band = cost.usd_per_month
        assert 0 <= band.p10 <= band.p50 <= band.p90
        total = sum(line.usd_per_month for line in cost.lines)
        assert total == pytest.approx(cost.point_usd_per_month, rel=1e-6, abs=1e-6)
        assert cost.npv_usd == pytest.approx(cost.point_usd_per_month * cost.annuity_months, rel=1e-9)
        assert fleet.gpus >= fleet.gpus_needed > 0
        assert fleet.gpus % fleet.gpus_per_node == 0
        assert point.meets_slo
        assert all((p.meets_slo is None) == (p.kind == "measured") for p in c.curve)
        low, value, high = point.output_tps_interval.lo, point.output_tps_interval.value, point.output_tps_interval.hi
        assert 0 < low <= value <= high
        assert c.expected_regret_usd_per_month is not None
        assert c.expected_regret_usd_per_month >= -1e-9 * band.p90
    text = render_text(tree, explain=True, colour=False)
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "\x1b" not in text
