"""A quote at a trial price: how a candidate would be paid for then, and what it would cost in the ranking.

The trial price is a firm one for the commitment in force and stands in for every seller's price of it, as a quote of
the profile does; other commitments keep their prices, and the way of paying is chosen anew at each price. Where today's
price is a quote for any commitment, so is the trial price.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from functools import cached_property, partial
from typing import Any, Literal

import numpy as np

from advisor.catalog import Catalog
from advisor.domain.cost import PriceBasis
from advisor.domain.profile import Profile, Quote
from advisor.domain.record import record, replace
from advisor.engine.anew import Anew
from advisor.engine.cost.base import base_shares, based_on, terms_by_base
from advisor.engine.cost.bill import Bill
from advisor.engine.cost.commitment import unfinished_terms
from advisor.engine.cost.levels import Levels
from advisor.engine.cost.model import Term, Way, total
from advisor.engine.cost.prices import quote_basis
from advisor.engine.cost.pricing import Pricing, band_of
from advisor.engine.cost.prospect import tail_share
from advisor.engine.cost.uncertain import levels_of
from advisor.engine.cost.ways import open_ways, without_blocked
from advisor.engine.decision.simulate import Run
from advisor.engine.paying import Appraised, Appraiser, best_way
from advisor.engine.sized import FloatArray

RANGE = (0.05, 20.0)
"""Trial prices over today's price."""
GRID = 257
CLOSE = 1e-3
"""Costs closer than this, as a share, end the search, and so does a bracket of prices as narrow."""
PRICED = frozenset({"rent", "owed", "capital", "residual", "maintenance"})
PRICED_ON_DEMAND = frozenset({"peak", "tail"})
"""Terms of the cost that are proportional to the price of a way, and to its on-demand price."""
QUICK = 6
"""Steps along the curve at typical inputs; after them the bracket is halved."""


@record
class Setting:
    """What an answer is reckoned in."""

    profile: Profile
    catalog: Catalog
    as_of: date
    seed: int
    draws: int
    anew: Anew | None = None
    """Candidates asked for again, their deployments chosen anew; without it they keep today's."""


@record
class Quoted:
    """One candidate with a quote in hand."""

    way: Way
    risk_adjusted: float
    """What candidates are ranked by [USD/month]."""
    typical: float
    """Cost at typical inputs [USD/month]."""


@record
class Turn:
    """The trial price at which the order of two candidates changes."""

    price: float
    usd_per_month: float
    """Risk-adjusted cost there [USD/month]."""


