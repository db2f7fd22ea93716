"""A hosted API as the alternative: the utilisation and the volume at which serving it oneself begins to pay."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from advisor.domain.cost import HostedApiBaseline
from advisor.domain.profile import Profile
from advisor.domain.record import record
from advisor.domain.text import percent
from advisor.engine.cost.levels import Levels
from advisor.engine.cost.model import CostModel, Way

DEMAND_RANGE = (1e-3, 1e3)
STEPS = 4001


@record
class _Crossing:
    """Factors on today's demand."""

    first: float
    """From which serving it oneself costs less."""
    until: float | None
    """Up to which it does, where it does not for good."""
    good: float | None
    """From which it does for good, as far as is looked; None where it never does."""


def hosted_baseline(
    profile: Profile, model: CostModel, way: Way, ways: Sequence[Way], levels: Levels, usd_per_month: float
) -> HostedApiBaseline | None:
    """Compare with the hosted API of the profile; None without one.

    With the fleet as it is, its cost divided by the API's blended price gives the break-even volume, and that over
    what the fleet can carry the break-even utilisation. With the fleet resized, the bill is held over a range of demand
    against what the cheapest of the open ways costs there, since another fleet is paid for otherwise; the crossing is
    solved between the two neighbours.
    """
    api = profile.procurement.hosted_api
    if api is None:
        return None
    mtok_in, mtok_out = (float(v) for v in model.mtok(levels))
    bill = mtok_in * api.usd_per_mtok_input + mtok_out * api.usd_per_mtok_output
    total = mtok_in + mtok_out
    blended = bill / total
    volume = usd_per_month / blended if blended > 0 else None
    capacity = total * _headroom(model, way, levels)
    crossing = _crossing(model, ways, levels, bill)
    cheaper = usd_per_month < bill
    text = (
        f"{api.provider} at USD {blended:,.2f} per million tokens would bill USD {bill:,.0f} a month against USD"
        f" {usd_per_month:,.0f} here at typical inputs: {'serving it yourself' if cheaper else 'the API'} is cheaper"
    )
    if volume is not None:
        share = volume / capacity
        text += f"; this fleet pays from {volume:,.0f} million tokens a month, {percent(share)} of what it carries"
    if crossing is not None:
        text += (
            f"; with the fleet resized and paid for in the way that costs least there, from {crossing.first:.2f} times"
            f" today's demand{_lasting(crossing)}"
        )
    return HostedApiBaseline(
        provider=api.provider,
        usd_per_month=bill,
        usd_per_mtok_blended=blended,
        self_hosting_cheaper=cheaper,
        breakeven_utilisation=None if volume is None else volume / capacity,
        breakeven_mtok_per_month=volume,
        breakeven_demand_factor=None if crossing is None else crossing.first,
        text=f"{text}.{_volume(profile)}",
    )


def _volume(profile: Profile) -> str:
    """Where the tokens come from, if no tier states a rate."""
    if any(tier.traffic.peak_requests_per_s is not None for tier in profile.tiers):
        return ""
    return (
        " Its tokens are those of the requests in flight at the latency that the service level just allows; state"
        " peak_requests_per_s where you know it."
    )


def _headroom(model: CostModel, way: Way, levels: Levels) -> float:
    """What the paid fleet can carry around the clock over what it serves."""
    served = model.busy_gpus()
    fleet = float(model.yearly_fleet(levels, 1, shrinks=True)[0])
    if way.floats:
        fleet = float(model.billed(model.monthly_fleet(levels, 1), levels)[0])
    return max(1.0, fleet / served) if served else 1.0


def _crossing(model: CostModel, ways: Sequence[Way], levels: Levels, bill: float) -> _Crossing | None:
    """Factors on demand from which serving it oneself costs less, the fleet resized."""
    factors = np.geomspace(*DEMAND_RANGE, STEPS)
    moved = levels.with_(demand=factors)
    gap = np.min([np.broadcast_to(model.usd_per_month(way, moved), STEPS) for way in ways], axis=0) - bill * factors
    below = np.flatnonzero(gap < 0)
    if not below.size or below[0] == 0:
        return None

    def at(i: int) -> float:
        share = gap[i - 1] / (gap[i - 1] - gap[i])
        return float(factors[i - 1] * (factors[i] / factors[i - 1]) ** share)

    first = int(below[0])
    dearer = np.flatnonzero(gap[first:] >= 0) + first
    if not dearer.size:
        return _Crossing(at(first), None, at(first))
    last = int(dearer[-1]) + 1
    return _Crossing(at(first), at(int(dearer[0])), at(last) if last < STEPS else None)


def _lasting(crossing: _Crossing) -> str:
    """Where the next node makes it dearer again."""
    if crossing.until is None:
        return ""
    good = "" if crossing.good is None else f", and for good from {crossing.good:.2f}"
    return f" to {crossing.until:.2f}, where the next node makes it dearer again{good}"
