"""From demand and one replica's yield to replicas, GPUs and whole nodes; every allowance is its own term.

The arithmetic works on numpy arrays as well, so that a Monte Carlo sizes the fleet of every draw exactly.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from advisor.domain.profile import Traffic
from advisor.domain.record import record
from advisor.domain.sizing import RATE_UNIT, SHARED_NODES, Fleet, Term
from advisor.domain.text import counted, percent, significant
from advisor.engine.packing import Group, fills_nodes, nodes_alone, pack, told

MAX_SPARES = 64
EXACT_REPLICAS = 400
"""Replicas up to which spares are found by exact sums."""
_EPS = 1e-9  # a replica that is filled to the last request is full, not overfull


@record
class Sizing:
    """Numbers of the catalog and the profile that fleet sizing takes."""

    parameters: Mapping[str, float]
    horizon_months: int

    @property
    def lookahead_months(self) -> float:
        """Months ahead that capacity is sized for."""
        return min(self.parameters["growth_lookahead_months"], float(self.horizon_months))

    def growth_factor(self, traffic: Traffic) -> float:
        """Demand at the end of the look-ahead over demand now."""
        return float((1 + traffic.growth_per_year) ** (self.lookahead_months / 12))

    def up_probability(self, gpus_per_replica: int) -> float:
        """Share of time that a replica is up."""
        return replica_up_probability(
            gpus_per_replica, self.parameters["interruptions_per_gpu_hour"], self.parameters["repair_hours"]
        )


@record
class Replicas:
    """Replicas of a fleet by what they are for."""

    peak: int
    bursts: int
    growth: int
    redundancy: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.peak + self.bursts + self.growth + self.redundancy


def count_replicas(
    ratio: float, *, burst_headroom: float, growth_factor: float, availability: float, up_probability: float
) -> Replicas:
    """Whole replicas for a peak demand that is `ratio` times what one carries; see `size_fleet`.

    In plain floats, as every deployment that comes into question is counted so.
    """
    with_bursts = ratio * (1 + burst_headroom)
    demands = (ratio, with_bursts, with_bursts * max(1.0, growth_factor))
    peak, burst, grown = map(one_whole, demands)
    return Replicas(peak, burst - peak, grown - burst, spares(grown, up_probability, availability))


def one_whole(ratio: float) -> int:
    """`whole_replicas` of one demand, for a twentieth of the time that numpy takes on a single number."""
    return max(1, math.ceil(ratio - _EPS))


def whole_replicas(ratio: ArrayLike) -> NDArray[np.int64]:
    """Whole replicas that carry a demand given over the capacity of one; at least one."""
    whole: NDArray[np.int64] = np.maximum(1.0, np.ceil(np.asarray(ratio, dtype=float) - _EPS)).astype(np.int64)
    return whole


@lru_cache(maxsize=4096)
def spares(replicas: int, up_probability: float, availability: float) -> int:
    """Replicas to add so that `replicas` are up with probability `availability`.

    The fewest ``k`` with ``P[Binomial(n + k, p) >= n] >= availability``; failures are taken as independent.
    """
    if up_probability >= 1.0:
        return 0
    n, p = replicas, up_probability
    if n > EXACT_REPLICAS:
        return int(many_spares(n, p, availability))
    for k in range(MAX_SPARES + 1):
        total = n + k
        at_least_n = sum(math.comb(total, down) * (1 - p) ** down * p ** (total - down) for down in range(k + 1))
        if at_least_n >= availability:
            return k
    return MAX_SPARES


def many_spares(replicas: ArrayLike, up_probability: float, availability: float) -> NDArray[np.int64]:
    """Spares of many replicas, where exact sums would be slow: at most two more than they give, and never fewer.

    Those that are down until `replicas` are up are a negative binomial; its quantile with the skewness of the
    distribution (Cornish and Fisher, 1938), since the tail beyond the normal one is where high availabilities lie.
    """
    from statistics import NormalDist

    n, p = np.asarray(replicas, dtype=float), up_probability
    z = NormalDist().inv_cdf(min(availability, 1 - 1e-12))
    spread = np.sqrt(n * (1 - p))
    quantile = z + (z * z - 1) * (2 - p) / spread / 6
    return np.maximum(0, np.ceil(n * (1 - p) / p + quantile * spread / p - 0.5)).astype(np.int64)


def replica_up_probability(gpus_per_replica: int, interruptions_per_gpu_hour: float, repair_hours: float) -> float:
    """Share of time that a replica is up, ``1 / (1 + rate·gpus·repair)``."""
    return 1.0 / (1.0 + interruptions_per_gpu_hour * gpus_per_replica * repair_hours)


def size_fleet(
    *,
    demand: float,
    capacity: float,
    unit: str,
    peak_rps: float,
    burst_headroom: float,
    growth_factor: float,
    availability: float,
    up_probability: float,
    gpus_per_replica: int,
    gpus_per_node: int,
    average_to_peak: float,
    lookahead_months: float,
    whole: bool = True,
) -> Fleet:
    """Size the fleet of one workload.

    Parameters
    ----------
    demand, capacity
        Demand at the busiest time, and what one replica carries within the service level [`unit`].
    peak_rps
        The same demand [requests/s].
    growth_factor
        Demand at the end of the look-ahead over demand now.
    average_to_peak
        Mean demand over peak demand, hours without traffic included.
    whole
        Whether a replica that fits a node stays inside one, see `advisor.engine.packing`.
    """
    count = count_replicas(
        demand / capacity, burst_headroom=burst_headroom, growth_factor=growth_factor, availability=availability,
        up_probability=up_probability,
    )  # fmt: skip
    peak, burst = count.peak, count.peak + count.bursts
    grown, extra, replicas = burst + count.growth, count.redundancy, count.total
    needed = replicas * gpus_per_replica
    gpus = nodes_alone(Group(gpus_per_replica, replicas, whole), gpus_per_node) * gpus_per_node
    kept = "" if fills_nodes([(gpus_per_replica, whole)], gpus_per_node) else ", no replica cut between them"
    asked, carried = significant(demand, 4), significant(capacity, 4)
    terms = (
        Term(
            name="replicas for the peak",
            value=peak,
            formula=f"ceil({asked} {unit} / {carried} per replica) = {peak}",
        ),
        Term(
            name="added for bursts",
            value=burst - peak,
            formula=f"ceil({asked} x {1 + burst_headroom:.3g} / {carried}) - {peak} = {burst - peak}",
        ),
        Term(
            name="added for growth",
            value=grown - burst,
            formula=f"ceil({asked} x {1 + burst_headroom:.3g} x {growth_factor:.4g} (demand in"
            f" {lookahead_months:g} months) / {carried}) - {burst} = {grown - burst}",
        ),
        Term(
            name="added for redundancy",
            value=extra,
            formula=f"fewest k so that {grown} of {grown}+k replicas are up {percent(availability, 4)} of the time,"
            f" each up {percent(up_probability, 4)} of it = {extra}",
        ),
        Term(
            name="GPUs in whole nodes",
            value=gpus,
            formula=f"({grown} + {extra}) replicas x {gpus_per_replica} GPUs = {needed}, in nodes of"
            f" {gpus_per_node}{kept}: {gpus}",
        ),
    )
    return Fleet(
        demand_unit=unit,
        peak_demand=demand,
        replica_capacity=capacity,
        peak_requests_per_s=peak_rps,
        replica_requests_per_s=peak_rps * capacity / demand,
        replicas_for_peak=peak,
        replicas_for_bursts=burst - peak,
        replicas_for_growth=grown - burst,
        replicas_for_redundancy=extra,
        replicas=replicas,
        gpus_per_replica=gpus_per_replica,
        gpus_needed=needed,
        gpus=gpus,
        gpus_per_node=gpus_per_node,
        nodes=gpus // gpus_per_node,
        utilisation_at_average=min(1.0, demand * average_to_peak / (replicas * capacity)),
        terms=terms,
    )


def combine_fleets(
    fleets: tuple[Fleet, ...], gpus_per_node: int, names: Sequence[str] = (), whole: Sequence[bool] = ()
) -> Fleet:
    """One fleet over several workloads, whose replicas share nodes.

    Parameters
    ----------
    names
        Of the workloads.
    whole
        Whether replicas of each stay inside a node; by default those of all do.
    """
    if len(fleets) == 1:
        return fleets[0]
    names, whole = names or [f"workload {i + 1}" for i in range(len(fleets))], whole or [True] * len(fleets)
    groups = [Group(f.gpus_per_replica, f.replicas, w) for f, w in zip(fleets, whole, strict=True)]
    shelves = pack(groups, gpus_per_node)
    needed, nodes = sum(f.gpus_needed for f in fleets), sum(shelf.nodes for shelf in shelves)
    gpus = nodes * gpus_per_node

    def total(field: str) -> Any:
        return sum(getattr(f, field) for f in fleets)

    weights = [f.gpus_needed for f in fleets]
    alike = len({f.demand_unit for f in fleets}) == 1  # requests in flight and requests/s make no sum
    return Fleet(
        demand_unit=fleets[0].demand_unit if alike else RATE_UNIT,
        peak_demand=total("peak_demand" if alike else "peak_requests_per_s"),
        replica_capacity=fleets[0].replica_capacity if alike else fleets[0].replica_requests_per_s,
        peak_requests_per_s=total("peak_requests_per_s"),
        replica_requests_per_s=fleets[0].replica_requests_per_s,
        replicas_for_peak=total("replicas_for_peak"),
        replicas_for_bursts=total("replicas_for_bursts"),
        replicas_for_growth=total("replicas_for_growth"),
        replicas_for_redundancy=total("replicas_for_redundancy"),
        replicas=total("replicas"),
        gpus_per_replica=fleets[0].gpus_per_replica,
        gpus_needed=needed,
        gpus=gpus,
        gpus_per_node=gpus_per_node,
        nodes=nodes,
        utilisation_at_average=sum(w * f.utilisation_at_average for w, f in zip(weights, fleets, strict=True)) / needed,
        terms=_shared_terms(fleets, gpus_per_node, names, whole, gpus, told(shelves, names)),
    )


def _shared_terms(
    fleets: Sequence[Fleet], per_node: int, names: Sequence[str], whole: Sequence[bool], gpus: int, shelves: str
) -> tuple[Term, ...]:
    """What each workload adds, what they would take apart, and the nodes that they share."""
    needed, alone = [f.gpus_needed for f in fleets], [f.gpus for f in fleets]
    plain = fills_nodes([(f.gpus_per_replica, w) for f, w in zip(fleets, whole, strict=True)], per_node)
    kept = "" if plain else ", no replica cut between them"
    return (
        *(
            Term(
                name=f"GPUs of {name}",
                value=f.gpus_needed,
                formula=f"{counted(f.replicas, 'replica')} ({f.replicas_for_peak} for the peak +"
                f" {f.replicas_for_bursts} for bursts + {f.replicas_for_growth} for growth +"
                f" {f.replicas_for_redundancy} in reserve) x {counted(f.gpus_per_replica, 'GPU')} = {f.gpus_needed}",
            )
            for name, f in zip(names, fleets, strict=True)
        ),
        Term(
            name="GPUs in nodes of their own",
            value=sum(alone),
            formula=f"{' + '.join(map(str, alone))} = {sum(alone)}, were each workload to have its own nodes",
        ),
        Term(name=SHARED_NODES, value=gpus // per_node, formula=f"GPUs on each: {shelves}"),
        Term(
            name="GPUs in whole nodes",
            value=gpus,
            formula=f"{' + '.join(map(str, needed))} = {sum(needed)} GPUs over {len(fleets)} workloads, in nodes of"
            f" {per_node} that they share{kept}: {gpus}",
        ),
    )
