"""A candidate that has been laid out and sized, in the form that cost, risk and decision work on."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import field
from functools import lru_cache
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from advisor.domain.cost import Cost
from advisor.domain.gates import Gate
from advisor.domain.hardware import Accelerator
from advisor.domain.model import ModelSpec
from advisor.domain.normal import Z80
from advisor.domain.profile import Workload
from advisor.domain.record import record
from advisor.domain.risk import Risk
from advisor.domain.sizing import TierPlan
from advisor.engine.fleet import EXACT_REPLICAS, many_spares, spares, whole_replicas
from advisor.engine.packing import gpus_in_nodes, in_nodes, stays_whole
from advisor.engine.response import LEAST_CARRIED, response_at

FloatArray = NDArray[np.float64]

KEPT_BYTES = 2**19
"""Most that an array may take that is kept: no fleet by month over ten thousand draws, none of a hundred thousand."""
MOST_REPLICAS = 1e12
"""No fleet is larger than this, whatever growth a profile states."""


@record
class TierDemand:
    """What sizing one tier takes, so that the fleet of every Monte Carlo draw is sized as the fleet itself is."""

    peak_rps: float
    """Demand at the busiest time, today [requests/s]."""
    replica_rps: float
    """What one replica completes at its operating point [requests/s]."""
    burst_headroom: float
    availability: float
    up_probability: float
    """Share of time that one replica is up."""
    gpus_per_replica: int
    down: float
    """Log-standard deviation of throughput below its median, from the low end of the 80 % interval."""
    up: float
    """The same above the median, from the high end."""
    response: tuple[float, ...] = ()
    """What a replica carries where it is faster or slower than estimated, see `advisor/engine/response.py`."""
    whole: bool = True
    """Whether a replica that fits a node stays inside one."""

    @classmethod
    def of(cls, plan: TierPlan, workload: Workload, up_probability: float) -> TierDemand:
        """From the plan of a tier and the workload that it serves."""
        spread = plan.operating_point.output_tps_interval
        return cls(
            peak_rps=plan.fleet.peak_requests_per_s,
            replica_rps=plan.fleet.replica_requests_per_s,
            burst_headroom=workload.traffic.burst_headroom,
            availability=workload.slo.availability,
            up_probability=up_probability,
            gpus_per_replica=plan.fleet.gpus_per_replica,
            down=half_sigma(spread.lo, spread.value),
            up=half_sigma(spread.value, spread.hi),
            response=tuple(r.capacity for r in plan.operating_point.response),
            whole=stays_whole(plan.deployment),
        )

    @property
    def size(self) -> tuple[int, bool]:
        """(GPUs of a replica, whether it stays inside a node)."""
        return self.gpus_per_replica, self.whole

    @property
    def sigma(self) -> float:
        """Log-standard deviation of throughput over both halves, ``ln(hi/lo) / (2 x 1.2816)``."""
        return (self.down + self.up) / 2

    def rate(self, z: ArrayLike) -> FloatArray:
        """Factor on throughput at standard normal errors: 10th and 90th percentile are the ends of the interval."""
        return two_pieces(np.asarray(z, dtype=float), self.down, self.up)

    def carried(self, throughput: ArrayLike, sure: ArrayLike = 1.0) -> FloatArray:
        """Factor on what a replica carries within the service level.

        Parameters
        ----------
        throughput
            Factor on the estimated throughput.
        sure
            What of that is given; by what is in doubt beside it, what is carried falls to LEAST_CARRIED and no further.
        """
        least = LEAST_CARRIED * response_at(self.response, sure)
        return np.asarray(np.maximum(response_at(self.response, throughput), least))

    def gpus(
        self, carried: ArrayLike, demand: ArrayLike, growth: ArrayLike = 1.0, per_node: int = 1
    ) -> FloatArray:
        """GPUs in replicas, bursts and spares included.

        Parameters
        ----------
        carried, demand
            Factors on what a replica carries and on today's peak demand; they broadcast.
        growth
            Further factors on demand, along the last axis.
        per_node
            GPUs of a node, to round up to whole ones.
        """
        wanted = self.peak_rps * (1 + self.burst_headroom) * np.asarray(demand, dtype=float)
        today = np.asarray(wanted / (self.replica_rps * np.asarray(carried, dtype=float)))
        # growth compounded over ten years can leave every meaning behind; the count must still fit an integer
        working = whole_replicas(np.minimum(today * np.asarray(growth), MOST_REPLICAS))
        least, most = (int(end.reduce(working, axis=None)) for end in (np.minimum, np.maximum))
        if most <= max(EXACT_REPLICAS, working.size):  # there are fewer counts than fleets: each is reckoned once
            counts = np.arange(most + 1.0)
            if self.up_probability < 1.0:
                counts += self._table(working, least, most)
            return in_nodes(counts * self.gpus_per_replica, self.size, per_node).take(working)
        return in_nodes((working + self._spares(working)) * self.gpus_per_replica, self.size, per_node)

    def _spares(self, working: NDArray[np.int64]) -> NDArray[np.int64]:
        """Spares for every count of replicas, beyond the table too."""
        p = self.up_probability
        if p >= 1.0:
            return np.zeros_like(working)
        small = np.minimum(working, EXACT_REPLICAS)
        table = self._table(small, int(small.min()), EXACT_REPLICAS)
        many = many_spares(np.maximum(working, EXACT_REPLICAS + 1), p, self.availability)
        return np.asarray(np.where(working > EXACT_REPLICAS, many, table[small]))

    def _table(self, counts: NDArray[np.int64], least: int, most: int) -> NDArray[np.int64]:
        """Spares by count of replicas up to `most`, right for these counts, which lie between `least` and it."""
        table = _spare_table((self.up_probability, self.availability))
        if (table[least : most + 1] < 0).any():
            for n in np.flatnonzero(np.bincount(np.minimum(counts.ravel(), EXACT_REPLICAS))):
                if table[n] < 0:
                    table[n] = spares(int(n), self.up_probability, self.availability)
        if most <= EXACT_REPLICAS:
            return table[: most + 1]
        many = np.arange(EXACT_REPLICAS + 1, most + 1)
        return np.append(table, many_spares(many, self.up_probability, self.availability))


@record
class SizedCandidate:
    """One accelerator with its tiers laid out; the main tier first."""

    accelerator: Accelerator
    tiers: tuple[TierPlan, ...]
    workloads: tuple[Workload, ...]
    models: tuple[ModelSpec, ...]
    demands: tuple[TierDemand, ...]
    gates: tuple[Gate, ...] = ()
    lookahead_months: float = 12.0
    """Months of growth that capacity added at the beginning of a year is sized for, whatever the horizon."""
    cold_rate: float = 1.0
    """Rate of the main tier's load with prompts that share nothing, as a probe sends them, over its planned rate."""
    memo: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)
    """What has been derived from the candidate and is asked for again, e.g. its prices."""

    @property
    def id(self) -> str:
        """Accelerator id."""
        return self.accelerator.id

    @property
    def of_tier(self) -> str:
        """` of tier NAME` after a rate that is told of the main tier alone; empty where there is but one."""
        return f" of tier {self.tiers[0].name}" if len(self.tiers) > 1 else ""

    @property
    def sigma(self) -> float:
        """Log-standard deviation of throughput, tiers weighted by their GPUs."""
        weights = [max(1, t.fleet.gpus_needed) for t in self.tiers]
        return sum(w * d.sigma for w, d in zip(weights, self.demands, strict=True)) / sum(weights)

    @property
    def gpus_at_start(self) -> int:
        """GPUs over all tiers, in whole nodes."""
        return int(self.in_nodes([t.fleet.gpus_needed for t in self.tiers]))

    @property
    def tariff_rate(self) -> float:
        """Duty on landed hardware, from the gates; 0 where none applies."""
        return max((g.tariff_rate for g in self.gates if g.tariff_rate), default=0.0)

    def gpus(
        self, z: ArrayLike, throughput: ArrayLike, demand: ArrayLike, growth: Sequence[ArrayLike]
    ) -> FloatArray:
        """GPUs in whole nodes over all tiers.

        Parameters
        ----------
        z
            Standard normal error of the throughput estimates, one value or one a case; each tier scales it by its own
            sigma.
        throughput, demand
            Further factors on throughput and on today's demand; they broadcast.
        growth
            Further factors on the demand of each tier, along the last axis.
        """
        per_node = self.accelerator.gpus_per_node
        carried = [self._carried(n, z, throughput) for n in range(len(self.demands))]
        if len(carried) == 1:
            return self.demands[0].gpus(carried[0], demand, growth[0], per_node)
        parts = [tier.gpus(some, demand, g) for tier, some, g in zip(self.demands, carried, growth, strict=True)]
        return self.in_nodes(parts)

    def _carried(self, tier: int, z: ArrayLike, throughput: ArrayLike) -> FloatArray:
        def made() -> FloatArray:
            demand, factor = self.demands[tier], np.asarray(throughput, dtype=float)
            return demand.carried(factor * demand.rate(z)[..., None], factor)

        return once(self.memo, ("carried", tier), (z, throughput), made)

    def in_nodes(self, parts: Sequence[ArrayLike]) -> FloatArray:
        """GPUs of the nodes that all tiers share, from those of the replicas of each."""
        return gpus_in_nodes(parts, [demand.size for demand in self.demands], self.accelerator.gpus_per_node)

    def only(self, *indices: int) -> SizedCandidate:
        """The same accelerator for some of the tiers, in their order, with nothing else on its nodes."""

        def pick(items: Sequence[Any]) -> tuple[Any, ...]:
            return tuple(items[i] for i in sorted(indices))

        return SizedCandidate(
            self.accelerator, pick(self.tiers), pick(self.workloads), pick(self.models), pick(self.demands), self.gates,
            self.lookahead_months,
        )  # fmt: skip


