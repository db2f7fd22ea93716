"""What a candidate costs in the ranking while one input moves: paid for anew at each value, its risks reckoned anew.

Several values are reckoned together, over the first of the fixed cases by which ways of paying are ordered (`prospect`)
in place of the draws; by what these give today for it, all is scaled, so that today's value gives today's cost. A value
that a profile would state is firm, where today's is uncertain.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from advisor.domain.record import replace
from advisor.engine.cost.base import terms_by_base
from advisor.engine.cost.bill import Bill
from advisor.engine.cost.levels import Level, Levels
from advisor.engine.cost.model import Way
from advisor.engine.cost.prospect import Prospect
from advisor.engine.cost.ways import open_ways, without_blocked
from advisor.engine.decision.simulate import Run
from advisor.engine.decision.trial import Setting
from advisor.engine.paying import Appraiser
from advisor.engine.sized import FloatArray

Move = Callable[[Levels, Level], Levels]
"""The levels with one input at the values given."""

SHARES = np.append(np.arange(15, 0, -2) / 16, 1.0)[:, None, None]
"""Bases of a mixture that are tried, as shares of the fleet; the whole of it last. Bases x 1 x 1."""
CASES, THIN = 256, 32
"""Cases behind a cost, and those by which bases are told apart."""
CLOSE = 1.2
"""Ways that cost more at typical inputs than this many times the cheapest are not looked at."""


def _as_it_is(levels: Levels, _: Level) -> Levels:
    """Nothing is stated: a headcount that is, even today's, would take the place of the rule and of its uncertainty."""
    return levels


class Moved:
    """One candidate as a function of one input; as it stands where nothing of it moves."""

    def __init__(self, run: Run, setting: Setting, move: Move | None, today: float, firm: str = "") -> None:
        self.run, self._setting, self._today = run, setting, today
        self._firm = firm
        """Which uncertain input a stated value makes sure; empty where today's is as sure.

        One of INPUTS is held at its middle. A stated headcount takes the place of the rule and of its band by itself.
        """
        self._model, self._typical = run.pricing.model, run.pricing.typical
        self._move = move
        self._appraiser = Appraiser.of(self._model, setting.catalog, setting.as_of, CASES, THIN)
        self._known: dict[bytes, FloatArray] = {}
        self._today_usd: float | None = None
        """Today's cost by the cases [USD/month]."""
        found = open_ways(setting.profile, self._model.facts, run.pricing.book)
        self._ways = without_blocked(found, self._model.sized.gates).ways
        """Those that may be chosen, also mixtures that do not pay today."""

    @property
    def moves(self) -> bool:
        """Whether the input bears on the candidate."""
        return self._move is not None

    def at(self, values: FloatArray) -> FloatArray:
        """Risk-adjusted cost [USD/month] at values of the input; those of the first call span all that follow."""
        if self._move is None:
            return np.full(values.shape, self.run.risk_adjusted)
        key = values.tobytes()
        if key not in self._known:
            usd, today = self._with_today(self._move, values)
            self._known[key] = usd * (self.run.risk_adjusted / today) if today > 0 else usd + self.run.risk_adjusted
        return self._known[key]

    def _with_today(self, move: Move, values: FloatArray) -> tuple[FloatArray, float]:
        """What the way that ranks best comes to at each value, and at today's [USD/month]."""
        if self._today_usd is not None:
            return self._reckoned(move, values), self._today_usd
        if self._firm:  # a value that is stated, today's is not
            uncertain = Moved(self.run, self._setting, _as_it_is, self._today)
            self._today_usd = float(uncertain._reckoned(_as_it_is, np.array([self._today]))[0])
            return self._reckoned(move, values), self._today_usd
        usd = self._reckoned(move, np.append(values, self._today))
        self._today_usd = float(usd[-1])
        return usd[:-1], self._today_usd

    def _reckoned(self, move: Move, values: FloatArray) -> FloatArray:
        """What the way that ranks best comes to at each value [USD/month]."""
        levels = move(self._typical, values)
        appraiser = self._appraiser
        thin, many = (self._tiled(prospect, move, values) for prospect in (appraiser.thin, appraiser.prospect))
        based = [self._based(way, levels, values.size, thin) for way in self._ways]
        within = self._within(np.array([usd for _, usd, _ in based]))
        looked = within <= CLOSE * within.min(axis=0)
        outlook = np.full(within.shape, np.inf)
        for i, (shares, _, loss) in enumerate(based):
            if looked[i].any():
                each = np.repeat(shares, appraiser.prospect.size)[:, None]
                usd = self._in_cases(self._ways[i], each, values.size, *many)
                outlook[i] = np.where(looked[i], appraiser.prospect.outlook(usd) + loss, np.inf)
        self._ways = tuple(w for w, some in zip(self._ways, looked.any(axis=1), strict=True) if some)
        return np.asarray(outlook.min(axis=0))

    def _within(self, typical: FloatArray) -> FloatArray:
        """Cost at typical inputs, without bound for ways beyond the budget where another is within it."""
        budget = self._setting.profile.procurement.budget_usd_per_month
        if budget is None:
            return typical
        within = np.where(typical <= budget, typical, np.inf)
        return np.where(np.isinf(within).all(axis=0), typical, within)

    def _based(
        self, way: Way, levels: Levels, n: int, thin: tuple[Prospect, Levels]
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """(base, cost at typical inputs, expected loss [USD/month]) at `n` values; no bound where no mixture pays."""
        shares = SHARES if way.mode == "mixed" else np.ones(1)
        terms = terms_by_base(self._model, way, levels, shares)
        bill = Bill.of(self._model, way, terms)
        losses = self._appraiser.loss(bill) if self.run.candidate.risks else 0.0
        typical, loss = (np.broadcast_to(usd, (shares.size, n)) for usd in (bill.total, losses))
        if way.mode != "mixed":
            return np.ones(n), typical[0], loss[0]
        usd = self._in_cases(way, shares, n, *thin)
        (best, pays), each = self._appraiser.best_of(way, usd, loss), np.arange(n)
        return shares.ravel()[best], np.where(pays, typical[best, each], np.inf), loss[best, each]

    def _tiled(self, prospect: Prospect, move: Move, values: FloatArray) -> tuple[Prospect, Levels]:
        """All cases behind each value, and the typical inputs moved to those."""
        moved = move(self._typical, np.repeat(values, prospect.size))
        return prospect.tiled(values.size, self._firm), moved

    def _in_cases(self, way: Way, shares: FloatArray, n: int, tiled: Prospect, levels: Levels) -> FloatArray:
        """Cost of one way [USD/month]: by base, where several are asked for, `n` values, and the cases behind each."""
        if way.mode == "mixed":
            way = replace(way, base_share=shares)
        usd = np.asarray(self._model.usd_per_month(way, tiled.levels(self._model, way, levels)), dtype=float)
        bases = shares.shape[:-2]
        return np.broadcast_to(usd, (*bases, tiled.size)).reshape(*bases, n, -1)