class Trial:
    """One candidate as a function of a quote for the commitment under which it is paid for today."""

    def __init__(self, run: Run, setting: Setting) -> None:
        self.run, self.setting = run, setting
        pricing, profile = run.pricing, setting.profile
        price = pricing.way.price
        self.today = float(price.typical * pricing.model.kept(price, pricing.typical))
        """Price today, a promised discount taken."""
        self.low, self.high = RANGE[0] * self.today, RANGE[1] * self.today
        unit = self._basis(1.0)
        book = pricing.book.quoted(pricing.book.covered(pricing.way), unit)
        ways = without_blocked(open_ways(profile, pricing.model.facts, book), pricing.model.sized.gates).ways
        self._appraiser = Appraiser.of(pricing.model, setting.catalog, setting.as_of)
        self._moving = tuple(
            _Moving(pricing, w, unit, self._appraiser) for w in ways if unit is w.price or unit is w.peak_price
        )
        moving = {m.way.id for m in self._moving}
        self._still = tuple(w for w in pricing.open.ways if w.id not in moving and w.id in {x.id for x in ways})
        self._known: dict[float, Appraised] = {}
        """The way that ranks best, by price."""
        self._draws: dict[tuple[str, Any], tuple[FloatArray, FloatArray]] = {}
        self._unmoved_ways: dict[str, Appraised] = {}

    def at(self, price: float) -> Quoted:
        """The candidate with a quote at a price [USD/GPU-h or USD/GPU], paid for in the way that ranks best."""
        found = self._chosen(price)
        usd = self._drawn(found.way, price)
        tail = self._appraiser.prospect.tail
        if tail:  # most appetites look at the mean alone
            band = band_of(usd)
            tail = float(tail_share(tail, usd.mean(), band.p10, band.p50, band.p90))
        loss = found.loss if self.run.candidate.risks else 0.0
        return Quoted(found.way, float(usd.mean()) + loss + tail, found.typical)

    def stated(self, price: float) -> Profile:
        """The profile with the trial price as a quote in hand, in place of those that it replaces."""
        profile, way = self.setting.profile, self.run.pricing.way
        covered = self.run.pricing.book.covered(way)
        kind: Literal["buy", "rent"] = "buy" if way.buys else "rent"
        replaced = {"any", *covered} if way.buys or len(covered) > 1 else {*covered}
        kept = (
            q
            for q in profile.procurement.quotes
            if (q.accelerator, q.kind) != (self.run.id, kind) or not (way.buys or q.commitment in replaced)
        )
        # a trial price need not be one that a profile may state
        one = Quote.model_construct(
            accelerator=self.run.id, kind=kind, usd=price, commitment="any", provider="", as_of=None
        )
        trial = [one.model_copy(update={"commitment": "any" if way.buys else c}) for c in covered]
        procurement = profile.procurement.model_copy(update={"quotes": (*kept, *trial)})
        return profile.model_copy(update={"procurement": procurement})

    def turn(self, target: float) -> Turn | None:
        """Price at which the risk-adjusted cost reaches a target [USD/month]; None where it never does.

        A quote is firm where today's price is not, and costs less for it, so that the price may lie on either side of
        today's.
        """
        found = self._between(self.low, self.high, target)
        if found is None and self.at(self.low).risk_adjusted < target < self.at(self.today).risk_adjusted:
            # at high prices it is paid for in a way that costs more at typical inputs but less with its risks
            found = self._between(self.low, self.today, target)
        return found

    def _between(self, least: float, most: float, target: float) -> Turn | None:
        """The turn between two prices; the curve at typical inputs, lifted by what draws and risks add, leads there."""
        grid, typical = self._curve
        low, high, offset = least, most, self.run.offset
        price = found = 0.0
        for step in range(60):
            price = min(most, float(np.interp(target - offset, typical, grid))) if step < QUICK else 0.0
            if step and not low < price < high:
                price = float(np.sqrt(low * high))
            found = self.at(price).risk_adjusted
            if abs(found - target) <= CLOSE * target:
                return Turn(price, found)
            low, high = (price, high) if found < target else (low, price)
            if high / low - 1 <= CLOSE:
                break  # the cost jumps, where the way of paying changes, or an end is reached
            offset = found - float(np.interp(price, grid, typical))
        return None if low == least or high == most else Turn(price, found)

    def left_from(self) -> tuple[float, Way] | None:
        """(price, way) above today's from which the candidate is paid for otherwise; None where it never is."""
        now = self.run.pricing.way

        def stays(way: Way) -> bool:
            return (way.mode, way.commitment) == (now.mode, now.commitment)

        low, high = self.today, self.high
        if stays(self._chosen(high).way):
            return None
        while high / low - 1 > CLOSE:
            price = float(np.sqrt(low * high))
            low, high = (price, high) if stays(self._chosen(price).way) else (low, price)
        return high, self._chosen(high).way

    @cached_property
    def _curve(self) -> tuple[FloatArray, FloatArray]:
        """(prices, cost of the cheapest way at typical inputs), rising."""
        grid = np.geomspace(self.low, self.high, GRID)
        rows = [moving.usd(grid).min(axis=0) for moving in self._moving]
        rows += [np.full(GRID, self.run.pricing.usd_by_way[way.id]) for way in self._still]
        return grid, np.min(rows, axis=0)

    def _chosen(self, price: float) -> Appraised:
        """The way that ranks best."""
        if price not in self._known:
            self._known[price] = self._best(price)
        return self._known[price]

    def _best(self, price: float) -> Appraised:
        now = self.run.pricing
        found = {m: one for m in self._moving if (one := m.appraised(price)) is not None}
        costs = now.usd_by_way | {one.way.id: one.typical for one in found.values()}
        outlook = now.outlook | {one.way.id: one.outlook for one in found.values()}
        ways = [*(one.way for one in found.values()), *self._still]
        best = best_way(self.setting.profile, ways, costs, outlook)
        moved = next((m for m, one in found.items() if one.way is best), None)
        if moved is None:
            return self._unmoved(best)
        return replace(found[moved], way=moved.quoted(best, self._basis(price)))

    def _unmoved(self, way: Way) -> Appraised:
        """A way that the trial price does not enter."""
        if way.id not in self._unmoved_ways:
            self._unmoved_ways[way.id] = self._appraiser.appraised(way, self.run.pricing.typical)
        return self._unmoved_ways[way.id]

    def _drawn(self, way: Way, price: float) -> FloatArray:
        """Cost of every draw [USD/month]."""
        key, model = (way.id, way.base_share), self.run.pricing.model
        if key not in self._draws:
            defaults = self.setting.catalog.decision_defaults
            levels = levels_of(model, way, self.run.drawn, self.run.pricing.typical, defaults)
            moving = next((m for m in self._moving if m.way.id == way.id), None)
            follows = frozenset() if moving is None else moving.follows
            parts = _in_parts(model.terms(way, levels), follows)
            if moving is not None and not moving.straight:
                return np.broadcast_to(parts[0] + parts[1], (self.setting.draws,))
            self._draws[key] = parts[0], parts[1] / price
        fixed, per_usd = self._draws[key]
        return np.broadcast_to(fixed + per_usd * price, (self.setting.draws,))

    def _basis(self, usd: float) -> PriceBasis:
        # a trial price need not be one that a profile may state
        quote = Quote.model_construct(accelerator=self.run.id, usd=usd, provider="", as_of=None)
        sigma = self.setting.catalog.decision_defaults["user_quote_sigma"].value
        return quote_basis(quote, self.run.pricing.way.price.unit, sigma, self.setting.as_of)


