"""What a replica carries where it is faster or slower than estimated, by hand and asked again."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.domain.profile import Slo, Traffic
from advisor.domain.recommendation import Candidate
from advisor.engine.estimates import MID, WIDTH, Batch
from advisor.engine.operating_point import Load, Sample
from advisor.engine.response import FACTORS, response_at, responses
from advisor.profiles.read import read_profile
from tests.bench_kit import bundled_answer, usual_bench
from tests.conftest import PROFILE_FILES


def samples(tpots_ms: Sequence[float], loads: Sequence[int], rates: Sequence[float] | None = None) -> list[Sample]:
    """Estimates of one deployment: TPOT at each load, and tokens/s, by default as many as Little's law gives."""
    rates = rates or [n / ms for n, ms in zip(loads, tpots_ms, strict=True)]
    table = np.zeros((len(loads), WIDTH))
    table[:, MID] = rates

    def make(_: int) -> None:
        raise AssertionError("the table is enough")

    batch: Batch = Batch(table, [""] * len(loads), make)  # type: ignore[arg-type, type-arg]
    return [Sample(n, 0.1, ms / 1e3, 1.0, "", batch, i) for i, (n, ms) in enumerate(zip(loads, tpots_ms, strict=True))]


def load_of(*, tpot_ms: float | None = 40.0, in_flight: bool = True) -> Load:
    peak = {"peak_concurrency": 500.0} if in_flight else {"peak_requests_per_s": 10.0}
    return Load.of(Traffic(isl=1000, osl=500, **peak), Slo(tpot_ms=tpot_ms))  # type: ignore[arg-type]


def at(response: Sequence[float], factor: float) -> float:
    return float(response_at(response, factor))


def test_where_latency_is_in_proportion_to_load_so_is_what_is_carried() -> None:
    """TPOT of n/2 ms keeps 40 ms up to 80 in flight; a fifth slower up to 64."""
    (found,) = responses([(1, samples([0.5, 8, 32, 128], [1, 16, 64, 256]))], load_of())
    assert at(found, 0.8) == pytest.approx(64 / 80)
    assert at(found, 2.0) == pytest.approx(160 / 80)


def test_requests_are_whole() -> None:
    """One request in flight keeps the level, two do not: up to where two do, or one no more, one is what is carried."""
    (found,) = responses([(1, samples([24, 48], [1, 2]))], load_of())
    assert [at(found, k) for k in (0.6, 0.8, 1.1)] == pytest.approx([1.0, 1.0, 1.0])
    assert at(found, 1.25) == pytest.approx(2.0)
    assert at(found, 0.5) == pytest.approx(0.5 / 0.6)  # not even one: in proportion


def test_a_flat_curve_answers_with_the_square() -> None:
    """TPOT as the root of load: half as fast keeps the level up to a quarter of the load; the rate falls with it."""
    loads = [1, 4, 16, 64, 256, 1024]
    curve = samples([2.5 * math.sqrt(n) for n in loads], loads)
    (in_flight,) = responses([(1, curve)], load_of())
    assert at(in_flight, 0.5) == pytest.approx(0.25, rel=0.02)
    (by_rate,) = responses([(1, curve)], load_of(in_flight=False))
    assert at(by_rate, 0.8) == pytest.approx(0.8 * 0.8, rel=0.02)  # of n/TPOT at 0.64 of n, a fifth slower


def test_where_memory_ends_the_load_a_demand_in_flight_gains_nothing() -> None:
    curve = samples([5, 10, 20], [16, 32, 64])  # 64 requests fill the cache at half the limit
    (in_flight,) = responses([(2, curve)], load_of())
    assert [at(in_flight, k) for k in (0.55, 1.0, 1.5, 4.0)] == pytest.approx([1.0, 1.0, 1.0, 1.0])
    assert at(in_flight, 0.42) == pytest.approx(53 / 64)  # 20 ms become 47.6: up to 53 in flight keep the level
    (by_rate,) = responses([(2, curve)], load_of(in_flight=False))
    assert at(by_rate, 1.5) == pytest.approx(1.5)


def test_without_a_limit_the_rate_goes_with_the_throughput_and_requests_in_flight_stay() -> None:
    curve = samples([5, 10, 20], [16, 32, 64])
    (by_rate,) = responses([(1, curve)], load_of(tpot_ms=None, in_flight=False))
    assert by_rate == pytest.approx(FACTORS)
    (in_flight,) = responses([(1, curve)], load_of(tpot_ms=None))
    assert in_flight == pytest.approx([1.0] * len(FACTORS))


def test_what_runs_is_chosen_again() -> None:
    """One GPU a replica keeps 40 ms alone as estimated; slower, two GPUs a replica carry more of each."""
    narrow, wide = samples([36, 41], [8, 16]), samples([18, 22, 30, 44], [8, 16, 32, 64])
    (alone,) = responses([(1, narrow)], load_of())
    first, second = responses([(1, narrow), (2, wide)], load_of())
    assert at(first, 0.8) > at(alone, 0.8)
    assert at(first, 0.8) == pytest.approx(at(second, 0.8), rel=0.02)


@given(
    st.lists(st.floats(0.5, 200), min_size=1, max_size=8),
    st.booleans(),
    st.sampled_from([None, 5.0, 40.0]),
)
def test_faster_never_carries_less(tpots: list[float], in_flight: bool, limit: float | None) -> None:
    curve = samples(tpots, [2**i for i in range(len(tpots))])
    (found,) = responses([(4, curve)], load_of(tpot_ms=limit, in_flight=in_flight))
    assert at(found, 1.0) == 1.0
    carried = response_at(found, np.exp(np.linspace(-3, 3, 200)))
    assert (np.diff(carried) >= -1e-9).all()
    assert (carried > 0).all()


def test_without_a_response_what_is_carried_goes_with_the_throughput() -> None:
    assert response_at((), [0.5, 2.0]).tolist() == [0.5, 2.0]


def gpus_at_the_edge(candidate: Candidate) -> float:
    """GPUs of full replicas that carry the demand, not rounded up."""
    fleet = candidate.fleet
    assert fleet is not None
    return fleet.peak_demand / fleet.replica_capacity * fleet.gpus_per_replica


@pytest.mark.parametrize("factor", [0.8, 1.25])
@pytest.mark.parametrize("name", ["renewal-100-gpus", "eu-sovereign-640", "gpt-oss-120b-agents"])
def test_a_whole_answer_at_another_throughput_carries_what_the_response_says(name: str, factor: float) -> None:
    """In proportion to throughput it was 10 % off in the median; whole nodes choose another deployment at times."""
    answer = bundled_answer(name)
    profile = read_profile(PROFILE_FILES[name])
    body = profile.model_dump(mode="json")
    body["overrides"]["throughput_factor"] = {c.accelerator: factor for c in answer.candidates}
    again = {
        c.accelerator: c
        for c in usual_bench().advise(type(profile).model_validate(body), draws=500).candidates
    }
    off = []
    for c in answer.candidates:
        moved = again[c.accelerator]
        if not c.feasible or not moved.feasible:
            continue
        assert c.operating_point is not None
        assert moved.operating_point is not None
        was, now = (gpus_at_the_edge(x) for x in (c, moved))
        told = at([r.capacity for r in c.operating_point.response], factor)
        off.append(abs(told * now / was - 1))
    assert len(off) >= 6
    assert np.median(off) < 0.03
    assert np.quantile(off, 0.8) < 0.08
