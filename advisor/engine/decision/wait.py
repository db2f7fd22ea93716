"""Wait or buy: parts on the roadmap as options, with their dates, their uncertainty and the meantime."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import numpy as np

from advisor.catalog import Catalog
from advisor.domain.decision import WaitOption
from advisor.domain.normal import Z80
from advisor.domain.profile import Profile
from advisor.domain.provenance import Quantity
from advisor.domain.record import record
from advisor.domain.register import RoadmapOption
from advisor.domain.roadmap import RoadmapPart
from advisor.domain.text import percent, told_usd
from advisor.domain.units import DAYS_PER_MONTH, WEEKS_PER_YEAR
from advisor.engine.cost.pricing import typical_levels
from advisor.engine.cost.uncertain import log_pieces
from advisor.engine.decision.simulate import Comparison, Run
from advisor.engine.gates.export import chip_of, total_processing_performance
from advisor.engine.gates.place import legal_gates
from advisor.engine.sized import FloatArray

TCO_NEW = "InferenceX blog operator TCO / facility kW per GPU"
TCO_TODAY = "InferenceX TCO, owner = hyperscaler (4-yr life)"
DRAWS = 2000


@record
class _Dates:
    low: date
    typical: date
    high: date

    def months_after(self, start: date) -> tuple[float, float, float]:
        """(low, typical, high) months from a date, never negative."""
        days = [max(0, (day - start).days) for day in (self.low, self.typical, self.high)]
        return days[0] / DAYS_PER_MONTH, days[1] / DAYS_PER_MONTH, days[2] / DAYS_PER_MONTH


@record
class _Priced:
    """What pricing an option takes."""

    months: tuple[float, float, float]
    speedup: tuple[float, float, float]
    meantime: float
    """Serving on demand until then [USD/month]."""
    hardware: float
    """Hardware terms of the reference today [USD/month]."""
    rest: float
    """Its other terms, and the loss and tail [USD/month]."""
    switch_usd: float
    price_ratio: float | None
    """Price of the coming part over the reference's."""


def wait_options(
    profile: Profile, comparison: Comparison, catalog: Catalog, as_of: date, seed: int
) -> tuple[WaitOption, ...]:
    """Every announced part that may ship within the horizon, soonest first."""
    start = profile.procurement.start_date or as_of
    start = max(start, as_of)
    horizon = comparison.best.pricing.model.calendar.months
    parts = {part.id: part for part in catalog.roadmap}
    barred: dict[str, str] = {}
    out = []
    for option in catalog.roadmap_options:
        part = parts.get(option.roadmap_id)
        if part is None or part.latest is None:
            continue
        dates = _dates(part, as_of, catalog.decision_defaults)
        if dates.months_after(start)[1] >= horizon:
            continue
        if part.vendor not in barred:
            barred[part.vendor] = _barred(profile, part.vendor, catalog, as_of)
        out.append(_option(option, part, dates, start, comparison, catalog, seed, barred[part.vendor]))
    return tuple(sorted(out, key=lambda w: (w.available_typical or date.max, w.part)))


def _barred(profile: Profile, vendor: str, catalog: Catalog, as_of: date) -> str:
    """Why a coming part may not go where the profile runs: today's strongest of its vendor may not; empty if it may."""
    chips = [(chip_of(a), a) for a in catalog.accelerators.values() if a.vendor == vendor]
    rated = [(max(total_processing_performance(chip.dense_tops).values(), default=0.0), a) for chip, a in chips]
    if not rated:
        return ""
    _, strongest = max(rated, key=lambda pair: (pair[0], pair[1].id))
    gate = next(g for g in legal_gates(profile.place, strongest, catalog.export, as_of) if g.gate == "export")
    return "" if gate.passes else f"{gate.title}, as for {strongest.name}, and what comes is no weaker"


def _dates(part: RoadmapPart, as_of: date, defaults: Mapping[str, Quantity]) -> _Dates:
    assert part.latest is not None
    slip, late = defaults["roadmap_slip_months"].value, defaults["roadmap_slip_months"].band[2]
    low = max(as_of, part.latest if part.disputed else (part.earliest or part.latest))
    typical = max(low, part.latest if part.disputed else _later(part.latest, slip / 2))
    return _Dates(low, typical, max(typical, _later(part.latest, late)))


def _later(day: date, months: float) -> date:
    """A day some months later, or the last one of the calendar."""
    return date.fromordinal(min(date.max.toordinal(), round(day.toordinal() + months * DAYS_PER_MONTH)))


