"""Where a break-even lies once deployments are chosen anew: what fixed deployments tell is held against a whole answer.

A turn is sought with today's deployments first, which takes many values at once. It stands where both candidates keep
their deployments there and nothing limits them. Elsewhere both are sized, priced and judged anew at the value
(`advisor/engine/anew.py`), and the turn is sought on from there, by as many whole answers as AT_MOST.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from advisor.domain.profile import Profile
from advisor.domain.record import record
from advisor.engine.anew import Layouts
from advisor.engine.choice import Weight, same
from advisor.engine.cost.bill import Bill
from advisor.engine.cost.pricing import Pricing, band_of
from advisor.engine.cost.prospect import tail_share, tail_weight
from advisor.engine.cost.uncertain import levels_of
from advisor.engine.decision.simulate import Run
from advisor.engine.decision.solve import TOLERANCE, Crossing
from advisor.engine.decision.trial import Setting
from advisor.engine.risk import expected_loss

AT_MOST = 14
"""Whole answers by which one turn is sought."""
ROUNDS = 3
"""Times that a turn is sought, each by costs that the draws have set right at the last one."""
LEVEL = 2e-3
"""Lead within which the draws tell none."""
STILL = 5e-3
"""Leads on both sides of a narrow bracket that end the search too."""
NARROW = 4e-3
"""A bracket as narrow, as a share of the value, ends the search."""
WIDE = 0.04
"""Share of a value by which two may lie apart between which the turn is read off straight."""
BESIDE = 0.1
"""Share of a value within which the same ways of paying lead."""
LEAST_STEP = 0.02
"""Of the logarithm of a value: the first step towards a turn."""
SAVED_ELSE = 0.95
"""What else of a cost other deployments may leave, beside their GPUs: what their engine asks of the team."""
MOST = 1.0
"""Lead over a candidate that cannot be had; nobody counts as leading by more."""
LEAST_PART = 0.1
"""Of a bracket that a step of false position leaves or takes at least."""

Moving = Callable[[float], tuple[Profile, float]]
"""The profile with an input at a value, and the factor on the throughput of the candidate's deployments."""


class Side:
    """One candidate asked for anew at values of an input; as it stands where nothing of it moves.

    Parameters
    ----------
    leading
        Ids of the ways of paying by which it is told whether deployments stay; all where none is given.
    """

    def __init__(self, run: Run, setting: Setting, moving: Moving | None, leading: Sequence[str] = ()) -> None:
        self.run, self._setting, self._anew = run, setting, setting.anew
        self.moves = moving is not None and setting.anew is not None
        self._moving = moving
        self._known: dict[float, tuple[Layouts, float]] = {}
        """Deployments, and what they come to by the fixed cases [USD/month]."""
        self._screen = list(leading)
        self._leading: tuple[float, list[str]] = 0.0, []
        """A value, and the ways of paying that rank best there: beside it they alone are tried."""
        self._scale: float | None = None

    def stays(self, value: float) -> bool:
        """Whether today's deployments tell the cost at a value."""
        if self._moving is None or self._anew is None:
            return True
        leading = list(self._screen)
        stays, found = self._anew.stays(self.run.id, *self._moving(value), leading)
        if found is not None and not self._screen:  # all ways were tried
            self._learn(value, *found)
            self._leading = value, leading
        return stays

    def _learn(self, value: float, layouts: Layouts, weight: Weight) -> None:
        self._known[value] = layouts, math.inf if weight.out else weight.usd_per_month

    def _between(self, value: float) -> Layouts:
        """The deployments that are taken on both sides of a value next to it; none where they differ."""
        below, above = [x for x in self._known if x < value], [x for x in self._known if x > value]
        if not below or not above:
            return ()
        one, other = self._known[max(below)][0], self._known[min(above)][0]
        return one if len(one) == len(other) and same(one, other) else ()

    def out(self, value: float) -> bool:
        """Whether a budget or a site rules it out."""
        if self._moving is None or self._anew is None or not self._anew.limited(*self._moving(value)):
            return False
        return math.isinf(self.usd(value))

    def least(self, value: float) -> float:
        """Factor on the cost of today's deployments that others may save down to, by their GPUs."""
        if self._moving is None or self._anew is None:
            return 1.0
        return self._anew.least_share(self.run.id, *self._moving(value))

    def usd(self, value: float, *, all_ways: bool = False) -> float:
        """Risk-adjusted cost [USD/month] by the fixed cases; without bound where the candidate is out.

        Scaled so that today's value gives today's cost, or as `calibrate` found.

        Parameters
        ----------
        all_ways
            Whether all ways of paying are tried, or the leading ones.
        """
        if self._moving is None or self._anew is None:
            return self.run.risk_adjusted
        if value not in self._known:
            leading = [] if all_ways else self._leading_at(value)
            self._learn(value, *self._anew.weight(self.run.id, *self._moving(value), leading, self._between(value)))
        if self._scale is None:
            today = self._anew.today(self.run.id)
            self._scale = self.run.risk_adjusted / today if today > 0 else 1.0
        return self._known[value][1] * self._scale

    def _leading_at(self, value: float) -> list[str]:
        """Ways of paying to try at a value; where it is new ground all are, and the list gathers the best of them."""
        if abs(value - self._leading[0]) > BESIDE * abs(self._leading[0]):
            self._leading = value, []
        return self._leading[1]

    def calibrate(self, value: float) -> None:
        """Ask for the whole at a value, by the draws of the answer, so that costs beside it are right."""
        if self._moving is None or self._anew is None:
            return
        layouts, weight = self._anew.weight(self.run.id, *self._moving(value), [])
        self._learn(value, layouts, weight)
        if weight.pricing is not None and not weight.out and weight.usd_per_month > 0:
            self._scale = self._drawn(weight.pricing) / weight.usd_per_month

    def _drawn(self, pricing: Pricing) -> float:
        """Risk-adjusted cost over the draws [USD/month]."""
        model, way, typical, catalog = pricing.model, pricing.way, pricing.typical, self._setting.catalog
        levels = levels_of(model, way, self.run.drawn, typical, catalog.decision_defaults)
        usd = np.broadcast_to(np.asarray(model.usd_per_month(way, levels), dtype=float), (self._setting.draws,))
        tail = tail_weight(model.profile, catalog.decision_defaults)
        if tail:  # most appetites look at the mean alone
            band = band_of(usd)
            tail = float(tail_share(tail, usd.mean(), band.p10, band.p50, band.p90))
        if not self.run.candidate.risks:
            return float(usd.mean()) + tail
        bill = Bill.of(model, way, model.terms(way, typical))
        loss = expected_loss(model.profile, model.sized, bill, catalog, self._setting.as_of)
        return float(usd.mean()) + tail + float(loss)


