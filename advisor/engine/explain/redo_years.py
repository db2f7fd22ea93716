"""The fleet of each year, and what a workload has of it, reckoned again from other fields of the tree."""

from __future__ import annotations

from collections.abc import Mapping

from advisor.domain.cost import Cost, FleetYear
from advisor.domain.profile import Workload
from advisor.domain.recommendation import Candidate, Recommendation
from advisor.domain.sizing import Fleet, TierPlan, TierShare
from advisor.domain.text import significant
from advisor.domain.units import MTOK, SECONDS_PER_MONTH
from advisor.engine.explain.shared import Redone, in_use, sizes_of, workloads
from advisor.engine.fleet import one_whole, replica_up_probability, spares
from advisor.engine.packing import gpus_in_nodes
from advisor.engine.tree_path import Place


def year(y: FleetYear, place: Place, tree: Recommendation) -> Redone:
    """Fleet of a year: the replicas of each workload at its demand then, and what the flow of the month pays for."""
    owner, cost = place.nearest(Candidate), place.nearest(Cost)
    fleet: Fleet | None = None if owner is None else owner[0].fleet
    if owner is None or cost is None or fleet is None:
        return {}
    c: Cost = cost[0]
    out: Redone = {"gpus_paid": (f"flows[{y.month}].gpus", c.flows[y.month].gpus)}
    follows, size = _follows(c), {q.name: q.value for q in tree.inputs}
    grown = [_grown(w, y.month, c, size) for w in workloads(place, tree)]
    out["demand_factor"] = grown[0]
    fleets = [t.fleet for t in owner[0].tiers] or [fleet]
    tiers = zip(workloads(place, tree), fleets, grown, strict=True)
    parts = [_gpus_of(w, f, factor, size) for w, f, (_, factor) in tiers]
    held = [int(gpus_in_nodes(parts, sizes_of(owner[0]), fleet.gpus_per_node))]
    if not follows and c.commitment != "reserved_1y":
        held += [before.gpus_needed for before in c.fleet_years if before.year < y.year]
    out["gpus_needed"] = (f"the formula, of {' + '.join(str(part) for part in parts)} GPUs", float(max(held)))
    return out


def share(s: TierShare, place: Place, tree: Recommendation) -> Redone:
    """What a workload has of the shared fleet: GPUs of each year, their months, and its part of the cost."""
    owner, tier = place.nearest(Candidate), place.nearest(TierPlan)
    if owner is None or tier is None or owner[0].cost is None:
        return {}
    c: Cost = owner[0].cost
    t: TierPlan = tier[0]
    (w,), size = workloads(place, tree), {q.name: q.value for q in tree.inputs}
    out: Redone = {}
    for i, y in enumerate(c.fleet_years):
        text, factor = _grown(w, y.month, c, size)
        name = f"gpus_by_year[{i}]"
        out[name] = (f"replicas of {t.name} at {text} of today's demand", float(_gpus_of(w, t.fleet, factor, size)))
    used = [_used(s, t, w, c, i) for i in range(len(s.gpus_by_year))]
    every = [x.share.gpu_months for x in owner[0].tiers if x.share is not None]
    d = (1 + c.discount_rate) ** (-1 / 12)
    grown = sum((1 + w.traffic.growth_per_year) ** (m / 12) * d**m for m in range(c.horizon_months))
    rps = t.fleet.peak_requests_per_s * in_use(w)
    blended = c.usd_per_mtok_blended.p50
    tokens = rps * SECONDS_PER_MONTH * (t.request_input_tokens + t.request_output_tokens) / MTOK
    return out | {
        "gpu_months": (" + ".join(text for text, _ in used), sum(value for _, value in used)),
        "share": (
            f"{significant(s.gpu_months, 8)} / ({' + '.join(significant(g, 8) for g in every)}) GPU-months",
            s.gpu_months / sum(every),
        ),
        "usd_per_month": (
            f"{s.share:.6f} x cost.usd_per_month.p50 {c.usd_per_month.p50:,.2f}", s.share * c.usd_per_month.p50
        ),
        "point_usd_per_month": (
            f"{s.share:.6f} x cost.point_usd_per_month {c.point_usd_per_month:,.2f}", s.share * c.point_usd_per_month
        ),
        "mtok_per_month": (
            f"{significant(tokens, 8)} in the first month, grown and levelised over {c.horizon_months} months",
            tokens * grown / c.annuity_months,
        ),
        "usd_per_mtok_blended": (
            f"cost.usd_per_mtok_blended.p50 {significant(blended, 6)} x {s.share:.6f} x"
            f" {significant(c.mtok_per_month, 8)} Mtok of all / {significant(s.mtok_per_month, 8)}",
            blended * s.share * c.mtok_per_month / s.mtok_per_month,
        ),
    }  # fmt: skip


def _used(s: TierShare, t: TierPlan, w: Workload, c: Cost, year: int) -> tuple[str, float]:
    """GPU-months of a year that a workload pays for."""
    gpus, months = s.gpus_by_year[year], min(12, c.horizon_months - 12 * year)
    if not _follows(c):
        return f"{gpus:,} x {months} months", float(gpus * months)
    hours, average = in_use(w) / w.traffic.average_to_peak, w.traffic.average_to_peak
    replica = t.fleet.gpus_per_replica
    text = f"max({gpus:,} x {average:g}, {replica}) x {significant(hours, 4)} of the hours x {months} months"
    return text, max(gpus * average, replica) * hours * months


def _follows(c: Cost) -> bool:
    """Whether the whole fleet follows demand."""
    return c.mode == "rent" and c.commitment in ("on_demand", "spot")


def _grown(w: Workload, month: int, c: Cost, size: Mapping[str, float]) -> tuple[str, float]:
    """Demand that is sized for in a month over today's."""
    g, left = w.traffic.growth_per_year, float(c.horizon_months - month)
    ahead = 0.0 if _follows(c) else min(left, size["growth_lookahead_months"])
    return f"(1 + {g:g})^(({month} + {ahead:g})/12)", (1 + g) ** (month / 12) * max(1.0, (1 + g) ** (ahead / 12))


def _gpus_of(w: Workload, f: Fleet, factor: float, size: Mapping[str, float]) -> int:
    """GPUs in the replicas of a workload with its demand at `factor` times today's."""
    working = one_whole(f.peak_demand / f.replica_capacity * (1 + w.traffic.burst_headroom) * factor)
    up = replica_up_probability(f.gpus_per_replica, size["interruptions_per_gpu_hour"], size["repair_hours"])
    return (working + spares(working, up, w.slo.availability)) * f.gpus_per_replica
