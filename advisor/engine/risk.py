"""The register for one candidate: each template of the catalog, with the exposure that facts and profile give it.

Likelihood of at least one occurrence a year is ``1 - (1 - p)^exposure`` with ``p`` that of one unit of exposure. The
expected loss is the mean of likelihood times the mean of effect, each the mean of its three values.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from advisor.catalog import Catalog
from advisor.domain.cost import Cost
from advisor.domain.profile import Profile
from advisor.domain.record import record
from advisor.domain.register import RiskTemplate
from advisor.domain.risk import Risk, RiskRange
from advisor.domain.text import percent
from advisor.engine.exposure import Exposure, exposures
from advisor.engine.sized import SizedCandidate

WEEKS_PER_MONTH = 52 / 12
MEDIUM_SHARE, HIGH_SHARE = 0.005, 0.02
"""Expected loss over cost per month from which a risk is called medium, and high."""


@record
class _Base:
    """What one unit of effect is worth in dollars, and how that comes about."""

    usd: float
    text: str


def assess_risks(
    profile: Profile, sized: SizedCandidate, cost: Cost, catalog: Catalog, as_of: date
) -> tuple[Risk, ...]:
    """Every risk with an exposure, largest expected loss first.

    The profile's overrides of likelihood and effect go before the catalog, where the risk can occur at all.
    """
    found = exposures(profile, sized, cost, catalog, as_of)
    out = []
    for template in catalog.risk_register:
        exposure = found.get(template.id)
        overridden = _overridden(template, profile)
        if exposure is None or not exposure.applies or (exposure.units <= 0 and not overridden):
            continue
        out.append(_risk(template, exposure, profile, sized, cost))
    return tuple(sorted(out, key=lambda r: (-r.expected_loss_usd_per_month, r.id)))


def _risk(
    template: RiskTemplate, exposure: Exposure, profile: Profile, sized: SizedCandidate, cost: Cost
) -> Risk:
    likelihood = _likelihood(template, exposure, profile.overrides.risk_likelihood)
    effect, formula = _effect(template, exposure, profile.overrides.risk_effect_usd, sized, cost)
    expected = likelihood.mean * effect.mean / 12
    share = expected / cost.point_usd_per_month if cost.point_usd_per_month else 0.0
    return Risk(
        id=template.id,
        name=template.name,
        category=template.category,
        cause=exposure.cause or template.cause,
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


def _basis(template: RiskTemplate, exposure: Exposure, own: Mapping[str, float]) -> str:
    if template.id in own:
        return f"{exposure.basis}; {percent(own[template.id])} a year, set by the profile"
    return (
        f"{exposure.basis}; {percent(template.likelihood)} a year for one unit ({percent(template.likelihood_low)} to"
        f" {percent(template.likelihood_high)}; {template.exposure}; {template.provenance.kind}),"
        f" {exposure.units:.3g} units: 1 - (1 - p)^units"
    )


def _overridden(template: RiskTemplate, profile: Profile) -> bool:
    own = profile.overrides
    return template.id in own.risk_likelihood or template.id in own.risk_effect_usd


def _likelihood(template: RiskTemplate, exposure: Exposure, own: Mapping[str, float]) -> RiskRange:
    if template.id in own:
        value = own[template.id]
        return RiskRange(low=value, typical=value, high=value)

    def at_least_one(p: float) -> float:
        return 1.0 - float((1.0 - p) ** exposure.units)

    return RiskRange(
        low=at_least_one(template.likelihood_low),
        typical=at_least_one(template.likelihood),
        high=at_least_one(template.likelihood_high),
    )


def _effect(
    template: RiskTemplate, exposure: Exposure, own: Mapping[str, float], sized: SizedCandidate, cost: Cost
) -> tuple[RiskRange, str]:
    if template.id in own:
        usd = own[template.id]
        return RiskRange(low=usd, typical=usd, high=usd), "set by the profile"
    base = _base(template, exposure, sized, cost)
    low, typical, high = (base.usd * v for v in (template.effect_low, template.effect, template.effect_high))
    factor = f"{template.effect:g} ({template.effect_low:g} to {template.effect_high:g})"
    text = f"{factor} x {base.text} = USD {typical:,.0f}"
    return RiskRange(low=low, typical=typical, high=high), text


def _base(template: RiskTemplate, exposure: Exposure, sized: SizedCandidate, cost: Cost) -> _Base:
    """What an effect of 1 is worth on the basis that the template names."""
    monthly, weeks = cost.point_usd_per_month, template.weeks
    weekly = monthly / WEEKS_PER_MONTH
    match template.effect_basis:
        case "share of monthly cost per week":
            return _Base(weekly * weeks, f"USD {weekly:,.0f} a week x {weeks:g} weeks")
        case "share of yearly cost":
            yearly = monthly * 12
            return _Base(yearly * exposure.share, f"USD {yearly:,.0f} a year x {percent(exposure.share)} exposed")
        case "engineer-weeks":
            usd = exposure.engineer_usd / 52
            return _Base(usd, f"USD {usd:,.0f} an engineer-week")
        case "shortfall of throughput per week":
            point = sized.tiers[0].operating_point
            low = point.output_tps_interval.lo
            missing = point.output_tps_per_gpu / low - 1 if low > 0 else 1.0
            more = percent(missing)
            text = f"{more} more capacity x USD {weekly:,.0f} a week x {weeks:g} weeks until it is corrected"
            return _Base(missing * weekly * weeks, text)
        case "share of hardware value":
            return _Base(exposure.value_usd, f"USD {exposure.value_usd:,.0f} committed")
        case "share of yearly space cost":
            space = 12 * sum(line.usd_per_month for line in cost.lines if line.category == "space")
            return _Base(space, f"USD {space:,.0f} a year for space")
    return _Base(1.0, "USD 1")


def _loss(likelihood: float, effect: float) -> str:
    """The expected loss in numbers; the typical values beside it would give another."""
    return f"{100 * likelihood:.4g} % a year x USD {effect:,.0f} / 12, means of low, typical and high"
