"""Two vendors instead of one, tier by tier: what the split saves, and what it loses."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from advisor.catalog import Catalog
from advisor.domain.decision import SplitOption, TierChoice
from advisor.domain.profile import Profile
from advisor.domain.record import record
from advisor.domain.text import percent, told_usd
from advisor.domain.units import WEEKS_PER_YEAR
from advisor.engine.cost.levels import Levels
from advisor.engine.cost.model import Term
from advisor.engine.cost.pricing import Pricing
from advisor.engine.decision.simulate import Comparison, Run
from advisor.engine.paying import build_pricing

PER_VENDOR = 2
"""Candidates of each vendor that are considered for a split, best first."""

SPENT_WITH_SELLER = ("rent", "owed", "tail", "peak", "capital")


@record
class _Part:
    """One tier on one accelerator, without the engineering of its stack."""

    run: Run
    pricing: Pricing
    gpus: float
    usd: float
    with_seller: float
    """Of it, what is paid to the seller of the GPUs [USD/month]."""
    discount: float
    """What the promised discount takes off that [USD/month]; quotes are net of any."""


def best_split(profile: Profile, comparison: Comparison, catalog: Catalog, as_of: date) -> SplitOption | None:
    """The cheapest assignment of tiers to two vendors; None with one tier or one vendor.

    Each tier goes to the candidate that serves it at least cost. Then the terms that only a split has are added: the
    promised discount shrinks with each vendor's share of the spend, a second stack must be run, each vendor's
    own premium is reckoned on its part of the fleet, and a second vendor in use gains leverage on price.
    """
    if len(profile.tiers) < 2:
        return None
    finalists = _finalists(comparison.runs)
    if len(finalists) < 2:
        return None
    runs = [run for group in finalists.values() for run in group]
    parts = [[_part(run, tier.name, profile, catalog, as_of) for run in runs] for tier in profile.tiers]
    chosen = [min(options, key=lambda p: (p.usd, p.run.id)) for options in parts]
    if len({part.run.vendor for part in chosen}) < 2:
        chosen = _force(chosen, parts)
    return _priced(chosen, comparison, catalog)


def _finalists(runs: Sequence[Run]) -> dict[str, list[Run]]:
    out: dict[str, list[Run]] = {}
    for run in runs:
        group = out.setdefault(run.vendor, [])
        if len(group) < PER_VENDOR:
            group.append(run)
    return out


def _part(run: Run, tier: str, profile: Profile, catalog: Catalog, as_of: date) -> _Part:
    # each candidate has its tiers in an order of its own, the one with most GPUs first
    names = [plan.name for plan in run.pricing.model.sized.tiers]
    sized = run.pricing.model.sized.only(names.index(tier))
    pricing = build_pricing(profile, sized, catalog, as_of)
    hardware = [t for t in pricing.model.terms(pricing.way, pricing.typical) if t.category != "stack premium"]
    with_seller = _with_seller(hardware)
    return _Part(
        run=run,
        pricing=pricing,
        gpus=pricing.model.first_gpus(pricing.way),
        usd=float(sum(t.usd_per_month for t in hardware)),
        with_seller=with_seller,
        discount=_with_seller(pricing.model.terms(pricing.way, Levels())) - with_seller,
    )


def _with_seller(terms: Sequence[Term]) -> float:
    return float(sum(t.usd_per_month for t in terms if t.key in SPENT_WITH_SELLER))


def _force(chosen: list[_Part], parts: list[list[_Part]]) -> list[_Part]:
    """Move the one tier to the other vendor where that costs least."""
    vendor = chosen[0].run.vendor
    moves = [
        (min((p for p in options if p.run.vendor != vendor), key=lambda p: (p.usd, p.run.id)), i)
        for i, options in enumerate(parts)
    ]
    part, at = min(moves, key=lambda m: (m[0].usd - chosen[m[1]].usd, m[1]))
    return [part if i == at else old for i, old in enumerate(chosen)]


def _priced(chosen: list[_Part], comparison: Comparison, catalog: Catalog) -> SplitOption:
    defaults = catalog.decision_defaults
    model = comparison.best.pricing.model
    hardware = sum(p.usd for p in chosen)
    spend = sum(p.with_seller for p in chosen)
    premium = _premiums(chosen)
    engineer = model.facts.values.get("engineer_usd_per_year")
    second = 0.0 if engineer is None else defaults["second_stack_engineers"].value * engineer.value / 12
    lost = _lost_discount(chosen, spend)
    fleet = sum(p.gpus for p in chosen)
    leverage = defaults["leverage_discount"].value * spend if fleet >= defaults["negotiation_min_gpus"].value else 0.0
    total = hardware + premium + second + lost - leverage
    single = comparison.best.cost.point_usd_per_month
    gain = single - total
    least = defaults["split_saving_share"].value
    worthwhile = gain >= least * single
    who = ", ".join(f"{p.pricing.model.sized.tiers[0].name} on {p.run.name}" for p in chosen)
    verb = "saves" if gain >= 0 else "costs"
    text = (
        f"Splitting ({who}) {verb} USD {told_usd(abs(gain))} a month against {comparison.best.name} alone"
        f" ({percent(abs(gain) / single, 1)}; a split is advised where it saves {percent(least)})."
    )
    return SplitOption(
        tiers=tuple(
            TierChoice(
                tier=p.pricing.model.sized.tiers[0].name, accelerator=p.run.id, gpus=int(p.gpus), usd_per_month=p.usd
            )
            for p in chosen
        ),
        usd_per_month=total,
        hardware_usd_per_month=hardware,
        lost_discount_usd_per_month=lost,
        second_stack_usd_per_month=second + premium,
        leverage_usd_per_month=leverage,
        single_usd_per_month=single,
        gain_usd_per_month=gain,
        worthwhile=worthwhile,
        text=text,
    )


def _premiums(chosen: list[_Part]) -> float:
    """Each vendor's stack premium on its part of the fleet, once."""
    total = 0.0
    for vendor in sorted({p.run.vendor for p in chosen}):
        mine = [p for p in chosen if p.run.vendor == vendor]
        model = mine[0].run.pricing.model
        engineer = model.facts.values.get("engineer_usd_per_year")
        if engineer is None:
            continue
        running = float(model.premium.engineers(sum(p.gpus for p in mine))) * engineer.value / 12
        total += running + model.premium.weeks * engineer.value / WEEKS_PER_YEAR / model.calendar.annuity
    return total


def _lost_discount(chosen: list[_Part], spend: float) -> float:
    """A discount promised for the whole volume shrinks in proportion to each vendor's share of the spend."""
    if spend <= 0:
        return 0.0
    lost = 0.0
    for vendor in sorted({p.run.vendor for p in chosen}):
        mine = [p for p in chosen if p.run.vendor == vendor]
        lost += sum(p.discount for p in mine) * (1 - sum(p.with_seller for p in mine) / spend)
    return lost
