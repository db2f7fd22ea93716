"""The register: exposure from facts, likelihood from exposure, loss from both, all of it overridable."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from advisor.catalog import Catalog, load_catalog
from advisor.domain.errors import CatalogError
from advisor.domain.gates import Gate
from advisor.domain.profile import Profile
from advisor.domain.risk import Risk
from advisor.engine.cost import cost_of
from advisor.engine.cost.bill import Bill
from advisor.engine.exposure import exposures
from advisor.engine.gates.site import rack_gate
from advisor.engine.gates.software import software_findings
from advisor.engine.paying import build_pricing, price_candidate
from advisor.engine.risk import assess_risks, expected_loss
from advisor.engine.sized import SizedCandidate
from tests.conftest import AS_OF
from tests.sized_kit import profile_of, sized_of


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


def register(
    catalog: Catalog, part: str, engine: str = "vllm", spread: float = 1.3, **changes: object
) -> dict[str, Risk]:
    profile = profile_of(**changes)
    sized = sized_of(profile, catalog, part, spread=spread, engine=engine)
    cost = price_candidate(profile, sized, catalog, AS_OF)
    return {r.id: r for r in assess_risks(profile, sized, cost, catalog, AS_OF)}


def test_every_kind_of_risk_has_a_template(catalog: Catalog) -> None:
    wanted = {
        "software", "evidence", "supply", "export", "price", "roadmap", "power", "concentration", "team", "lock-in",
        "accuracy",
    }  # fmt: skip
    assert {t.category for t in catalog.risk_register} == wanted
    for t in catalog.risk_register:
        assert t.likelihood_low <= t.likelihood <= t.likelihood_high
        assert t.effect_low <= t.effect <= t.effect_high
        assert t.mitigation
        assert t.owner
        assert t.provenance.source_id in catalog.sources


@pytest.mark.parametrize(
    ("column", "cell", "said"),
    [
        ("effect_low", "0.3", "effect_low, effect and effect_high are not in order"),
        ("likelihood_high", "0.01", "likelihood_low, likelihood and likelihood_high are not in order"),
        ("effect_high", "1e12", "effect_high"),
    ],
)
def test_a_band_that_does_not_rise_is_refused_with_its_place(
    column: str, cell: str, said: str, root: Path, tmp_path: Path
) -> None:
    bundled = (root / "catalog" / "risks" / "register.csv").read_text(encoding="utf-8")
    header, first, *_ = list(csv.reader(bundled.splitlines()))
    first[header.index(column)] = cell
    (tmp_path / "risks").mkdir()
    with (tmp_path / "risks" / "register.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, first])
    with pytest.raises(CatalogError) as told:
        _ = load_catalog([tmp_path]).risk_register
    assert said in str(told.value)
    assert "risks/register.csv" in str(told.value)


def test_expected_loss_on_paper(catalog: Catalog) -> None:
    risk = register(catalog, "h200", procurement={"mode": "rent", "commitment": "reserved_1y"})["vendor_concentration"]
    # 20 % a year (10 to 30); 5 % (2 to 10) of a year's cost; means of three values
    monthly = 64 * 730 * 3.0
    assert risk.likelihood_per_year.typical == pytest.approx(0.2)
    assert risk.effect_usd.typical == pytest.approx(0.05 * 12 * monthly)
    mean = (0.1 + 0.2 + 0.3) / 3 * (0.02 + 0.05 + 0.10) / 3 * 12 * monthly
    assert risk.expected_loss_usd_per_month == pytest.approx(mean / 12)
    assert risk.tail_usd_per_month == pytest.approx(0.3 * 0.10 * monthly)


def test_open_problems_raise_the_likelihood(catalog: Catalog) -> None:
    risk = register(catalog, "mi355x")["software_regression"]
    named = [row.removeprefix("known_issues:") for row in risk.row_ids if row.startswith("known_issues:")]
    issues = {i.id: i for i in catalog.known_issues}
    assert named
    assert all("mi355x" in issues[n].accelerators and issues[n].severity in ("critical", "high") for n in named)
    units = sum(1.0 if issues[n].unresolved else 0.5 for n in named)
    assert risk.likelihood_per_year.typical == pytest.approx(1 - 0.95**units)
    assert risk.effect_formula


def issues_of(catalog: Catalog, part: str, day: date = AS_OF) -> set[str]:
    """Known problems that the register counts for eight-bit weights on vLLM."""
    profile = profile_of()
    sized = sized_of(profile, catalog, part)
    cost = price_candidate(profile, sized, catalog, AS_OF)
    found = exposures(profile, sized, cost, catalog, day)
    rows = [*found["software_regression"].row_ids, *found["accuracy_regression"].row_ids]
    return {row.removeprefix("known_issues:") for row in rows}


def test_a_problem_that_the_gate_rules_out_is_not_counted(catalog: Catalog) -> None:
    """Crashes of four-bit weights, and of another engine, were paid for by a fleet of eight bits."""
    part = catalog.accelerators["mi300x"]
    told = {i.id for i in software_findings(profile_of(), part, "vllm", "fp8", catalog).issues}
    counted = issues_of(catalog, "mi300x")
    assert counted <= told
    assert counted == {"I05"}
    assert "I04" in {i.id for i in software_findings(profile_of(), part, "vllm", "fp4", catalog).issues}


def test_a_problem_of_a_later_day_is_not_counted(catalog: Catalog) -> None:
    assert "I25" in issues_of(catalog, "mi325x")
    assert "I25" not in issues_of(catalog, "mi325x", date(2026, 3, 26))
    part = catalog.accelerators["mi325x"]
    early = software_findings(profile_of(), part, "vllm", "fp8", catalog, as_of=date(2026, 3, 26))
    assert "I25" not in {i.id for i in early.issues}


@pytest.mark.parametrize("part", ["mi350x", "mi355x", "h100"])
def test_the_power_of_a_node_is_that_of_the_rack_gate(part: str, catalog: Catalog) -> None:
    """Where no all-in figure is published, the bare chips were told: 8 kW a node that draws 13.5."""
    risk = register(catalog, part, procurement={"mode": "buy"})["power_density"]
    gate = rack_gate(profile_of(procurement={"mode": "buy"}), catalog.accelerators[part], 8, catalog)
    kw = re.search(r"= ([\d.]+) kW;", gate.arithmetic)
    assert kw is not None
    assert risk.basis.startswith(f"{kw[1]} kW of IT a node")


def test_a_purchase_waits_for_its_order_and_not_for_rented_capacity(catalog: Catalog) -> None:
    """What a survey says of clouds, sold out or clickable on demand, was told as the lead time of a purchase."""
    bought = register(catalog, "h200", procurement={"mode": "buy"})["supply"]
    assert bought.cause == "stated lead time: " + next(
        r.statement for r in catalog.gate_facts.lead_times if r.id == "any-buy"
    )
    assert "sold out" not in bought.basis


def test_the_horizon_of_the_roadmap_has_whole_months(catalog: Catalog) -> None:
    """Thirty-six months of thirty days end a fortnight early: a part due on their last days was not counted."""
    profile = profile_of(procurement={"mode": "buy", "horizon_months": 36})
    sized = sized_of(profile, catalog, "h200")
    cost = price_candidate(profile, sized, catalog, AS_OF)
    parts = {p.id: p for p in catalog.roadmap}
    assert parts["feynman"].latest == date(2028, 12, 31)
    rows = [exposures(profile, sized, cost, catalog, date(2026, 1, day))["roadmap"].row_ids for day in (6, 1)]
    assert ["roadmap:feynman" in found for found in rows] == [True, True]
    before = exposures(profile, sized, cost, catalog, date(2025, 12, 30))["roadmap"].row_ids
    assert "roadmap:feynman" not in before


def test_a_team_pays_for_what_it_does_not_know(catalog: Catalog) -> None:
    novice = register(catalog, "mi300x", team={"rocm_experience": "none"})["team"]
    some = register(catalog, "mi300x", team={"rocm_experience": "some"})["team"]
    assert novice.expected_loss_usd_per_month > some.expected_loss_usd_per_month
    assert "team" not in register(catalog, "mi300x", team={"rocm_experience": "expert"})


def test_lock_in_needs_an_engine_of_one_vendor(catalog: Catalog) -> None:
    assert "engine_lock_in" in register(catalog, "b200", engine="trt")
    assert "engine_lock_in" not in register(catalog, "b200", engine="vllm")


def test_floating_and_committed_prices_run_opposite_risks(catalog: Catalog) -> None:
    floating = register(catalog, "b200", procurement={"mode": "rent", "commitment": "on_demand"})
    bound = register(catalog, "b200", procurement={"mode": "rent", "commitment": "reserved_3y"})
    assert "price_movement" in floating
    assert "price_fall" not in floating
    assert "price_fall" in bound
    assert "price_movement" not in bound
    assert "roadmap" in bound
    assert "roadmap" not in floating


def test_few_sellers_are_a_supply_risk(catalog: Catalog) -> None:
    rent = {"mode": "rent", "commitment": "on_demand"}
    assert "supply" in register(catalog, "mi355x", procurement=rent)
    assert "supply" not in register(catalog, "h100", procurement=rent)


def test_better_evidence_is_a_smaller_risk(catalog: Catalog) -> None:
    wide = register(catalog, "b200", spread=1.8)["evidence_quality"]
    narrow = register(catalog, "b200", spread=1.1)["evidence_quality"]
    assert wide.expected_loss_usd_per_month > narrow.expected_loss_usd_per_month
    assert "evidence_quality" not in register(catalog, "b200", spread=1.0)


def test_the_profile_overrides_likelihood_and_effect(catalog: Catalog) -> None:
    own = {"risk_likelihood": {"supply": 0.5}, "risk_effect_usd": {"supply": 120_000}}
    risk = register(catalog, "mi355x", overrides=own)["supply"]
    assert risk.overridden
    assert risk.expected_loss_usd_per_month == pytest.approx(0.5 * 120_000 / 12)
    unset = register(catalog, "h100", procurement={"mode": "rent", "commitment": "on_demand"}, overrides=own)
    assert unset["supply"].expected_loss_usd_per_month == pytest.approx(5_000)


@pytest.mark.parametrize(
    ("risk", "able", "unable"),
    [
        ("spot_loss", "spot", "reserved_1y"),
        ("price_movement", "on_demand", "reserved_1y"),
        ("price_fall", "reserved_1y", "on_demand"),
        ("roadmap", "reserved_3y", "on_demand"),
        ("power_density", "buy", "on_demand"),
    ],
)
def test_no_likelihood_makes_a_risk_of_another_way_of_paying(
    catalog: Catalog, risk: str, able: str, unable: str
) -> None:
    """A purchase was told to guard against the loss of its spot capacity."""
    own = {"risk_likelihood": {risk: 0.5}}

    def paid(way: str) -> dict[str, Risk]:
        terms = {"mode": "buy"} if way == "buy" else {"mode": "rent", "commitment": way}
        return register(catalog, "b200", procurement=terms, overrides=own)

    assert risk not in paid(unable)
    assert paid(able)[risk].likelihood_per_year.typical == 0.5
    assert paid(able)[risk].basis.endswith("50 % a year, set by the profile")


def test_risks_come_largest_first(catalog: Catalog) -> None:
    losses = [r.expected_loss_usd_per_month for r in register(catalog, "mi355x").values()]
    assert losses == sorted(losses, reverse=True)
    assert all(value >= 0 for value in losses)


@pytest.mark.parametrize("name", ["US", "usa", "United States of America"])
def test_at_home_no_change_of_export_rules_is_feared_whatever_its_name(catalog: Catalog, name: str) -> None:
    assert "export_change" not in register(catalog, "b200", place={"country": name})


@pytest.mark.parametrize(("gate", "mode", "counted"), [
    ("start", "buy", 1), ("start", "rent", 0), ("supply", "buy", 0), ("supply", "rent", 1),
])  # fmt: skip
def test_a_wait_counts_only_for_who_waits(catalog: Catalog, gate: str, mode: str, counted: int) -> None:
    """The delivery time of a purchase once made rented capacity late, and few landlords a purchase."""
    profile = profile_of(procurement={"mode": mode})
    waits = Gate(gate=gate, status="condition", condition="waitlist", title="a wait", reason="by hand")
    units = []
    for gates in ((), (waits,)):
        sized = sized_of(profile, catalog, "h200", gates=gates)
        cost = price_candidate(profile, sized, catalog, AS_OF)
        units.append(exposures(profile, sized, cost, catalog, AS_OF)["supply"].units)
    assert units[1] - units[0] == counted


def test_a_successor_devalues_what_is_reserved_and_not_the_peak_on_demand(catalog: Catalog) -> None:
    quotes = [
        {"accelerator": "h200", "usd": 2.0, "commitment": "reserved_3y"},
        {"accelerator": "h200", "usd": 4.0, "commitment": "on_demand"},
    ]
    profile = profile_of(procurement={"mode": "rent", "quotes": quotes}, traffic={"average_to_peak": 0.4})
    sized = sized_of(profile, catalog, "h200")
    cost = price_candidate(profile, sized, catalog, AS_OF)
    assert cost.option == "mixed.reserved_3y.quote"
    held = next(line for line in cost.lines if line.name.startswith("base of"))
    assert any(line.name.startswith("On demand") and line.usd_per_month > 0 for line in cost.lines)
    assert Bill.of_cost(cost).hardware == pytest.approx(held.usd_per_month * cost.annuity_months / 2)
    found = {r.id: r for r in assess_risks(profile, sized, cost, catalog, AS_OF)}["roadmap"]
    assert found.effect_usd.typical == pytest.approx(0.05 * held.usd_per_month * cost.annuity_months / 2)


@pytest.mark.parametrize(("commitment", "risk"), [("on_demand", "price_movement"), ("reserved_1y", "price_fall")])
def test_wages_do_not_move_with_the_price_of_accelerators(catalog: Catalog, commitment: str, risk: str) -> None:
    """A part whose stack needs engineers once bore the price risk of their wages too."""
    quote = {"accelerator": "mi355x", "usd": 3.0, "commitment": commitment}
    effects = []
    for engineers in (0, 5):
        profile = profile_of(
            team={"rocm_extra_engineers": engineers, "rocm_migration_weeks": 0},
            procurement={"mode": "rent", "commitment": commitment, "horizon_months": 12, "quotes": [quote]},
        )
        sized = sized_of(profile, catalog, "mi355x")
        cost = price_candidate(profile, sized, catalog, AS_OF)
        found = {r.id: r for r in assess_risks(profile, sized, cost, catalog, AS_OF)}
        effects.append(found[risk].effect_usd.typical)
    assert effects[1] == pytest.approx(effects[0])


@pytest.mark.parametrize("mode", ["rent", "buy", "either"])
@pytest.mark.parametrize("overrides", [{}, {"risk_effect_usd": {"price_movement": 9e5, "team": 1e5}}])
def test_the_expected_loss_of_each_way_is_what_its_register_adds_up_to(
    mode: str, overrides: dict[str, object], catalog: Catalog
) -> None:
    """Ways of paying are ordered by the sum alone; the register in words must come to the same."""
    for part in ("h200", "mi355x"):
        profile = profile_of(
            procurement={"mode": mode}, team={"rocm_experience": "some"}, overrides=overrides,
            traffic={"growth_per_year": 0.4},
        )
        sized = sized_of(profile, catalog, part, spread=1.3)
        pricing = build_pricing(profile, sized, catalog, AS_OF)
        for way in pricing.open.ways:
            one = replace(pricing, way=way)
            cost = cost_of(one, profile, catalog)
            told = sum(r.expected_loss_usd_per_month for r in assess_risks(profile, sized, cost, catalog, AS_OF))
            bill = Bill.of(pricing.model, way, pricing.model.terms(way, pricing.typical))
            assert float(expected_loss(profile, sized, bill, catalog, AS_OF)) == pytest.approx(told), way.id


def test_what_is_not_known_of_a_service_hangs_on_no_order_of_its_tiers(catalog: Catalog) -> None:
    """The tier that leads the table of candidates spoke for all: to leave out a losing candidate moved the others."""
    tier = {"model": {"id": "llama3.3-70b"}, "traffic": {"isl": 1000, "osl": 500, "peak_requests_per_s": 8.0}}
    profile = Profile.model_validate(
        {"workloads": [{"name": n, **tier} for n in ("chat", "documents")], "procurement": {"mode": "rent"}}
    )
    known = sized_of(profile, catalog, "h200", spread=1.1)
    guess = sized_of(profile, catalog, "h200", spread=1.5, grade="D")
    tiers, demands = (known.tiers[0], guess.tiers[1]), (known.demands[0], guess.demands[1])
    mixed = replace(known, tiers=tiers, demands=demands, memo={})
    turned = replace(
        mixed, tiers=mixed.tiers[::-1], workloads=mixed.workloads[::-1], demands=mixed.demands[::-1], memo={}
    )

    def evidence(sized: SizedCandidate) -> Risk:
        cost = price_candidate(profile, sized, catalog, AS_OF)
        return next(r for r in assess_risks(profile, sized, cost, catalog, AS_OF) if r.id == "evidence_quality")

    first, last = evidence(mixed), evidence(turned)
    assert first == last
    assert "grade D (workload documents)" in first.cause
    both = evidence(known).expected_loss_usd_per_month, evidence(guess).expected_loss_usd_per_month
    assert first.expected_loss_usd_per_month == pytest.approx(sum(both) / 2, rel=0.02)
