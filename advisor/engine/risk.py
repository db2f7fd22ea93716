"""The register for one candidate: each template of the catalog, with the exposure that facts and profile give it.

Likelihood of at least one occurrence a year is ``1 - (1 - p)^exposure`` with ``p`` that of one unit of exposure. The
expected loss is the mean of likelihood times the mean of effect, each the mean of its three values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from advisor.catalog import Catalog
from advisor.domain.cost import Cost
from advisor.domain.profile import Profile
from advisor.domain.record import record
from advisor.domain.register import RiskTemplate
from advisor.domain.risk import Risk, RiskRange, triangle_mean
from advisor.domain.text import percent
from advisor.domain.units import WEEKS_PER_YEAR
from advisor.engine.cost.bill import Bill, HowPaid
from advisor.engine.exposure import Exposure, exposures
from advisor.engine.response import response_at
from advisor.engine.sized import SizedCandidate

WEEKS_PER_MONTH = 52 / 12
MEDIUM_SHARE, HIGH_SHARE = 0.005, 0.02
"""Expected loss over cost per month from which a risk is called medium, and high."""


@record
class _Worth:
    """What an effect of 1 is worth: a part of the bill, or a dollar where none is named, times a factor."""

    part: str
    factor: float

    def of(self, bill: Bill) -> float:
        """[USD]."""
        return float(getattr(bill, self.part) if self.part else 1.0) * self.factor


def assess_risks(
    profile: Profile, sized: SizedCandidate, cost: Cost, catalog: Catalog, as_of: date
) -> tuple[Risk, ...]:
    """Every risk with an exposure, largest expected loss first.

    The profile's overrides of likelihood and effect go before the catalog, where the risk can occur at all.
    """
    bill, out = Bill.of_cost(cost), []
    for template, exposure in _live(profile, sized, bill, catalog, as_of):
        if exposure.exposed == "total" or getattr(bill, exposure.exposed) > 0:
            out.append(_risk(template, exposure, profile, sized, bill))
    return tuple(sorted(out, key=lambda r: (-r.expected_loss_usd_per_month, r.id)))


def expected_loss(profile: Profile, sized: SizedCandidate, bill: Bill, catalog: Catalog, as_of: date) -> Any:
    """Expected loss over the register [USD/month] of one way of paying; an array where the bill is one.

    What the risks of `assess_risks` add up to, without their words.
    """
    key = ("losses", id(profile), id(catalog), as_of, bill.mode == "buy", bill.commitment, bill.horizon_months)
    known: tuple[Profile, dict[str, dict[str, float]]] | None = sized.memo.get(key)
    if known is None or known[0] is not profile:
        rates: dict[str, dict[str, float]] = {}
        for template, exposure in _live(profile, sized, bill, catalog, as_of):
            part, rate = _rate(template, exposure, profile, sized)
            of_part = rates.setdefault(exposure.exposed, {})
            of_part[part] = of_part.get(part, 0.0) + rate
        known = sized.memo[key] = (profile, rates)
    loss = 0.0 * bill.total
    for exposed, by_part in known[1].items():
        usd = sum(rate * getattr(bill, part) if part else rate for part, rate in by_part.items())
        loss = loss + (usd if exposed == "total" else usd * (getattr(bill, exposed) > 0))
    return loss


def _live(
    profile: Profile, sized: SizedCandidate, paid: HowPaid, catalog: Catalog, as_of: date
) -> Iterator[tuple[RiskTemplate, Exposure]]:
    """The risks that can occur, as far as that does not hang on sums."""
    found = exposures(profile, sized, paid, catalog, as_of)
    for template in catalog.risk_register:
        exposure = found.get(template.id)
        if exposure is not None and exposure.applies and (exposure.units > 0 or _overridden(template, profile)):
            yield template, exposure


def _rate(
    template: RiskTemplate, exposure: Exposure, profile: Profile, sized: SizedCandidate
) -> tuple[str, float]:
    """(part of the bill that the loss follows, none where it is a sum, and the loss per month over it)."""
    likelihood = triangle_mean(*_likelihoods(template, exposure, profile.overrides.risk_likelihood))
    usd = profile.overrides.risk_effect_usd.get(template.id)
    if usd is not None:
        return "", likelihood * usd / 12
    effect = triangle_mean(template.effect_low, template.effect, template.effect_high)
    worth = _worth(template, exposure, sized)
    return worth.part, likelihood * effect * worth.factor / 12


def _risk(
    template: RiskTemplate, exposure: Exposure, profile: Profile, sized: SizedCandidate, bill: Bill
) -> Risk:
    low, typical, high = _likelihoods(template, exposure, profile.overrides.risk_likelihood)
    likelihood = RiskRange(low=low, typical=typical, high=high)
    effect, formula = _effect(template, exposure, profile.overrides.risk_effect_usd, sized, bill)
    expected = likelihood.mean * effect.mean / 12
    share = expected / float(bill.total) if bill.total else 0.0
    return Risk(
        id=template.id,
        name=template.name,
        category=template.category,
        cause=_cause(exposure, bill) or template.cause,
        basis=_basis(template, exposure, profile.overrides.risk_likelihood),
        kind=template.provenance.kind,
        likelihood_per_year=likelihood,
        effect_usd=effect,
        effect_weeks=template.weeks,
        effect_formula=formula,
        expected_loss_usd_per_month=expected,
        loss_formula=_loss(likelihood.mean, effect.mean),
        tail_usd_per_month=likelihood.high * effect.high / 12,
        mitigation=template.mitigation,
        owner=template.owner,
        level="high" if share >= HIGH_SHARE else "medium" if share >= MEDIUM_SHARE else "low",
        overridden=_overridden(template, profile),
        source_ids=tuple(dict.fromkeys((template.provenance.source_id, *exposure.source_ids))),
        row_ids=(f"risks/register.csv:{template.id}", *exposure.row_ids),
    )


def _cause(exposure: Exposure, bill: Bill) -> str:
    if exposure.exposed == "total":
        return exposure.cause
    what = "paid at a floating price" if exposure.exposed == "floating" else "committed"
    return f"{_share(exposure, bill)} of the cost is {what}"


def _share(exposure: Exposure, bill: Bill) -> str:
    """Share of the cost that is exposed, in words."""
    return percent(float(getattr(bill, exposure.exposed)) / float(bill.total) if bill.total else 0.0)


def _basis(template: RiskTemplate, exposure: Exposure, own: Mapping[str, float]) -> str:
    if template.id in own:
        return f"{exposure.basis}; {percent(own[template.id])} a year, set by the profile"
    several = "" if exposure.units == 1 else f", {exposure.units:.3g} units: 1 - (1 - p)^units"
    return (
        f"{exposure.basis}; {percent(template.likelihood)} a year for one unit ({percent(template.likelihood_low)} to"
        f" {percent(template.likelihood_high)}; {template.exposure}; {template.provenance.kind}){several}"
    )


def _overridden(template: RiskTemplate, profile: Profile) -> bool:
    own = profile.overrides
    return template.id in own.risk_likelihood or template.id in own.risk_effect_usd


def _likelihoods(
    template: RiskTemplate, exposure: Exposure, own: Mapping[str, float]
) -> tuple[float, float, float]:
    """Low, typical and high probability of one occurrence a year."""
    if template.id in own:
        value = own[template.id]
        return value, value, value

    def at_least_one(p: float) -> float:
        return 1.0 - float((1.0 - p) ** exposure.units)

    low, high = at_least_one(template.likelihood_low), at_least_one(template.likelihood_high)
    return low, at_least_one(template.likelihood), high


def _effect(
    template: RiskTemplate, exposure: Exposure, own: Mapping[str, float], sized: SizedCandidate, bill: Bill
) -> tuple[RiskRange, str]:
    if template.id in own:
        usd = own[template.id]
        return RiskRange(low=usd, typical=usd, high=usd), "set by the profile"
    worth = _worth(template, exposure, sized).of(bill)
    low, typical, high = (worth * v for v in (template.effect_low, template.effect, template.effect_high))
    factor = f"{template.effect:g} ({template.effect_low:g} to {template.effect_high:g})"
    text = f"{factor} x {_worth_text(template, exposure, sized, bill, worth)} = USD {typical:,.0f}"
    return RiskRange(low=low, typical=typical, high=high), text


def _worth(template: RiskTemplate, exposure: Exposure, sized: SizedCandidate) -> _Worth:
    """What an effect of 1 is worth on the basis that the template names."""
    match template.effect_basis:
        case "share of monthly cost per week":
            return _Worth("total", template.weeks / WEEKS_PER_MONTH)
        case "share of yearly cost":
            return _Worth(exposure.exposed, 12.0)
        case "engineer-weeks":
            return _Worth("", exposure.engineer_usd / WEEKS_PER_YEAR)
        case "shortfall of throughput per week":
            return _Worth("total", _shortfall(sized) * template.weeks / WEEKS_PER_MONTH)
        case "share of hardware value":
            return _Worth("hardware", 1.0)
        case "share of yearly space cost":
            return _Worth("space", 12.0)
    return _Worth("", 1.0)


def _worth_text(
    template: RiskTemplate, exposure: Exposure, sized: SizedCandidate, bill: Bill, worth: float
) -> str:
    """How that comes about."""
    monthly, weeks = float(bill.total), template.weeks
    weekly = monthly / WEEKS_PER_MONTH
    match template.effect_basis:
        case "share of monthly cost per week":
            return f"USD {weekly:,.0f} a week x {weeks:g} weeks"
        case "share of yearly cost":
            return f"USD {12 * monthly:,.0f} a year x {_share(exposure, bill)} exposed"
        case "engineer-weeks":
            return f"USD {worth:,.0f} an engineer-week"
        case "shortfall of throughput per week":
            more = percent(_shortfall(sized))
            return f"{more} more capacity x USD {weekly:,.0f} a week x {weeks:g} weeks until it is corrected"
        case "share of hardware value":
            return f"USD {worth:,.0f} committed"
        case "share of yearly space cost":
            return f"USD {worth:,.0f} a year for space"
    return "USD 1"


def _shortfall(sized: SizedCandidate) -> float:
    """Capacity that is missing where throughput lies at the low end of its interval, as a share of what is there.

    Tiers are weighted by their GPUs.
    """
    missing, weights = 0.0, 0
    for tier, demand in zip(sized.tiers, sized.demands, strict=True):
        point, weight = tier.operating_point, max(1, tier.fleet.gpus_needed)
        low = point.output_tps_interval.lo / point.output_tps_per_gpu
        missing += weight * (1 / float(response_at(demand.response, low)) - 1 if low > 0 else 1.0)
        weights += weight
    return missing / weights


def _loss(likelihood: float, effect: float) -> str:
    """The expected loss in numbers; the typical values beside it would give another."""
    return f"{100 * likelihood:.4g} % a year x USD {effect:,.0f} / 12, means of low, typical and high"
