"""What the tiers of a candidate ask for today, whatever the way of paying."""

from __future__ import annotations

from advisor.domain.units import MTOK, SECONDS_PER_MONTH
from advisor.engine.cost.timing import in_use_share
from advisor.engine.sized import SizedCandidate


def floors(sized: SizedCandidate) -> tuple[tuple[float, float], ...]:
    """(share of the month, GPUs in whole nodes) of one replica of each tier with traffic.

    The hours of a tier lie within those of one with more of them, which takes the fewest GPUs.
    """
    tiers = [(in_use_share(w.traffic), d.gpus_per_replica) for w, d in zip(sized.workloads, sized.demands, strict=True)]
    shares = sorted({share for share, _ in tiers}, reverse=True)
    return tuple(
        (share - fewer, float(sized.in_nodes([gpus if own >= share else 0 for own, gpus in tiers])))
        for share, fewer in zip(shares, [*shares[1:], 0.0], strict=True)
    )


def tokens_at_average(sized: SizedCandidate) -> list[tuple[float, float]]:
    """(input, output) tokens a month at today's average demand, for each tier [1e6/month]."""
    out = []
    for plan, workload in zip(sized.tiers, sized.workloads, strict=True):
        traffic = workload.traffic
        requests = plan.fleet.peak_requests_per_s * traffic.average_to_peak * in_use_share(traffic) * SECONDS_PER_MONTH
        out.append((requests * plan.request_input_tokens / MTOK, requests * plan.request_output_tokens / MTOK))
    return out
