"""How a candidate is paid for: of the ways that are open, the one by which it ranks best.

One figure orders ways and candidates: mean cost, expected loss and the appetite's share of the tail. Candidates have it
from draws, the ways of one candidate from fixed cases (`advisor/engine/cost/prospect.py`), which tell them apart alike.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np

from advisor.catalog import Catalog
from advisor.domain.cost import Cost
from advisor.domain.profile import Profile
from advisor.domain.record import record, replace
from advisor.engine.cost.base import base_shares, based_on, terms_by_base
from advisor.engine.cost.bill import Bill
from advisor.engine.cost.facts import cost_facts
from advisor.engine.cost.features import limited_features
from advisor.engine.cost.levels import Levels
from advisor.engine.cost.model import CostModel, Way
from advisor.engine.cost.premium import premium_rule
from advisor.engine.cost.pricing import Pricing, allowed_countries, cost_of, preference, typical_levels
from advisor.engine.cost.prospect import SPREAD, THIN, Prospect
from advisor.engine.cost.ways import NoWayOfPayingError, open_ways, price_book, without_blocked
from advisor.engine.risk import expected_loss
from advisor.engine.sized import FloatArray, SizedCandidate

EQUAL = 1e-9
"""Costs that differ by less, as a share, are the same."""
ROUGH, ROUGH_THIN = 256, 32
"""Cases by which deployments are told apart, and those by which bases are meanwhile."""
LEADING = 3
"""Ways of paying by which further deployments of a candidate are priced: those that rank best with the first one."""


@record
class Appraised:
    """A way of paying with what it comes to [USD/month]."""

    way: Way
    typical: float
    """At typical inputs."""
    loss: float
    """Expected, over the register."""
    outlook: float
    """Mean with the tail's share and the expected loss."""


@record
class Appraiser:
    """What the ways of paying of one candidate are ordered by."""

    model: CostModel
    catalog: Catalog
    as_of: date
    prospect: Prospect
    thin: Prospect

    @classmethod
    def of(
        cls, model: CostModel, catalog: Catalog, as_of: date, cases: int = SPREAD, thin: int = THIN
    ) -> Appraiser:
        """For the profile of a cost model, over some of the cases, of which fewer tell bases apart."""
        few, many = (Prospect.of(model.profile, catalog.decision_defaults, n) for n in (thin, cases))
        return cls(model, catalog, as_of, many, few)

    def loss(self, bill: Bill) -> Any:
        """Expected loss over the register [USD/month]; an array where the bill is one."""
        return expected_loss(self.model.profile, self.model.sized, bill, self.catalog, self.as_of)

    def appraised(self, way: Way, typical: Levels) -> Appraised:
        """A way at the inputs that vary around the typical ones."""
        model, prospect = self.model, self.prospect
        bill, usd = Bill.led(model, way, model.terms(way, prospect.led_levels(model, way, typical)))
        loss = float(self.loss(bill))
        return Appraised(way, float(bill.total), loss, prospect.weighed(usd) + loss)

    def best_base(self, way: Way, typical: Levels) -> Way | None:
        """A mixed way with the base by which it ranks best; None where that is the whole fleet, a way of its own."""
        model, shares = self.model, base_shares(self.model, typical)
        terms = terms_by_base(model, way, self.thin.led_levels(model, way, typical), shares)
        bill, usd = Bill.led(model, way, terms)
        usd = np.broadcast_to(usd, (shares.size, self.thin.size))
        losses = np.broadcast_to(self.loss(bill), (shares.size,))
        best, pays = self.best_of(way, usd, losses)
        return based_on(model, way, float(shares.flat[best])) if pays else None

    def best_of(self, way: Way, usd: FloatArray, losses: FloatArray) -> tuple[Any, Any]:
        """(which base ranks best, whether it does better than the last, the whole fleet, where that may be held).

        Parameters
        ----------
        way
            The mixed way; of one that has room for a part only, the last base is no whole fleet either.
        usd
            Bases x ... x the thin cases [USD/month].
        losses
            Expected loss, bases x ... [USD/month].
        """
        figure = self.thin.outlook(usd) + losses
        least = figure.min(axis=0)
        pays = least < figure[-1] * (1 - EQUAL) if math.isinf(way.most_gpus) else np.isfinite(least)
        return figure.argmin(axis=0), pays