def lead_of(mine: float, theirs: float) -> float:
    """Lead of the choice as a share of its cost; MOST over a rival that is out, and the other way."""
    if math.isinf(mine):
        return MOST if math.isinf(theirs) else -MOST
    return min(MOST, theirs / mine - 1)


def had(usd: float | None) -> float | None:
    """A cost for the answer; none where the candidate is out."""
    return usd if usd is not None and math.isfinite(usd) else None


@record
class Range:
    """Where a turn is sought, and where the choice holds."""

    low: float
    high: float
    near: float
    """Today's value."""
    leads: bool = True
    """Whether the choice leads at today's value as a profile would state it."""


Costs = Callable[[float], tuple[float, float]]
"""Cost of choice and rival at a value, deployments kept [USD/month]."""


def confirmed(
    found: Crossing | None, mine: Side, theirs: Side, within: Range, kept: Costs, *, up: bool
) -> Crossing | None:
    """The turn where a whole answer turns.

    Parameters
    ----------
    found
        With today's deployments; None where they turn nothing.
    up
        Whether the rival wins above it, where there is one.
    """
    if not mine.moves and not theirs.moves:
        return found
    if found is None:
        return _unfound(mine, theirs, within, kept) if within.leads else None
    if mine.stays(found.value) and theirs.stays(found.value):
        return found
    leads, value = _Leads(mine, theirs, log=within.low > 0), found.value
    for _ in range(ROUNDS):
        turn = _sought(leads, value, within, up=up)
        if turn is None:
            return None
        mine.calibrate(turn)
        theirs.calibrate(turn)
        if abs(leads.at(turn)) <= LEVEL:
            return leads.crossing(turn)
        between = leads.interpolated(turn)
        if between is not None:
            return between
        value = turn
    return leads.crossing(value)


def _sought(leads: _Leads, value: float, within: Range, *, up: bool) -> float | None:
    """The turn next to a value; None where there is none to the end of the range."""
    leads.asked = 0
    here = leads.at(value)
    if abs(here) <= TOLERANCE:
        return value
    above = (here > 0) is up
    holds = within.near if within.leads else within.low if up else within.high
    end = (within.high if up else within.low) if here > 0 else holds
    if (end > value) is not above:
        return value
    return _walked(leads, value, end, holds=here < 0 and within.leads)


def _unfound(mine: Side, theirs: Side, within: Range, kept: Costs) -> Crossing | None:
    """A turn that only other deployments make, or a limit."""
    leads = _Leads(mine, theirs, log=within.low > 0)
    near = leads.place(within.near)
    for end in sorted({within.low, within.high} - {within.near}, key=lambda end: abs(leads.place(end) - near)):
        if not (_may_win(theirs, end, kept) or mine.out(end)):
            continue
        if leads.at(end) < 0:
            value = _between(leads, within.near, end)
            return None if value is None else leads.crossing(value)
    return None


