"""Public claims: published models reproduced by hand, and a verdict for every one that follows from its figures."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from advisor.catalog import Catalog, load_catalog
from advisor.domain.claim_check import ClaimCheck, ClaimVerdict
from advisor.domain.units import usd_per_mtok
from advisor.engine.claims import check_claim, check_claims
from advisor.engine.claims.arithmetic import cost_cut, yearly_saving
from advisor.engine.claims.base import numbers
from advisor.engine.claims.notes import claim_notes
from advisor.engine.claims.tco_case import Side, needed_engineers, needed_throughput, three_year_case
from tests.conftest import AS_OF


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


@pytest.fixture(scope="module")
def found(catalog: Catalog) -> dict[str, ClaimCheck]:
    return {c.id: c for c in check_claims(catalog, AS_OF)}


# published models, on paper


def test_forty_percent_more_tokens_a_dollar_is_28_6_percent_less_cost() -> None:
    assert cost_cut(0.40) == pytest.approx(1 / 1.4 - 1)
    assert f"{cost_cut(0.40):.1%}" == "-28.6%"


def test_two_million_a_month_saves_6_86_a_year() -> None:
    assert pytest.approx(1.43e6, rel=2e-3) == 2.0e6 / 1.4
    assert yearly_saving(2.0e6, 0.40) == pytest.approx(6.857e6, rel=1e-3)


def test_two_dollars_an_hour_at_33_tokens_is_16_84() -> None:
    assert round(usd_per_mtok(2.00, 33.0), 2) == 16.84


def test_the_800_accelerator_case_and_what_makes_it_true() -> None:
    """0.6 x 22/35 + 0.4 x 750/700 = 0.806 of the cost; -31 % a token needs 1.167 times the throughput."""
    mi325x, h200 = Side("MI325X", 22_000, 750, 1.0), Side("H200", 35_000, 700, 1.0)
    needed = needed_throughput(mi325x, h200, -0.31)
    assert needed == pytest.approx((0.6 * 22 / 35 + 0.4 * 750 / 700) / 0.69)
    assert needed == pytest.approx(1.168, abs=1e-3)
    case = three_year_case(Side("MI325X", 22_000, 750, needed), h200)
    assert case.change == pytest.approx(-0.31)
    # two engineers at 280,000 for three years; H200 fleet 800 x 35,000 x 0.86 / 0.6 = 40.13 MUSD
    assert case.engineers_usd == pytest.approx(1_680_000)
    assert case.with_engineers - case.change == pytest.approx(1.68 / 40.133 / needed, rel=1e-3)
    assert case.with_engineers == pytest.approx(-0.274, abs=1e-3)
    assert needed_engineers(Side("MI325X", 22_000, 750, needed), h200, -0.19) == pytest.approx(6.7, abs=0.1)


def test_the_discount_is_the_same_on_both_and_cancels() -> None:
    a, b = Side("MI325X", 22_000, 750, 1.1), Side("H200", 35_000, 700, 1.0)
    bare = three_year_case(a, b, discount=0.0, engineers=0)
    assert three_year_case(a, b, discount=0.14, engineers=0).change == pytest.approx(bare.change)


def test_numbers_in_claims() -> None:
    assert numbers("2.25 / 4-5 / 12-16 / 4.79") == [2.25, 4.0, 5.0, 12.0, 16.0, 4.79]
    assert numbers("+40") == [40.0]


# every claim


def test_every_claim_has_a_verdict(catalog: Catalog, found: dict[str, ClaimCheck]) -> None:
    assert len(found) == len(catalog.claims) == 65
    for check in found.values():
        assert check.verdict in get_args(ClaimVerdict)
        assert check.rule
        assert check.formula
        assert check.computed or check.verdict == "unverifiable"
        assert "no check is known" not in check.rule
        if check.computed and check.verdict != "unverifiable":
            assert check.ours not in ("", "none")
        for source in check.source_ids:
            assert source in catalog.sources


EXPECTED: dict[str, ClaimVerdict] = {
    "B04": "contradicted", "B06": "contradicted", "B07": "contradicted", "B14": "contradicted", "B23": "contradicted",
    "C02": "contradicted", "C08": "contradicted", "D01": "contradicted", "D04": "contradicted", "E02": "contradicted",
    "E03": "contradicted", "B12": "contradicted", "B13": "confirmed", "B01": "confirmed", "B09": "confirmed",
    "C03": "confirmed", "C07": "confirmed", "D02": "confirmed", "D05": "confirmed", "D11": "confirmed",
    "D12": "confirmed", "D10": "arithmetic error", "E06": "arithmetic error", "D08": "outdated", "E05": "outdated",
    "C06": "unverifiable", "A02": "unverifiable",
}  # fmt: skip


@pytest.mark.parametrize(("claim", "verdict"), EXPECTED.items())
def test_verdicts_that_the_sources_settle(found: dict[str, ClaimCheck], claim: str, verdict: ClaimVerdict) -> None:
    assert found[claim].verdict == verdict, found[claim].formula


def test_figures(found: dict[str, ClaimCheck]) -> None:
    assert found["D10"].ours_value == pytest.approx(6.857, abs=1e-3)
    assert found["E06"].ours_value == pytest.approx(16.84, abs=5e-3)
    assert found["D01"].ours_value == pytest.approx(100_282 / 8, rel=1e-4)
    assert found["B23"].ours_value == pytest.approx(2614.9 * 8, rel=1e-4)
    assert "-28.6 %" in found["D10"].evidence
    assert "28.6 %" in found["A01"].evidence
    assert "USD 1.68M" in found["B16"].evidence
    assert "1.17 times the throughput" in found["B15"].evidence
    assert "power of the MI325X (1000 W)" in found["B15"].evidence


@pytest.mark.parametrize(
    ("claim", "instead", "verdict"),
    [
        ("D10", "6.86", "confirmed"),
        ("E06", "16.84 / 15", "confirmed"),
        ("D01", "12535", "confirmed"),
        ("B06", "6.0", "confirmed"),
        ("B12", "14000", "confirmed"),
        ("C03", "100 / 97 / 150", "contradicted"),
        ("B13", "50000", "contradicted"),
        ("D11", "9-12", "contradicted"),
        ("B01", "256", "contradicted"),
        ("E02", "73", "confirmed"),
    ],
)
def test_a_verdict_follows_the_figure_not_the_claim(
    catalog: Catalog, claim: str, instead: str, verdict: ClaimVerdict
) -> None:
    original = next(c for c in catalog.claims if c.id == claim)
    assert check_claim(replace(original, claimed=instead), catalog, AS_OF).verdict == verdict


def test_a_claim_that_nobody_knows_is_unverifiable(catalog: Catalog) -> None:
    stranger = replace(catalog.claims[0], id="Z99")
    check = check_claim(stranger, catalog, AS_OF)
    assert check.verdict == "unverifiable"
    assert not check.computed


def test_the_rule_of_the_memory_claim_is_the_one_that_decides(found: dict[str, ClaimCheck]) -> None:
    """192 against 180 was confirmed by a rule of one percent."""
    claim = found["C01"]
    assert claim.verdict == "confirmed"
    assert "catalog 180 GB (1.07); carried by the B200 192.3e9 bytes (1.00)" in claim.formula
    assert claim.rule.endswith("the bytes that it carries are as good a figure")


def test_in_a_report_the_figure_leads_to_its_explanation(found: dict[str, ClaimCheck]) -> None:
    """A sentence had begun in the middle: "6 TB/s. the MI300X has 5.3 TB/s"."""
    check = next(c for c in found.values() if c.ours == "6 TB/s")
    assert claim_notes([check], ["mi325x"])[0].assessment == f"6 TB/s: {check.evidence}"
    unknown = check.model_copy(update={"ours": "none", "evidence": "nobody has published it"})
    assert claim_notes([unknown], ["mi325x"])[0].assessment == "nobody has published it"
