"""Why nothing fits, and the smallest change that would let something fit."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from advisor.domain.gates import Gate
from advisor.domain.profile import Profile, Slo
from advisor.domain.recommendation import Binding
from advisor.domain.record import record
from advisor.domain.text import in_a_row
from advisor.domain.units import WEEKS_PER_YEAR
from advisor.engine.layout import Layout
from advisor.engine.operating_point import MEAN_OVER_NOMINAL, Sample

HARD = 1e6
"""Relative size of a change that money and patience cannot make, e.g. another country."""
NAMED = 3
"""Most names of candidates that are equally near."""


@record
class Obstacle:
    """One thing that keeps one candidate out, and the change that would free it."""

    accelerator: str
    name: str
    what: str
    """slo, memory, precision, estimate, budget, or the gate's id."""
    text: str
    change: str
    size: float
    """Relative size of the change, for ranking: 0.3 is 30 % more or less of something."""


def layout_obstacle(layout: Layout, tier: str, slo: Slo, slo_path: str) -> Obstacle:
    """What a failed layout asks for."""
    a = layout.accelerator
    where = f" (workload {tier})" if tier != "main" else ""
    if layout.failure == "slo" and layout.nearest is not None:
        change, size = _relax(layout.nearest, slo, slo_path)
        return Obstacle(a.id, a.name, "slo", layout.failure_text + where, change, size)
    if layout.failure == "memory":
        change = "allow a smaller precision in model.precisions, or shorten the context"
        if layout.deployment is None:  # no deployment was tried: the model itself reads no more
            change = "shorten traffic.isl and traffic.osl, or take a model with a longer context"
        return Obstacle(a.id, a.name, "memory", layout.failure_text + where, change, 1.0)
    if layout.failure == "precision":
        change = "allow another precision in model.precisions"
        return Obstacle(a.id, a.name, "precision", layout.failure_text + where, change, 1.0)
    return Obstacle(a.id, a.name, layout.failure, layout.failure_text + where, "measure it with `advisor probe`", 10.0)


def relaxed_profile(profile: Profile, layouts: Sequence[Layout]) -> Profile | None:
    """The profile with the service levels that a candidate just keeps; None where they are not what it misses."""
    missed = [layout for layout in layouts if layout.failure]
    if not missed or any(layout.failure != "slo" or layout.nearest is None for layout in missed):
        return None
    tiers = [
        w.model_copy(update={"slo": w.slo if layout.nearest is None else _relaxed(layout.nearest, w.slo)})
        for w, layout in zip(profile.tiers, layouts, strict=True)
    ]
    return profile.model_copy(update={"workloads": tuple(tiers)} if profile.workloads else {"slo": tiers[0].slo})


def _relaxed(sample: Sample, slo: Slo) -> Slo:
    """The service level with the limits that a sample misses raised to what it keeps [ms]."""
    raised = {metric: _round_up(value) for metric, limit, value in _latencies(sample, slo) if value > limit}
    return slo.model_copy(update=raised)


def _relax(sample: Sample, slo: Slo, path: str) -> tuple[str, float]:
    level, worst = _relaxed(sample, slo), 0.0
    parts = []
    for metric, limit, value in _latencies(sample, slo):
        if value > limit:
            parts.append(f"relax {path}.{metric} from {limit:g} to {getattr(level, metric):g}")
            worst = max(worst, value / limit - 1)
    return " and ".join(parts), worst


def _latencies(sample: Sample, slo: Slo) -> Iterator[tuple[str, float, float]]:
    """Name, limit and estimate at the percentile of each latency that is limited [ms]."""
    ttft, tpot = sample.ttft_at_percentile_s * 1e3, sample.tpot_at_percentile_s * 1e3
    output_tokens = sample.estimate.query.osl * MEAN_OVER_NOMINAL
    for metric, limit, value in (
        ("ttft_ms", slo.ttft_ms, ttft),
        ("tpot_ms", slo.tpot_ms, tpot),
        ("e2e_ms", slo.e2e_ms, ttft + tpot * output_tokens),
    ):
        if limit is not None:
            yield metric, limit, value


