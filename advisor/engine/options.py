"""Deployments under consideration: what each yields at the loads at which it was estimated, and what is asked of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from advisor.domain.hardware import Accelerator
from advisor.domain.model import ModelSpec
from advisor.domain.profile import Workload
from advisor.domain.record import record
from advisor.domain.sizing import Deployment, Memory
from advisor.engine.estimates import EstimateMany, Ladders
from advisor.engine.fleet import Sizing, count_replicas
from advisor.engine.operating_point import (
    Load,
    Sample,
    contiguous,
    edge_between,
    in_stage,
    judge,
    ladder,
    prudent_rate,
    query_for,
    worth,
)

AROUND = (0.7, 0.85, 1.0, 1.2, 1.45)
"""Demands over the stated one at which deployments are compared."""


@record
class Need:
    """What the whole fleet is to carry, in the terms of one replica's yield."""

    load: Load
    growth_factor: float
    availability: float
    sizing: Sizing

    @classmethod
    def of(cls, workload: Workload, sizing: Sizing) -> Need:
        """From the profile."""
        growth_factor = sizing.growth_factor(workload.traffic)
        load = Load.of(workload.traffic, workload.slo, growth_factor)
        return cls(load, growth_factor, workload.slo.availability, sizing)

    def gpus_of(self, replica: int, rate: float, concurrency: float) -> int:
        """GPUs of the fleet in whole replicas, with bursts, growth and spares.

        Large replicas yield more per GPU at times, and waste more: the last one is seldom full, and a spare one
        stands idle.

        Parameters
        ----------
        replica
            GPUs of one.
        rate, concurrency
            What one carries [requests/s] and [requests in flight].
        """
        return self._gpus(replica, self._ratio(rate, concurrency))

    def usual_gpus(self, replica: int, rate: float, concurrency: float) -> float:
        """`gpus_of` on average over demands around the one that is stated: as demand and throughput may turn out, the
        last replica is full or nearly empty."""
        ratio = self._ratio(rate, concurrency)
        return sum(self._gpus(replica, ratio * factor) for factor in AROUND) / len(AROUND)

    def _ratio(self, rate: float, concurrency: float) -> float:
        peak_rps = self.load.peak_rps
        return self.load.peak_concurrency / concurrency if peak_rps is None else peak_rps / rate

    def _gpus(self, replica: int, ratio: float) -> int:
        count = count_replicas(
            ratio, burst_headroom=self.load.burst_headroom, growth_factor=self.growth_factor,
            availability=self.availability, up_probability=self.sizing.up_probability(replica),
        )  # fmt: skip
        return count.total * replica


@dataclass(slots=True)
class Option:
    """One deployment under consideration."""

    accelerator: Accelerator
    deployment: Deployment
    memory: Memory
    samples: dict[int, Sample] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    _seen: tuple[int, list[Sample]] = field(default=(0, []), repr=False, compare=False)
    """How many samples there were, and what was contiguous of them: asked for again and again."""

    @property
    def seen(self) -> list[Sample]:
        """The samples that are looked at, see `contiguous`."""
        if self._seen[0] != len(self.samples):
            self._seen = len(self.samples), contiguous(list(self.samples.values()))
        return self._seen[1]

    def best(self, load: Load) -> Sample | None:
        """The held sample by which a replica carries most of the demand, see `worth`."""
        held = [s for s in self.seen if not s.violated]
        return max(
            held,
            key=lambda s: (worth(load, prudent_rate(s, load, self.gpus), s.concurrency), -s.concurrency),
            default=None,
        )

    @property
    def gpus(self) -> int:
        """GPUs of one replica."""
        return self.deployment.gpus_per_replica

    def ladder(self, load: Load) -> list[int]:
        """Loads to try."""
        return ladder(self.memory, load, self.deployment.pp)

    def edge(self, load: Load, aim: float) -> int | None:
        """Where to seek the edge of the service level, see `edge_between`; None where it is known."""
        n = edge_between(self.seen, load, aim)
        if n is not None:
            n -= n % self.deployment.pp
        return None if n in self.samples else n

    def rate_per_gpu(self, load: Load) -> float:
        """Prudent requests/s per GPU at the best held sample; 0 where none holds."""
        best = self.best(load)
        return 0.0 if best is None else prudent_rate(best, load, self.gpus) / self.gpus

    def promise(self, load: Load) -> tuple[float, float] | None:
        """Prudent requests/s and requests in flight of a replica at the edge of the service level; None if none holds.

        Between the last rung that holds and the next, both are taken as straight in logs. Of that and of what is known
        to hold, the one that carries more.
        """
        best = self.best(load)
        if best is None:
            return None
        known = prudent_rate(best, load, self.gpus), float(best.concurrency)
        edge = edge_between(self.seen, load)
        if edge is None:
            return known
        lo, hi = self.seen[-2:]
        share = math.log(edge / lo.concurrency) / math.log(hi.concurrency / lo.concurrency)
        low, high = (prudent_rate(s, load, self.gpus) for s in (lo, hi))
        return max(known, (low ** (1 - share) * high**share, float(edge)), key=lambda pair: worth(load, *pair))


def sample_ladders(options: Sequence[Option], model: ModelSpec, load: Load, estimate: EstimateMany) -> None:
    """Estimate options at every rung of their ladders."""
    sample_at([(option, n) for option in options for n in option.ladder(load)], model, load, estimate)


def sample_at(wanted: Sequence[tuple[Option, int]], model: ModelSpec, load: Load, estimate: EstimateMany) -> None:
    """Estimate options at loads [requests in flight], all in one batch."""
    if not wanted:
        return
    ladders: dict[int, tuple[Option, list[int]]] = {}
    for option, n in wanted:
        ladders.setdefault(id(option), (option, []))[1].append(n)
    found = estimate(
        Ladders(
            [query_for(o.deployment, o.accelerator.id, model, load, loads[0]) for o, loads in ladders.values()],
            [[in_stage(n, o.deployment) for n in loads] for o, loads in ladders.values()],
        )
    )
    samples = judge(found, [n for _, n in wanted], load)
    for (option, n), sample, error in zip(wanted, samples, found.errors, strict=True):
        if error:
            option.errors.append(error)
        else:
            option.samples[n] = sample
