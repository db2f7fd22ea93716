"""What a way of paying comes to, in the parts that risks are about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from advisor.domain.cost import Cost, CostCategory, Mode
from advisor.domain.record import record
from advisor.engine.cost.model import PEAK, TAIL, CostModel, Term, Way

LONG = ("reserved_3y", "purchase")
"""Commitments that outlive a generation of parts."""


class HowPaid(Protocol):
    """How a candidate is paid for: on what the exposure to a risk hangs, but not its effect."""

    @property
    def mode(self) -> Mode:
        """Rent, buy or mixed."""

    @property
    def commitment(self) -> str:
        """For how long."""

    @property
    def horizon_months(self) -> int:
        """Horizon of the answer [months]."""


class _Line(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def category(self) -> CostCategory: ...

    @property
    def usd_per_month(self) -> Any: ...


@record
class Bill:
    """One way of paying; sums [USD/month] are numbers, or arrays of one shape."""

    mode: Mode
    commitment: str
    horizon_months: int
    annuity_months: float
    total: Any
    rent: Any
    on_demand: Any
    """Rent beside a base or after whole terms, which floats."""
    capital: Any
    residual: Any
    """Not positive."""
    space: Any

    @classmethod
    def of(cls, model: CostModel, way: Way, terms: Sequence[Term]) -> Bill:
        """From the terms of a way of paying."""
        when = model.calendar
        return cls(way.mode, way.commitment, when.months, when.annuity, *_sums(terms, _usd(terms)))

    @classmethod
    def led(cls, model: CostModel, way: Way, terms: Sequence[Term]) -> tuple[Bill, Any]:
        """(what comes of the first of several cases, the sum of all terms in the others), cases in the last axis."""
        when, usd = model.calendar, _usd(terms)
        every: Any = sum(usd, start=np.float64(0.0))
        bill = cls(way.mode, way.commitment, when.months, when.annuity, *_sums(terms, [_first(one) for one in usd]))
        return bill, every[..., 1:] if np.ndim(every) else every

    @classmethod
    def of_cost(cls, cost: Cost) -> Bill:
        """From the lines of a cost."""
        sums = _sums(cost.lines, _usd(cost.lines))
        return cls(cost.mode, cost.commitment, cost.horizon_months, cost.annuity_months, *sums)

    def plus(self, other: Bill, times: float) -> Bill:
        """This bill and another one of the same way, its sums times a factor."""
        a, b = self, other
        return Bill(
            self.mode, self.commitment, self.horizon_months, self.annuity_months, a.total + times * b.total,
            a.rent + times * b.rent, a.on_demand + times * b.on_demand, a.capital + times * b.capital,
            a.residual + times * b.residual, a.space + times * b.space,
        )  # fmt: skip

    @property
    def floats(self) -> bool:
        """Whether all of the rent follows the market."""
        return self.commitment in ("on_demand", "spot")

    @property
    def floating(self) -> Any:
        """Rented at a floating price; wages and electricity do not move with the price of accelerators."""
        return self.rent if self.floats else self.on_demand

    @property
    def committed(self) -> Any:
        """Whose price is held by a commitment: rent of whole terms, or hardware less its resale."""
        return (0.0 if self.floats else self.rent - self.on_demand) + self.capital + self.residual

    @property
    def hardware(self) -> Any:
        """Present value of what is owned or long reserved, on average half of it over the horizon [USD]."""
        if self.commitment not in LONG:
            return 0.0 * self.total
        return (self.capital if self.commitment == "purchase" else self.rent - self.on_demand) * self.annuity_months / 2


def _first(usd: Any) -> Any:
    """The first entry of the last axis; what has none is the same in all."""
    match np.ndim(usd):
        case 0:
            return float(usd)
        case 1:
            return usd.item(0)  # a plain number, of which sums take a third of the time
    return usd[..., 0]


def _usd(lines: Sequence[_Line]) -> list[Any]:
    return [line.usd_per_month for line in lines]


def _sums(lines: Sequence[_Line], each: Sequence[Any]) -> tuple[Any, ...]:
    """(total, rent, on demand beside it, capital, residual, space) [USD/month], of what each line comes to."""
    total = rent = on_demand = capital = residual = space = 0.0
    for line, usd in zip(lines, each, strict=True):
        total = total + usd
        match line.category:
            case "rent":
                rent = rent + usd
                if line.name in (PEAK, TAIL):
                    on_demand = on_demand + usd
            case "capital":
                capital = capital + usd
            case "residual":
                residual = residual + usd
            case "space":
                space = space + usd
    return total, rent, on_demand, capital, residual, space
