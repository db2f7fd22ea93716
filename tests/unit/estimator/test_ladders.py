"""Queries put together curve by curve are the same queries, and get the same answers as one by one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from advisor.domain.estimate import OperatingQuery
from advisor.engine.adjust import with_long_prompts, with_prefix_cache
from advisor.engine.estimates import Ladders
from advisor.engine.estimator import Memo
from tests.estimator_kit import bundled_estimator, query

PLAIN = query("b200", tp=8, gpus=8)
COPIES = query("h200", tp=2, gpus=8)
"""Four copies of two GPUs, each of which has a quarter of the requests: filled in anew at each load."""
SPLIT = query("b200", "deepseek-r1", precision="fp4", engine="dynamo-trt", disagg=True, tp=8, gpus=None)
"""Disaggregated without a total of GPUs, whose usual one hangs on the load."""
OPEN = query("mi355x", tp=None, gpus=None, engine=None)


def _at(q: OperatingQuery, *loads: int) -> list[OperatingQuery]:
    return [replace(q, concurrency=n) for n in loads]


MIXED = [
    *_at(PLAIN, 1, 8, 64), *_at(COPIES, 3, 40), *_at(SPLIT, 16, 512), *_at(OPEN, 4, 256), *_at(query("nothing"), 1, 2),
    *_at(PLAIN, 0, 16, 70_000), *_at(replace(PLAIN, isl=float(10**9)), 4, 8),
]  # fmt: skip


def test_ladders_are_the_queries_that_they_are_made_of() -> None:
    found = Ladders.of(MIXED)
    assert list(found) == MIXED
    assert [found[i] for i in range(len(found))] == MIXED
    assert found[-1] == MIXED[-1]
    assert found[2:5] == MIXED[2:5]
    assert len(found) == len(MIXED)
    assert len(found.curves) == 7
    assert Ladders.of(found) is found
    shorter = found.with_curves(lambda q: replace(q, isl=q.isl / 2))
    assert list(shorter) == [replace(q, isl=q.isl / 2) for q in MIXED]
    assert list(Ladders.of([])) == []


@pytest.mark.parametrize("memo", [None, Memo()], ids=["anew", "remembered"])
def test_a_curve_gets_the_answers_of_its_points_one_by_one(memo: Memo | None) -> None:
    estimator = bundled_estimator()
    together = estimator.estimate(MIXED, memo=memo)
    for i, q in enumerate(MIXED):
        (alone,) = estimator.estimate([q])
        assert together[i].query == q
        assert (together[i].error, together[i].notes, together[i].gpus) == (alone.error, alone.notes, alone.gpus)
        assert together.errors[i] == alone.error
        assert together[i].basis_text == alone.basis_text
        if not alone.error:
            assert together[i].total_tps_per_gpu.mid == pytest.approx(alone.total_tps_per_gpu.mid, rel=1e-9)
            assert together[i].ttft_p50_s.hi == pytest.approx(alone.ttft_p50_s.hi, rel=1e-9)
            assert together[i].tpot_tail == pytest.approx(alone.tpot_tail, rel=1e-9)
    assert [bool(error) for error in together.errors] == [False] * 9 + [True] * 3 + [False] + [True] * 3
    first = estimator.first_token(MIXED, memo=memo)
    good = [i for i, error in enumerate(first.errors) if not error]
    assert first.table[good, 0] == pytest.approx(together.table[good, 0], rel=1e-9)


def test_adjusted_curves_get_the_answers_of_their_points_one_by_one() -> None:
    estimator = bundled_estimator()
    cached = with_prefix_cache(estimator.estimate, 0.4, estimator.first_token)
    adjusted = with_long_prompts(cached, 2.5, 95, 0.6, estimator.first_token)
    queries = [*_at(PLAIN, 1, 8, 64), *_at(replace(PLAIN, isl=4000.0), 16), *_at(COPIES, 8, 32)]
    together = adjusted(queries)
    for i, q in enumerate(queries):
        alone = adjusted([q])
        assert together.table[i] == pytest.approx(alone.table[0], rel=1e-9)
        assert together[i].basis_text == alone[0].basis_text
    assert np.isfinite(together.table).all()
