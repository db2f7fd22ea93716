"""First days of configurations: what rises with their number and lies early among the published runs."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.catalog_build.first_days import CONFIGURATION, first_days, rising
from advisor.domain.evidence import Measurement
from tests.catalog.test_build import measured, serving_row
from tests.estimator_kit import catalog

PERIOD = date(2025, 9, 29), date(2026, 7, 18)


def row(tp: int, **more: object) -> dict[str, object]:
    return dict.fromkeys(CONFIGURATION, "x") | {"tp": tp} | more


def test_numbers_between_dated_ones_lie_between_their_days() -> None:
    medians = [row(n, config_id=str(n)) for n in (1, 11, 21, 31)]
    runs = [row(11, date=date(2026, 1, 1)), row(11, date=date(2026, 5, 5)), row(99, date=date(2025, 1, 1))]
    days = first_days(medians, runs, PERIOD)
    assert days["1"] == PERIOD[0]
    assert days["11"] == date(2026, 1, 1)  # its first run; one of an unknown configuration says nothing
    assert days["31"] == PERIOD[1]
    assert days["21"] == date(2026, 1, 1) + (PERIOD[1] - date(2026, 1, 1)) / 2


def test_one_late_run_among_early_ones_moves_nothing() -> None:
    medians = [row(n, config_id=str(n)) for n in range(1, 12)]
    day = date(2026, 2, 1)
    late = {5: date(2026, 6, 1)}
    days = first_days(medians, [row(n, date=late.get(n, day)) for n in range(2, 11)], PERIOD)
    assert {days[str(n)] for n in range(2, 11)} == {day}


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=12), st.floats(0, 1))
def test_it_rises_and_keeps_what_rises_already(values: list[float], quantile: float) -> None:
    array = np.array(values)
    out = rising(array, quantile)
    assert (np.diff(out) >= 0).all()
    assert array.min() <= out.min()
    assert out.max() <= array.max()
    assert rising(np.sort(array), quantile).tolist() == np.sort(array).tolist()


def test_the_importer_says_it_of_medians_alone(tmp_path: Path) -> None:
    note = "median over all runs 2025-09-29..2026-07-18 of this config"
    median = {"row_kind": "median_over_runs", "notes": note, "date": "2026-07-20"}
    rows = measured(
        tmp_path, serving_row(config_id="3", **median), serving_row(config_id="7", decode_tp="4.0", **median),
        serving_row(decode_tp="2.0"),
    )  # fmt: skip
    assert {r["config_id"]: r["first_run"] for r in rows} == {"3": "2025-09-29", "7": "2026-07-18", "": ""}


def test_no_model_is_run_long_before_its_release() -> None:
    """Days of release: published by their makers; the benchmark runs some a few days ahead of it."""
    released = {
        "gptoss120b": date(2025, 8, 5), "kimik2.5": date(2026, 1, 27), "glm5": date(2026, 2, 11),
        "minimaxm2.5": date(2026, 2, 12), "qwen3.5": date(2026, 2, 16), "dsv4": date(2026, 4, 24),
    }  # fmt: skip
    medians = [m for m in catalog().measurements if m.family == "median" and m.first_run]
    for model, day in released.items():
        earliest = min(m.first_run for m in medians if m.model == model if m.first_run)
        assert (day - earliest).days < 7, model


def test_days_rise_with_the_numbers_of_the_catalog() -> None:
    found: list[Measurement] = [m for m in catalog().measurements if m.family == "median"]
    days = {int(m.config_id): m.first_run for m in found}
    assert None not in days.values()
    ordered = [days[n] for n in sorted(days)]
    assert all(a <= b for a, b in pairwise(ordered) if a and b)
    assert all(m.first_run is None for m in catalog().measurements if m.family != "median")
    with pytest.raises(StopIteration):
        next(m for m in found if m.date and m.first_run and m.first_run > m.date)
