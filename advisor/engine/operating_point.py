"""The highest load at which one replica keeps the service level, and the curve around it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from advisor.domain.estimate import Interval, OperatingEstimate, OperatingQuery
from advisor.domain.model import ModelSpec
from advisor.domain.profile import Slo, Traffic
from advisor.domain.record import record
from advisor.domain.sizing import (
    RATE_UNIT,
    CapacityResponse,
    CurvePoint,
    Deployment,
    EvidenceNote,
    Memory,
    OperatingPoint,
    Spread,
)
from advisor.engine.estimates import HIGH, LOW, MID, TPOT, TTFT, Batch

LADDER = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
MEAN_OVER_NOMINAL = 0.9
"""Mean drawn length over nominal length in the benchmark that the evidence comes from."""
LEAST_TPS = 1e-9
OVER_DEMAND = 2.0
"""Loads are looked at up to this many times what the whole fleet is to carry: where one replica carries it all, draws
of more demand or less throughput must not call for a second one that the service level does not need."""
EDGE = 0.98
"""Share of the limit that a sample has to come to for its load to count as the edge of the service level."""
EDGE_STEP = 1.02
"""Ratio of loads below which no edge is sought between them."""


@record
class Load:
    """What one workload asks of a replica; lengths are means [tokens]."""

    isl: float
    osl: float
    slo: Slo
    prefix_hit_rate: float
    peak_concurrency: float
    """Requests in flight at peak that the whole fleet carries; infinite where only a rate is given."""
    peak_rps: float | None
    """Requests/s at peak, where given."""
    burst_headroom: float
    most_concurrency: float
    """Requests in flight beyond which no replica is looked at: OVER_DEMAND times the peak with bursts and growth."""

    @classmethod
    def of(cls, traffic: Traffic, slo: Slo, growth_factor: float = 1.0) -> Load:
        """From the profile's traffic and service level; the capacity is for `growth_factor` times today's demand."""
        peak = traffic.peak_concurrency if traffic.peak_concurrency is not None else math.inf
        return cls(
            isl=traffic.isl.mean_tokens,
            osl=traffic.osl.mean_tokens,
            slo=slo,
            prefix_hit_rate=traffic.prefix_cache_hit_rate,
            peak_concurrency=peak,
            peak_rps=traffic.peak_requests_per_s,
            burst_headroom=traffic.burst_headroom,
            most_concurrency=OVER_DEMAND * peak * (1 + traffic.burst_headroom) * max(1.0, growth_factor),
        )

    @property
    def reference_e2e_s(self) -> float | None:
        """Latency of a request that just keeps the service level [s]; None where it sets no limit on output.

        It turns a peak given as concurrency into requests/s that are the same for every candidate.
        """
        limits = [] if self.slo.e2e_ms is None else [self.slo.e2e_ms / 1e3]
        if self.slo.tpot_ms is not None:
            limits.append((self.slo.ttft_ms or 0.0) / 1e3 + self.slo.tpot_ms / 1e3 * self.osl)
        return min(limits, default=None)


@record
class Sample:
    """An operating point with what the service level makes of it."""

    concurrency: int
    ttft_at_percentile_s: float
    tpot_at_percentile_s: float
    prudent_tps: float
    """Output tokens/s per GPU for choosing among deployments, see `prudent_rate`."""
    violated: str
    """ttft, tpot, e2e, or empty when the level holds."""
    found: Batch[OperatingEstimate]
    """The batch that it comes from."""
    place: int

    @property
    def estimate(self) -> OperatingEstimate:
        """The whole estimate."""
        return self.found[self.place]


def query_for(deployment: Deployment, accelerator_id: str, model: ModelSpec, load: Load, n: int) -> OperatingQuery:
    """The estimator's question; nominal lengths are means over 0.9, as in the evidence.

    The stages of a pipeline work on as many groups of requests in turn. Each group takes the steps of one deployment
    without a pipeline that has it alone: a token passes all layers at the width of one stage. So `n` requests over `pp`
    stages are asked for as ``n/pp`` on one, at the same rate per GPU and with the cache that its part of the weights
    leaves; that the stages never wait for each other is the best case.
    """
    return OperatingQuery(
        accelerator=accelerator_id,
        model=model,
        precision=deployment.precision,
        isl=load.isl / MEAN_OVER_NOMINAL,
        osl=load.osl / MEAN_OVER_NOMINAL,
        concurrency=in_stage(n, deployment),
        engine=deployment.engine,
        spec_method=deployment.spec_method,
        disagg=deployment.disagg,
        tp=deployment.tp,
        ep=deployment.ep,
        dp_attention=deployment.dp_attention,
        gpus=deployment.gpus_per_replica // deployment.pp,
        pp=deployment.pp,
    )


def in_stage(n: int, deployment: Deployment) -> int:
    """Requests in flight of one stage of the pipeline, of `n` over all."""
    return max(1, n // deployment.pp)


def judge(found: Batch[OperatingEstimate], loads: Sequence[int], load: Load) -> list[Sample]:
    """Hold a batch of estimates at these concurrencies against the service level; one that failed holds nothing."""
    slo = load.slo
    ttft, tpot = (found.at_percentile(metric, slo.percentile) for metric in (TTFT, TPOT))
    prudent = np.sqrt(found.table[:, MID] * np.maximum(found.table[:, LOW], LEAST_TPS))
    broken = np.full(len(found), "", dtype="<U4")
    if slo.e2e_ms is not None:
        broken[ttft + tpot * load.osl > slo.e2e_ms / 1e3] = "e2e"
    if slo.ttft_ms is not None:
        broken[ttft > slo.ttft_ms / 1e3] = "ttft"
    if slo.tpot_ms is not None:
        broken[tpot > slo.tpot_ms / 1e3] = "tpot"
    columns = (loads, ttft.tolist(), tpot.tolist(), prudent.tolist(), broken.tolist())
    return [Sample(*row, found, place) for place, row in enumerate(zip(*columns, strict=True))]


def ladder(memory: Memory, load: Load, stages: int = 1) -> list[int]:
    """Concurrencies to try: powers of two up to what memory holds and the demand asks, in each stage of a pipeline."""
    top = min(LADDER[-1], memory.max_concurrency // stages)
    if math.isfinite(load.most_concurrency):
        top = min(top, max(1, math.ceil(load.most_concurrency / stages)))
    return [n * stages for n in sorted({n for n in LADDER if n <= top} | {top})] if top >= 1 else []


def edge_between(samples: Sequence[Sample], load: Load, aim: float = 1.0) -> int | None:
    """A load between the last sample that holds and the first that fails, where the level may just hold still.

    Parameters
    ----------
    aim
        Share of the limit that it is to come to if the metric that breaks is straight between the two, both in logs.

    Returns
    -------
    int or None
        Requests in flight; None where the last that holds is the edge already.
    """
    held = [s for s in samples if not s.violated]
    broken = [s for s in samples if s.violated]
    if not held or not broken:
        return None
    lo, hi = held[-1], broken[0]
    limits = _broken(lo, hi, load)
    if hi.concurrency <= max(lo.concurrency + 1, lo.concurrency * EDGE_STEP):
        return None
    if any(b <= a or limit * EDGE <= a for limit, a, b in limits):
        return None
    # where several limits break, the first of them is the edge, whichever the sample is named after
    share = min(math.log(limit * aim / a) / math.log(b / a) for limit, a, b in limits)
    n = math.floor(lo.concurrency * math.pow(hi.concurrency / lo.concurrency, share))
    return min(max(n, lo.concurrency + 1), hi.concurrency - 1)


def _broken(lo: Sample, hi: Sample, load: Load) -> list[tuple[float, float, float]]:
    """(limit, value at the lower load, value at the higher one) [s] of each limit that the higher one breaks."""
    both = zip(_limited(lo, load), _limited(hi, load), strict=True)
    return [(limit, a, b) for (limit, a), (_, b) in both if b > limit]


def _limited(sample: Sample, load: Load) -> list[tuple[float, float]]:
    """(limit, value) [s] of each latency that the service level bounds."""
    slo, ttft_s, tpot_s = load.slo, sample.ttft_at_percentile_s, sample.tpot_at_percentile_s
    values = ((slo.tpot_ms, tpot_s), (slo.ttft_ms, ttft_s), (slo.e2e_ms, ttft_s + tpot_s * load.osl))
    return [(ms / 1e3, value) for ms, value in values if ms is not None]


def strain(sample: Sample, load: Load) -> float:
    """How much of the service level a sample uses: the largest ratio of a latency to its limit, 0 without limits."""
    return max((value / limit for limit, value in _limited(sample, load)), default=0.0)


def contiguous(samples: Sequence[Sample]) -> list[Sample]:
    """Samples in order, from the first that holds up to and including the next that breaks the level.

    Less load is never slower: a point that holds vouches for those below it, whatever the estimate there says.
    """
    ordered = sorted(samples, key=lambda s: s.concurrency)
    first = next((i for i, s in enumerate(ordered) if not s.violated), 0)
    out: list[Sample] = []
    for sample in ordered[first:]:
        out.append(sample)
        if sample.violated:
            break
    return out


def limited_by(samples: Sequence[Sample], memory: Memory, load: Load, stages: int = 1) -> str:
    """What keeps the chosen concurrency from being higher; each stage of a pipeline has a whole number of requests."""
    broken = [s for s in samples if s.violated]
    if broken:
        return broken[0].violated
    top = samples[-1].concurrency
    if top + stages > memory.max_concurrency:
        return "memory"
    if top >= load.most_concurrency:
        return "demand"
    return "evidence"


def worth(load: Load, rate: float, concurrency: float) -> float:
    """What one replica carries of the demand, to compare loads by.

    A demand in flight is carried by requests in flight, wherever the service level bounds how long they take: at a rate
    that rises no more, twice as many of them still take half the replicas. Any other is carried by the rate.

    Parameters
    ----------
    rate, concurrency
        What a replica yields [requests/s], and at how many requests in flight.
    """
    return concurrency if in_flight(load) else rate


def in_flight(load: Load) -> bool:
    """Whether the demand is one in flight of requests of which the service level bounds how long they take."""
    return load.peak_rps is None and load.reference_e2e_s is not None


@record
class Carried:
    """What a workload asks for at its busiest time, and what one replica carries of it."""

    unit: str
    """requests/s, or requests in flight."""
    demand: float
    """[unit]"""
    capacity: float
    """Of one replica within the service level [unit]."""
    peak_rps: float
    """The demand [requests/s]."""


def carried_by(sample: Sample, load: Load, gpus: int) -> Carried:
    """Demand and the yield of a replica in the terms in which the profile states its peak.

    A peak in requests in flight becomes a rate at the latency that just keeps the service level, so that every
    candidate serves the same tokens; without a limit, at the candidate's own latency.
    """
    ttft_s, tpot_s, tps = sample.found.table[sample.place, [TTFT, TPOT, MID]].tolist()
    if load.peak_rps is not None:
        return Carried(RATE_UNIT, load.peak_rps, tps * gpus / load.osl, load.peak_rps)
    latency_s = load.reference_e2e_s or ttft_s + tpot_s * load.osl
    peak = load.peak_concurrency
    return Carried("requests in flight", peak, float(sample.concurrency), peak / latency_s)


def requests_per_s(sample: Sample, load: Load, gpus: int) -> float:
    """Requests/s that a replica completes: its output tokens/s over the mean output length."""
    return sample.estimate.output_tps_per_gpu.mid * gpus / load.osl


def prudent_rate(sample: Sample, load: Load, gpus: int) -> float:
    """Requests/s of a replica for choosing among deployments: geometric mean of the median and the low end.

    Picking the largest of many uncertain medians favours the luckiest; this discounts wide intervals.
    """
    return sample.prudent_tps * gpus / load.osl


def operating_point(
    sample: Sample, load: Load, gpus: int, limit: str, response: Sequence[CapacityResponse] = ()
) -> OperatingPoint:
    """The chosen point in the terms of the result tree."""
    e = sample.estimate
    return OperatingPoint(
        concurrency=sample.concurrency,
        ttft_p50_s=e.ttft_p50_s.mid,
        tpot_p50_s=e.tpot_p50_s.mid,
        e2el_p50_s=e.ttft_p50_s.mid + e.tpot_p50_s.mid * max(0.0, load.osl - 1),
        output_tps_per_gpu=e.output_tps_per_gpu.mid,
        total_tps_per_gpu=e.total_tps_per_gpu.mid,
        interactivity_tps=1.0 / e.tpot_p50_s.mid,
        requests_per_s=requests_per_s(sample, load, gpus),
        ttft_interval_s=_spread(e.ttft_p50_s),
        tpot_interval_s=_spread(e.tpot_p50_s),
        output_tps_interval=_spread(e.output_tps_per_gpu),
        slo_percentile=load.slo.percentile,
        ttft_at_percentile_s=sample.ttft_at_percentile_s,
        tpot_at_percentile_s=sample.tpot_at_percentile_s,
        meets_slo=not sample.violated,
        limited_by=limit,
        evidence_grade=e.evidence_grade,
        basis=e.basis,
        evidence_text=e.basis_text,
        evidence_newest=e.evidence_newest,
        evidence_since=e.evidence_since,
        evidence_rows=e.evidence_row_ids,
        response=tuple(response),
        other_families=tuple(
            EvidenceNote(
                family=f.family,
                total_tps_per_gpu=f.total_tps_per_gpu,
                tpot_s=f.tpot_s,
                as_of=f.as_of,
                row_ids=f.row_ids,
            )
            for f in e.other_families
        ),
    )


def curve_point(sample: Sample) -> CurvePoint:
    """One estimated point of the throughput-against-interactivity curve."""
    row = sample.found.table[sample.place].tolist()
    return CurvePoint(
        concurrency=sample.concurrency,
        interactivity_tps=1.0 / row[TPOT],
        output_tps_per_gpu=row[MID],
        output_tps_lo=row[LOW],
        output_tps_hi=row[HIGH],
        ttft_p50_s=row[TTFT],
        tpot_p50_s=row[TPOT],
        kind="estimate",
        meets_slo=not sample.violated,
    )


def _spread(interval: Interval) -> Spread:
    return Spread(lo=interval.lo, value=interval.mid, hi=interval.hi)
