"""What a candidate costs in the ranking while one input moves: paid for anew at each value, its risks reckoned anew.

Several values are reckoned together, over the fixed cases by which ways of paying are ordered (`prospect`) in place of
the draws; what the draws of today come to beyond them is added, so that today's value gives today's cost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from advisor.engine.cost.base import usd_by_base
from advisor.engine.cost.levels import Levels
from advisor.engine.cost.lines import cost_lines
from advisor.engine.cost.model import Way
from advisor.engine.cost.prospect import Cases, Prospect
from advisor.engine.cost.ways import open_ways, without_blocked
from advisor.engine.decision.simulate import Run
from advisor.engine.decision.trial import Setting
from advisor.engine.risk import assess_risks
from advisor.engine.sized import FloatArray

Move = Callable[[Levels, ArrayLike], Levels]
"""The levels with one input at the values given."""

SHARES = np.append(np.arange(15, 0, -1) / 16, 1.0)
"""Bases of a mixture that are tried, as shares of the fleet; the whole of it last."""
CLOSE = 1.2
"""Ways that cost more at typical inputs than this many times the cheapest are not looked at."""


class Moved:
    """One candidate as a function of one input; as it stands where nothing of it moves."""

    def __init__(self, run: Run, setting: Setting, move: Move | None, today: float) -> None:
        self.run, self._setting, self._today = run, setting, today
        self._model, self._typical = run.pricing.model, run.pricing.typical
        self._move = move
        self._prospect = Prospect.of(setting.profile, setting.catalog.decision_defaults)
        way, usd = run.pricing.way, run.cost.point_usd_per_month
        self._loss_shares = {way.id: run.expected_loss / usd if usd > 0 else 0.0}
        """Expected loss over cost at typical inputs, by way of paying."""
        self._known: dict[bytes, FloatArray] = {}
        self._today_usd: float | None = None
        """Today's cost by the cases [USD/month]."""
        found = open_ways(setting.profile, self._model.facts, run.pricing.book)
        self._ways = without_blocked(found, self._model.sized.gates).ways
        """Those that may be chosen, also mixtures that do not pay today."""

    def at(self, values: FloatArray) -> FloatArray:
        """Risk-adjusted cost [USD/month] at values of the input; those of the first call span all that follow."""
        if self._move is None:
            return np.full(values.shape, self.run.risk_adjusted)
        key = values.tobytes()
        if key not in self._known:
            first = self._today_usd is None
            usd = self._reckoned(self._move, np.append(values, self._today) if first else values)
            if first:
                self._today_usd, usd = float(usd[-1]), usd[:-1]
            today = self._today_usd or 0.0
            follows = usd / today if today > 0 else 1.0
            stays = self._engineering
            self._known[key] = usd + (self.run.risk_adjusted - today) * (stays + (1.0 - stays) * follows)
        return self._known[key]

    @cached_property
    def _engineering(self) -> float:
        """Share of what the draws come to beyond the cases that does not follow the cost.

        What engineering may come to is as much for a small fleet as for a larger one; prices and resale follow it.
        """
        run, model = self.run, self._model
        once, twice = (model.usd_per_month(run.pricing.way, self._typical.with_(stack=x)) for x in (1.0, 2.0))
        spread, stack = float(run.usd.std()), float(twice - once) * float(np.std(run.levels.flat("stack")))
        return min(1.0, (stack / spread) ** 2) if spread > 0 else 1.0

    def _reckoned(self, move: Move, values: FloatArray) -> FloatArray:
        """Outlook of the way that is chosen at each value, with its expected loss [USD/month]."""
        levels = move(self._typical, values)
        based = [self._based(way, levels, values.size) for way in self._ways]
        typical = np.array([usd for _, usd in based])
        within = self._within(typical)
        looked = within <= CLOSE * within.min(axis=0)
        outlook = np.full(typical.shape, np.inf)
        for i, (shares, _) in enumerate(based):
            if looked[i].any():
                outlook[i] = np.where(looked[i], self._outlook(self._ways[i], shares, move, values), np.inf)
        best = outlook.argmin(axis=0)
        ways, self._ways = self._ways, tuple(w for w, some in zip(self._ways, looked.any(axis=1), strict=True) if some)
        usd = outlook[best, np.arange(values.size)]
        for i in np.unique(best):
            mine = np.flatnonzero(best == i)
            way = replace(ways[i], base_share=float(based[i][0][mine[0]]))
            usd[mine] += self._loss_share(way, move(self._typical, float(values[mine[0]]))) * typical[i, mine]
        return np.asarray(usd)

    def _within(self, typical: FloatArray) -> FloatArray:
        """Cost at typical inputs, without bound for ways beyond the budget where another is within it."""
        budget = self._setting.profile.procurement.budget_usd_per_month
        if budget is None:
            return typical
        within = np.where(typical <= budget, typical, np.inf)
        return np.where(np.isinf(within).all(axis=0), typical, within)

    def _based(self, way: Way, levels: Levels, n: int) -> tuple[FloatArray, FloatArray]:
        """(base, cost at typical inputs [USD/month]) at each value; no bound where a mixture would not pay."""
        model = self._model
        if way.mode != "mixed":
            usd = np.asarray(model.usd_per_month(way, levels), dtype=float)
            return np.ones(n), np.broadcast_to(usd, (n,))
        costs = np.broadcast_to(usd_by_base(model, way, levels, SHARES), (SHARES.size, n))
        fleet = model.yearly_fleet(levels, model.calendar.years, shrinks=True)
        nodes = np.broadcast_to(fleet[..., 0] / model.sized.accelerator.gpus_per_node, (n,))
        part = np.where(SHARES[:-1, None] * nodes <= nodes - 1 + 1e-9, costs[:-1], np.inf)
        best = part.argmin(axis=0)
        usd = part[best, np.arange(n)]
        return SHARES[best], np.where(usd < costs[-1] * (1 - 1e-9), usd, np.inf)

    def _outlook(self, way: Way, shares: FloatArray, move: Move, values: FloatArray) -> FloatArray:
        """Mean with the tail's share [USD/month] of one way at each value."""
        return self._prospect.outlook(self._in_cases(self._prospect.cases, way, shares, move, values))

    def _in_cases(self, cases: Cases, way: Way, shares: FloatArray, move: Move, values: FloatArray) -> FloatArray:
        """Cost of one way [USD/month], a row for each value and a column for each case."""
        n, k = cases.z.size, values.size
        each = cases.levels(way, move(self._typical, np.repeat(values, n)))
        peak = each.peak_price if way.peak_price is None else np.tile(each.peak_price, k)
        levels = each.with_(
            z=np.tile(each.z, k), demand=np.tile(each.demand, k), price=np.tile(each.price, k), peak_price=peak
        )
        if way.mode == "mixed":
            way = replace(way, base_share=np.repeat(shares, n)[:, None])
        usd = np.asarray(self._model.usd_per_month(way, levels), dtype=float)
        return np.broadcast_to(usd, (k * n,)).reshape(k, n)

    def _loss_share(self, way: Way, levels: Levels) -> float:
        """Expected loss over the cost of a way; the most of it follows the cost, so that it is reckoned once."""
        candidate, setting = self.run.candidate, self._setting
        if way.id not in self._loss_shares:
            usd = float(self._model.usd_per_month(way, levels))
            cost = candidate.cost.model_copy(
                update={
                    "mode": way.mode, "commitment": way.commitment, "point_usd_per_month": usd,
                    "lines": cost_lines(self._model, way, levels),
                }
            )  # fmt: skip
            risks = assess_risks(setting.profile, candidate.sized, cost, setting.catalog, setting.as_of)
            loss = sum(risk.expected_loss_usd_per_month for risk in risks) if candidate.risks else 0.0
            self._loss_shares[way.id] = loss / usd if usd > 0 else 0.0
        return self._loss_shares[way.id]