def _round_up(value: float) -> float:
    """Two significant digits, upwards: a limit that the estimate just keeps."""
    if value <= 0:
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return math.ceil(value / unit) * unit


def gate_obstacle(gate: Gate, accelerator: str, name: str, size: float | None = None) -> Obstacle:
    """What a failed gate asks for; a size that is not known is set, that of a delivery is its part of a year."""
    change = gate.remedy or "none is known within this profile"
    if size is None:
        size = 0.5 if gate.gate.startswith(("site", "budget", "supply", "start")) else HARD
        if gate.gate == "start" and gate.delay_weeks is not None:
            size = gate.delay_weeks.high / WEEKS_PER_YEAR
    return Obstacle(accelerator, name, gate.gate, gate.title, change, size)


def effort(obstacles: Sequence[Obstacle]) -> float:
    """How far a candidate is from feasible: its largest single change times the number of changes."""
    return max((o.size for o in obstacles), default=0.0) * len(obstacles)


def nearness(obstacles: Sequence[Obstacle]) -> tuple[float, float]:
    """By which candidates are ordered that do not qualify: effort, then all that is to change together."""
    return effort(obstacles), sum(o.size for o in obstacles)


@record
class Infeasibility:
    """Why no candidate is left, over all of them."""

    binding: str
    """Each constraint by the name of its obstacle, with how many candidates it keeps out."""
    bindings: tuple[Binding, ...]
    """The same, counted."""
    reason: str
    """The same in words."""
    change: str
    """The smallest change that frees a candidate."""
    headline: str


def explain_infeasible(obstacles: dict[str, Sequence[Obstacle]], unpriced: Collection[str] = ()) -> Infeasibility:
    """What binds and the smallest change that helps, over all candidates.

    The candidate that is nearest to feasible, by `nearness`, names the change; the first given of those equally near.

    Parameters
    ----------
    unpriced
        Candidates without a cost: nothing sets them apart from others as near that the same change frees.
    """
    if not obstacles:
        reason = "No accelerator was considered."
        return Infeasibility("no candidates", (), reason, "name at least one accelerator in candidates", reason)
    # tiers of a service may miss the same thing: a candidate counts once for each
    counts = Counter(what for found in obstacles.values() for what in dict.fromkeys(o.what for o in found))
    most, of = counts.most_common(3), len(obstacles)
    words = [f"{_in_words(what)} ({n} of {of}{' candidates' if i == 0 else ''})" for i, (what, n) in enumerate(most)]
    nearest = min(obstacles.values(), key=nearness)
    changes = _changes(nearest)
    first = max(nearest, key=lambda o: o.size)
    alike = [
        found[0].name
        for part, found in obstacles.items()
        if found is nearest
        or (first.accelerator in unpriced and part in unpriced and nearness(found) == nearness(nearest)
            and _changes(found) == changes)
    ]  # fmt: skip
    names, verb = _and(alike), "is" if len(alike) == 1 else "are"
    return Infeasibility(
        binding=", ".join(f"{what} ({n} of {of})" for what, n in most),
        bindings=tuple(Binding(what=what, candidates=n, of=of) for what, n in most),
        reason=f"What binds: {', '.join(words)}.",
        change=f"{changes} (frees {names})",
        headline=f"No candidate can serve this profile; the nearest {verb} {names}: {first.text}.",
    )


def _changes(obstacles: Sequence[Obstacle]) -> str:
    return "; ".join(dict.fromkeys(o.change.rstrip(".") for o in obstacles))


def _and(names: Sequence[str]) -> str:
    """Names in a row, of many the first two and a count."""
    if len(names) > NAMED:
        names = [*names[: NAMED - 1], f"{len(names) - NAMED + 1} more"]
    return in_a_row(names)


def _in_words(what: str) -> str:
    return "the service level" if what == "slo" else what.replace("_", " ")
