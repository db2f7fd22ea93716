"""What a load yields with prompts that share nothing, as a probe sends them, beside its yield with a prefix cache."""

from __future__ import annotations

from collections.abc import Mapping

from advisor.domain.hardware import Accelerator
from advisor.domain.model import ModelSpec
from advisor.domain.profile import Workload
from advisor.domain.sizing import TierPlan
from advisor.engine.adjust import with_factors
from advisor.engine.estimates import EstimateMany
from advisor.engine.operating_point import Load, query_for


def cold_rate(
    plan: TierPlan,
    workload: Workload,
    model: ModelSpec,
    accelerator: Accelerator,
    estimate: EstimateMany,
    factors: Mapping[str, float],
) -> float:
    """Output tokens/s of a replica whose prompts share nothing, over those that the plan counts on; at most 1.

    Parameters
    ----------
    estimate
        Without the workload's prefix cache.
    factors
        The user's own on throughput, by accelerator id.
    """
    if workload.traffic.prefix_cache_hit_rate <= 0:
        return 1.0
    point, load = plan.operating_point, Load.of(workload.traffic, workload.slo)
    query = query_for(plan.deployment, accelerator.id, model, load, point.concurrency)
    (found,) = with_factors(estimate, factors)([query])
    return 1.0 if found.error else min(1.0, found.output_tps_per_gpu.mid / point.output_tps_per_gpu)