def _may_win(theirs: Side, end: float, kept: Costs) -> bool:
    """Whether other deployments of the rival could win: they save no more than GPUs; those of the choice help it."""
    if not theirs.moves:
        return False
    choice, rival = kept(end)
    return rival * theirs.least(end) * SAVED_ELSE < choice and not theirs.stays(end)


class _Leads:
    """Lead of the choice by value of an input, as a share of its cost."""

    def __init__(self, mine: Side, theirs: Side, *, log: bool) -> None:
        self._mine, self._theirs, self._log = mine, theirs, log
        self._asked: set[float] = set()
        self.asked = 0

    def at(self, value: float) -> float:
        self.asked += 1
        self._asked.add(value)
        return lead_of(self._mine.usd(value), self._theirs.usd(value))

    def interpolated(self, value: float) -> Crossing | None:
        """The turn nearest to a value by what is known around it; none where that lies wide apart."""
        known = sorted(self._asked | {value}, key=self.place)
        pairs = [(a, b) for a, b in pairwise(known) if self.at(a) * self.at(b) < 0]
        if not pairs:
            return None
        here = self.place(value)
        a, b = min(pairs, key=lambda pair: abs(self.place(pair[0]) + self.place(pair[1]) - 2 * here))
        if self.place(b) - self.place(a) > WIDE * self.unit(value):
            return None
        share = self.at(a) / (self.at(a) - self.at(b))
        mine, theirs = (side.usd(a) + share * (side.usd(b) - side.usd(a)) for side in (self._mine, self._theirs))
        exact = max(abs(self.at(a)), abs(self.at(b))) <= STILL
        return Crossing(self.value(self.place(a) + share * (self.place(b) - self.place(a))), exact, mine, theirs)

    def place(self, value: float) -> float:
        """On the scale on which values are sought."""
        return math.log(value) if self._log else value

    def value(self, place: float) -> float:
        return math.exp(place) if self._log else place

    def unit(self, value: float) -> float:
        """On that scale, what a share of a value is a share of."""
        return 1.0 if self._log else max(abs(value), 1e-6)

    def crossing(self, value: float) -> Crossing:
        """The turn with what both cost there."""
        return Crossing(value, abs(self.at(value)) <= TOLERANCE, self._mine.usd(value), self._theirs.usd(value))


def _walked(leads: _Leads, start: float, end: float, *, holds: bool) -> float | None:
    """From where the lead is known towards an end, in steps that grow, until it has turned."""
    a, last = leads.place(start), leads.place(end)
    first, way = leads.at(start), math.copysign(1.0, last - a)
    # costs follow a throughput or a price about in proportion
    step = leads.unit(start) * max(LEAST_STEP, 1.2 * abs(math.log1p(max(first, -0.9))))
    while leads.asked < AT_MOST:
        b = a + way * step
        if (last - b) * way <= 0:
            b = last
        now = MOST if holds and b == last else leads.at(leads.value(b))
        if abs(now) <= TOLERANCE:
            return leads.value(b)
        if now * first < 0:
            return _narrowed(leads, (a, first), (b, now))
        if b == last:
            return None
        a, first, step = b, now, 2 * step
    return None


def _between(leads: _Leads, near: float, end: float) -> float | None:
    """Between today's value and one at which the rival wins."""
    today = leads.at(near)
    return None if today <= 0 else _narrowed(leads, (leads.place(near), today), (leads.place(end), leads.at(end)))


def _narrowed(leads: _Leads, one: tuple[float, float], other: tuple[float, float]) -> float:
    """The turn between two places, by false position; an end that stays twice counts half (Illinois)."""
    (a, fa), (b, fb) = one, other
    narrow, kept = NARROW * max(leads.unit(leads.value(a)), leads.unit(leads.value(b))), 0
    while leads.asked < 2 * AT_MOST and abs(b - a) > narrow:
        if abs(b - a) <= 4 * narrow and max(abs(fa), abs(fb)) <= STILL:
            break  # a step, where deployments change that tie
        c = a + min(max(fa / (fa - fb), LEAST_PART), 1 - LEAST_PART) * (b - a)
        now = leads.at(leads.value(c))
        if abs(now) <= TOLERANCE:
            return leads.value(c)
        if now * fa > 0:
            a, fa, fb, kept = c, now, fb / 2 if kept > 0 else fb, 1
        else:
            b, fb, fa, kept = c, now, fa / 2 if kept < 0 else fa, -1
    return leads.value((a + b) / 2)