def _option(
    option: RoadmapOption,
    part: RoadmapPart,
    dates: _Dates,
    start: date,
    comparison: Comparison,
    catalog: Catalog,
    seed: int,
    barred: str,
) -> WaitOption:
    defaults = catalog.decision_defaults
    reference = next((run for run in comparison.runs if run.vendor == part.vendor), None)
    speedup = None if reference is None else _speedup(part, reference, catalog)
    base = {
        "part": part.id, "name": part.part, "vendor": part.vendor, "announced": part.availability,
        "available_low": dates.low, "available_typical": dates.typical, "available_high": dates.high,
        "dispute": part.status_text if part.disputed else "", "reference": "" if reference is None else reference.id,
    }  # fmt: skip
    if barred:
        return WaitOption.model_validate({**base, "text": f"{part.part}: no option here. {barred}."})
    if speedup is None or reference is None:
        missing = f"no part of {part.vendor} is a candidate here" if reference is None else "no bandwidth is public"
        return WaitOption.model_validate({**base, "text": f"{part.part}: not priced, {missing}."})
    meantime, ahead = _meantime(comparison.best), dates.months_after(start)[1] > 0
    if meantime is None and ahead:
        text = (
            f"{part.part} (about {dates.typical.isoformat()}): no option here. It ships after the start, and the"
            " profile allows nothing that serves until then and binds to nothing."
        )
        return WaitOption.model_validate({**base, "text": text})
    now = comparison.best.risk_adjusted
    until = now if meantime is None else meantime
    priced = _gather(reference, dates, start, speedup, option, catalog, until)
    breakeven = _breakeven_ratio(priced, comparison, now)
    unit = reference.cost.usd_per_gpu_hour * priced.hardware / reference.cost.point_usd_per_month
    fields = {
        **base, "speedup_low": speedup[0], "speedup_typical": speedup[1], "speedup_high": speedup[2],
        "meantime_usd": priced.meantime * _annuity(comparison, priced.months[1]),
        "breakeven_usd_per_gpu_hour": None if breakeven is None else breakeven * unit,
    }  # fmt: skip
    if priced.price_ratio is None:
        return WaitOption.model_validate({**fields, "text": _unpriced_text(part, dates, breakeven, unit, comparison)})
    cost = float(_waiting(priced, comparison, np.array([priced.months[1]]), np.array([speedup[1]]), np.ones(1))[0])
    p_saves = _probability(priced, comparison, now, seed, defaults["roadmap_price_factor"].band)
    saving = now - cost
    sure = surely_saves(saving, p_saves, now, defaults)
    free = ahead and comparison.best.pricing.way.floats
    verb = "saves" if saving >= 0 else "costs"
    text = (
        f"Waiting for {part.part} (about {dates.typical.isoformat()}) {verb} USD {told_usd(abs(saving))} a month"
        f" against {comparison.best.name} now, with a probability of saving of {percent(p_saves)}"
        f" (advised from {percent(defaults['wait_probability'].value)}, and a saving of"
        f" {percent(defaults['wait_saving_share'].value)})."
    )
    if sure and free:
        text += f" Nothing is to be put off for it: {comparison.best.name} as it is paid for now binds to nothing."
    return WaitOption.model_validate(
        {
            **fields, "price_usd_per_gpu_hour": priced.price_ratio * unit, "usd_per_month": cost,
            "saving_usd_per_month": saving, "p_saves": p_saves, "worthwhile": sure and not free, "text": text,
        }
    )  # fmt: skip


def surely_saves(saving: float, p_saves: float, now: float, defaults: Mapping[str, Quantity]) -> bool:
    """Whether a part on the roadmap saves enough [USD/month] of what acting now costs, with enough probability."""
    return saving >= defaults["wait_saving_share"].value * now and p_saves >= defaults["wait_probability"].value


def _speedup(part: RoadmapPart, reference: Run, catalog: Catalog) -> tuple[float, float, float] | None:
    """Throughput per GPU over the vendor's best part of today: up to the ratio of bandwidths, which bound decoding."""
    if part.bandwidth_tbps is None:
        return None
    high = part.bandwidth_tbps * 1000.0 / reference.pricing.model.sized.accelerator.bandwidth_gbps
    low = min(catalog.decision_defaults["roadmap_speedup_low"].value, high)
    return low, float(np.sqrt(low * high)), high


