"""Two runs of one point: newer software supersedes, the same software pools."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from advisor.domain.evidence import Measurement
from advisor.engine.own_runs import standing, superseded
from advisor.engine.probe_checks import probe_checks
from advisor.evidence.runs import Deployment, Distribution, Run, Step, measurements_from_run
from advisor.workbench import Workbench
from tests.conftest import AS_OF

EARLY, LATE = date(2026, 10, 1), date(2026, 11, 1)


def row(name: str, day: date, version: str = "", rate: float = 100.0, **more: object) -> Measurement:
    """A run of MI300X at one point."""
    times = Distribution(n=300, p50=0.05, mean=0.05)
    step = Step(
        index=0, concurrency=32, isl=900, osl=900, requests=300, succeeded=300, output_tps=8 * rate,
        total_tps=16 * rate, tpot=times.model_copy(update={"p50": 4.0 / rate}), ttft=times,
    )  # fmt: skip
    where = Deployment(
        accelerator="mi300x", gpus=8, model="llama3.3-70b", precision="fp8", engine="vllm", engine_version=version, tp=8
    )
    run = Run(
        id=name, tool="t", started_at=datetime(day.year, day.month, day.day, tzinfo=UTC), steps=(step,),
        deployment=where,
    )  # fmt: skip
    (found,) = measurements_from_run(run)
    return replace(found, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("first", "second", "left"),
    [
        ((EARLY, "0.9"), (LATE, "0.10"), ["b"]),  # newer software
        ((LATE, "0.9"), (EARLY, "0.10"), ["a"]),  # what is served now, though its number is lower
        ((EARLY, "0.10"), (LATE, "0.10"), ["a", "b"]),  # the same software
        ((LATE, ""), (LATE, ""), ["a", "b"]),  # one day
        ((EARLY, ""), (LATE, ""), ["b"]),  # of an unknown version the later day speaks
        ((EARLY, "0.10"), (LATE, ""), ["b"]),
        ((LATE, "0.9.2"), (LATE, "0.10.0"), ["b"]),  # an upgrade within a day
        ((LATE, "0.10"), (LATE, ""), ["a", "b"]),
    ],
)
def test_which_of_two_runs_of_one_point_stands(
    first: tuple[date, str], second: tuple[date, str], left: list[str]
) -> None:
    rows = [row("a", *first), row("b", *second)]
    for given in (rows, rows[::-1]):
        assert sorted(m.row_id.partition(":")[0] for m in standing(given)) == left


def test_only_the_very_point_is_superseded() -> None:
    new = row("b", LATE, "0.10")
    for more in ({"concurrency": 64}, {"isl": 2000}, {"tp": 4}, {"engine": "sglang"}, {"spec_method": "mtp"}):
        assert standing([row("a", EARLY, "0.9", **more), new])[0].source_id == "run:a"
    drawn = row("a", EARLY, "0.9", isl=910, concurrency=33)  # lengths and loads that came, not those that were meant
    assert standing([drawn, new]) == [new]
    steps = [replace(new, row_id="b:1", tpot_p50_s=0.04), new]  # of one run, such as the three of the nine shapes
    assert standing(steps) == steps


def test_the_newest_of_several_takes_the_place() -> None:
    rows = [row("a", EARLY, "0.8"), row("b", date(2026, 10, 10), "0.9"), row("c", LATE, "0.10")]
    assert {key: by.source_id for key, by in superseded(rows).items()} == {"a:0": "run:c", "b:0": "run:c"}


def test_the_answer_follows_the_newer_software_and_says_so() -> None:
    """It had answered the mean of the two, which is what neither version does, and told the user to remove one."""
    old, new = row("a", EARLY, "0.9", 100.0), row("b", LATE, "0.10", 140.0, model="llama70b")
    alone, both = (Workbench(as_of=AS_OF, bare=True, evidence=some) for some in ([new], [old, new]))
    assert both.own_use() == (1, 0)
    model = both.catalog.models["llama3.3-70b"]
    rows = both._called_rows
    newer, older = probe_checks(rows, model, ["mi300x"], both._prior.estimate)
    assert "the estimate now follows the measurement" in newer.text
    assert "lies between" not in newer.text
    assert older.text.endswith(
        "it counts no longer: run b of 2026-11-01 on vllm 0.10 measured 1.40 times as much at the same point."
    )
    assert [m.row_id for m in both._own_rows] == [m.row_id for m in alone._own_rows] == ["b:0"]
