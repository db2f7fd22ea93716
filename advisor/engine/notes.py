"""What a reader should know before leaning on the numbers: age, disagreement, scope."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from advisor.domain.market import RentPrice
from advisor.domain.model import ModelSpec
from advisor.domain.model_names import is_own_name, weights_called
from advisor.domain.profile import Workload
from advisor.domain.recommendation import Candidate
from advisor.domain.rules import Country
from advisor.domain.sizing import OperatingPoint, Spread
from advisor.domain.text import evidence_days, in_a_row, significant
from advisor.engine.gates.memory import PIPELINE
from advisor.engine.gates.software import engine_names

STALE_DAYS = 180
DISAGREEMENT = 1.25
DOUBTFUL_LEVEL = 1.5
"""Factor on a limit which the high end of an 80 % interval may reach unsaid: a point that is chosen at the edge of the
service level always reaches a little beyond."""
SHARED_FATE = 0.999
"""Availability from which it matters that a node fails as a whole."""
FASTER = 1.5
"""Factor of the rate at its own latency over that of the service level from which a peak in flight is explained."""
FREE_LICENCES = ("Apache-2.0", "MIT")
UNVERIFIED = "not verified"
CONTENDERS = 3
"""Ranks whose service level is looked into."""


def collect_notes(candidates: Sequence[Candidate], workloads: Sequence[Workload], as_of: date) -> tuple[str, ...]:
    """Notes over all candidates, most general first.

    Parameters
    ----------
    workloads
        The tiers of the profile with their service levels.
    """
    out: list[str] = []
    for c in candidates:
        point = c.operating_point
        if point is None:
            continue
        if point.evidence_newest:
            age = (as_of - date.fromisoformat(point.evidence_newest)).days
            if age > STALE_DAYS:
                days = evidence_days(point.evidence_newest, point.evidence_since)
                out.append(
                    f"{c.name}: its throughput rests on measurements at least {age} days old ({days}); newer software"
                    " may be faster."
                )
            if age < 0:
                out.append(
                    f"{c.name}: its throughput rests on measurements up to {point.evidence_newest}, after the day of"
                    " this answer; what was known on that day cannot be told apart."
                )
        if point.evidence_grade == "D":
            out.append(f"{c.name}: no measurement in this regime; its throughput is physics only.")
        for other in point.other_families:
            ratio = other.total_tps_per_gpu / point.total_tps_per_gpu
            if ratio > DISAGREEMENT or ratio < 1 / DISAGREEMENT:
                dated = f" of {other.as_of}" if other.as_of else ""
                out.append(
                    f"{c.name}: {other.family.replace('_', ' ')} evidence{dated} puts it at {ratio:.2f} times the"
                    " estimate used here; the families are not mixed, and no equally recent independent figure of"
                    " the rival may exist."
                )
        price = c.cost.price if c.cost else None
        if price is not None and price.age_days is not None and price.age_days > 60:
            out.append(f"{c.name}: its price is {price.age_days} days old ({price.newest}); ask for a new quote.")
        if c.rank is not None and c.rank <= CONTENDERS:
            out += _best_case(c)
            out += _doubtful_levels(c, workloads)
            out += _shared_fate(c, workloads)
        if c.rank == 1:
            out += _held_or_arriving(c)
    return tuple(dict.fromkeys(out))


def models_taken(workloads: Sequence[Workload], models: Sequence[ModelSpec]) -> tuple[str, ...]:
    """Which model of the catalog was taken where a profile names one as its servers do.

    Parameters
    ----------
    models
        The model of each workload.
    """
    out = []
    for w, spec in zip(workloads, models, strict=True):
        called = w.model.id
        if called is None or is_own_name(called, spec):
            continue
        weights = weights_called(called)
        accepted = w.model.precisions
        told = f"model.id: {called} is taken for {spec.id} of the catalog ({spec.name})."
        if weights is not None and accepted != (weights,):
            told += f" It names {weights} weights; model.precisions says which are accepted: {', '.join(accepted)}."
        out.append(told)
    return tuple(dict.fromkeys(out))


def engines_untried(
    candidates: Sequence[Candidate], models: Sequence[ModelSpec], measured: Mapping[str, frozenset[str]]
) -> tuple[str, ...]:
    """That nobody has measured a model in the engine of a candidate, where it has been in others.

    A team that runs such an engine is offered it, others are not, so that theirs may take more hardware.

    Parameters
    ----------
    models
        Those of the workloads.
    measured
        Engines in which others have measured each model, by the names that measurements give it.
    """
    of_model = {m.id: {e for name in (*m.measured_as, m.id) for e in measured.get(name, ())} for m in models}
    names = {m.id: m.name for m in models}
    found: dict[tuple[str, str], list[str]] = {}
    for c in candidates:
        if not c.feasible:
            continue
        tiers = [(t.model_id, t.deployment.engine) for t in c.tiers]
        alone = [(models[0].id, c.deployment.engine)] if c.deployment is not None else []
        for model, engine in tiers or alone:
            if of_model[model] and engine not in of_model[model]:
                found.setdefault((model, engine), []).append(c.name)
    return tuple(
        f"{in_a_row(parts)}: nobody has measured {names[model]} in {engine_names(engine)[0]}, as others have in"
        f" {in_a_row(sorted({engine_names(e)[0] for e in of_model[model]}))}; that it runs there, and how fast, is"
        " taken from other models. Measure it before you rely on it."
        for (model, engine), parts in found.items()
    )


def licences(models: Sequence[ModelSpec]) -> tuple[str, ...]:
    """Under which licence a model is released, where that is none that lets anybody serve it."""
    out = []
    for spec in models:
        if not spec.licence or spec.licence in FREE_LICENCES:
            continue
        if spec.licence.startswith(UNVERIFIED):
            known = spec.licence.removeprefix(UNVERIFIED)
            out.append(f"{spec.name}: its licence is not verified{known}; read it before you serve the model.")
        else:
            out.append(f"{spec.name}: its licence is the {spec.licence}; whether that allows your use is not judged.")
    return tuple(dict.fromkeys(out))


def rents_elsewhere(candidates: Sequence[Candidate], place: Country, prices: Sequence[RentPrice]) -> tuple[str, ...]:
    """That no listed price behind a rent is of the country of deployment; lists seldom say where capacity stands."""
    out = []
    for c in candidates:
        if c.rank is None or c.rank > CONTENDERS or c.cost is None or c.cost.price is None:
            continue
        behind = [p for p in prices if p.id in c.cost.price.row_ids]
        if behind and not any(place.iso2 in p.countries for p in behind):
            listed = (
                "the one listed price behind its rent does not name"
                if len(behind) == 1
                else f"of the {len(behind):,} listed prices behind its rent none names"
            )
            out.append(f"{c.name}: {listed} {place.name}; capacity there, and its price, are to be asked for.")
    return tuple(out)


def _best_case(c: Candidate) -> Iterator[str]:
    """That a pipeline is reckoned as if its stages never waited."""
    stages = max((d.pp for d in (c.deployment, *(t.deployment for t in c.tiers)) if d is not None), default=1)
    if stages > 1:
        yield f"{c.name}: {PIPELINE.format(nodes=stages)}."


def _doubtful_levels(c: Candidate, workloads: Sequence[Workload]) -> Iterator[str]:
    """Latencies that the estimate puts within the service level, and its interval far beyond."""
    points: dict[str, OperatingPoint | None] = {t.name: t.operating_point for t in c.tiers}
    points = points or {workloads[0].name: c.operating_point}
    for w in workloads:
        p = points.get(w.name)
        if p is None:
            continue
        for name, limit_ms, at_s, interval in _latencies(w, p):
            worst_s = at_s * interval.hi / interval.value
            if limit_ms is not None and worst_s > DOUBTFUL_LEVEL * limit_ms / 1e3:
                of_tier = f" of tier {w.name}" if c.tiers else ""
                yield (
                    f"{c.name}: {name} p{p.slo_percentile}{of_tier} is estimated at {_beside(at_s, limit_ms)} allowed,"
                    f" and its 80 % interval reaches {_beside(worst_s, limit_ms, alone=True)}; measure it before you"
                    " rely on it."
                )


def _beside(at_s: float, limit_ms: float, *, alone: bool = False) -> str:
    """A latency in the unit of its limit, in as many digits as tell the two apart.

    >>> _beside(3.9972, 4000), _beside(0.0792, 80), _beside(7.5131, 3000, alone=True)
    ('3.997 s against 4 s', '79.2 ms against 80 ms', '7.51 s')
    """
    unit, value, limit = ("s", at_s, limit_ms / 1e3) if limit_ms >= 1e3 else ("ms", at_s * 1e3, limit_ms)
    told = next((t for n in range(3, 7) if (t := f"{value:.{n}g}") != f"{limit:.{n}g}"), f"{value:.3g}")
    return f"{told} {unit}" if alone else f"{told} {unit} against {limit:g} {unit}"


def _shared_fate(c: Candidate, workloads: Sequence[Workload]) -> Iterator[str]:
    """That what is to be highly available fails with its one node, spare replicas with those they stand in for."""
    availability = max(w.slo.availability for w in workloads)
    fleet = c.fleet
    if fleet is not None and fleet.nodes == 1 and availability >= SHARED_FATE:
        alone = fleet.replicas == 1
        every = "both" if fleet.replicas == 2 else f"all {fleet.replicas}"
        what = "its one replica stands" if alone else f"{every} replicas stand"
        yield (
            f"{c.name}: {what} in one node; its host, power and network are not counted in the availability of"
            f" {availability:.6g}. {'Have a second in another' if alone else 'Spread them over two'}, or have another"
            " place to fall back on."
        )


def _held_or_arriving(c: Candidate) -> Iterator[str]:
    """That a peak in requests in flight is held as it is, however fast they are served."""
    for tier in c.tiers or (c,):
        name = f"{c.name}, tier {tier.name}" if c.tiers else c.name
        fleet, point = tier.fleet, tier.operating_point
        if fleet is None or point is None or fleet.demand_unit != "requests in flight":
            continue
        own = fleet.peak_demand / point.e2el_p50_s
        if own >= FASTER * fleet.peak_requests_per_s:
            yield (
                f"{name}: the fleet holds {significant(fleet.peak_demand, 4)} requests in flight whatever they take. At"
                f" {point.e2el_p50_s:.3g} s each they are {significant(own, 3)} requests/s; tokens are counted at"
                f" {significant(fleet.peak_requests_per_s, 3)}, the rate at the latency that the service level just"
                " allows. Where you know arrivals, state traffic.peak_requests_per_s: fewer GPUs may do."
            )


def _latencies(w: Workload, p: OperatingPoint) -> Iterator[tuple[str, float | None, float, Spread]]:
    """Name, limit [ms], estimate at the percentile [s] and interval of the median of each latency."""
    yield "TTFT", w.slo.ttft_ms, p.ttft_at_percentile_s, p.ttft_interval_s
    yield "TPOT", w.slo.tpot_ms, p.tpot_at_percentile_s, p.tpot_interval_s