@record
class PricedCandidate:
    """A sized candidate with its cost and its risks."""

    sized: SizedCandidate
    cost: Cost
    risks: tuple[Risk, ...] = field(default=())

    @property
    def id(self) -> str:
        """Accelerator id."""
        return self.sized.accelerator.id

    @property
    def expected_loss_usd_per_month(self) -> float:
        """Expected loss over the register [USD/month]."""
        return sum(r.expected_loss_usd_per_month for r in self.risks)


class _Sized(Protocol):
    @property
    def nbytes(self) -> int: ...


Derived = TypeVar("Derived", bound=_Sized)


def once(
    memo: dict[Any, Any], name: tuple[object, ...], inputs: tuple[ArrayLike, ...], make: Callable[[], Derived]
) -> Derived:
    """What `make` derives from inputs; what it gave for the very same arrays and numbers before is looked up.

    Ways of paying, break-evens and the tornado ask for the same again and again. It is not to be written to.
    """
    key = (name, *map(id, inputs))
    known: tuple[Derived, object] | None = memo.get(key)
    if known is not None:
        return known[0]
    made = make()
    if isinstance(made, np.ndarray):
        made.flags.writeable = False
    if made.nbytes <= KEPT_BYTES:
        memo[key] = made, inputs  # kept alive, so that nothing else gets the id of one of them
    return made


@lru_cache(maxsize=256)
def _spare_table(key: tuple[float, float]) -> NDArray[np.int64]:
    """Spares by count of replicas, -1 where not reckoned yet; the key is what `spares` depends on."""
    assert key
    return np.full(EXACT_REPLICAS + 1, -1, dtype=np.int64)


def two_pieces(z: FloatArray, down: float, up: float) -> FloatArray:
    """Log-normal factor around 1 of which the log has one standard deviation below its median and another above."""
    return np.asarray(np.exp(np.minimum(z, 0.0) * down + np.maximum(z, 0.0) * up))


def half_sigma(low: float, high: float) -> float:
    """Log-standard deviation behind one half of an 80 % interval, ``ln(high/low) / 1.2816``; 0 where it has no width.

    >>> round(half_sigma(0.8, 1.0), 3)
    0.174
    """
    if low <= 0 or high <= low:
        return 0.0
    return math.log(high / low) / Z80
