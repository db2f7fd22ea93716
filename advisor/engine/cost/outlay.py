"""What is signed for at the start: the capital of a purchase, the rent of a first term."""

from __future__ import annotations

import numpy as np

from advisor.domain.cost import Lease, Outlay
from advisor.domain.text import counted, factors
from advisor.domain.units import HOURS_PER_MONTH
from advisor.engine.cost.levels import Levels
from advisor.engine.cost.model import CostModel, Way


def outlay_of(model: CostModel, way: Way, levels: Levels) -> Outlay | None:
    """The purchases of a way of paying at typical inputs; None where it buys nothing."""
    if not way.buys:
        return None
    fleet = model.yearly_fleet(levels, model.calendar.years, shrinks=False)
    base = model.held(way, fleet)
    added = np.diff(base, prepend=0.0)
    price = float(way.price.typical * model.kept(way.price, levels) * (1.0 + model.facts.tariff_rate))
    first, later = float(added[0]), float(added[1:].sum())
    count, each = factors(first, price)
    text = f"{count} GPUs x USD {each} all-in = USD {first * price:,.0f} to be paid up front"
    if later:
        text += f"; USD {later * price:,.0f} more for {later:,.0f} GPUs in later years, as demand grows"
    return Outlay(
        gpus=first,
        usd_per_gpu=price,
        up_front_usd=first * price,
        later_gpus=later,
        later_usd=later * price,
        text=text + ".",
    )


def lease_of(model: CostModel, way: Way, levels: Levels) -> Lease | None:
    """The first term of a way of paying at typical inputs; None where no capacity is reserved."""
    if way.buys or not way.term_months:
        return None
    fleet = model.yearly_fleet(levels, model.calendar.years, shrinks=way.commitment == "reserved_1y")
    held = model.held(way, fleet)
    gpus, last = float(held[0]), float(held[-1])
    price = float(way.price.typical * model.kept(way.price, levels))
    hours = HOURS_PER_MONTH * way.term_months
    usd = gpus * hours * price
    _, each = factors(gpus * hours, price)
    text = (
        f"{counted(gpus, 'GPU')} x {hours:,.0f} h x USD {each} = USD {usd:,.0f}, owed over the first"
        f" {way.term_months} months whatever demand does"
    )
    if last != gpus:
        text += f"; {counted(last, 'GPU')} in the last year"
    if way.mode == "mixed":
        text += "; what demand takes above that is rented on demand"
    return Lease(gpus=gpus, months=way.term_months, usd_per_gpu_hour=price, usd=usd, text=text + ".")
