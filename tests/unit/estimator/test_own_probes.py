"""What own measurements do to estimates: followed where they lie, no louder elsewhere, wide where they disagree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pytest

from advisor.domain.estimate import OperatingEstimate, OperatingQuery
from advisor.domain.evidence import Measurement
from advisor.engine.estimator.estimator import Software
from tests.estimator_kit import bundled_estimator, catalog, estimator_with, evidence, query

LOADS = (1, 4, 16, 32, 64, 128, 256, 512)


def stack(**more: object) -> OperatingQuery:
    return query("mi355x", **{"tp": 8, "gpus": 8, "isl": 1000, "osl": 1000, "concurrency": 64, **more})  # type: ignore[arg-type]


def probe(q: OperatingQuery, share: float, name: str = "r1:0", **more: object) -> Measurement:
    """A run at a point that reaches this share of the estimate there, with all latencies longer by as much."""
    (e,) = bundled_estimator().estimate([q])
    base = next(m for m in evidence() if m.model == "llama70b" and m.family == "median")
    values: dict[str, object] = {
        "row_id": name, "family": "own_probe", "accelerator": q.accelerator, "precision": q.precision,
        "engine": q.engine, "spec_method": "none", "disagg": False, "tp": q.tp, "ep": 1, "dp_attention": False,
        "gpus": q.gpus, "isl": round(q.isl), "osl": round(q.osl), "concurrency": q.concurrency,
        "total_tps_per_gpu": e.total_tps_per_gpu.mid * share, "output_tps_per_gpu": e.output_tps_per_gpu.mid * share,
        "tpot_p50_s": e.tpot_p50_s.mid / share, "ttft_p50_s": e.ttft_p50_s.mid / share, "tpot_p99_s": None,
        "ttft_p99_s": None, "e2el_p50_s": None, "date": date(2026, 11, 20), "flags": (), "source_id": "run:r1",
    }  # fmt: skip
    return replace(base, **(values | more))  # type: ignore[arg-type]


def moved(probes: Sequence[Measurement], asked: Sequence[OperatingQuery]) -> list[tuple[float, OperatingEstimate]]:
    """Rate with the probes over rate without them, and the estimate with them."""
    before = bundled_estimator().estimate(asked)
    after = estimator_with(probes=tuple(probes)).estimate(asked)
    return [(b.output_tps_per_gpu.mid / a.output_tps_per_gpu.mid, b) for a, b in zip(before, after, strict=True)]


@pytest.mark.parametrize("share", [0.7, 0.8, 1.25])
def test_the_very_point_of_a_probe_is_what_was_measured(share: float) -> None:
    """Where the fit had been sure the answer stopped on the way there, and its interval left the measurement out."""
    row = probe(stack(), share)
    ((ratio, e),) = moved([row], [stack()])
    assert ratio == pytest.approx(share, rel=0.01)
    assert row.output_tps_per_gpu is not None
    assert e.output_tps_per_gpu.lo <= row.output_tps_per_gpu <= e.output_tps_per_gpu.hi
    assert e.evidence_grade == "A"


def dated_stack(**more: object) -> OperatingQuery:
    """A stack that independent runs of some day measured, so that its software has a newest day."""
    usual = {"engine": "sglang", "tp": 8, "gpus": 8, "isl": 1000, "osl": 1000}
    return query("mi355x", "deepseek-r1", **{**usual, **more})  # type: ignore[arg-type]


def own_of_dated_stack() -> Measurement:
    row = probe(stack(), 1.0)
    return replace(row, model="dsr1", engine="sglang", concurrency=32, total_tps_per_gpu=252.0,
                   output_tps_per_gpu=126.0, tpot_p50_s=0.0264, ttft_p50_s=0.25)  # fmt: skip


@pytest.mark.parametrize("software", ["typical", "current"])
def test_who_asks_for_a_probed_point_gets_what_was_measured_there(software: Software) -> None:
    """As a median over runs, which `advisor estimate` asks for, it had been months from the day of the probe: graded A,
    TTFT 103 ms where 250 ms were measured, and the interval left the measurement out."""
    estimator = estimator_with(probes=(own_of_dated_stack(),))
    opened = {"engine": None, "spec_method": None, "disagg": None, "tp": None, "ep": None, "dp_attention": None}
    for asked in (dated_stack(), dated_stack(software_date=date(2026, 11, 21)), dated_stack(**opened, gpus=None)):
        (e,) = estimator.estimate([asked], software=software)
        assert (e.engine, e.spec_method, e.evidence_grade) == ("sglang", "none", "A")
        assert e.ttft_p50_s.mid == pytest.approx(0.25, rel=0.02)
        assert e.tpot_p50_s.mid == pytest.approx(0.0264, rel=0.02)
        assert e.output_tps_per_gpu.lo <= 126.0 <= e.output_tps_per_gpu.hi
        assert "your own run r1 (900/900 tokens sent)" in e.basis_text
        assert "on the software of" not in e.basis_text


def test_an_own_probe_says_nothing_of_the_software_of_an_earlier_day() -> None:
    estimator = estimator_with(probes=(own_of_dated_stack(),))
    (e,) = estimator.estimate([dated_stack(software_date=date(2026, 11, 19))])
    assert e.evidence_grade == "B"
    assert "your own run" not in e.basis_text


def test_an_open_configuration_is_the_probed_one_near_the_probed_loads_and_lengths_alone() -> None:
    """Far from there the one that measurements show to be the fastest stands, as without the probe."""
    estimator = estimator_with(probes=(own_of_dated_stack(),))
    opened = {"engine": None, "spec_method": None, "tp": None, "gpus": None}
    for more in ({"concurrency": 16}, {"concurrency": 64}, {"isl": 1200}):
        assert estimator.estimate([dated_stack(**{**opened, **more})])[0].engine == "sglang"
    for more in ({"concurrency": 512}, {"isl": 8000}):
        (usual,) = bundled_estimator().estimate([dated_stack(**{**opened, **more})])
        (now,) = estimator.estimate([dated_stack(**{**opened, **more})])
        assert (now.engine, now.spec_method, now.tp) == (usual.engine, usual.spec_method, usual.tp)


@pytest.mark.parametrize("share", [0.8, 1.25])
def test_no_place_moves_by_more_than_what_was_measured(share: float) -> None:
    """A fifth less where much was known had become half the rate at loads, lengths and parts of which little was."""
    asked = [stack(concurrency=n) for n in LOADS]
    asked += [stack(isl=isl, osl=osl) for isl, osl in ((2000, 1000), (8000, 1000), (1000, 8000))]
    asked += [stack(precision="bf16"), replace(stack(), accelerator="mi350x")]
    low, high = sorted((share, 1.0))
    for ratio, _ in moved([probe(stack(), share)], asked):
        assert 0.99 * low <= ratio <= 1.01 * high


def test_a_ladder_that_is_slow_throughout_is_slow_beyond_its_end() -> None:
    """It had been answered a quarter above the estimate there, within a tenth."""
    ladder = [probe(stack(concurrency=n), 0.8, f"r1:{n}") for n in (1, 4, 16, 64, 128)]
    for n, (ratio, _) in zip(LOADS, moved(ladder, [stack(concurrency=n) for n in LOADS]), strict=True):
        assert ratio == pytest.approx(0.8, abs=0.01 if n <= 128 else 0.1), n


def test_a_probe_that_agrees_stands_beside_one_that_does_not() -> None:
    """What the other shows of the spreads around it holds for the one that agrees, too, or it would be drawn along."""
    pair = [probe(stack(), 1.0, "r1:0"), probe(stack(concurrency=128), 0.7, "r1:1")]
    (first, _), (second, _) = moved(pair, [stack(), stack(concurrency=128)])
    assert (first, second) == pytest.approx((1.0, 0.7), abs=0.03)


def test_probes_that_contradict_each_other_leave_the_interval_wide() -> None:
    """Their mean had been sure to two parts in a hundred."""
    pair = [probe(stack(), 1.25, "r1:0"), probe(stack(), 0.8, "r2:0")]
    ((ratio, e),) = moved(pair, [stack()])
    assert ratio == pytest.approx(1.0, rel=0.02)
    assert e.output_tps_per_gpu.hi / e.output_tps_per_gpu.lo > 1.2


def test_a_probe_of_few_requests_is_followed_less_and_leaves_more_open() -> None:
    """A median over a dozen requests had counted as one over thousands: 2 % whatever stood behind it."""
    few, many = (probe(stack(), 0.8, tpot_error=error, ttft_error=error, rate_error=error) for error in (0.15, 0.001))
    ((loose, wide),) = moved([few], [stack()])
    ((tight, narrow),) = moved([many], [stack()])
    assert tight == pytest.approx(0.8, rel=0.01)
    assert tight + 0.02 < loose < 1.0
    assert wide.output_tps_per_gpu.hi / wide.output_tps_per_gpu.lo > narrow.output_tps_per_gpu.hi / (
        narrow.output_tps_per_gpu.lo
    )
    # however many requests: the next run repeats no better
    ((exact, same),) = moved([probe(stack(), 0.8)], [stack()])
    assert exact == pytest.approx(tight, rel=1e-3)
    assert same.tpot_p50_s.hi == pytest.approx(narrow.tpot_p50_s.hi, rel=1e-3)


def test_of_two_runs_of_one_point_the_surer_one_weighs_more() -> None:
    few = probe(stack(), 0.9, "r1:0", tpot_error=0.06, ttft_error=0.06, rate_error=0.06)
    many = probe(stack(), 1.0, "r2:0", tpot_error=0.001, ttft_error=0.001, rate_error=0.001)
    ((ratio, _),) = moved([few, many], [stack()])
    assert ratio == pytest.approx(0.99, abs=0.01)


def test_a_probe_that_agrees_narrows_and_one_that_surprises_does_not_make_its_neighbours_surer() -> None:
    q, near = stack(), stack(concurrency=256)
    width = lambda e: e.output_tps_per_gpu.hi / e.output_tps_per_gpu.lo  # noqa: E731
    before = [width(e) for e in bundled_estimator().estimate([q, near])]
    agreeing = [width(e) for _, e in moved([probe(q, 1.0)], [q, near])]
    surprising = [width(e) for _, e in moved([probe(q, 0.7)], [q, near])]
    assert agreeing[0] < before[0]
    assert agreeing[1] < before[1]
    assert agreeing[1] < surprising[1] <= before[1] * 1.001


def test_a_model_with_measurements_of_its_own_hardly_moves() -> None:
    asked = [replace(stack(), model=catalog().models[name]) for name in ("deepseek-r1", "gpt-oss-120b")]
    for ratio, _ in moved([probe(stack(), 0.7)], asked):
        assert ratio == pytest.approx(1.0, abs=0.03)


def test_the_tail_of_a_probe_speaks_for_the_loads_near_it() -> None:
    """A request alone waits for no other: its tail had been that of 256 in flight."""
    loads = (1, 2, 16, 64, 256)
    usual = [e.ttft_tail["p99"] / e.ttft_p50_s.mid for e in estimates_at(loads)]

    def tails(*of: tuple[int, float]) -> list[float]:
        rows = []
        for n, ratio in of:
            row = probe(stack(concurrency=n), 1.0, f"r1:{n}")
            assert row.ttft_p50_s is not None
            rows.append(replace(row, ttft_p99_s=row.ttft_p50_s * ratio))
        return [e.ttft_tail["p99"] / e.ttft_p50_s.mid for e in estimates_at(loads, rows)]

    alone = tails((1, 1.01))
    assert alone[0] == pytest.approx(1.01, rel=1e-6)
    assert alone[2:] == pytest.approx(usual[2:])
    light, heavy = tails((64, 1.5)), tails((64, 9.0))
    assert (light[3], heavy[3]) == pytest.approx((1.5, 9.0), rel=1e-6)
    assert light[:3] == pytest.approx([usual[0], min(usual[1], 1.5), 1.5])  # less load makes no longer tail
    assert heavy[4] == pytest.approx(9.0, rel=1e-6)  # nor does more make a shorter one
    assert heavy[0] == pytest.approx(usual[0])
    between = tails((16, 2.0), (64, 8.0))
    assert between[2:4] == pytest.approx([2.0, 8.0], rel=1e-6)


def estimates_at(loads: Sequence[int], probes: Sequence[Measurement] = ()) -> Sequence[OperatingEstimate]:
    return estimator_with(probes=tuple(probes)).estimate([stack(concurrency=n) for n in loads])