def _gather(
    reference: Run,
    dates: _Dates,
    start: date,
    speedup: tuple[float, float, float],
    option: RoadmapOption,
    catalog: Catalog,
    meantime: float,
) -> _Priced:
    pricing = reference.pricing
    terms = pricing.model.terms(pricing.way, typical_levels(pricing.model.facts))
    hardware = float(sum(t.usd_per_month for t in terms if t.category != "stack premium"))
    engineer = pricing.model.facts.values.get("engineer_usd_per_year")
    weeks = pricing.model.premium.weeks or catalog.decision_defaults["rocm_migration_weeks_expert"].value
    return _Priced(
        months=dates.months_after(start),
        speedup=speedup,
        meantime=meantime,
        hardware=hardware,
        rest=reference.risk_adjusted - hardware,
        switch_usd=0.0 if engineer is None else weeks * engineer.value / WEEKS_PER_YEAR,
        price_ratio=_price_ratio(option, reference.id, catalog),
    )


def _meantime(best: Run) -> float | None:
    """Cost of serving with the choice by the hour [USD/month]; None where no such way is open.

    On the basis of what it is held against, the risk-adjusted cost of the choice: where that is paid by the hour
    itself, to serve so until something else ships costs what it costs now.
    """
    pricing = best.pricing
    floating = [pricing.outlook[way.id] for way in pricing.open.ways if way.floats]
    if not floating:
        return None
    own = pricing.outlook[pricing.way.id]
    return best.risk_adjusted * (own if pricing.way.floats else min(floating)) / own


def _price_ratio(option: RoadmapOption, reference: str, catalog: Catalog) -> float | None:
    """An operator's published cost of the coming part over that of the reference; markups are taken as equal."""
    new = catalog.tco.get((TCO_NEW, option.tco_scope)) if option.tco_scope else None
    today = catalog.tco.get((TCO_TODAY, reference.upper()))
    if new is None or today is None or not new.typical or not today.typical:
        return None
    return new.typical / today.typical


def _waiting(
    priced: _Priced, comparison: Comparison, months: FloatArray, speedup: FloatArray, price: FloatArray
) -> FloatArray:
    """Levelised cost of serving on demand for `months`, then on the coming part [USD/month]."""
    horizon, rate = comparison.best.pricing.model.calendar.months, comparison.best.pricing.model.rate
    until = np.minimum(months, float(horizon))
    meantime, whole = _annuities(until, rate), _annuities(np.array([float(horizon)]), rate)
    ratio = (priced.price_ratio or 0.0) * price
    later = priced.hardware * ratio / speedup + priced.rest
    switch = priced.switch_usd * (1 + rate) ** (-until / 12)
    return np.asarray((priced.meantime * meantime + later * (whole - meantime) + switch) / whole)


def _annuities(months: FloatArray, rate: float) -> FloatArray:
    """Present value of a dollar a month for a (broken) number of months."""
    if rate < 1e-9:
        return months
    d = (1 + rate) ** (-1 / 12)
    return np.asarray((1 - d**months) / (1 - d))


def _annuity(comparison: Comparison, months: float) -> float:
    horizon = comparison.best.pricing.model.calendar.months
    return float(_annuities(np.array([min(months, float(horizon))]), comparison.best.pricing.model.rate)[0])


def _breakeven_ratio(priced: _Priced, comparison: Comparison, now: float) -> float | None:
    """Price over the reference's at which waiting costs the same as acting now, at the typical date and speed."""
    horizon = float(comparison.best.pricing.model.calendar.months)
    whole, meantime = _annuity(comparison, horizon), _annuity(comparison, priced.months[1])
    left = whole - meantime
    if left <= 0 or priced.hardware <= 0:
        return None
    switch = priced.switch_usd * (1 + comparison.best.pricing.model.rate) ** (-priced.months[1] / 12)
    later = (now * whole - priced.meantime * meantime - switch) / left
    ratio = (later - priced.rest) / priced.hardware * priced.speedup[1]
    return ratio if ratio > 0 else None


def _probability(
    priced: _Priced, comparison: Comparison, now: float, seed: int, price_band: tuple[float, float, float]
) -> float:
    """Share of draws of date, speed and price in which waiting costs less."""
    rng = np.random.default_rng([seed, 1])
    z = rng.standard_normal((3, DRAWS))
    low, typical, high = priced.months
    months = np.maximum(0.0, typical + np.where(z[0] < 0, typical - low, high - typical) / Z80 * z[0])
    speed = log_pieces(z[1], *priced.speedup) * priced.speedup[1]
    price = log_pieces(z[2], *price_band)
    return float((_waiting(priced, comparison, months, speed, price) < now).mean())


def _unpriced_text(
    part: RoadmapPart, dates: _Dates, breakeven: float | None, unit: float, comparison: Comparison
) -> str:
    when = f"{part.part} (about {dates.typical.isoformat()}) has no public price"
    if breakeven is None:
        return f"{when}; serving on demand until then costs more than {comparison.best.name} now at any price."
    return f"{when}; waiting pays below USD {breakeven * unit:,.2f} per GPU-hour, all in."
