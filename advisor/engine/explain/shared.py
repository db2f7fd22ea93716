"""What the recalculations of an answer have in common."""

from __future__ import annotations

from advisor.domain.profile import Workload
from advisor.domain.recommendation import Candidate, Recommendation
from advisor.domain.sizing import Deployment, TierPlan
from advisor.engine.packing import stays_whole
from advisor.engine.tree_path import Place

Redone = dict[str, tuple[str, float]]
"""By the name of a field: the arithmetic with numbers, without its result; and that result."""


def candidate_of(tree: Recommendation, id_: str | None) -> Candidate | None:
    """A candidate by its accelerator."""
    return next((c for c in tree.candidates if c.accelerator == id_), None)


def workloads(place: Place, tree: Recommendation) -> tuple[Workload, ...]:
    """The workloads that a node speaks of: its tier's, else all of the candidate, main tier first."""
    tier = place.nearest(TierPlan)
    named = {w.name: w for w in tree.profile.tiers}
    if tier is not None:
        return (named[tier[0].name],)
    found = place.nearest(Candidate)
    names = [t.name for t in found[0].tiers] if found is not None else []
    return tuple(named[n] for n in names) or tree.profile.tiers


def sizes_of(c: Candidate) -> list[tuple[int, bool]]:
    """(GPUs of a replica, whether it stays inside a node) of each of its workloads."""
    deployments: list[Deployment | None] = [t.deployment for t in c.tiers]
    return [(d.gpus_per_replica, stays_whole(d)) for d in deployments or [c.deployment] if d is not None]


def in_use(w: Workload) -> float:
    """Average demand over peak demand, hours without traffic included."""
    t = w.traffic
    return t.average_to_peak * t.hours_per_day / 24 * t.days_per_week / 7
