"""Which inputs the answer hangs on: each moved from the low to the high end of its 80 % range, the others typical."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from advisor.domain.decision import TornadoBar
from advisor.domain.normal import Z80
from advisor.domain.provenance import Quantity
from advisor.domain.record import record
from advisor.engine.cost.levels import Levels
from advisor.engine.cost.pricing import typical_levels
from advisor.engine.cost.uncertain import discount_upside
from advisor.engine.decision.simulate import Run
from advisor.engine.sized import FloatArray

DRIVERS = 10
ENDS = np.array([-Z80, 0.0, Z80])


@record
class _Driver:
    id: str
    name: str
    unit: str
    values: tuple[float, float, float]
    choice: Levels
    rival: Levels | None


def tornado(best: Run, second: Run | None, defaults: Mapping[str, Quantity]) -> tuple[TornadoBar, ...]:
    """The ten largest drivers of the lead over the runner-up (of the cost, where there is none)."""
    bars = [_bar(driver, best, second) for driver in _drivers(best, second, defaults)]
    moving = [bar for bar in bars if abs(bar.swing_usd) > 1e-9]
    return tuple(sorted(moving, key=lambda b: (-abs(b.swing_usd), b.driver))[:DRIVERS])


def _bar(driver: _Driver, best: Run, second: Run | None) -> TornadoBar:
    mine = _cost(best, driver.choice)
    leads = None if second is None or driver.rival is None else _cost(second, driver.rival) - mine
    swing = float(mine[2] - mine[0]) if leads is None else float(leads[2] - leads[0])
    return TornadoBar(
        driver=driver.id,
        name=driver.name,
        unit=driver.unit,
        low_value=driver.values[0],
        typical_value=driver.values[1],
        high_value=driver.values[2],
        cost_at_low_usd=float(mine[0]),
        cost_at_high_usd=float(mine[2]),
        lead_at_low_usd=None if leads is None else float(leads[0]),
        lead_at_high_usd=None if leads is None else float(leads[2]),
        swing_usd=swing,
        # The fleet moves in whole nodes, so that both ends may lie on the other side of what holds today.
        flips=leads is not None and bool(leads.min() < 0 < leads.max()),
    )


def _cost(run: Run, levels: Levels) -> FloatArray:
    """Risk-adjusted cost at three levels."""
    usd = np.asarray(run.pricing.model.usd_per_month(run.pricing.way, levels), dtype=float)
    return np.broadcast_to(usd, (3,)) + run.offset


def _drivers(best: Run, second: Run | None, defaults: Mapping[str, Quantity]) -> list[_Driver]:
    out: list[_Driver] = []
    base = typical_levels(best.pricing.model.facts)
    other = None if second is None else typical_levels(second.pricing.model.facts)
    for run, mine in ((best, True), (second, False)):
        if run is None:
            continue
        for id_, name, unit, values, levels in _own(run, defaults):
            choice, rival = (levels, other) if mine else (base, levels)
            out.append(_Driver(id_, name, unit, values, choice, rival))
    low, typical, high = defaults["demand_factor"].band
    demand = np.array([low, typical, high])
    out.append(
        _Driver(
            "demand", "Demand over the stated peak", "factor", (low, typical, high), base.with_(demand=demand),
            None if other is None else other.with_(demand=demand),
        )
    )  # fmt: skip
    out += _shared_money(best, second, base, other)
    return out


def _own(
    run: Run, defaults: Mapping[str, Quantity]
) -> list[tuple[str, str, str, tuple[float, float, float], Levels]]:
    """Drivers of one candidate: throughput, price, stack, discount."""
    pricing, id_ = run.pricing, run.id
    model, way = pricing.model, pricing.way
    base = typical_levels(model.facts)
    out: list[tuple[str, str, str, tuple[float, float, float], Levels]] = []
    spread = model.sized.tiers[0].operating_point.output_tps_interval
    whose = model.sized.of_tier and f"{model.sized.of_tier}, the others alike"
    rates = spread.lo, spread.value, spread.hi
    out.append(
        (f"throughput.{id_}", f"{run.name}: output tokens/s per GPU{whose}", "tok/s/GPU", rates, base.with_(z=ENDS))
    )
    price = way.price
    factors = np.array([price.low, price.typical, price.high]) / price.typical
    peak: FloatArray | float = 1.0
    if way.peak_price is not None:
        p = way.peak_price
        peak = np.array([p.low, p.typical, p.high]) / p.typical
    out.append(
        (
            f"price.{id_}", f"{run.name}: price, {way.label}", price.unit, (price.low, price.typical, price.high),
            base.with_(price=factors, peak_price=peak),
        )
    )  # fmt: skip
    rule = model.premium
    if rule.uncertain:
        ends = ENDS / Z80
        low, fte, high = (float(rule.engineers(model.stack_fleet(way, base), at)) for at in ends)
        out.append(
            (
                f"stack.{id_}", f"{run.name}: extra engineers for the stack", "FTE",
                (low, fte, high), base.with_(stack=ends),
            )
        )  # fmt: skip
    upside = discount_upside(pricing.model, pricing.way, defaults)
    if upside > 0:
        promised = model.facts.volume_discount
        out.append(
            (
                f"discount.{id_}", f"{run.name}: discount", "share", (promised, promised, promised + upside),
                base.with_(discount=np.array([promised, promised, promised + upside])),
            )
        )  # fmt: skip
    return out


def _shared_money(best: Run, second: Run | None, base: Levels, other: Levels | None) -> list[_Driver]:
    """Electricity and residual value, where somebody buys."""
    buyers = [run for run in (best, second) if run is not None and run.pricing.way.buys]
    if not buyers:
        return []
    pricing = buyers[0].pricing
    facts, months = pricing.model.facts, pricing.model.calendar.months
    power = facts["power_usd_per_kwh"].band
    factors = np.array(power) / power[1] if power[1] > 0 else np.ones(3)
    ends = np.array([-1.0, 0.0, 1.0])
    shares = tuple(facts.residual.share(months, end) for end in ("low", "typical", "high"))
    return [
        _Driver(
            "power_price", "Electricity", "USD/kWh", power, base.with_(power=factors),
            None if other is None else other.with_(power=factors),
        ),
        _Driver(
            "residual", f"Residual value after {months} months", "share of purchase", _three(shares),
            base.with_(residual=ends), None if other is None else other.with_(residual=ends),
        ),
    ]  # fmt: skip


def _three(values: tuple[float, ...]) -> tuple[float, float, float]:
    return values[0], values[1], values[2]
