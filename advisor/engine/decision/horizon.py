"""At which horizon another answer would be right.

A turn is sought with both candidates paid as today, which is quick, and at the longest horizon with both paid anew, as
another way of paying may win there only. What is named is the horizon nearest to today's at which it turns with both
paid anew, over the fixed cases that tell deployments apart; where it does not, none is named.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from itertools import pairwise

from advisor.domain.decision import BreakEven
from advisor.domain.text import counted
from advisor.engine.cost.pricing import typical_levels
from advisor.engine.cost.timing import TERM_MONTHS, calendar_of
from advisor.engine.cost.ways import NoWayOfPayingError
from advisor.engine.decision.simulate import Run
from advisor.engine.decision.trial import Setting
from advisor.engine.paying import rough_pricing

HORIZONS = (1, 3, 6, 9, 12, 18, 24, 30, 36, 42, 48, 60, 72, 84, 96, 120)

Costs = Callable[[int], tuple[float, float]]
"""Risk-adjusted cost of choice and rival at a horizon in months [USD/month]."""


def horizon_break_even(best: Run, rival: Run, setting: Setting) -> BreakEven:
    """Whole months at which the winner changes, so never exact."""
    today = best.pricing.model.calendar.months
    term = min(today, max(TERM_MONTHS.get(run.pricing.way.commitment, 1) for run in (best, rival)))
    grid = sorted({m for m in HORIZONS if m >= term} | {max(term, today)})
    kept: Costs = cache(lambda months: (_paid_as_today(best, months), _paid_as_today(rival, months)))
    mine_anew, theirs_anew = _paid_anew(best, setting), _paid_anew(rival, setting)

    def anew(months: int) -> tuple[float, float]:
        return mine_anew(months), theirs_anew(months)

    turn, longest = _turn_as_paid(kept, grid, today), grid[-1]
    tried = [months for months in (turn, longest) if months is not None and months != today]
    turned = next((months for months in tried if _rival_wins(anew(months))), None)
    value = None if turned is None else _nearest(anew, today, turned)
    mine, theirs = anew(value) if value is not None else (None, None)
    if value is None and turn is None:
        neither = "" if longest == today else f", nor does one of {longest} with both paid anew for it"
        text = (
            f"Paid as today, no horizon from {grid[0]} to {longest} months changes the order of {best.name} and"
            f" {rival.name}{neither}."
        )
    elif value is None:
        assert turn is not None
        text = (
            f"No horizon was found at which {rival.name} wins with both paid anew for it, at {longest} months neither;"
            f" paid as today, it would at {counted(turn, 'month')} (today {today})."
        )
    else:
        text = f"{rival.name} wins at a horizon of {counted(value, 'month')}, both paid anew for it (today {today})."
    return BreakEven(
        variable="horizon", subject="", choice=best.id, rival=rival.id, unit="months", today=float(today),
        value=None if value is None else float(value), exact=False, choice_usd_per_month=_stated(mine),
        rival_usd_per_month=_stated(theirs), searched_low=float(grid[0]), searched_high=float(grid[-1]), text=text,
    )  # fmt: skip


def _stated(usd: float | None) -> float | None:
    """A cost for the answer; none where there is no way of paying."""
    return usd if usd is not None and math.isfinite(usd) else None


def _turn_as_paid(costs: Costs, grid: list[int], today: int) -> int | None:
    """The first month beyond the turn that is nearest to today's horizon."""

    def lead(months: int) -> float:
        mine, theirs = costs(months)
        return theirs - mine

    nearest_first = sorted(pairwise(grid), key=lambda p: abs((p[0] + p[1]) / 2 - today))
    bracket = next(((a, b) for a, b in nearest_first if lead(a) * lead(b) < 0), None)
    if bracket is None:
        return None
    low, high = bracket
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if lead(middle) * lead(bracket[0]) > 0 else (low, middle)
    return high if high > today else low


def _nearest(costs: Costs, today: int, turn: int) -> int:
    """The month nearest to today's horizon at which the rival wins, as it does at `turn`."""
    holds, turned = today, turn
    while abs(turned - holds) > 1:
        middle = (holds + turned) // 2
        holds, turned = (holds, middle) if _rival_wins(costs(middle)) else (middle, turned)
    return turned


def _rival_wins(costs: tuple[float, float]) -> bool:
    return costs[1] < costs[0]


def _paid_as_today(run: Run, months: int) -> float:
    model, way = run.pricing.model, run.pricing.way
    levels = typical_levels(model.facts)
    return float(model.usd_per_month(way, levels, calendar_of(months, model.rate))) + run.offset


def _paid_anew(run: Run, setting: Setting) -> Callable[[int], float]:
    """Cost by horizon, in the way that ranks best then; scaled so that today's gives today's cost, infinite without."""
    outlook = cache(lambda months: _outlook(run, setting, months))

    def usd(months: int) -> float:
        then, today = outlook(months), outlook(run.pricing.model.calendar.months)
        return then * (run.risk_adjusted / today) if today > 0 else then + run.risk_adjusted - today

    return usd


def _outlook(run: Run, setting: Setting, months: int) -> float:
    profile = setting.profile
    if months != profile.procurement.horizon_months:  # what is known of today's horizon is not derived anew
        procurement = profile.procurement.model_copy(update={"horizon_months": months})
        profile = profile.model_copy(update={"procurement": procurement})
    try:
        pricing = rough_pricing(profile, run.pricing.model.sized, setting.catalog, setting.as_of)
    except NoWayOfPayingError:
        return math.inf
    return pricing.outlook[pricing.way.id]
