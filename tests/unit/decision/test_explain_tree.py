"""Every figure of an answer can be recomputed from others: explain is held to the tree itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from advisor.domain.errors import InputError
from advisor.domain.profile import Profile
from advisor.domain.recommendation import Recommendation
from advisor.engine.explain import explain
from advisor.engine.tree_path import find
from tests.bench_kit import bundled_answer, usual_bench

NAMES = ("operator-2000-gpus", "eu-sovereign-640", "startup-first-cluster", "disaggregated-api")


@pytest.fixture(scope="module")
def trees() -> dict[str, Recommendation]:
    return {name: bundled_answer(name) for name in NAMES}


RECKONED = (
    "cost.point_usd_per_month", "cost.npv_usd", "cost.annuity_months", "cost.cash_view_usd", "cost.book_view_usd",
    "cost.mtok_per_month", "expected_loss_usd_per_month", "risk_adjusted_usd_per_month", "cost.lines[0].usd_per_month",
    "risks[0].expected_loss_usd_per_month", "operating_point.interactivity_tps", "fleet.gpus", "memory.max_concurrency",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("leaf", RECKONED)
def test_reckoned_again_it_agrees(trees: dict[str, Recommendation], name: str, leaf: str) -> None:
    tree = trees[name]
    for candidate in tree.candidates:
        if candidate.cost is None:
            continue
        found = explain(tree, f"candidates.{candidate.accelerator}.{leaf}")
        assert found.check.endswith("agrees"), f"{candidate.accelerator} {found.check}"
        assert found.steps


def test_cost_leads_down_to_rows_and_sources(trees: dict[str, Recommendation]) -> None:
    tree = trees["startup-first-cluster"]
    found = explain(tree, "candidates.mi300x.cost.usd_per_month")
    assert found.path.startswith("candidates[")
    names = {q.name for q in found.inputs}
    assert {"rent_usd_per_gpu_hour", "rocm_floor_none", "engineer_usd_per_year"} <= names
    assert any(row.startswith("rent-") for row in found.rows)
    assert found.sources
    cited = {s.id for s in tree.sources}
    for quantity in found.inputs:
        assert all(part.strip() in cited | {"profile", "default"} for part in quantity.source_id.split(";"))


def test_every_number_of_an_answer_can_be_asked_for(trees: dict[str, Recommendation]) -> None:
    """No path of the tree is without an explanation, and none fails."""
    tree = trees["startup-first-cluster"]
    stack = [f"candidates[{i}]" for i in range(2)] + ["verdict", "decision"]
    asked = 0
    while stack:
        path = stack.pop()
        found = explain(tree, path)
        assert found.path == path
        stack += found.children
        asked += 1
        if found.number is not None and not path.startswith("decision.negotiation"):
            assert found.steps or found.what
        assert "DIFFERS" not in found.check, path
    assert asked > 1000


def test_break_evens_and_probes_are_explained(trees: dict[str, Recommendation]) -> None:
    tree = trees["operator-2000-gpus"]
    assert explain(tree, "decision.information.probes[0].net_usd").check.endswith("agrees")
    assert tree.decision is not None
    solved = [i for i, b in enumerate(tree.decision.break_evens) if b.value is not None]
    assert solved
    for i in solved:
        assert "substituted back" in {s.name for s in explain(tree, f"decision.break_evens[{i}].value").steps}


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("candidates.mi355.cost", 'did you mean "mi355x"'),
        ("candidates.b200.cots", 'did you mean "cost"'),
        ("verdict.kind.more", "plain value"),
        ("", "give a path"),
        ("x" * 500, "longer than"),
        ("candidates[99]", 'no "99"'),
    ],
)
def test_a_path_that_leads_nowhere_is_answered_with_a_hint(
    trees: dict[str, Recommendation], path: str, hint: str
) -> None:
    with pytest.raises(InputError, match=hint.replace("[", r"\[")):
        explain(trees["startup-first-cluster"], path)


def test_names_and_places_lead_to_the_same_node(trees: dict[str, Recommendation]) -> None:
    tree = trees["startup-first-cluster"]
    first = tree.candidates[0].accelerator
    assert find(tree, f"candidates.{first}.cost").node is find(tree, "candidates[0].cost").node
    assert find(tree, "candidates.0.gates.export").node.gate == "export"


def _numbers(node: object, path: str = "") -> Iterator[str]:
    if isinstance(node, dict):
        for name, value in node.items():
            yield from _numbers(value, f"{path}.{name}".lstrip("."))
    elif isinstance(node, list):
        for i, value in enumerate(node):
            yield from _numbers(value, f"{path}[{i}]")
    elif isinstance(node, int | float) and not isinstance(node, bool):
        yield path


MODELLED = re.compile(
    r"operating_point\.(concurrency|ttft|tpot|output_tps|response)|curve|deployment|usd_per_m|p_cheapest|regret|leads|"
    r"evpi|evsi|changes_choice|p_saves|^backtest|^seed|^draws|^profile|inputs|price|gates|risks|hosted_api|"
    r"break_evens|tornado|waits|split|negotiation|information|options|flows|lines|appetite|request_|"
    r"stack_premium|cost\.(utilisation|discount_rate|output_weight)|memory\.terms|fleet|other_families"
)
"""What may be given, drawn, estimated, measured or solved; anything else must be reckoned again and agree."""


@pytest.mark.parametrize("name", NAMES)
def test_gpus_of_later_years_follow_from_those_of_today(trees: dict[str, Recommendation], name: str) -> None:
    """Costs rest on the fleet of each year; the tree had none of them between today's and what is paid for."""
    for candidate in trees[name].candidates:
        cost, fleet = candidate.cost, candidate.fleet
        if cost is None or fleet is None:
            continue
        years = cost.fleet_years
        assert [y.year for y in years] == list(range(1, -(-cost.horizon_months // 12) + 1))
        follows = cost.mode == "rent" and cost.commitment in ("on_demand", "spot")
        if not follows and cost.horizon_months >= 12:
            assert years[0].gpus_needed == fleet.gpus
        for i, year in enumerate(years):
            assert year.gpus_needed % fleet.gpus_per_node == 0
            assert f"{year.gpus_needed:,}" in year.formula.rpartition(", in nodes of ")[2]
            for leaf in ("gpus_needed", "gpus_paid", "demand_factor"):
                found = explain(trees[name], f"candidates.{candidate.accelerator}.cost.fleet_years[{i}].{leaf}")
                assert found.check.endswith("agrees"), found
        for month, flow in enumerate(cost.flows[: cost.horizon_months]):
            if not follows:
                assert flow.gpus == years[month // 12].gpus_paid
        steps = explain(trees[name], f"candidates.{candidate.accelerator}.cost.gpus_end").steps
        assert [s.value for s in steps if s.name.startswith("GPUs needed")] == [y.gpus_needed for y in years]


@pytest.mark.parametrize("name", NAMES)
def test_a_rate_has_one_pair_of_ends(trees: dict[str, Recommendation], name: str) -> None:
    """The tornado showed 2,931 to 3,903 tok/s where the estimate stood as 2,920 to 3,888."""
    tree = trees[name]
    assert tree.decision is not None
    bars = [bar for bar in tree.decision.tornado if bar.driver.startswith("throughput.")]
    for bar in bars:
        (one,) = (c for c in tree.candidates if c.accelerator == bar.driver.partition(".")[2])
        point = one.tiers[0].operating_point if one.tiers else one.operating_point
        assert point is not None
        spread = point.output_tps_interval
        assert (bar.low_value, bar.typical_value, bar.high_value) == (spread.lo, spread.value, spread.hi)


@pytest.mark.parametrize("name", NAMES)
def test_every_number_says_whether_it_is_reckoned_given_drawn_estimated_or_solved(
    trees: dict[str, Recommendation], name: str
) -> None:
    tree = trees[name]
    seen: set[str] = set()
    for path in _numbers(json.loads(tree.model_dump_json())):
        general = re.sub(r"\[\d+\]", "", path)
        if general in seen and "curve" in path:
            continue
        seen.add(general)
        found = explain(tree, path)
        assert found.origin, path
        assert found.steps or found.notes, path
        assert "DIFFERS" not in found.check, path
        for step in found.steps:
            sides = step.formula.split(" = ")
            assert len(set(sides)) == len(sides), f"{path}: {step.formula}"
        assert len({(s.name, s.formula) for s in found.steps}) == len(found.steps), path
        assert found.check.endswith("agrees") or MODELLED.search(path), path


def test_memory_is_spelled_down_to_the_rows_of_part_and_model(trees: dict[str, Recommendation]) -> None:
    """192.266 GB x 0.9 = 173.04 usable; FP4 at 0.5625 B with 16-bit embeddings; 2 x 80 x 8 x 128 bytes a token."""
    tree = trees["startup-first-cluster"]
    terms = {t.name: t for c in tree.candidates if c.accelerator == "b200" and c.memory for t in c.memory.terms}
    assert "192.266 GB (catalog/accelerators/b200.toml) x 0.9 = 173.04" in terms["usable memory per GPU [GB]"].formula
    assert "catalog/models/models.csv" in terms["weights per GPU [GB]"].formula
    assert terms["KV cache of a token in the replica [bytes]"].value == 2 * 80 * 8 * 128
    found = explain(tree, "candidates.b200.memory.weights_gb")
    assert found.origin == "reckoned"
    assert any("x 0.5625 B" in step.formula for step in found.steps)


def test_the_cache_of_a_request_multiplies_out_where_layers_have_a_window() -> None:
    """GPT-OSS: "36,864 bytes a token, 6,900 tokens = 0.130 GB" was off by two: half of its layers see 128."""
    asked = Profile.model_validate(
        {
            "name": "x", "model": {"id": "gpt-oss-120b", "precisions": ["fp4"]}, "candidates": ["b200"],
            "traffic": {"isl": 6000, "osl": 900, "peak_concurrency": 30}, "slo": {"ttft_ms": 2000, "tpot_ms": 20},
        }
    )  # fmt: skip
    tree = usual_bench().advise(asked, draws=200)
    (step,) = (s for s in explain(tree, "candidates.b200.memory.max_concurrency").steps if s.name == "one request")
    told = re.match(r"\(([\d,]+) B x ([\d,]+) tokens \+ ([\d,]+) B x ([\d,]+) in the window\)", step.formula)
    assert told is not None
    full, tokens, windowed, window = (float(n.replace(",", "")) for n in told.groups())
    assert full * tokens + windowed * window == step.value == 18_432 * 6900 + 18_432 * 128
