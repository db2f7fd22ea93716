"""Memory, operating point and fleet reckoned again from other fields of the tree."""

from __future__ import annotations

from collections.abc import Sequence

from advisor.domain.recommendation import Candidate, Recommendation
from advisor.domain.sizing import CurvePoint, Deployment, Fleet, Memory, OperatingPoint, TierPlan
from advisor.domain.text import significant
from advisor.engine.explain.shared import Redone, in_use, workloads
from advisor.engine.packing import Group, fills_nodes, gpus_in_nodes, pack, stays_whole, told
from advisor.engine.tree_path import Place

TERMS = ("usable_gb", "weights_gb", "kv_gb", "kv_bytes_per_token", "kv_bytes_per_request", "max_concurrency")
"""Fields of a memory in the order of its terms."""


def memory(m: Memory, place: Place, tree: Recommendation) -> Redone:
    """Room, sizes and requests at once."""
    out = {
        "kv_gb": (
            f"{m.usable_gb:,.2f} usable - {m.weights_gb:,.2f} weights - {m.reserve_gb:g} reserve",
            max(0.0, m.usable_gb - m.weights_gb - m.reserve_gb),
        )
    }
    t = workloads(place, tree)[0].traffic
    isl, osl = t.isl.mean_tokens, t.osl.mean_tokens
    out["context_tokens"] = (f"{isl:,.1f} input + {osl:,.1f} output tokens of a mean request", isl + osl)
    reserve = next((q for q in tree.inputs if q.name == "runtime_reserve_gb"), None)
    if reserve is not None:
        out["reserve_gb"] = ("runtime_reserve_gb of `inputs`", reserve.value)
    for name, term in zip(TERMS, m.terms, strict=False):
        arithmetic, _, _ = term.formula.rpartition(" = ")  # a term tells its result, which `explain` tells too
        out.setdefault(name, (arithmetic or term.formula, term.value))
    deployed = place.nearest(TierPlan) or place.nearest(Candidate)
    d: Deployment | None = deployed[0].deployment if deployed is not None else None
    if d is not None and m.kv_bytes_per_request > 0:
        out["max_concurrency"] = (
            f"floor({m.kv_gb:,.3f} GB x {d.cache_gpus} GPUs / {m.kv_bytes_per_request / 1e9:,.4f} GB a request)",
            float(int(m.kv_gb * 1e9 * d.cache_gpus / m.kv_bytes_per_request + 1e-9)),
        )
    return out


def point(p: OperatingPoint, place: Place, tree: Recommendation) -> Redone:
    """Latencies, rates and lengths of one replica."""
    t = workloads(place, tree)[0].traffic
    isl, osl = t.isl.mean_tokens, t.osl.mean_tokens
    deployed = place.nearest(TierPlan) or place.nearest(Candidate)
    d: Deployment | None = deployed[0].deployment if deployed is not None else None
    out = {
        "interactivity_tps": (f"1 / {p.tpot_p50_s:g} s", 1 / p.tpot_p50_s),
        "e2el_p50_s": (
            f"TTFT {p.ttft_p50_s:.4g} s + TPOT {p.tpot_p50_s:.4g} s x ({osl:,.1f} output tokens - the first)",
            p.ttft_p50_s + p.tpot_p50_s * (osl - 1),
        ),
        "total_tps_per_gpu": (
            f"{p.output_tps_per_gpu:,.2f} x ({isl:,.1f} + {osl:,.1f}) / {osl:,.1f} tokens",
            p.output_tps_per_gpu * (isl + osl) / osl,
        ),
        "ttft_interval_s.value": ("the median, ttft_p50_s", p.ttft_p50_s),
        "tpot_interval_s.value": ("the median, tpot_p50_s", p.tpot_p50_s),
        "output_tps_interval.value": ("the median, output_tps_per_gpu", p.output_tps_per_gpu),
        "slo_percentile": ("slo.percentile of the profile", float(workloads(place, tree)[0].slo.percentile)),
    }
    if d is not None:
        out["requests_per_s"] = (
            f"{p.output_tps_per_gpu:,.2f} x {d.gpus_per_replica} GPUs / {osl:,.1f} output tokens",
            p.output_tps_per_gpu * d.gpus_per_replica / osl,
        )
    return out


