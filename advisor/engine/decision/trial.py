"""A quote at a trial price: how a candidate would be paid for then, and what it would cost in the ranking.

The trial price is a firm one for the commitment in force and stands in for every seller's price of it, as a quote of
the profile does; other commitments keep their prices, and the cheapest way of paying is chosen anew at each price.
Where today's price is a quote for any commitment, so is the trial price.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np

from advisor.catalog import Catalog
from advisor.domain.cost import PriceBasis
from advisor.domain.profile import Profile, Quote
from advisor.domain.record import record
from advisor.engine.cost.base import base_shares, based_on, usd_by_base
from advisor.engine.cost.commitment import unfinished_terms
from advisor.engine.cost.levels import Levels
from advisor.engine.cost.lines import cost_lines
from advisor.engine.cost.model import CostModel, Way, total
from advisor.engine.cost.prices import quote_basis
from advisor.engine.cost.pricing import Pricing, band_of, best_way
from advisor.engine.cost.prospect import Cases, Prospect
from advisor.engine.cost.ways import open_ways, without_blocked
from advisor.engine.decision.draws import levels_of, own_draws, shared_draws
from advisor.engine.decision.simulate import Run
from advisor.engine.risk import assess_risks
from advisor.engine.sized import FloatArray

RANGE = (0.05, 20.0)
"""Trial prices over today's price."""
GRID = 257
CLOSE = 1e-3
"""Costs closer than this, as a share, end the search, and so does a bracket of prices as narrow."""
NEAR = 0.1
"""Change of the cost, as a share, within which the expected loss is taken to change in proportion."""
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
        self._prospect = Prospect.of(profile, setting.catalog.decision_defaults)
        self._moving = tuple(
            _Moving(pricing, w, unit, self._prospect) for w in ways if unit is w.price or unit is w.peak_price
        )
        moving = {m.way.id for m in self._moving}
        self._still = tuple(w for w in pricing.open.ways if w.id not in moving and w.id in {x.id for x in ways})
        self._losses: dict[str, tuple[float, float]] = {}
        self._draws: dict[tuple[str, Any], tuple[FloatArray, FloatArray]] = {}

    def at(self, price: float) -> Quoted:
        """The candidate with a quote at a price [USD/GPU-h or USD/GPU], paid for in its cheapest way."""
        way, typical = self._chosen(price)
        now = self.run.pricing
        pricing = Pricing(now.model, now.open, way, {way.id: typical}, {}, now.book)
        usd = self._drawn(pricing, price)
        tail = 0.0
        if self._prospect.tail:  # most appetites look at the mean alone
            band = band_of(usd)
            tail = self._prospect.tail * (band.p90 - band.p50)
        return Quoted(way, float(usd.mean()) + self._expected_loss(pricing) + tail, typical)

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
        if stays(self._chosen(high)[0]):
            return None
        while high / low - 1 > CLOSE:
            price = float(np.sqrt(low * high))
            low, high = (price, high) if stays(self._chosen(price)[0]) else (low, price)
        return high, self._chosen(high)[0]

    @cached_property
    def _curve(self) -> tuple[FloatArray, FloatArray]:
        """(prices, cost of the cheapest way at typical inputs), rising."""
        grid = np.geomspace(self.low, self.high, GRID)
        rows = [moving.usd(grid).min(axis=0) for moving in self._moving]
        rows += [np.full(GRID, self.run.pricing.usd_by_way[way.id]) for way in self._still]
        return grid, np.min(rows, axis=0)

    def _chosen(self, price: float) -> tuple[Way, float]:
        """(way with the best outlook, its cost at typical inputs [USD/month])."""
        basis, now = self._basis(price), self.run.pricing
        found = [moving.cheapest(price, basis) for moving in self._moving]
        if len(found) == 1 and not self._still:
            return found[0]  # where one way is open there is nothing to order
        moved = {way.id: moving.outlook(way, price) for moving, (way, _) in zip(self._moving, found, strict=True)}
        costs = now.usd_by_way | {way.id: usd for way, usd in found}
        ways = [*(way for way, _ in found), *self._still]
        best = best_way(self.setting.profile, ways, costs, now.outlook | moved)
        return best, costs[best.id]

    def _drawn(self, pricing: Pricing, price: float) -> FloatArray:
        """Cost of every draw [USD/month]."""
        way = pricing.way
        key = (way.id, way.base_share)
        if key not in self._draws:
            setting, defaults = self.setting, self.setting.catalog.decision_defaults
            shared = shared_draws(setting.seed, setting.draws)
            own = own_draws(setting.seed, self.run.id, setting.draws)
            levels = levels_of(pricing, shared, own, self.run.levels.flat("demand"), defaults)
            moving = next((m for m in self._moving if m.way.id == way.id), None)
            follows = frozenset() if moving is None else moving.follows
            parts = _in_parts(pricing.model, way, levels, follows)
            if moving is not None and not moving.straight:
                return np.broadcast_to(parts[0] + parts[1], (setting.draws,))
            self._draws[key] = parts[0], parts[1] / price
        fixed, per_usd = self._draws[key]
        return np.broadcast_to(fixed + per_usd * price, (self.setting.draws,))

    def _basis(self, usd: float) -> PriceBasis:
        # a trial price need not be one that a profile may state
        quote = Quote.model_construct(accelerator=self.run.id, usd=usd, provider="", as_of=None)
        sigma = self.setting.catalog.decision_defaults["user_quote_sigma"].value
        return quote_basis(quote, self.run.pricing.way.price.unit, sigma, self.setting.as_of)

    def _expected_loss(self, pricing: Pricing) -> float:
        """Expected loss over the register [USD/month]; it follows the cost and how it is paid."""
        candidate, setting, way = self.run.candidate, self.setting, pricing.way
        if not candidate.risks:
            return 0.0
        typical = pricing.usd_by_way[way.id]
        if way.id in self._losses:
            loss, cost_then = self._losses[way.id]
            if abs(typical / cost_then - 1) <= NEAR:
                return loss * typical / cost_then
        cost = candidate.cost.model_copy(
            update={
                "mode": way.mode, "commitment": way.commitment, "point_usd_per_month": typical,
                "lines": cost_lines(pricing.model, way, pricing.typical),
            }
        )  # fmt: skip
        risks = assess_risks(setting.profile, candidate.sized, cost, setting.catalog, setting.as_of)
        loss = sum(risk.expected_loss_usd_per_month for risk in risks)
        self._losses[way.id] = loss, typical
        return loss


