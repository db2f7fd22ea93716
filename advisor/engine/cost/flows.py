"""The cost of one way of paying month by month, in cash and in the books, at typical inputs."""

from __future__ import annotations

import numpy as np

from advisor.domain.cost import MonthFlow
from advisor.domain.units import HOURS_PER_MONTH, WEEKS_PER_YEAR
from advisor.engine.cost.fleets import Sizes
from advisor.engine.cost.levels import Levels
from advisor.engine.cost.model import CostModel, Way
from advisor.engine.cost.timing import share_above


def month_flows(model: CostModel, way: Way, levels: Levels) -> tuple[MonthFlow, ...]:
    """Cash and book cost of each month; what falls after the horizon has rows of its own.

    Where hardware is owned, one more row holds its sale at the end; where a term of rent is owed beyond the horizon,
    a row a month holds its rent.

    The cash column, discounted at ``(1 + r)^(-m/12)``, is the net present cost.
    """
    months = model.calendar.months
    gpus, running = _running(model, way, levels)
    cash, book = running.copy(), running.copy()
    if way.buys:
        cash, book, gpus = _own(model, way, levels, cash, book, gpus)
    gpus = np.append(gpus[:months], np.zeros(max(0, len(cash) - months)))
    mtok = model.mtok_by_month(levels)
    return tuple(
        MonthFlow(
            month=m,
            gpus=float(gpus[m]),
            cash_usd=float(cash[m]),
            book_usd=float(book[m]),
            mtok=float(mtok[m]) if m < months else 0.0,
        )
        for m in range(len(cash))
    )


def _running(model: CostModel, way: Way, levels: Levels) -> tuple[np.ndarray, np.ndarray]:
    """GPUs paid for and running cost in each month, purchases left out."""
    months, facts = model.calendar.months, model.facts
    year = np.arange(months) // 12
    price = way.price.typical * model.kept(way.price, levels)
    if way.floats:
        fleet = np.resize(model.monthly_fleet(levels, months), months)
        gpus = model.billed(fleet, levels)
        cost = gpus * HOURS_PER_MONTH * price
        first = fleet[0]
    else:
        fleet = model.yearly_fleet(levels, model.calendar.years, shrinks=way.commitment == "reserved_1y")
        base = model.held(way, fleet)
        gpus, first = base[year], fleet[0]
        cost = _upkeep(model, way, base, levels)[year] if way.buys else gpus * HOURS_PER_MONTH * price
        if way.mode == "mixed" and way.peak_price is not None:
            above = (fleet * share_above(base / fleet, model.average) * model.in_use)[year]
            cost = cost + above * HOURS_PER_MONTH * way.peak_price.typical * model.kept(way.peak_price, levels)
            gpus = gpus + above
        if not way.buys:
            gpus, cost = _after_terms(model, way, levels, fleet, base, gpus, cost)
    engineer = facts.values.get("engineer_usd_per_year")
    if engineer is not None:
        cost[:months] += float(model.premium.engineers(first)) * engineer.value / 12
        cost[0] += model.premium.weeks * engineer.value / WEEKS_PER_YEAR
    return gpus, cost


def _after_terms(
    model: CostModel, way: Way, levels: Levels, fleet: np.ndarray, base: np.ndarray, gpus: np.ndarray, cost: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Put what whole terms leave of the horizon on demand, or add the rent that is owed after it."""
    months = model.calendar.months
    price = way.price.typical * model.kept(way.price, levels)
    for tail in model.tails(way, Sizes(fleet), base, levels, model.calendar):
        if tail.used is not None and tail.floats:
            assert way.peak_price is not None
            used = np.repeat(tail.used, 12)[: months - tail.start]
            on_demand = way.peak_price.typical * model.kept(way.peak_price, levels)
            gpus[tail.start :] += used - tail.gpus
            cost[tail.start : months] += (used * on_demand - tail.gpus * price) * HOURS_PER_MONTH
        else:
            cost = np.append(cost, np.zeros(max(0, tail.end - len(cost))))
            cost[months : tail.end] += tail.gpus * price * HOURS_PER_MONTH
    return gpus, cost


def _upkeep(model: CostModel, way: Way, base: np.ndarray, levels: Levels) -> np.ndarray:
    facts = model.facts
    capex = way.price.typical * model.kept(way.price, levels)
    kw = base * facts.kw_per_gpu
    nodes = base / model.sized.accelerator.gpus_per_node
    return np.asarray(
        kw * facts.typical("pue") * HOURS_PER_MONTH * facts.typical("power_usd_per_kwh")
        + kw * facts.typical("space_usd_per_kw_month")
        + base * capex * facts.typical("maintenance_share_per_year") / 12
        + facts.typical("operations_fte_per_node")
        * nodes ** facts.typical("ops_scaling_exponent")
        * facts.typical("engineer_usd_per_year")
        / 12
    )


def _own(
    model: CostModel, way: Way, levels: Levels, cash: np.ndarray, book: np.ndarray, gpus: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Add purchases and sale to the cash, depreciation and interest to the books."""
    months, facts, when = model.calendar.months, model.facts, model.calendar
    fleet = model.yearly_fleet(levels, when.years, shrinks=False)
    base = model.held(way, fleet)
    added = np.diff(base, prepend=0.0)
    capex = way.price.typical * model.kept(way.price, levels)
    landed = capex * (1 + facts.tariff_rate)
    cash, book = np.append(cash, 0.0), np.append(book, 0.0)
    life = max(1.0, facts.typical("depreciation_years") * 12)
    interest = (1 + when.rate) ** (1 / 12) - 1
    for y in range(when.years):
        start, value = 12 * y, added[y] * landed
        cash[start] += value
        ages = np.arange(months - start)
        left = value * np.maximum(0.0, 1 - ages / life)
        written = left - value * np.maximum(0.0, 1 - (ages + 1) / life)
        book[start:months] += written + left * interest
        sale = added[y] * capex * facts.residual.share(months - start)
        cash[months] -= sale
        book[months] += value * max(0.0, 1 - (months - start) / life) - sale
    return cash, book, gpus