def fleet(f: Fleet, place: Place, tree: Recommendation) -> Redone:
    """Replicas, GPUs and nodes."""
    parts = (f.replicas_for_peak, f.replicas_for_bursts, f.replicas_for_growth, f.replicas_for_redundancy)
    out: Redone = {
        "replicas": (" + ".join(str(n) for n in parts), float(sum(parts))),
        "nodes": (f"{f.gpus} / {f.gpus_per_node}", f.gpus / f.gpus_per_node),
    }
    found, tier = place.nearest(Candidate), place.nearest(TierPlan)
    tiers: tuple[TierPlan, ...] = found[0].tiers if tier is None and found is not None else ()
    owner = tier or found
    if owner is not None:
        out["gpus"] = _in_nodes(f, tiers, owner[0])
    if tiers:
        sums = ("peak_demand", "peak_requests_per_s", "replicas_for_peak", "replicas_for_bursts",
                "replicas_for_growth", "replicas_for_redundancy", "gpus_needed")  # fmt: skip
        for name in sums:
            rates = name == "peak_demand" and any(t.fleet.demand_unit != f.demand_unit for t in tiers)
            values = [float(getattr(t.fleet, "peak_requests_per_s" if rates else name)) for t in tiers]
            summed = " + ".join(significant(v, 6) for v in values)
            out[name] = (f"{summed} over {len(tiers)} workloads", sum(values))
        out["utilisation_at_average"] = (
            "mean of the workloads, weighed by their GPUs",
            sum(t.fleet.gpus_needed * t.fleet.utilisation_at_average for t in tiers) / f.gpus_needed,
        )
        return out
    w = workloads(place, tree)[0]
    t = w.traffic
    peak, capacity = significant(f.peak_demand, 6), significant(f.replica_capacity, 6)
    given = t.peak_concurrency if t.peak_concurrency is not None else t.peak_requests_per_s
    out |= {
        "peak_demand": ("the peak that the profile states", float(given or 0.0)),
        "gpus_needed": (f"{f.replicas} replicas x {f.gpus_per_replica} GPUs", float(f.replicas * f.gpus_per_replica)),
        "replica_requests_per_s": (
            f"{significant(f.peak_requests_per_s, 6)} x {capacity} / {peak}",
            f.peak_requests_per_s * f.replica_capacity / f.peak_demand,
        ),
        "utilisation_at_average": (
            f"{peak} x {t.average_to_peak:g} x {t.hours_per_day:g}/24 h x {t.days_per_week:g}/7 days /"
            f" ({f.replicas} x {capacity})",
            min(1.0, f.peak_demand * in_use(w) / (f.replicas * f.replica_capacity)),
        ),
    }
    s = w.slo
    if t.peak_concurrency is not None and (s.e2e_ms is not None or s.tpot_ms is not None):
        osl = t.osl.mean_tokens
        limits = [] if s.e2e_ms is None else [s.e2e_ms]
        e2e = min(limits if s.tpot_ms is None else [*limits, (s.ttft_ms or 0.0) + s.tpot_ms * osl])
        out["peak_requests_per_s"] = (
            f"{peak} in flight / {significant(e2e / 1e3, 4)} s, the latency that just keeps the service level",
            f.peak_demand / (e2e / 1e3),
        )
    elif t.peak_requests_per_s is not None:
        out["peak_requests_per_s"] = ("the peak that the profile states", t.peak_requests_per_s)
    return out


def _in_nodes(f: Fleet, tiers: Sequence[TierPlan], owner: TierPlan | Candidate) -> tuple[str, float]:
    """GPUs of the nodes that replicas of all workloads fill, or of one by itself."""
    d, per_node = owner.deployment, f.gpus_per_node
    sizes = [(t.deployment.gpus_per_replica, stays_whole(t.deployment)) for t in tiers]
    sizes = sizes or [(f.gpus_per_replica, d is None or stays_whole(d))]
    parts = [t.fleet.gpus_needed for t in tiers] or [f.gpus_needed]
    gpus = float(gpus_in_nodes(parts, sizes, per_node))
    if fills_nodes(sizes, per_node):
        return f"ceil({f.gpus_needed} / {per_node}) x {per_node}", gpus
    groups = [Group(size, n // size, whole) for n, (size, whole) in zip(parts, sizes, strict=True)]
    held = told(pack(groups, per_node), [t.name for t in tiers] or ["GPUs"])
    return f"{per_node} x the nodes that hold whole replicas: {held}", gpus


def curve(p: CurvePoint, _: Place, __: Recommendation) -> Redone:
    """Speed per user of an estimated point."""
    if p.kind != "estimate":
        return {}
    return {"interactivity_tps": (f"1 / TPOT {p.tpot_p50_s:g} s", 1 / p.tpot_p50_s)}