class _Moving:
    """A way of paying that the trial price enters, with its bases where it is mixed."""

    def __init__(self, pricing: Pricing, way: Way, unit: PriceBasis, appraiser: Appraiser) -> None:
        self.way, self._model, self._levels, self._appraiser = way, pricing.model, pricing.typical, appraiser
        self._price, self._peak = way.price is unit, way.peak_price is unit
        self._mixed = way.mode == "mixed"
        self._shares = base_shares(self._model, self._levels) if self._mixed else np.ones(1)
        fleet = self._model.yearly_fleet(self._levels, self._model.calendar.years, shrinks=True)
        cut = way.term_months and unfinished_terms(fleet, way.term_months, self._model.calendar.months)
        self.straight = not cut
        """Whether the cost is a straight line in the price; what whole terms leave may go from one price to another."""
        self.follows = (PRICED if self._price else frozenset()) | (PRICED_ON_DEMAND if self._peak else frozenset())
        """Terms that are proportional to the trial price."""
        self._bill = self._line_of_bills() if self.straight else None
        self._thin = _Kept(self.straight, self.follows)
        self._cases: dict[Any, _Kept] = {}

    def usd(self, prices: FloatArray) -> FloatArray:
        """Cost at typical inputs [USD/month], a row for each base and a column for each price."""
        if self._bill is not None:
            still, moves = self._bill
            usd = still.total + moves.total * prices
        else:
            levels = self._levels.with_(
                price=prices if self._price else 1.0, peak_price=prices if self._peak else 1.0
            )
            usd = total(self._by_base(levels))
        return np.broadcast_to(np.asarray(usd), (self._shares.size, prices.size))

    def appraised(self, price: float) -> Appraised | None:
        """The way with the base by which it ranks best at a price; None where it would hold the whole fleet."""
        way, appraiser = self.way, self._appraiser
        bill = self._bill_at(price)
        losses, best = np.ravel(appraiser.loss(bill)), 0
        if self._mixed:
            usd = np.broadcast_to(self._thin.at(price, self._by_base_thin), (self._shares.size, appraiser.thin.size))
            found, pays = appraiser.best_of(way, usd, losses)
            if not pays:
                return None
            best = int(found)
            way = replace(way, base_share=float(self._shares.flat[best]))
        if way.base_share not in self._cases:
            self._cases[way.base_share] = _Kept(self.straight, self.follows)
        usd, loss = self._cases[way.base_share].at(price, partial(self._in_cases, way)), float(losses[best])
        outlook = appraiser.prospect.weighed(usd) + loss
        return Appraised(way, float(np.ravel(bill.total)[best]), loss, outlook)

    def _line_of_bills(self) -> tuple[Bill, Bill]:
        """(what stands, what is proportional to the trial price)."""
        terms = self._by_base(self._at_price(1.0))
        still, moves = ([t for t in terms if (t.key in self.follows) is side] for side in (False, True))
        return Bill.of(self._model, self.way, still), Bill.of(self._model, self.way, moves)

    def _bill_at(self, price: float) -> Bill:
        if self._bill is not None:
            still, moves = self._bill
            return still.plus(moves, price)
        return Bill.of(self._model, self.way, self._by_base(self._at_price(price)))

    def quoted(self, way: Way, basis: PriceBasis) -> Way:
        """The way, which is of one dollar, with the quote that it was appraised at."""
        price, peak = basis if self._price else way.price, basis if self._peak else way.peak_price
        return based_on(self._model, replace(way, price=price, peak_price=peak), float(np.asarray(way.base_share)))

    def _at_price(self, price: float) -> Levels:
        """Typical inputs at a trial price; that of the way itself is of one dollar."""
        return self._levels.with_(price=price if self._price else 1.0, peak_price=price if self._peak else 1.0)

    def _by_base(self, levels: Levels) -> list[Term]:
        if self._mixed:
            return terms_by_base(self._model, self.way, levels, self._shares)
        return self._model.terms(self.way, levels)

    def _by_base_thin(self, price: float) -> list[Term]:
        return self._by_base(self._appraiser.thin.levels(self._model, self.way, self._at_price(price)))

    def _in_cases(self, way: Way, price: float) -> list[Term]:
        return self._model.terms(way, self._appraiser.prospect.levels(self._model, way, self._at_price(price)))


class _Kept:
    """A cost at one price after the other; what it is made of is kept where it is a straight line in the price."""

    def __init__(self, straight: bool, follows: frozenset[str]) -> None:
        self._straight, self._follows = straight, follows
        self._line: tuple[FloatArray, FloatArray] | None = None

    def at(self, price: float, terms: Callable[[float], list[Term]]) -> FloatArray:
        """Cost at a trial price [USD/month], of terms by price: the same ones at each call."""
        if not self._straight:
            return np.asarray(total(terms(price)), dtype=float)
        if self._line is None:
            self._line = _in_parts(terms(1.0), self._follows)
        fixed, per_usd = self._line
        return np.asarray(fixed + per_usd * price)


def _in_parts(terms: Sequence[Term], follows: frozenset[str]) -> tuple[FloatArray, FloatArray]:
    """(cost that stands, cost that is proportional to the trial price) [USD/month]."""
    stands, moves = (total([t for t in terms if (t.key in follows) is side]) for side in (False, True))
    return np.asarray(stands), np.asarray(moves)
