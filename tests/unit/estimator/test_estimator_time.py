"""Where measurements lie in time, and when a question without a day is asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from advisor.domain.evidence import Measurement
from advisor.engine.estimator.calibration import by_measured_name
from advisor.engine.estimator.encode import (
    MEDIAN_MONTH,
    Points,
    median_month,
    months_since_epoch,
    points_of_measurements,
    points_of_queries,
)
from advisor.engine.estimator.typical import Gone, UsualMonths, newest_days, usual_months
from tests.estimator_kit import catalog, query_of

DUMP = date(2026, 7, 20)


def median_of(model: str = "dsr1", accelerator: str = "b200", **more: object) -> Measurement:
    found = next(
        m for m in catalog().measurements
        if m.family == "median" and (m.model, m.accelerator, m.disagg) == (model, accelerator, False)
    )  # fmt: skip
    return replace(found, **more)  # type: ignore[arg-type]


def placed(*rows: Measurement) -> Points:
    return points_of_measurements(rows, by_measured_name(catalog().models), catalog().accelerators)


def usual(rows: list[Measurement]) -> UsualMonths:
    return usual_months(placed(*rows), rows)


def asked(m: Measurement, found: UsualMonths, gone: Gone = "") -> float:
    points = points_of_queries([query_of(m)], [m.model], catalog().accelerators)
    return float(found.of(points, gone=gone)[0])


def test_a_median_lies_in_the_middle_of_its_time() -> None:
    old, young = median_of(first_run=date(2025, 10, 1)), median_of(first_run=date(2026, 6, 20))
    month = placed(old, young).month
    assert month[0] == pytest.approx(months_since_epoch(date(2026, 2, 24)), abs=0.13)
    assert month[1] == pytest.approx(months_since_epoch(date(2026, 7, 5)), abs=0.13)
    assert month[0] == median_month(date(2025, 10, 1), DUMP)


def test_where_nothing_is_known_of_its_configuration_in_the_middle_of_the_benchmark() -> None:
    assert placed(median_of(first_run=None)).month[0] == MEDIAN_MONTH


def test_a_dated_run_lies_at_its_day_whatever_its_configuration() -> None:
    run = median_of(family="single_run", date=date(2026, 3, 1), first_run=date(2025, 10, 1))
    assert placed(run).month[0] == months_since_epoch(date(2026, 3, 1))


def test_a_question_is_asked_where_its_stack_lies_else_where_the_same_lies_on_other_parts() -> None:
    here = median_of("dsr1", "b200", engine="sglang", precision="fp8", first_run=date(2025, 10, 1))
    there = replace(here, accelerator="h200", first_run=date(2026, 3, 1))
    other = replace(here, accelerator="h200", engine="trt", first_run=date(2026, 7, 1))
    found = usual([here, there, other])
    assert asked(here, found) == median_month(date(2025, 10, 1), DUMP)
    assert asked(here, found, "pair") == median_month(date(2026, 3, 1), DUMP)
    assert asked(replace(here, accelerator="mi300x", precision="fp4"), found) in {
        median_month(day, DUMP) for day in (date(2025, 10, 1), date(2026, 3, 1))
    }
    assert asked(replace(here, accelerator="mi300x", engine="trt"), found) == median_month(date(2026, 7, 1), DUMP)
    wide = replace(here, tp=2, gpus=2, first_run=date(2026, 5, 1))
    assert asked(wide, usual([here, here, here, wide])) == median_month(date(2026, 5, 1), DUMP)
    nothing = usual([])
    assert asked(here, nothing) == MEDIAN_MONTH


def test_nothing_is_asked_for_before_anything_ran_on_the_part() -> None:
    old = median_of("dsr1", "b200", engine="sglang", precision="fp8", first_run=date(2025, 10, 1))
    part = replace(old, accelerator="b300", model="glm5", first_run=date(2026, 4, 17))
    later = replace(old, accelerator="b300", model="dsv4", first_run=date(2026, 6, 1))
    found = usual([old, part, later])
    new = replace(old, accelerator="b300")
    assert asked(new, found) == asked(new, found, "pair") == median_month(date(2026, 4, 17), DUMP)
    assert asked(new, found, "accelerator") == median_month(date(2025, 10, 1), DUMP)
    # what is left out tells nothing
    assert asked(part, usual([old, part, later]), "pair") == median_month(date(2026, 6, 1), DUMP)


def test_a_run_older_than_the_medians_of_its_stack_dates_no_advice() -> None:
    median = median_of("dsr1", "b200", engine="sglang", precision="fp8", first_run=date(2026, 5, 1))
    run = replace(median, row_id="run", family="single_run", date=date(2026, 5, 15), first_run=None)
    part = catalog().accelerators["b200"]

    def newest(first: date) -> date | None:
        rows = [replace(median, first_run=first), run]
        found = newest_days(placed(*rows), rows, (), usual(rows))
        return found.of(part, "dsr1", "fp8", "sglang", median.spec_method != "none", False)

    assert newest(date(2025, 10, 1)) == date(2026, 5, 15)
    assert newest(date(2026, 5, 1)) is None
