"""What makes estimates fast changes none: grouped measurements, remembered curves, TTFT alone, kept answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from advisor.domain.estimate import OperatingEstimate, OperatingQuery
from advisor.engine.estimator import Memo
from advisor.engine.estimator.covariance import NAMES, Vocabulary, encode
from advisor.engine.estimator.curves import rising
from advisor.engine.estimator.encode import points_of_queries, sorted_distinct
from advisor.engine.estimator.field import Field
from advisor.engine.estimator.view import LIKE, LOAD_STEPS
from advisor.profiles.read import read_profile
from advisor.workbench import Workbench
from tests.conftest import AS_OF
from tests.estimator_kit import bundled_estimator, catalog, query

SAME_MODEL = [query(a, tp=tp, gpus=tp) for a in ("b200", "h200", "mi355x") for tp in (1, 4, 8)]
MIXED = [*SAME_MODEL, query("mi300x", "deepseek-r1", isl=8192, tp=8, gpus=8), query("h100", "gpt-oss-120b", osl=300)]


def _field(target: str) -> Field:
    return bundled_estimator()._core.field(target)


def _encoded(queries: list[OperatingQuery]) -> np.ndarray:
    names = [bundled_estimator().measured_name(q.model) for q in queries]
    points = points_of_queries(queries, names, catalog().accelerators)
    return encode(points, bundled_estimator()._core._vocabulary).coords


@pytest.mark.parametrize("queries", [SAME_MODEL[:1], SAME_MODEL, MIXED], ids=["one", "one model", "mixed"])
@pytest.mark.parametrize("target", ["tpot", "share", "ttft"])
def test_groups_give_what_every_single_measurement_adds(target: str, queries: list[OperatingQuery]) -> None:
    field, coords = _field(target), _encoded(queries)
    view = field.view(coords)
    shares = np.linspace(0.2, 1.0, len(field.shares))[:, None] * np.ones(len(coords))
    found, near = view.values(coords, shares)
    c, points = field.covariance, field.points
    every = np.arange(len(NAMES))
    one_by_one = c.decay(every, coords.astype(np.float64), points.coords.astype(np.float64))
    one_by_one *= c.scale[:, None, None] ** 2
    over_load = c.of_loads(points.load, LOAD_STEPS)
    weighted = np.full((len(c.scale), len(points.load)), np.nan)
    for part in field.loads:
        weighted[:, part.points] = part.weighted
    wanted = np.stack(
        [
            one_by_one[t][:, points.of_point] * weighted[t] @ over_load[t]
            for t in range(len(c.scale))
        ]
    )
    assert found == pytest.approx(wanted, rel=1e-9, abs=1e-9)

    total = np.einsum("tqc,tq,tc->qc", one_by_one, shares, field.typical)
    assert near is not None
    assert (near == view.kin.nearest(coords, shares)).all()
    nearest = np.take_along_axis(total, near, axis=1)
    best = -np.sort(-total, axis=1)[:, :LIKE]
    assert -np.sort(-nearest, axis=1) == pytest.approx(best, rel=1e-9)


@pytest.mark.parametrize("target", ["tpot", "share", "ttft"])
def test_terms_that_are_left_out_take_nothing_from_the_others(target: str) -> None:
    field, coords = _field(target), _encoded(MIXED)
    terms = np.arange(0, len(field.shares), 2)
    some, every = (field.view(coords, asked).values(coords)[0] for asked in (terms, None))
    assert some == pytest.approx(every[terms], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("target", ["tpot", "share", "ttft"])
def test_no_last_digit_hangs_on_the_threads_of_linear_algebra(target: str) -> None:
    parts, precisions = ("h100", "h200", "b200", "mi300x", "mi355x"), ("fp8", "bf16")
    many = [
        query(part, "deepseek-r1", precision=precision, tp=tp, gpus=tp, spec_method=spec)
        for part in parts for precision in precisions for tp in (2, 4, 8, 16) for spec in ("none", "mtp")
    ]  # fmt: skip
    coords = _encoded(many)
    view = _field(target).view(coords)
    found = []
    for threads in (1, 4):
        with threadpool_limits(threads):
            found.append(view.values(coords)[0].tobytes())
    assert len(set(found)) == 1


def test_the_nearest_rising_curve_hangs_on_no_order_of_pooling() -> None:
    """Against its definition: the largest of the least means that end and start at a place."""
    rows = np.cumsum(np.sin(np.arange(40 * 30).reshape(40, 30) ** 2 / 7.0), axis=1)
    weights = 1.5 + np.cos(np.arange(rows.size).reshape(rows.shape))
    for row, weight, found in zip(rows, weights, rising(rows, weights), strict=True):
        mean = [
            max(
                min(np.average(row[i : k + 1], weights=weight[i : k + 1]) for k in range(at, len(row)))
                for i in range(at + 1)
            )
            for at in range(len(row))
        ]
        assert found == pytest.approx(mean, rel=1e-9)


def _figures(estimates: list[OperatingEstimate]) -> list[float]:
    return [
        x for e in estimates for i in (e.tpot_p50_s, e.ttft_p50_s, e.total_tps_per_gpu) for x in (i.lo, i.mid, i.hi)
    ]


def test_a_memory_changes_nothing() -> None:
    estimator, memo = bundled_estimator(), Memo()
    first = estimator.estimate(SAME_MODEL, memo=memo)
    higher = [replace(q, concurrency=200) for q in [*SAME_MODEL[::2], MIXED[-1]]]
    assert first == estimator.estimate(SAME_MODEL)
    assert _figures(estimator.estimate(higher, memo=memo)) == pytest.approx(_figures(estimator.estimate(higher)))
    assert estimator.estimate(SAME_MODEL, memo=memo) == first


def test_ttft_alone_is_that_of_the_whole_estimate() -> None:
    estimator = bundled_estimator()
    queries = [*MIXED, query("nothing")]
    for whole, alone in zip(estimator.estimate(queries), estimator.first_token(queries, memo=Memo()), strict=True):
        assert alone.error == whole.error
        if not whole.error:
            assert alone.ttft_p50_s == whole.ttft_p50_s
            assert alone.ttft_tail == whole.ttft_tail


def test_views_and_groupings_are_bounded() -> None:
    field = _field("tpot")
    for isl in range(1000, 1040):
        field.view(_encoded([query(isl=isl), query(isl=isl, tp=1 + isl % 2)]))
    assert len(field._views) <= 4
    assert len(field._groupings) <= 16


def test_sorted_distinct_is_unique() -> None:
    values = np.array([2.5, -1.0, 2.5, 0.0, -1.0])
    found, of_value = sorted_distinct(values)
    assert found.tolist() == [-1.0, 0.0, 2.5]
    assert found[of_value].tolist() == values.tolist()


def test_encoding_tells_rows_apart_and_keeps_them_in_order() -> None:
    points = points_of_queries(MIXED, [q.model.id for q in MIXED], catalog().accelerators)
    encoded = encode(points, Vocabulary())
    assert encoded.coords.tolist() == sorted(encoded.coords.tolist())
    assert len(set(encoded.of_point.tolist())) == len(encoded.coords) == len(MIXED)


def test_an_answer_hangs_on_no_other_answer() -> None:
    names = ("llama-70b-4k-512-concurrent", "regulated-rag-llama-70b")
    root = Path(__file__).parents[3] / "profiles"
    profiles = [read_profile(root / f"{name}.toml") for name in names]
    used = Workbench(as_of=AS_OF, bare=True)
    together = [used.advise(p).model_dump_json() for p in (*profiles, *profiles)]
    alone = [Workbench(as_of=AS_OF, bare=True).advise(p).model_dump_json() for p in profiles]
    assert together == [*alone, *alone]


@pytest.mark.parametrize("shown", [(4,), (6, 0, 4)])
def test_estimates_that_were_announced_are_those_that_were_not(shown: tuple[int, ...]) -> None:
    """TTFT's ends, with what a smaller cache would do to it, and the change by software."""
    loads = [replace(q, concurrency=n) for q in (*SAME_MODEL, query("mi355x", disagg=True, gpus=16)) for n in (4, 512)]
    every, some = bundled_estimator().estimate(loads), bundled_estimator().estimate(loads)
    some.expect(shown)
    assert [some[i] for i in (*shown, 2)] == [every[i] for i in (*shown, 2)]
    first, announced = bundled_estimator().first_token(loads), bundled_estimator().first_token(loads)
    announced.expect(shown)
    assert [announced[i] for i in (*shown, 2)] == [first[i] for i in (*shown, 2)]
