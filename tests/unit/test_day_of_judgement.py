"""An answer of an earlier day knows no row that was written later."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path

import pytest

from advisor.catalog import load_catalog
from advisor.catalog.market import MARKET_UNITS
from advisor.domain.profile import Profile
from advisor.domain.recommendation import Recommendation
from advisor.engine.gates.software import software_findings
from advisor.profiles.read import read_profile
from advisor.workbench import Workbench
from tests.conftest import PROFILE_FILES

DAY = date(2026, 10, 25)
EARLY = date(2026, 1, 15)
HEAD = "source,as_of,kind,confidence\n"


def profile(**more: object) -> Profile:
    return Profile.model_validate(
        {"model": {"id": "llama3.3-70b"}, "traffic": {"isl": 1000, "osl": 200, "peak_concurrency": 64}} | more
    )


@pytest.fixture
def overlay(tmp_path: Path) -> Path:
    """A support row, a version floor and a price of colocation, all written on the day."""
    written = f"{DAY},documentation,high\n"
    (tmp_path / "software").mkdir()
    (tmp_path / "software" / "support.csv").write_text(
        f"engine,vendor,architecture,accelerators,feature,status,since_version,detail,{HEAD}"
        f"vLLM,NVIDIA,Hopper,h100,lora,none,,not in this release,decision-assumption,{written}"
    )
    (tmp_path / "gates").mkdir()
    (tmp_path / "gates" / "floors.csv").write_text(
        f"id,accelerators,engines,precisions,needs,component,minimum,reason,issue,{HEAD}"
        f"new-floor,h100,vLLM,*,,vLLM,99.1,a fix,,decision-assumption,{written}"
    )
    (tmp_path / "tco").mkdir()
    written = f"decision-assumption,{DAY},estimate,high,\n"
    (tmp_path / "tco" / "parameters.csv").write_text(
        f"parameter,scope,low,typical,high,unit,superseded,{HEAD.strip()},note\n"
        f"colocation rent,high-density AI retail colo,900,950,999,USD/kW-month,false,{written}"
        f"operations staffing,8-GPU node owned,0.5,0.6,0.7,FTE/node,false,{written}"
    )
    return tmp_path


@pytest.mark.parametrize("late", [True, False])
def test_rows_of_a_later_day_are_not_known(overlay: Path, late: bool) -> None:
    """Support, floors and prices among the cost parameters had counted whatever day they were written on."""
    catalog = load_catalog([overlay], known_by=DAY - timedelta(days=late))
    part = catalog.accelerators["h100"]
    found = software_findings(profile(team={"lora": True}), part, "vllm", "fp8", catalog)
    (lora,) = (f for f in found.features if f.feature == "lora")
    assert (lora.status == "none") is not late
    assert ("99.1" in {f.minimum for f in found.floors}) is not late
    rent = catalog.tco.get(("colocation rent", "high-density AI retail colo"))
    assert (rent is not None and rent.typical == 950) is not late
    # A convention of the model was no news on any day.
    staffing = catalog.tco["operations staffing", "8-GPU node owned"]
    assert staffing.typical == 0.6


def test_a_catalog_without_a_day_keeps_every_row(overlay: Path) -> None:
    catalog = load_catalog([overlay])
    assert any(r.provenance.as_of == DAY and r.feature == "lora" for r in catalog.software)
    assert {r.minimum for r in catalog.gate_facts.floors} >= {"99.1"}


def test_an_answer_cites_no_support_and_no_price_of_later(overlay: Path) -> None:
    day = date(2026, 9, 1)
    bench = Workbench([overlay], as_of=day, bare=True)
    tree = bench.advise(profile(procurement={"mode": "buy"}, candidates=["h100", "b200"]), draws=200)
    for c in tree.candidates:
        for gate in c.gates:
            if gate.gate in ("software", "software_format") and gate.as_of is not None:
                assert gate.as_of <= day, gate.title
        for quantity in c.cost.inputs if c.cost is not None else ():
            if quantity.unit in MARKET_UNITS and quantity.as_of is not None:
                assert quantity.as_of <= day, quantity.name


def test_a_measurement_of_later_proves_no_feature() -> None:
    """Where the table had no row yet, measurements had proved a feature before they were made."""
    everything = load_catalog()
    first = min(
        m.date for m in everything.measurements if m.accelerator == "b200" and m.engine == "trt" and m.date is not None
    )
    for day, known in ((first - timedelta(days=1), False), (date(2026, 11, 21), True)):
        catalog = load_catalog(known_by=day)
        found = software_findings(profile(), catalog.accelerators["b200"], "trt", "fp8", catalog)
        assert ("full" in {f.status for f in found.features}) is known


def test_a_part_of_which_the_table_says_nothing_is_not_called_unsupported() -> None:
    """Before the first row of the table every part would have been out for want of an engine."""
    bench = Workbench(as_of=date(2024, 6, 1), bare=True)
    tree = bench.advise(profile(slo={"ttft_ms": 1, "tpot_ms": 1}, candidates=["h200"]), draws=200)
    assert tree.verdict.kind == "infeasible"
    assert "software" not in tree.verdict.binding_constraint


@pytest.fixture(scope="module")
def early() -> tuple[Workbench, Recommendation]:
    bench = Workbench(as_of=EARLY, bare=True)
    return bench, bench.advise(read_profile(PROFILE_FILES["operator-2000-gpus"]), draws=200)


def test_what_was_first_run_later_is_no_deployment(early: tuple[Workbench, Recommendation]) -> None:
    """On 2025-11-01 B200 was advised with speculation and data-parallel attention, first run months later."""
    bench, _ = early
    began: dict[tuple[str, str, str, bool, bool], date] = {}
    for m in bench.catalog.measurements:
        first = m.first_run or m.date
        if first is not None:
            key = (m.accelerator, m.model, m.spec_method, m.dp_attention, m.disagg)
            began[key] = min(first, began.get(key, first))
    for (part, model), configs in bench.configs.by_pair.items():
        for c in configs:
            assert began[part, model, c.spec_method, c.dp_attention, c.disagg] <= EARLY


def test_points_beside_curves_and_software_are_of_the_day(early: tuple[Workbench, Recommendation]) -> None:
    bench, tree = early
    made = {m.row_id: m.date for m in bench.catalog.measurements}
    shown = [p for c in tree.candidates for t in c.tiers for p in t.curve if p.row_id]
    assert shown
    for point in shown:
        day = made[point.row_id]
        assert day is not None
        assert day <= EARLY
    for c in tree.candidates:
        for t in c.tiers:
            for month in re.findall(r"on the software of (\d{4}-\d\d)", t.operating_point.evidence_text):
                assert month <= EARLY.isoformat()[:7], t.operating_point.evidence_text


def test_an_answer_says_what_is_not_of_its_day(early: tuple[Workbench, Recommendation]) -> None:
    """Sellers, lead times, the roadmap and defaults have one state; that it is younger than the day was not told."""
    _, tree = early
    (note,) = (n for n in tree.notes if "not what was known on that day" in n)
    assert "who sells a part (2026-11-21)" in note
    assert any("rests on measurements up to" in n for n in tree.notes)
    now = Workbench(as_of=date(2026, 11, 21), bare=True).advise(profile(candidates=["h100"]), draws=200)
    assert not any("not what was known on that day" in n for n in now.notes)
