"""The answer as a whole: its shape, its determinism, and what holds for every bundled profile."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from advisor.domain.profile import Profile
from advisor.domain.recommendation import Recommendation
from advisor.profiles.read import read_profile
from advisor.workbench import Workbench
from tests.bench_kit import bundled_answer, usual_bench
from tests.conftest import AS_OF, PROFILE_FILES

PROFILES = sorted(PROFILE_FILES)
REQUIRED = (
    "schema_version", "verdict.kind", "verdict.headline", "verdict.choice.accelerator", "verdict.choice.gpus",
    "candidates.0.accelerator", "candidates.0.feasible", "candidates.0.gates.0.gate", "candidates.0.gates.0.status",
    "candidates.0.gates.0.reason", "candidates.0.gates.0.source", "candidates.0.deployment.engine",
    "candidates.0.deployment.precision", "candidates.0.deployment.tp", "candidates.0.deployment.ep",
    "candidates.0.operating_point.concurrency", "candidates.0.operating_point.ttft_p50_s",
    "candidates.0.operating_point.tpot_p50_s", "candidates.0.operating_point.output_tps_per_gpu",
    "candidates.0.operating_point.evidence_grade", "candidates.0.fleet.gpus", "candidates.0.cost.usd_per_month.p10",
    "candidates.0.cost.usd_per_month.p50", "candidates.0.cost.usd_per_month.p90",
    "candidates.0.cost.usd_per_mtok_blended.p10", "candidates.0.cost.usd_per_mtok_blended.p50",
    "candidates.0.cost.usd_per_mtok_blended.p90", "candidates.0.p_cheapest", "candidates.0.risks.0.id",
    "assumptions.0.path", "sources.0.id",
)  # fmt: skip


@pytest.fixture(scope="module")
def bench() -> Workbench:
    return usual_bench()


@pytest.fixture(scope="module")
def answers() -> dict[str, Recommendation]:
    return {name: bundled_answer(name) for name in PROFILES}


def at(tree: Any, path: str) -> Any:
    for part in path.split("."):
        tree = tree[int(part)] if isinstance(tree, list) else tree[part]
    return tree


def models(of: type[BaseModel], seen: set[type[BaseModel]]) -> Iterator[type[BaseModel]]:
    from advisor.profiles.read import _model_in

    if of in seen:
        return
    seen.add(of)
    yield of
    for info in of.model_fields.values():
        inner = _model_in(info.annotation)
        if inner is not None:
            yield from models(inner, seen)


def test_the_promised_paths_are_there(answers: dict[str, Recommendation]) -> None:
    tree = json.loads(answers["llama-70b-4k-512-concurrent"].model_dump_json())
    for path in REQUIRED:
        assert at(tree, path) is not None, path


def test_every_field_has_a_description() -> None:
    bare = [
        f"{m.__name__}.{name}"
        for m in models(Recommendation, set())
        for name, info in m.model_fields.items()
        if not info.description
    ]
    assert bare == []


@pytest.mark.parametrize("name", PROFILES)
def test_every_bundled_profile_gets_a_verdict_or_a_reason(name: str, answers: dict[str, Recommendation]) -> None:
    r = answers[name]
    assert r.verdict.headline
    assert r.verdict.reason
    if r.verdict.kind == "infeasible":
        assert r.verdict.binding_constraint
        assert r.verdict.smallest_change
    for c in r.candidates:
        assert c.feasible or c.infeasible_reason
        assert all(g.reason for g in c.gates)
    feasible = [c for c in r.candidates if c.feasible]
    if feasible:
        assert sum(c.p_cheapest for c in feasible) == pytest.approx(1.0, abs=1e-9)
        assert sorted(c.rank or 0 for c in feasible) == list(range(1, len(feasible) + 1))
        assert r.verdict.choice is not None


@pytest.mark.parametrize("name", PROFILES)
def test_every_cited_source_is_listed_and_known(name: str, answers: dict[str, Recommendation]) -> None:
    unknown = [s.id for s in answers[name].sources if s.kind == "unknown"]
    assert unknown == []


@pytest.mark.parametrize("name", PROFILES)
def test_json_reads_back_to_the_same_tree(name: str, answers: dict[str, Recommendation]) -> None:
    r = answers[name]
    assert Recommendation.model_validate_json(r.model_dump_json()) == r


def test_cost_lines_add_up_and_bands_are_ordered(answers: dict[str, Recommendation]) -> None:
    for r in answers.values():
        for c in r.candidates:
            if c.cost is None:
                continue
            assert sum(line.usd_per_month for line in c.cost.lines) == pytest.approx(c.cost.point_usd_per_month)
            band = c.cost.usd_per_month
            assert band.p10 <= band.p50 <= band.p90
            for line in c.cost.lines:
                assert line.usd_per_month == pytest.approx(line.quantity * line.unit_price_usd, rel=1e-6, abs=1e-6)


def test_no_estimate_uses_more_memory_than_there_is(answers: dict[str, Recommendation]) -> None:
    for r in answers.values():
        for c in r.candidates:
            if c.feasible and c.memory is not None and c.operating_point is not None:
                assert c.memory.weights_gb + c.memory.reserve_gb <= c.memory.usable_gb
                assert c.operating_point.concurrency <= c.memory.max_concurrency
                assert c.operating_point.meets_slo


def test_same_inputs_same_bytes_across_processes(tmp_path: Path) -> None:
    outputs = []
    for seed, zone in (("0", "Asia/Tokyo"), ("12345", "UTC")):
        out = tmp_path / f"{seed}.json"
        subprocess.run(
            [sys.executable, "-m", "advisor", "--profile", "deepseek-r1-reasoning", "--format", "json", "--output",
             str(out), "--as-of", AS_OF.isoformat()],
            check=True, timeout=120, env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone},
        )  # fmt: skip
        outputs.append(out.read_bytes())
    assert outputs[0] == outputs[1]


def test_infeasible_profiles_name_the_constraint_and_the_change(bench: Workbench, root: Path) -> None:
    profile = read_profile(root / "profiles" / "llama-70b-4k-512-concurrent.toml")
    tight = profile.model_copy(update={"slo": profile.slo.model_copy(update={"tpot_ms": 0.5})})
    r = bench.advise(tight, draws=500)
    assert r.verdict.kind == "infeasible"
    assert "slo" in r.verdict.binding_constraint
    assert "slo.tpot_ms from 0.5 to " in r.verdict.smallest_change
    assert r.verdict.choice is None
    poor = profile.model_copy(
        update={"procurement": profile.procurement.model_copy(update={"budget_usd_per_month": 100.0})}
    )
    r = bench.advise(poor, draws=500)
    assert r.verdict.kind == "infeasible"
    assert "budget" in r.verdict.binding_constraint


TIGHT: tuple[dict[str, float], ...] = (
    {"ttft_ms": 50.0, "tpot_ms": 5.0},
    {"ttft_ms": 40.0, "tpot_ms": 80.0},
    {"tpot_ms": 4.0},
    {"e2e_ms": 900.0},
    {"ttft_ms": 50.0, "e2e_ms": 2000.0},
)


@pytest.mark.parametrize("limits", TIGHT)
def test_the_smallest_change_really_frees_a_candidate(bench: Workbench, limits: dict[str, float]) -> None:
    """Relaxed as advised, the named candidate serves; no sentence is left without its reason."""
    base: dict[str, Any] = {
        "model": {"id": "llama3.1-405b", "precisions": ["bf16"]},
        "traffic": {"isl": 2000, "osl": 500, "peak_concurrency": 200},
        "procurement": {"mode": "rent"},
    }
    tight = Profile.model_validate({**base, "slo": limits})
    refused = bench.advise(tight, draws=200)
    assert refused.verdict.kind == "infeasible"
    change = refused.verdict.smallest_change
    relaxed = {name: float(value) for name, value in re.findall(r"slo\.(\w+) from [\d.]+ to ([\d.e+]+)", change)}
    assert relaxed
    assert not re.search(r"level: +\(", refused.verdict.headline)
    freed = bench.advise(Profile.model_validate({**base, "slo": {**limits, **relaxed}}), draws=200)
    assert freed.verdict.kind != "infeasible"
    named = re.search(r"\(frees (.+)\)", change)
    assert named is not None
    assert named.group(1) in {c.name for c in freed.candidates if c.feasible}


def test_a_site_must_hold_what_growth_adds_to_a_purchase(bench: Workbench) -> None:
    """Eight GPUs fitted into 20 kW, and 48 more were to be bought for the same room."""

    def at(power_kw: float) -> Recommendation:
        return bench.advise(
            Profile.model_validate(
                {
                    "model": {"id": "llama3.3-70b"}, "slo": {"ttft_ms": 2000, "tpot_ms": 50}, "candidates": ["b200"],
                    "traffic": {"isl": 1500, "osl": 400, "peak_concurrency": 500, "growth_per_year": 1.0},
                    "procurement": {"mode": "buy", "horizon_months": 48}, "site": {"power_kw": power_kw},
                }
            ),
            draws=500,
        )  # fmt: skip

    tight = at(20)
    assert tight.verdict.kind == "infeasible"
    found = re.search(r"site.power_kw from 20 to (\d+)", tight.verdict.smallest_change)
    assert found is not None
    cost = at(float(found[1])).candidates[0].cost
    assert cost is not None
    assert max(f.gpus for f in cost.flows) * 1.7 <= float(found[1])


def test_a_model_that_reads_no_more_is_not_helped_by_a_smaller_precision(bench: Workbench) -> None:
    tree = bench.advise(
        Profile.model_validate(
            {
                "model": {"id": "llama3.3-70b"}, "slo": {"ttft_ms": 60_000},
                "traffic": {"isl": 200_000, "osl": 400, "peak_concurrency": 8},
            }
        )
    )  # fmt: skip
    assert tree.verdict.kind == "infeasible"
    assert tree.verdict.smallest_change.startswith("shorten traffic.isl and traffic.osl, or take a model with a longer")


@pytest.mark.parametrize(("country", "barred"), [("CN", True), ("AE", False), ("US", False)])
def test_nobody_waits_for_a_part_that_may_not_be_delivered(bench: Workbench, country: str, barred: bool) -> None:
    """Waiting for Vera Rubin was priced for China, where B200 and B300 are denied."""
    tree = bench.advise(
        Profile.model_validate(
            {
                "model": {"id": "llama3.3-70b"}, "slo": {"ttft_ms": 2000, "tpot_ms": 50}, "place": {"country": country},
                "traffic": {"isl": 1500, "osl": 400, "peak_concurrency": 640},
            }
        ),
        draws=500,
    )  # fmt: skip
    assert tree.decision is not None
    assert tree.decision.waits
    assert all(("no option here" in w.text) is barred for w in tree.decision.waits)
    assert any(w.usd_per_month is not None for w in tree.decision.waits) is not barred
