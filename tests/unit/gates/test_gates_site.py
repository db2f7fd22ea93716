"""Memory, cooling, power, rack density: worked numbers and what each verdict rules out."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.catalog import Catalog, load_catalog
from advisor.domain.profile import Profile
from advisor.domain.sizing import Deployment
from advisor.engine.gates.memory import memory_gate
from advisor.engine.gates.site import cooling_gate, power_gate, power_per_gpu, rack_gate
from tests.bench_kit import usual_bench

CATALOG = load_catalog()


def profile(
    mode: str = "buy", model: str = "llama3.3-70b", precisions: tuple[str, ...] = ("fp8",), **site: Any
) -> Profile:
    return Profile.model_validate(
        {
            "name": "test",
            "model": {"id": model, "precisions": precisions},
            "traffic": {"isl": 1000, "osl": 1000, "peak_concurrency": 64},
            "procurement": {"mode": mode},
            "site": site,
        }
    )


def test_power_worked_example(catalog: Catalog) -> None:
    # 128 x 2.09 kW = 267.52 kW
    mi355x = catalog.accelerators["mi355x"]
    short = power_gate(profile(power_kw=250), mi355x, 128, catalog)
    assert (short.status, short.blocks) == ("fail", "all")
    assert short.remedy == "raise site.power_kw from 250 to 268"
    assert "128 GPUs x 2.09 kW = 268 kW" in short.arithmetic
    assert "112 GPUs in whole nodes" in short.reason  # 250 / 2.09 / 8 = 14.95 nodes
    assert power_gate(profile(power_kw=268), mi355x, 128, catalog).status == "pass"


def test_power_short_of_a_purchase_leaves_renting_open(catalog: Catalog) -> None:
    gate = power_gate(profile("either", power_kw=250), catalog.accelerators["mi355x"], 128, catalog)
    assert (gate.status, gate.condition, gate.blocks) == ("condition", "site", "buy")


def test_renting_puts_the_site_on_the_provider(catalog: Catalog) -> None:
    a = catalog.accelerators["gb200"]
    asked = profile("rent", power_kw=1, rack_kw=1, liquid_cooling=False)
    for gate in (power_gate(asked, a, 72, catalog), rack_gate(asked, a, 72, catalog), cooling_gate(asked, a, catalog)):
        assert (gate.status, gate.blocks) == ("pass", "nothing")


def test_missing_power_figure_is_derived_from_kin_and_says_so(catalog: Catalog) -> None:
    power = power_per_gpu(catalog.accelerators["mi350x"], catalog.accelerators.values())
    assert power is not None
    assert power.kw == pytest.approx(1.69)  # 1.0 kW TDP + 0.69 kW
    assert "kindred" in power.basis
    assert "derived" in power.confidence
    alone = power_per_gpu(catalog.accelerators["mi350x"], [])
    assert alone is None


def test_rack_worked_example(catalog: Catalog) -> None:
    # a node of 8 MI355X draws 16.72 kW: two fit 40 kW, none fits 16 kW; 17 nodes fill 9 racks of 40 kW
    mi355x = catalog.accelerators["mi355x"]
    gate = rack_gate(profile(rack_kw=40), mi355x, 136, catalog)
    assert (gate.status, gate.title) == ("pass", "2 nodes a rack, 9 racks")
    short = rack_gate(profile(rack_kw=16), mi355x, 8, catalog)
    assert (short.status, short.remedy) == ("fail", "raise site.rack_kw from 16 to 17")


def test_a_rack_scale_system_stands_as_a_whole(catalog: Catalog) -> None:
    gate = rack_gate(profile(rack_kw=120), catalog.accelerators["gb200"], 72, catalog)
    assert gate.status == "fail"
    assert "72 GPUs x 1.87 kW = 134.6 kW" in gate.arithmetic


def test_a_rack_scale_system_is_powered_and_bought_as_a_whole(catalog: Catalog) -> None:
    """Four GPUs of a rack of 72 were to draw 7 kW, beside a rack of 135 kW that they stand in."""
    gb200 = catalog.accelerators["gb200"]
    power = power_gate(profile(power_kw=150), gb200, 4, catalog)
    assert "72 GPUs x 1.87 kW = 135 kW" in power.arithmetic
    assert "72 GPUs in whole racks" in power.reason  # 150 / 1.87 = 80 GPUs
    short = power_gate(profile(power_kw=100), gb200, 4, catalog)
    assert (short.status, short.remedy) == ("fail", "raise site.power_kw from 100 to 135")
    for rack_kw in (140, None):
        part = rack_gate(profile(rack_kw=rack_kw), gb200, 4, catalog)
        assert (part.status, part.blocks, part.title) == ("condition", "nothing", "Bought as whole racks of 72 GPUs")
        assert "68 GPUs more than the fleet needs" in part.reason
        assert rack_gate(profile(rack_kw=rack_kw), gb200, 144, catalog).status == "pass"


@given(st.integers(1, 5000), st.floats(1, 10_000))
def test_power_gate_agrees_with_its_arithmetic(gpus: int, limit: float) -> None:
    a = CATALOG.accelerators["b200"]
    gate = power_gate(profile(power_kw=limit), a, gpus, CATALOG)
    assert a.all_in_kw is not None
    assert (gate.status == "pass") is (gpus * a.all_in_kw <= limit)
    if gate.status == "fail":
        raised = float(gate.remedy.rsplit(" ", 1)[1])
        assert power_gate(profile(power_kw=raised), a, gpus, CATALOG).status == "pass"


@pytest.mark.parametrize(
    ("part", "liquid", "mode", "status"),
    [
        ("mi355x", True, "buy", "pass"),
        ("mi355x", False, "buy", "condition"),
        ("mi355x", None, "buy", "condition"),
        ("b300", False, "buy", "pass"),
        ("h100", False, "buy", "pass"),
        ("gb200", False, "buy", "fail"),
        ("gb200", False, "either", "condition"),
        ("gb200", None, "buy", "condition"),
        ("gb200", True, "buy", "pass"),
    ],
)
def test_cooling(part: str, liquid: bool | None, mode: str, status: str, catalog: Catalog) -> None:
    gate = cooling_gate(profile(mode, liquid_cooling=liquid), catalog.accelerators[part], catalog)
    assert gate.status == status
    if status != "pass":
        assert gate.remedy
    if (part, mode) == ("gb200", "either"):
        assert gate.blocks == "buy"


def test_cooling_table_covers_every_part_and_agrees_with_its_specification(catalog: Catalog) -> None:
    rows = catalog.gate_facts.cooling
    assert set(rows) == set(catalog.accelerators)
    for part, row in rows.items():
        assert ("air" in catalog.accelerators[part].cooling) is (row.liquid != "required")
        assert ("liquid" in catalog.accelerators[part].cooling) is (row.liquid != "no")


def test_a_limit_missed_by_a_little_is_not_rounded_away(catalog: Catalog) -> None:
    """A node of B300 was shut out of a rack of 15 kW because it "draws 15 kW"."""
    part = catalog.accelerators["b300"]
    power = power_per_gpu(part, catalog.accelerators.values())
    assert power is not None
    limit = round(8 * power.kw, 1) - 0.1
    rack = rack_gate(profile("buy", rack_kw=limit), part, 8, catalog)
    site = power_gate(profile("buy", power_kw=limit), part, 8, catalog)
    for gate in (rack, site):
        assert gate.status == "fail"
        told = re.findall(r"[\d.]+", gate.title)
        assert float(told[0]) > float(told[1]) >= limit - 0.05


def test_memory_worked_example(catalog: Catalog) -> None:
    # Llama 3.3 70B: 68.45e9 weights at one byte, 2.1e9 embeddings at two: 72.7 GB; H100 has 85.9 GB
    one = memory_gate(profile(), catalog.accelerators["h100"], catalog)
    assert one is not None
    assert (one.status, one.title) == ("pass", "Weights fit one GPU")
    two = memory_gate(profile(precisions=("bf16",)), catalog.accelerators["h100"], catalog)
    assert two is not None
    assert two.title == "Weights fit 2 GPUs of one node"


def test_memory_beyond_one_node_is_a_condition(catalog: Catalog) -> None:
    gate = memory_gate(profile(model="deepseek-r1", precisions=("bf16",)), catalog.accelerators["h100"], catalog)
    assert gate is not None
    assert gate.status == "condition"
    weights = float(gate.arithmetic.split()[1].replace(",", ""))
    memory = catalog.accelerators["h100"].memory_bytes / 1e9
    assert f"at least {math.ceil(weights / memory)} GPU" in gate.arithmetic


def test_memory_is_judged_at_the_precision_that_is_laid_out(catalog: Catalog) -> None:
    """At FP4, which H100 does not run, its DeepSeek-R1 "fitted 5 GPUs of one node" while two nodes were planned."""
    asked, h100 = profile(model="deepseek-r1", precisions=("fp8", "fp4")), catalog.accelerators["h100"]
    over_two = Deployment(
        engine="sglang", precision="fp8", kv_cache_precision="fp8", tp=8, pp=2, gpus_per_replica=16
    )  # fmt: skip
    gate = memory_gate(asked, h100, catalog, 0, over_two)
    assert gate is not None
    # 671e9 parameters, 1.9e9 of them embeddings at two bytes: 673 GB over 85.5 GB
    assert (gate.status, gate.title) == ("condition", "A replica spans 2 nodes")
    assert gate.arithmetic.startswith("weights 673 GB at FP8 / 86 GB per GPU = 7.87, so at least 8 GPUs")


def test_a_pipeline_for_the_sake_of_the_cache_is_told(catalog: Catalog) -> None:
    h200 = catalog.accelerators["h200"]
    wide = Deployment(engine="vllm", precision="fp8", kv_cache_precision="fp8", tp=8, pp=2, gpus_per_replica=16)
    asked = profile(model="kimi-k2", precisions=("fp8",))
    gate = memory_gate(asked, h200, catalog, 0, wide)
    assert gate is not None
    assert (gate.status, gate.title) == ("condition", "A replica spans 2 nodes")
    assert "1,029 GB at FP8 / 151 GB per GPU" in gate.arithmetic
    alone = memory_gate(asked, h200, catalog, 0, wide.model_copy(update={"pp": 1, "gpus_per_replica": 8}))
    assert alone is not None
    assert (alone.status, alone.title) == ("pass", "Weights fit 7 GPUs of one node")


def test_a_site_with_room_for_a_part_of_the_fleet_leaves_that_part_to_be_owned() -> None:
    """The gate spoke of room for 8 GPUs and closed the purchase of 8 beside 8 rented ones."""
    asked: dict[str, Any] = {
        "name": "x", "model": {"id": "deepseek-r1", "speculative": False}, "slo": {"ttft_ms": 3000, "tpot_ms": 30},
        "traffic": {"isl": 1000, "osl": 8000, "peak_concurrency": 300}, "candidates": ["b200"],
    }  # fmt: skip
    found = {}
    for power_kw in (13, 14, 28):  # a node of 8 draws 13.68 kW
        tree = usual_bench().advise(Profile.model_validate({**asked, "site": {"power_kw": power_kw}}), draws=500)
        (found[power_kw],) = tree.candidates
        assert not [step for step in tree.verdict.next_steps if "power_kw" in step and power_kw > 13]
    assert found[28].cost is not None
    assert found[28].cost.option == "mixed.purchase"
    cost = found[14].cost
    assert cost is not None
    assert cost.outlay is not None
    assert (cost.option, cost.outlay.gpus + cost.outlay.later_gpus) == ("mixed.purchase", 8)
    assert [o.allowed for o in cost.options if o.id == "buy"] == [False]
    dearer, cheaper = (found[kw].risk_adjusted_usd_per_month for kw in (13, 14))
    assert dearer is not None
    assert cheaper is not None
    assert cheaper < dearer
    gate = next(g for g in found[14].gates if g.gate == "site_power")
    assert gate.room_gpus == 8
    assert "So many may be owned where the rest is rented." in gate.reason