class _Moving:
    """A way of paying that the trial price enters, with its bases where it is mixed."""

    def __init__(self, pricing: Pricing, way: Way, unit: PriceBasis, prospect: Prospect) -> None:
        self.way, self._model, self._levels, self._prospect = way, pricing.model, pricing.typical, prospect
        self._price, self._peak = way.price is unit, way.peak_price is unit
        mixed = way.mode == "mixed"
        self._shares = base_shares(self._model, self._levels) if mixed else np.ones(1)
        fleet = self._model.yearly_fleet(self._levels, self._model.calendar.years, shrinks=True)
        cut = way.term_months and unfinished_terms(fleet, way.term_months, self._model.calendar.months)
        self.straight = not cut
        """Whether the cost is a straight line in the price; what whole terms leave may go from one price to another."""
        self.follows = (PRICED if self._price else frozenset()) | (PRICED_ON_DEMAND if self._peak else frozenset())
        """Terms that are proportional to the trial price."""
        self._parts: dict[tuple[Any, int], tuple[FloatArray, FloatArray]] = {}
        self._line: tuple[FloatArray, FloatArray] | None = None
        if self.straight:
            none, one = self._reckoned(np.array([0.0, 1.0])).T
            self._line = none, one - none

    def usd(self, prices: FloatArray) -> FloatArray:
        """Cost at typical inputs [USD/month], a row for each base and a column for each price."""
        if self._line is None:
            return self._reckoned(prices)
        return self._line[0][:, None] + self._line[1][:, None] * prices

    def cheapest(self, price: float, basis: PriceBasis) -> tuple[Way, float]:
        """(way with the price and its cheapest base, cost [USD/month])."""
        costs = self.usd(np.array([price]))[:, 0]
        best = int(costs.argmin())
        way = replace(
            self.way, price=basis if self._price else self.way.price,
            peak_price=basis if self._peak else self.way.peak_price,
        )  # fmt: skip
        return based_on(self._model, way, float(self._shares[best])), float(costs[best])

    def outlook(self, way: Way, price: float) -> float:
        """What this way may come to with its base at a trial price [USD/month], see `prospect`."""
        if not self.straight:
            return self._prospect.usd_per_month(self._model, way, self._levels)
        return self._prospect.weighed(lambda cases: self._in_cases(way, cases, price))

    def _in_cases(self, way: Way, cases: Cases, price: float) -> FloatArray:
        key = (way.base_share, id(cases))
        if key not in self._parts:
            fixed, moved = _in_parts(self._model, way, cases.levels(way, self._levels), self.follows)
            self._parts[key] = fixed, moved / price
        fixed, per_usd = self._parts[key]
        return np.asarray(fixed + per_usd * price)

    def _reckoned(self, prices: FloatArray) -> FloatArray:
        levels = self._levels.with_(
            price=prices if self._price else 1.0, peak_price=prices if self._peak else 1.0
        )
        if self.way.mode == "mixed":
            usd = usd_by_base(self._model, self.way, levels, self._shares)
        else:
            usd = np.asarray(self._model.usd_per_month(self.way, levels), dtype=float)[None]
        return np.broadcast_to(usd, (self._shares.size, prices.size))


def _in_parts(model: CostModel, way: Way, levels: Levels, follows: frozenset[str]) -> tuple[FloatArray, FloatArray]:
    """(cost that stands, cost that is proportional to the trial price) [USD/month]."""
    terms = model.terms(way, levels)
    stands, moves = (total([t for t in terms if (t.key in follows) is side]) for side in (False, True))
    return np.asarray(stands), np.asarray(moves)
