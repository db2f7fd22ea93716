"""What a load yields with prompts that share nothing, as a probe sends them, beside its yield with a prefix cache."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from advisor.domain.hardware import Accelerator
from advisor.domain.model import ModelSpec
from advisor.domain.profile import Workload
from advisor.domain.sizing import TierPlan
from advisor.engine.adjust import with_factors
from advisor.engine.estimates import MID, EstimateMany
from advisor.engine.operating_point import Load, query_for


def cold_rates(
    planned: Sequence[tuple[Accelerator, TierPlan]],
    workload: Workload,
    model: ModelSpec,
    estimate: EstimateMany,
    factors: Mapping[str, float],
) -> list[float]:
    """Output tokens/s of a replica whose prompts share nothing, over those that each plan counts on; at most 1.

    Parameters
    ----------
    planned
        Where the workload is served, and how.
    estimate
        Without the workload's prefix cache.
    factors
        The user's own on throughput, by accelerator id.
    """
    if workload.traffic.prefix_cache_hit_rate <= 0 or not planned:
        return [1.0] * len(planned)
    load = Load.of(workload.traffic, workload.slo)
    queries = [query_for(p.deployment, part.id, model, load, p.operating_point.concurrency) for part, p in planned]
    found = with_factors(estimate, factors)(queries)
    rates = zip(found.table[:, MID].tolist(), found.errors, planned, strict=True)
    return [1.0 if e else min(1.0, rate / p.operating_point.output_tps_per_gpu) for rate, e, (_, p) in rates]
