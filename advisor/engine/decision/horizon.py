"""At which horizon another answer would be right.

A turn is sought with both candidates paid as today, which is quick, and at the longest horizon with both asked anew, as
another way of paying may win there only. What is named is the horizon nearest to today's at which it turns with both
sized and paid anew: over the fixed cases that tell deployments apart, then by the draws, within two months; where it
does not, none is named.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cache
from itertools import pairwise

from advisor.domain.decision import BreakEven
from advisor.domain.profile import Profile
from advisor.domain.text import counted
from advisor.engine.cost.pricing import typical_levels
from advisor.engine.cost.timing import TERM_MONTHS, calendar_of
from advisor.engine.decision.again import LEAST_PART, Side, had, lead_of
from advisor.engine.decision.simulate import Run
from advisor.engine.decision.trial import Setting

HORIZONS = (1, 3, 6, 9, 12, 18, 24, 30, 36, 42, 48, 60, 72, 84, 96, 120)

DRAWN = 5
"""Horizons at most that are reckoned by the draws."""
CLOSE = 2
"""Months between one at which the choice holds and one at which the rival wins that end the search."""
LEAST = 1e-9
FLAT = 5e-3
"""Lead within which a horizon is not sought on: costs a month hardly move from one to the next."""

Costs = Callable[[int], tuple[float, float]]
"""Risk-adjusted cost of choice and rival at a horizon in months [USD/month]."""


def horizon_break_even(best: Run, rival: Run, setting: Setting) -> BreakEven:
    """Whole months at which the winner changes, so never exact."""
    today = best.pricing.model.calendar.months
    term = min(today, max(TERM_MONTHS.get(run.pricing.way.commitment, 1) for run in (best, rival)))
    grid = sorted({m for m in HORIZONS if m >= term} | {max(term, today)})
    kept: Costs = cache(lambda months: (_paid_as_today(best, months), _paid_as_today(rival, months)))
    sides = [Side(run, setting, lambda months: (_lasting(setting.profile, months), 1.0)) for run in (best, rival)]

    today_lead, asked = lead_of(best.risk_adjusted, rival.risk_adjusted), {today}

    def lead(months: int) -> float:
        asked.add(months)
        return today_lead if months == today else lead_of(*(side.usd(months, all_ways=True) for side in sides))

    def drawn(months: int) -> float:
        for side in sides:
            side.calibrate(months)
        return lead(months)

    turn, longest = _turn_as_paid(kept, grid, today), grid[-1]
    tried = [months for months in (turn, longest) if months is not None and months != today] if setting.anew else []
    turned = next((months for months in tried if lead(months) < 0), None)
    value = None if turned is None else _by_draws(lead, drawn, asked, today, turned)
    mine, theirs = (side.usd(value) if value is not None else None for side in sides)
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
        value=None if value is None else float(value), exact=False, choice_usd_per_month=had(mine),
        rival_usd_per_month=had(theirs), searched_low=float(grid[0]), searched_high=float(grid[-1]), text=text,
    )  # fmt: skip


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


def _by_draws(
    lead: Callable[[int], float], drawn: Callable[[int], float], asked: Collection[int], today: int, turned: int
) -> int | None:
    """The month at which the draws turn, near the one at which the fixed cases do; none where they do not.

    Each horizon that is drawn sets the costs beside it right; those that have been asked for say where to draw next.
    """
    value, holds, won = _nearest(lead, today, turned), today, None
    for _ in range(DRAWN):
        now = drawn(value)
        if now < 0:
            turned = won = value
        else:
            holds = value
        if abs(now) <= FLAT:
            return value
        if holds == turned:
            break  # it turned by the cases alone
        following = _interpolated(lead, asked, holds, turned)
        if following in (holds, value) or (won is not None and abs(turned - holds) <= CLOSE):
            break
        value = following
    return won


def _interpolated(lead: Callable[[int], float], asked: Collection[int], holds: int, turned: int) -> int:
    """Where the rival comes to win, by the leads that are known between two months."""
    low, high = sorted((holds, turned))
    path = sorted({holds, turned, *(m for m in asked if low < m < high)}, key=lambda m: abs(m - holds))
    leads = [max(lead(holds), LEAST), *(lead(m) for m in path[1:-1]), min(lead(turned), -LEAST)]
    first = next(i for i, now in enumerate(leads) if now < 0)
    a, b = path[first - 1], path[first]
    share = min(max(leads[first - 1] / (leads[first - 1] - leads[first]), LEAST_PART), 1 - LEAST_PART)
    return b if abs(b - a) <= 1 else a + round(share * (b - a))


def _nearest(lead: Callable[[int], float], holds: int, turned: int) -> int:
    """The first month beside one at which the choice holds, at which the rival wins, as it does at `turned`.

    By false position, as `again` seeks a turn.
    """
    kept = 0
    leads, loses = max(lead(holds), LEAST), lead(turned)
    while abs(turned - holds) > 1:
        share = min(max(leads / (leads - loses), LEAST_PART), 1 - LEAST_PART)
        span = turned - holds
        step = max(1, min(abs(span) - 1, round(share * abs(span))))
        middle = holds + (step if span > 0 else -step)
        now = lead(middle)
        if now < 0:
            turned, loses, leads, kept = middle, now, leads / 2 if kept < 0 else leads, -1
        else:
            holds, leads, loses, kept = middle, max(now, LEAST), loses / 2 if kept > 0 else loses, 1
    return turned


def _paid_as_today(run: Run, months: int) -> float:
    model, way = run.pricing.model, run.pricing.way
    levels = typical_levels(model.facts)
    return float(model.usd_per_month(way, levels, calendar_of(months, model.rate))) + run.offset


def _lasting(profile: Profile, months: float) -> Profile:
    """The profile with another horizon."""
    procurement = profile.procurement.model_copy(update={"horizon_months": int(months)})
    return profile.model_copy(update={"procurement": procurement})
