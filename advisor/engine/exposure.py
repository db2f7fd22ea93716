"""How far a candidate is exposed to each risk of the register: counts of facts, not moods.

Exposure hangs on the part, the profile and on how it is paid for, not on what it costs.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any, Literal

from advisor.catalog import Catalog
from advisor.domain.market import Availability
from advisor.domain.profile import Profile
from advisor.domain.record import record
from advisor.domain.software import KnownIssue
from advisor.domain.text import counted, evidence_days, percent
from advisor.domain.units import DAYS_PER_MONTH
from advisor.engine.cost.bill import LONG, HowPaid
from advisor.engine.cost.facts import own, tco_quantity
from advisor.engine.cost.features import limited_features
from advisor.engine.cost.prices import series_changes
from advisor.engine.deployments import VENDOR_ENGINES
from advisor.engine.gates.countries import resolve_country
from advisor.engine.gates.site import power_per_gpu
from advisor.engine.gates.software import engine_names, issue_reach
from advisor.engine.gates.supply import lead_time, sellers_of
from advisor.engine.sized import SizedCandidate

RECENT_DAYS = 365
LONG_SERIES_DAYS = 100
MOVED = 0.10
"""Log change from which a price series counts as having moved."""

WRONG_NUMBERS = re.compile(r"accura|corrupt|wrong|degenerate|GSM8K|gibberish|numeric", re.IGNORECASE)


@record
class Exposure:
    """Units of exposure to one risk, and the facts behind them."""

    units: float
    basis: str
    cause: str = ""
    exposed: Literal["total", "floating", "committed"] = "total"
    """Which part of the cost, see `Bill`."""
    engineer_usd: float = 0.0
    """Loaded cost of an engineer [USD/year]."""
    applies: bool = True
    """False where the way of paying or the engine rules the risk out, whatever likelihood it is given."""
    source_ids: tuple[str, ...] = ()
    row_ids: tuple[str, ...] = ()


def exposures(
    profile: Profile, sized: SizedCandidate, paid: HowPaid, catalog: Catalog, as_of: date
) -> dict[str, Exposure]:
    """Exposure by risk id."""
    key = ("exposures", id(profile), id(catalog), as_of)
    known: tuple[Profile, int, dict[str, Exposure], dict[Any, dict[str, Exposure]]] | None = sized.memo.get(key)
    if known is None or known[0] is not profile:
        sellers = max((len(sellers_of(profile, a, catalog).open) for a in _offers(sized, catalog)), default=0)
        known = sized.memo[key] = (profile, sellers, _whatever_is_paid(profile, sized, catalog, as_of), {})
    _, sellers, always, found = known
    by_way = (paid.mode == "buy", paid.commitment, paid.horizon_months)  # a mixture differs from rent by its sums alone
    if by_way not in found:
        found[by_way] = always | _as_paid(profile, sized, paid, catalog, as_of, sellers)
    return found[by_way]


def _whatever_is_paid(
    profile: Profile, sized: SizedCandidate, catalog: Catalog, as_of: date
) -> dict[str, Exposure]:
    engineer = own(profile.team.engineer_usd_per_year, "engineer_usd_per_year", "USD/year") or tco_quantity(
        catalog, "engineer total cost", "US ML/AI infra engineer", "engineer_usd_per_year"
    )
    usd = engineer.value if engineer is not None else 0.0
    regress, wrong = _issues(sized, catalog, as_of, usd)
    own_risk = Exposure(1.0, "a risk of your own register, counted once", engineer_usd=usd)
    return {template.id: own_risk for template in catalog.risk_register} | {
        "software_regression": regress,
        "accuracy_regression": wrong,
        "software_maturity": _maturity(profile, sized, catalog, usd),
        "evidence_quality": _evidence(sized, as_of),
        "export_change": _export(profile, sized, catalog, as_of),
        "vendor_concentration": Exposure(
            1.0, "one vendor for the whole fleet", f"the whole fleet is {sized.accelerator.vendor}"
        ),
        "price_movement": _rise(catalog, as_of),
        "team": _team(profile, sized, usd),
        "engine_lock_in": _engine(sized, usd),
    }


def _as_paid(
    profile: Profile, sized: SizedCandidate, paid: HowPaid, catalog: Catalog, as_of: date, sellers: int
) -> dict[str, Exposure]:
    spot = paid.commitment == "spot"
    return {
        "supply": _supply(sized, paid, catalog, sellers),
        "price_fall": _fall(paid, catalog, as_of),
        "roadmap": _roadmap(paid, catalog, as_of),
        "power_density": _power(profile, sized, paid, catalog),
        "spot_loss": Exposure(1.0 if spot else 0.0, "capacity is rented as spot", applies=spot),
    }


def _issues(
    sized: SizedCandidate, catalog: Catalog, as_of: date, engineer_usd: float
) -> tuple[Exposure, Exposure]:
    """Grave problems of this part that its engines and precisions can meet, those of other models included.

    Unresolved ones count whole, resolved ones of the last year half.
    """
    mine = [i for i in catalog.known_issues if i.severity in ("critical", "high") and _touches(i, sized, catalog)]
    recent = [i for i in mine if i.known_on(as_of) and (i.unresolved or _age(i, as_of) <= RECENT_DAYS)]
    numbers = [i for i in recent if WRONG_NUMBERS.search(f"{i.component} {i.summary}")]
    others = [i for i in recent if i not in numbers]
    return _issue_exposure(others, "performance or stability", 0.0), _issue_exposure(
        numbers, "wrong numbers", engineer_usd
    )


def _issue_exposure(issues: list[KnownIssue], what: str, engineer_usd: float) -> Exposure:
    open_ = [i for i in issues if i.unresolved]
    units = len(open_) + 0.5 * (len(issues) - len(open_))
    listed = ", ".join(i.id for i in issues)
    basis = f"{len(open_)} open and {len(issues) - len(open_)} recently resolved grave problems of {what}"
    worst = next((i for i in open_ if i.severity == "critical"), next(iter(open_), next(iter(issues), None)))
    return Exposure(
        units,
        basis + (f" ({listed})" if listed else ""),
        "" if worst is None else f"known problem {worst.id} ({worst.component}): {worst.summary}",
        engineer_usd=engineer_usd,
        source_ids=tuple(dict.fromkeys(i.provenance.source_id for i in issues)),
        row_ids=tuple(f"known_issues:{i.id}" for i in issues),
    )


def _touches(issue: KnownIssue, sized: SizedCandidate, catalog: Catalog) -> bool:
    """Whether the software gate tells of the problem too, be it of another model."""
    if sized.id not in issue.accelerators:
        return False
    served = ((t.deployment, model) for t, model in zip(sized.tiers, sized.models, strict=True))
    return any(issue_reach(issue, engine_names(d.engine), d.precision, model, catalog) for d, model in served)


def _age(issue: KnownIssue, as_of: date) -> int:
    seen = issue.first_seen or issue.provenance.as_of
    return RECENT_DAYS + 1 if seen is None else (as_of - seen).days


def _maturity(profile: Profile, sized: SizedCandidate, catalog: Catalog, engineer_usd: float) -> Exposure:
    limited = limited_features(profile, sized, catalog)
    listed = ", ".join(f"{feature} ({status})" for feature, status, _ in limited)
    return Exposure(
        float(len(limited)),
        f"{len(limited)} features in use are less than fully supported" + (f": {listed}" if listed else ""),
        "" if not limited else f"{limited[0][0]} is {limited[0][1]}: {limited[0][2]}",
        engineer_usd=engineer_usd,
    )


def _evidence(sized: SizedCandidate, as_of: date) -> Exposure:
    spreads = {t.name: t.operating_point.output_tps_interval for t in sized.tiers}
    wide = [t for t in sized.tiers if spreads[t.name].hi > spreads[t.name].lo]
    if not wide:
        return Exposure(0.0, "the estimate has no spread")
    # of several the one that is known least speaks for all, whichever leads the table
    tier = max(wide, key=lambda t: (t.operating_point.evidence_grade, t.fleet.gpus_needed, t.name))
    point, spread = tier.operating_point, spreads[tier.name]
    where = f" (workload {tier.name})" if len(sized.tiers) > 1 else ""
    age = ""
    if point.evidence_newest:
        days = (as_of - date.fromisoformat(point.evidence_newest)).days
        least = "at least " if point.evidence_since else ""
        old = f"{least}{days} days old" if days >= 0 else "later than this answer"
        age = f", {evidence_days(point.evidence_newest, point.evidence_since)}, {old}"
    return Exposure(
        1.0,
        f"grade {point.evidence_grade}{where}, 80 % interval {spread.lo:,.0f} to {spread.hi:,.0f} tok/s per GPU{age}",
        f"evidence of grade {point.evidence_grade}{where}: {point.evidence_text}",
    )


def _offers(sized: SizedCandidate, catalog: Catalog) -> list[Availability]:
    """What the survey of sellers says of the part."""
    return [a for a in catalog.availability if a.accelerator == sized.id and a.variant in ("", "sxm")]


def _supply(sized: SizedCandidate, paid: HowPaid, catalog: Catalog, sellers: int) -> Exposure:
    rows = _offers(sized, catalog)
    # what the survey says of sellers bears on rent; a purchase waits for its order
    order = lead_time(sized.id, catalog, "buy") if paid.commitment == "purchase" else None
    lead = order.statement if order is not None else ""
    said = lead or "; ".join(a.lead_time for a in rows if a.lead_time)
    few = 1.0 if sellers <= 3 else 0.5 if sellers <= 8 else 0.0
    units = few + (1.0 if lead else 0.0)
    # who buys waits for a delivery, who rents for capacity
    bears = {"start": paid.commitment == "purchase", "supply": paid.mode != "buy"}
    waits = [
        g for g in sized.gates
        if g.status == "condition" and g.condition == "waitlist" and bears.get(g.gate, True)
    ]  # fmt: skip
    return Exposure(
        units + len(waits),
        f"{counted(sellers, 'seller')} with a recent price" + (f"; {said}" if said else ""),
        f"only {counted(sellers, 'seller')} with a recent price"
        if few
        else f"stated lead time: {lead}"
        if lead
        else "",
        source_ids=tuple(r.provenance.source_id for r in (*rows, *((order,) if order is not None else ()))),
        row_ids=tuple(f"availability:{a.accelerator}" for a in rows),
    )


def _export(profile: Profile, sized: SizedCandidate, catalog: Catalog, as_of: date) -> Exposure:
    """Changes of the rules per year, counted where a rule touches the deployment."""
    gates = [g for g in sized.gates if "export" in g.gate]
    conditional = any(g.status != "pass" for g in gates)
    events = [e.effective_date for e in catalog.export.events if e.effective_date and e.effective_date <= as_of]
    recent = sum((as_of - day).days <= 3 * RECENT_DAYS for day in events) / 3
    home = resolve_country(profile.place.country, catalog.export, field="place.country").iso2 == "US"
    weight = 1.0 if conditional else 0.0 if home else 0.25
    where = "a licence or review is needed" if conditional else "no licence is needed today"
    return Exposure(
        recent * weight,
        f"{recent:.1f} changes of the rules a year over three years; {where}, so they count {weight:g}",
        f"deployment in {profile.place.country}: {where}",
    )


def _moves(catalog: Catalog, as_of: date) -> tuple[float, float, int]:
    """(share that rose, share that fell, series) among long price series."""
    cache: dict[date, tuple[float, float, int]] = catalog.__dict__.setdefault("_price_moves", {})
    if as_of not in cache:
        long = series_changes(catalog.price_history, as_of, LONG_SERIES_DAYS)
        n = max(1, len(long))
        rose, fell = sum(change > MOVED for change, _ in long), sum(change < -MOVED for change, _ in long)
        cache[as_of] = (rose / n, fell / n, len(long))
    return cache[as_of]


def _rise(catalog: Catalog, as_of: date) -> Exposure:
    rose, _, n = _moves(catalog, as_of)
    basis = f"{percent(rose)} of {n} series over {LONG_SERIES_DAYS} days rose by 10 % or more"
    return Exposure(1.0, basis, exposed="floating")


def _fall(paid: HowPaid, catalog: Catalog, as_of: date) -> Exposure:
    _, fell, n = _moves(catalog, as_of)
    bound = paid.commitment in ("reserved_1y", "reserved_3y", "purchase")
    basis = f"{percent(fell)} of {n} series over {LONG_SERIES_DAYS} days fell by 10 % or more"
    return Exposure(1.0 if bound else 0.0, basis, exposed="committed", applies=bound)


def _roadmap(paid: HowPaid, catalog: Catalog, as_of: date) -> Exposure:
    """Successors that ship within the horizon; they bear on what is owned or long reserved, on average half of it."""
    if paid.commitment not in LONG:
        return Exposure(0.0, "no long commitment", applies=False)
    months = paid.horizon_months
    return catalog.derived(
        ("successors", as_of, months), catalog.roadmap, lambda: _successors(catalog, as_of, months)
    )


def _successors(catalog: Catalog, as_of: date, horizon_months: int) -> Exposure:
    end = as_of.toordinal() + round(horizon_months * DAYS_PER_MONTH)
    successors = {option.roadmap_id for option in catalog.roadmap_options}
    found = [
        (p.latest, p) for p in catalog.roadmap
        if p.id in successors and p.latest is not None and as_of <= p.latest and p.latest.toordinal() <= end
    ]  # fmt: skip
    coming = [part for _, part in sorted(found, key=lambda pair: (pair[0], pair[1].id))]
    return Exposure(
        float(len(coming)),
        f"{len(coming)} announced parts ship within the horizon ({', '.join(p.part for p in coming)})",
        f"{counted(len(coming), 'announced part')} ship within the horizon, {coming[0].part} first" if coming else "",
        source_ids=tuple(dict.fromkeys(p.provenance.source_id for p in coming)),
        row_ids=tuple(f"roadmap:{p.id}" for p in coming),
    )


def _power(profile: Profile, sized: SizedCandidate, paid: HowPaid, catalog: Catalog) -> Exposure:
    if paid.commitment != "purchase":
        return Exposure(0.0, "no own site", applies=False)
    known = profile.site.rack_kw is not None and profile.site.power_kw is not None
    power = power_per_gpu(sized.accelerator, catalog.accelerators.values())
    node = "unknown power" if power is None else f"{power.kw * sized.accelerator.gpus_per_node:.1f} kW of IT"
    proven = "stated" if known else "not stated"
    return Exposure(
        0.5 if known else 1.0, f"{node} a node; power and rack density of the site are {proven}", f"{node} a node"
    )


def _team(profile: Profile, sized: SizedCandidate, engineer_usd: float) -> Exposure:
    amd = sized.accelerator.vendor == "AMD"
    skill = profile.team.rocm_experience if amd else profile.team.cuda_experience
    units = {"none": 1.0, "some": 0.5, "expert": 0.0}[skill]
    stack = "ROCm" if amd else "CUDA"
    basis = f"experience with {stack}: {skill}"
    return Exposure(units, basis, f"{stack} experience of the team: {skill}", engineer_usd=engineer_usd)


def _engine(sized: SizedCandidate, engineer_usd: float) -> Exposure:
    bound = sorted({t.deployment.engine for t in sized.tiers if t.deployment.engine in VENDOR_ENGINES})
    text = ", ".join(name for engine in bound for name in engine_names(engine))
    return Exposure(
        1.0 if bound else 0.0, f"engines of one vendor in use: {text or 'none'}",
        f"{text} runs on {sized.accelerator.vendor} parts only" if bound else "", engineer_usd=engineer_usd,
        applies=bool(bound),
    )  # fmt: skip
