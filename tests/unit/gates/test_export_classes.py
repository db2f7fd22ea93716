"""TPP, performance density and class against the published reference, and the limits at their edges."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.domain.rules import Chip, ExportRules
from advisor.engine.gates.export import BITS, classify, total_processing_performance

TODAY = date(2026, 11, 21)
REFERENCE = list(csv.DictReader((Path(__file__).parent / "data" / "tpp_reference.csv").read_text().splitlines()))


@pytest.mark.parametrize("row", REFERENCE, ids=[r["accelerator_id"] for r in REFERENCE])
def test_every_part_equals_the_reference_to_the_last_digit(
    row: dict[str, str], chips: dict[str, Chip], rules: ExportRules
) -> None:
    found = classify(chips[row["accelerator_id"]], rules, TODAY)
    if not row["tpp_max"]:
        assert found.tpp is None
        assert found.item_class == "unspecified"
        return
    assert repr(found.tpp) == row["tpp_max"]
    assert found.tpp_format == row["tpp_max_format"]
    for name in ("bf16", "fp8", "fp6", "fp4", "int8"):
        stated = row[f"tpp_{name}"]
        assert (repr(found.tpp_by_format[name]) if name in found.tpp_by_format else "") == stated
    assert found.performance_density is not None
    assert repr(round(found.performance_density, 2)) == row["pd"]
    if row["rule_hit"] == "none":
        assert found.threshold_ids == ()
        assert found.computer_class == ""
    else:
        assert found.item_class == row["classification_by_parameter"]
        assert row["rule_hit"] in found.threshold_ids
        assert found.computer_class == row["computer_eccn"]
    assert found.relief is (row["china_case_by_case_2026_eligible"] == "yes")
    band = f"tariff band {row['us_tariff_band_2026']}" if row["us_tariff_band_2026"] != "none" else None
    assert (found.tariff.gives if found.tariff else None) == band


def test_all_twelve_parts_are_judged(chips: dict[str, Chip]) -> None:
    assert set(chips) == {r["accelerator_id"] for r in REFERENCE}
    assert len(chips) == 12


def test_mi355x_counts_at_fp6(chips: dict[str, Chip], rules: ExportRules) -> None:
    found = classify(chips["mi355x"], rules, TODAY)
    assert (found.tpp, found.tpp_format) == (60397.8, "fp6")
    assert "fp6 10,066.3 x 6 = 60,397.8" in found.arithmetic


def _chip(tpp: float, *, area: float | None = None, bandwidth: float | None = 5000.0, io: float = 900.0) -> Chip:
    return Chip("x", "x", "X", {"fp8": tpp / 8}, area, bandwidth, io)


@pytest.mark.parametrize(
    ("tpp", "density", "expected"),
    [
        (4800.0, 1.0, "3A090.a"),
        (4799.2, 1.0, "not controlled"),
        (1600.0, 5.92, "3A090.a"),
        (1600.0, 5.919, "3A090.b"),
        (1599.2, 8.0, "not controlled"),
        (2400.0, 1.6, "3A090.b"),
        (2400.0, 1.599, "not controlled"),
        (2399.2, 1.6, "not controlled"),
        (2000.0, 3.2, "3A090.b"),
        (2000.0, 3.199, "not controlled"),
        (4799.2, 1.6, "3A090.b"),
    ],
)
def test_limits_of_2023_at_their_edges(tpp: float, density: float, expected: str, rules: ExportRules) -> None:
    # 8 / 1024 steps are exact in binary, so that the edge is hit and not missed by rounding.
    chip = Chip("x", "x", "X", {"fp8": tpp / 8}, tpp / density, 5000.0, 900.0)
    assert classify(chip, rules, date(2023, 11, 17)).item_class == expected


def test_unknown_die_area_is_said_and_meets_no_density_test(rules: ExportRules) -> None:
    found = classify(_chip(2000.0), rules, TODAY)
    assert found.item_class == "not controlled"
    assert any("die area" in note for note in found.notes)


@pytest.mark.parametrize(
    ("day", "io", "expected"),
    [
        (date(2022, 10, 6), 900.0, "not controlled"),
        (date(2022, 10, 7), 900.0, "3A090 (2022)"),
        (date(2022, 10, 7), 600.0, "3A090 (2022)"),
        (date(2022, 10, 7), 599.0, "not controlled"),
        (date(2023, 11, 16), 599.0, "not controlled"),
        (date(2023, 11, 17), 599.0, "3A090.a"),
    ],
)
def test_first_rule_needs_the_transfer_rate_too(day: date, io: float, expected: str, rules: ExportRules) -> None:
    assert classify(_chip(16000.0, area=814.0, io=io), rules, day).item_class == expected


@pytest.mark.parametrize(
    ("tpp", "bandwidth", "day", "relief"),
    [
        (20999.2, 6499.0, date(2026, 1, 15), True),
        (20999.2, 6499.0, date(2026, 1, 14), False),
        (21000.0, 6499.0, date(2026, 1, 15), False),
        (20999.2, 6500.0, date(2026, 1, 15), False),
        (20999.2, None, date(2026, 1, 15), False),
    ],
)
def test_case_by_case_needs_both_limits_strictly(
    tpp: float, bandwidth: float | None, day: date, relief: bool, rules: ExportRules
) -> None:
    assert classify(_chip(tpp, area=800.0, bandwidth=bandwidth), rules, day).relief is relief


@pytest.mark.parametrize(
    ("tpp", "bandwidth", "band"),
    [
        (15832.0, 4800.0, "tariff band 1"),
        (14000.0, 4800.0, None),
        (17500.0, 4800.0, None),
        (15832.0, 4500.0, None),
        (15832.0, 5000.0, None),
        (20919.2, 6000.0, "tariff band 2"),
        (20800.0, 6000.0, None),
        (20919.2, 6200.0, None),
        (20919.2, 5300.0, None),
    ],
)
def test_tariff_bands_exclude_both_ends(tpp: float, bandwidth: float, band: str | None, rules: ExportRules) -> None:
    found = classify(_chip(tpp, area=800.0, bandwidth=bandwidth), rules, TODAY).tariff
    assert (found.gives if found else None) == band


@given(st.dictionaries(st.sampled_from(sorted(BITS)), st.floats(0.1, 1e6), min_size=1))
def test_tpp_is_rate_times_bits_and_adding_a_format_never_lowers_it(rates: dict[str, float]) -> None:
    found = total_processing_performance(rates)
    assert set(found) == set(rates)
    for name, value in found.items():
        assert value == pytest.approx(rates[name] * BITS[name], rel=1e-12)
    dropped = dict(list(rates.items())[1:])
    if dropped:
        assert max(found.values()) >= max(total_processing_performance(dropped).values())