def build_pricing(profile: Profile, sized: SizedCandidate, catalog: Catalog, as_of: date) -> Pricing:
    """Gather inputs, enumerate the ways and pick the one that ranks best.

    Raises
    ------
    NoWayOfPayingError
        Where no way of paying is both allowed and priced.
    """
    key = (id(profile), id(catalog), as_of)
    known: Pricing | None = sized.memo.get(key)
    if known is None or known.model.profile is not profile:
        known = sized.memo[key] = _build(profile, sized, catalog, as_of)
    return known


def rough_pricing(
    profile: Profile, sized: SizedCandidate, catalog: Catalog, as_of: date, among: Collection[str] = ()
) -> Pricing:
    """`build_pricing` over few cases, to tell deployments of one candidate apart.

    Parameters
    ----------
    among
        Ways that are tried; all where none of them is open.

    Raises
    ------
    NoWayOfPayingError
        As there.
    """
    return _build(profile, sized, catalog, as_of, ROUGH, ROUGH_THIN, among)


def leading_ways(pricing: Pricing) -> list[str]:
    """Ids of the LEADING ways, the best first; the chosen one is among them."""
    ranked = sorted(pricing.outlook, key=lambda name: (name != pricing.way.id, pricing.outlook[name]))
    return ranked[:LEADING]


def _build(
    profile: Profile, sized: SizedCandidate, catalog: Catalog, as_of: date, cases: int = SPREAD, thin: int = THIN,
    among: Collection[str] = (),
) -> Pricing:  # fmt: skip
    facts = cost_facts(profile, sized, catalog, as_of)
    rule = premium_rule(profile, sized, catalog, limited_features(profile, sized, catalog))
    model = CostModel(profile, sized, facts, rule)
    book = price_book(profile, sized.id, facts, catalog, as_of, allowed_countries(profile, catalog))
    found = without_blocked(open_ways(profile, facts, book), sized.gates)
    if not found.ways:
        reasons = "; ".join(f"{o.label}: {o.why_not}" for o in found.closed)
        raise NoWayOfPayingError(f"no way of paying for {sized.accelerator.name} is open ({reasons})")
    levels, appraiser = typical_levels(facts), Appraiser.of(model, catalog, as_of, cases, thin)

    def based(tried: Sequence[Way]) -> tuple[Way, ...]:
        mixed = (appraiser.best_base(way, levels) if way.mode == "mixed" else way for way in tried)
        return tuple(way for way in mixed if way is not None)

    # no mixture may pay of those that are to be tried
    ways = based([way for way in found.ways if way.id in among]) or based(found.ways)
    appraised = [appraiser.appraised(way, levels) for way in ways]
    costs, outlook = {a.way.id: a.typical for a in appraised}, {a.way.id: a.outlook for a in appraised}
    return Pricing(model, replace(found, ways=ways), best_way(profile, ways, costs, outlook), costs, outlook, book)


def best_way(
    profile: Profile, ways: Sequence[Way], costs: Mapping[str, float], outlook: Mapping[str, float]
) -> Way:
    """The way that ranks best of those within the budget at typical inputs.

    Of all where none is, or no budget is set. Costs and outlook by id [USD/month].
    """
    budget = profile.procurement.budget_usd_per_month
    within = ways if budget is None else [way for way in ways if costs[way.id] <= budget]
    return min(within or ways, key=lambda way: preference(way, outlook[way.id]))


def price_candidate(profile: Profile, sized: SizedCandidate, catalog: Catalog, as_of: date) -> Cost:
    """Cost at typical inputs; bands are points until `finalise` fills them from draws."""
    return cost_of(build_pricing(profile, sized, catalog, as_of), profile, catalog)
