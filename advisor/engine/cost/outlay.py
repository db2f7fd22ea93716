"""What a purchase takes out of a capital budget."""

from __future__ import annotations

import numpy as np

from advisor.domain.cost import Outlay
from advisor.domain.text import factors
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
