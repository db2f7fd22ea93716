"""The fleet, on paper."""

from __future__ import annotations

import numpy as np
import pytest

from advisor.engine.fleet import (
    combine_fleets,
    replica_up_probability,
    size_fleet,
    spares,
    whole_replicas,
)
from advisor.engine.packing import whole_nodes
from advisor.engine.sized import TierDemand

UP = replica_up_probability(2, 1.97e-5, 24)  # 1 / (1 + 1.97e-5 x 2 x 24) = 0.99905529


def fleet(**kw: float):
    arguments = {
        "demand": 512.0, "capacity": 64.0, "unit": "requests in flight", "peak_rps": 10.0, "burst_headroom": 0.15,
        "growth_factor": 1.3, "availability": 0.999, "up_probability": UP, "gpus_per_replica": 2, "gpus_per_node": 8,
        "average_to_peak": 0.5, "lookahead_months": 12.0, **kw,
    }  # fmt: skip
    return size_fleet(**arguments)  # type: ignore[arg-type]


def test_every_allowance_is_its_own_term() -> None:
    f = fleet()
    assert f.replicas_for_peak == 8  # 512 / 64
    assert f.replicas_for_bursts == 2  # ceil(588.8 / 64) = 10
    assert f.replicas_for_growth == 2  # ceil(765.44 / 64) = 12
    # 12 of 12+k up 99.9 % of the time at p = 0.99905529: k = 0 gives 0.98872, k = 1 gives 0.99993.
    assert f.replicas_for_redundancy == 1
    assert (f.replicas, f.gpus_needed, f.gpus, f.nodes) == (13, 26, 32, 4)
    # Average demand 512 x 0.5 over 13 x 64.
    assert f.utilisation_at_average == pytest.approx(256 / 832)
    assert [t.value for t in f.terms] == [8, 2, 2, 1, 32]


def test_a_full_replica_is_not_overfull() -> None:
    assert whole_replicas(0.3 / 0.1) == 3  # 0.3 / 0.1 is 2.9999999999999996 or 3.0000000000000004


def test_spares_grow_with_availability_and_never_fail() -> None:
    wanted = [spares(20, 0.99, a) for a in (0.9, 0.99, 0.999, 0.99999)]
    assert wanted == sorted(wanted)
    assert wanted[0] >= 1  # 0.99 ** 20 = 0.818
    assert spares(5, 1.0, 0.99999) == 0
    # The approximation beyond 400 replicas stays near the exact sum below it.
    assert abs(spares(401, 0.995, 0.999) - spares(400, 0.995, 0.999)) <= 1


def tier(gpus_per_replica: int = 2, replica_rps: float = 1.25) -> TierDemand:
    """Ten requests a second at replicas of 1.25: 8 of them at the peak, as in `fleet`."""
    return TierDemand(10.0, replica_rps, 0.15, 0.999, UP, gpus_per_replica, 0.0, 0.0)


def test_draws_are_sized_like_the_fleet() -> None:
    f = fleet()
    drawn = tier().gpus(np.array([1.0, 0.5]), 1.3)
    assert drawn[0] == f.gpus_needed
    assert drawn[1] == (24 + spares(24, UP, 0.999)) * 2  # ceil(10 x 1.15 x 1.3 / 0.625)
    assert list(whole_nodes([1, 8, 9], 8)) == [8, 8, 16]
    assert list(tier().gpus(1.0, 1.3, np.array([1.0, 2.0]), per_node=8)) == [32, 56]  # 13 replicas; 24 + 1 of them


def test_a_fleet_in_doubt_is_not_thrice_exceeded_and_one_that_is_known_may_be() -> None:
    """A draw of a tenth of the throughput asks for three times the replicas; a tenth that is stated for ten times."""
    ten = 10 * 1.15 / 1.25  # 9.2 replicas
    drawn, stated, both = (
        float(tier().gpus(tier().carried(throughput, sure), 1.0))
        for throughput, sure in ((0.1, 1.0), (0.1, 0.1), (0.01, 0.1))
    )
    assert drawn == (np.ceil(3 * ten) + spares(28, UP, 0.999)) * 2
    assert stated == (np.ceil(10 * ten) + spares(92, UP, 0.999)) * 2
    assert both == (np.ceil(30 * ten) + spares(276, UP, 0.999)) * 2


def test_draws_beyond_every_fleet_still_count() -> None:
    # 500 replicas are beyond the exact table, 1e20 beyond every fleet; both stay in order and finite
    some = tier(replica_rps=10 * 1.15 / 500).gpus(np.ones(1), 1.0, np.array([0.9, 1.0, 1e20]))
    assert some[0] < some[1] < some[2] < 1e13
    assert some[1] == pytest.approx((500 + spares(500, UP, 0.999)) * 2)


@pytest.mark.parametrize("replicas", [300, 700])
def test_many_draws_are_sized_as_each_alone(replicas: int) -> None:
    """Beyond the exact table of spares too."""
    one = tier(replica_rps=10 * 1.15 / replicas)
    demands = np.linspace(0.3, 1.6, 1200)
    together = one.gpus(1.0, demands[:, None], np.array([1.0, 1.2]), per_node=8)
    alone = [one.gpus(1.0, demand, np.array([1.0, 1.2]), per_node=8) for demand in demands]
    assert (together == np.array(alone)).all()


def test_workloads_share_nodes() -> None:
    one = fleet(growth_factor=1.0, gpus_per_node=8)  # 10 + 1 replicas of 2 GPUs: 22
    both = combine_fleets((one, one), 8)
    assert one.gpus_needed == 22
    assert both.gpus == 48  # 44 in nodes of 8, not 24 + 24
    assert combine_fleets((one,), 8) is one


def test_demands_in_different_units_make_a_sum_of_requests_per_second() -> None:
    """300 requests in flight and 3 requests/s were told as 303 requests in flight."""
    flight = fleet()
    rate = flight.model_copy(update={"demand_unit": "requests/s", "peak_demand": 3.0, "peak_requests_per_s": 3.0})
    both = combine_fleets((flight.model_copy(update={"demand_unit": "requests in flight"}), rate), 8)
    assert (both.demand_unit, both.peak_demand) == ("requests/s", flight.peak_requests_per_s + 3.0)
    assert both.replica_capacity == flight.replica_requests_per_s


@pytest.mark.parametrize("availability", [0.5, 0.9, 0.999, 0.99999, 0.9999999])
@pytest.mark.parametrize("up", [0.9995, 0.9962, 0.9706])
def test_many_replicas_have_no_fewer_spares_than_exact_sums_give(up: float, availability: float) -> None:
    """A normal tail promised 99.999 % of the time and left up to three spares too few, fewer at 401 than at 400."""
    for n in (401, 700, 2000):
        term = reached = up**n  # P[k down until n are up], negative binomial
        exact = 0
        while reached < availability:
            exact += 1
            term *= (n + exact - 1) / exact * (1 - up)
            reached += term
        assert exact <= spares(n, up, availability) <= exact + 2
    assert spares(401, up, availability) >= spares(400, up, availability) or spares(400, up, availability) == 64
