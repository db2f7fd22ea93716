"""What a way of paying may come to, over a few fixed cases of all that is uncertain.

Candidates are ranked by their mean over draws and a share of the tail. A way that is cheap at typical inputs and dear
where they turn out otherwise, as owned nodes are that fall short by one, must not be chosen for the former: ways are
ordered by what they are ranked on. The cases stand in for the draws: all that is drawn varies in them, and they spread
evenly, so that a thousand of them tell ways apart as well as ten thousand draws. They are fixed, so that the choice
hangs on no seed and no number of draws.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from advisor.domain.profile import Profile
from advisor.domain.provenance import Quantity
from advisor.domain.record import record, replace
from advisor.engine.cost.levels import Levels
from advisor.engine.cost.model import CostModel, Way
from advisor.engine.cost.uncertain import Normals, levels_of, log_pieces
from advisor.engine.sized import FloatArray

SPREAD = 1024
"""Cases behind the mean and the percentiles; half of them where no percentile is asked for."""
THIN = 256
"""Cases by which bases of a mixture are told apart."""
INPUTS = tuple(f.name for f in fields(Normals))
PRIMES = (2, 3, 5, 7, 11, 13, 17)
"""Bases of the sequences that spread the inputs evenly together (Halton, Numerische Mathematik 2, 1960)."""


@record
class Prospect:
    """The cases, and the share of the tail that the appetite adds."""

    cases: Normals
    led: Normals
    """The cases behind one in which all inputs are typical: what both come to is reckoned at once."""
    tail: float
    defaults: Mapping[str, Quantity]

    @property
    def size(self) -> int:
        """Number of cases."""
        return int(self.cases.z.size)

    @classmethod
    def of(cls, profile: Profile, defaults: Mapping[str, Quantity], cases: int = SPREAD) -> Prospect:
        """For a profile's appetite."""
        tail = tail_weight(profile, defaults)
        wanted = cases if tail else cases // 2, defaults["demand_factor"].band
        return cls(_cases(*wanted), _led(*wanted), tail, defaults)

    def tiled(self, times: int, sure: str = "") -> Prospect:
        """All cases so many times, one after the other; an input that is sure is typical in each."""
        return replace(self, cases=_tiled(self.size, self.defaults["demand_factor"].band, times, sure))

    def levels(self, model: CostModel, way: Way, typical: Levels) -> Levels:
        """The inputs of one way of paying in each case, beside what is moved in `typical`."""
        return levels_of(model, way, self.cases, typical, self.defaults)

    def led_levels(self, model: CostModel, way: Way, typical: Levels) -> Levels:
        """`levels` behind the typical inputs themselves."""
        return levels_of(model, way, self.led, typical, self.defaults)

    def usd_per_month(self, model: CostModel, way: Way, typical: Levels) -> float:
        """Mean cost over the cases with the tail's share [USD/month]."""
        return self.weighed(np.asarray(model.usd_per_month(way, self.levels(model, way, typical)), dtype=float))

    def weighed(self, usd: FloatArray) -> float:
        """Mean with the tail's share [USD/month] of what each case costs; one number where all cost the same."""
        return float(self.outlook(usd if usd.size == self.size else np.broadcast_to(usd, self.cases.z.shape)))

    def outlook(self, usd: FloatArray) -> FloatArray:
        """Mean with the tail's share of costs that lie in the last axis, one of each case."""
        n = usd.shape[-1]
        mean = np.add.reduce(usd, axis=-1) / n  # as `mean` of numpy, for half of its time
        if self.tail == 0.0:
            return np.asarray(mean)
        low, middle, high = n // 10, n // 2, n * 9 // 10
        asked = (middle, high) if self.tail > 0 else (low,)  # the others are put in no order: nobody looks at them
        ordered = np.partition(usd, asked, axis=-1)
        p10, p50, p90 = (ordered[..., place] for place in (low, middle, high))
        return np.asarray(mean + tail_share(self.tail, mean, p10, p50, p90))


def tail_weight(profile: Profile, defaults: Mapping[str, Quantity]) -> float:
    """Share of a tail that the profile's appetite adds to the mean, see `tail_share`."""
    return defaults[f"tail_weight_{profile.risk_appetite}"].value


def tail_share(weight: float, mean: Any, p10: Any, p50: Any, p90: Any) -> Any:
    """What an appetite adds to the mean cost [USD/month].

    An averse one adds a share of what may come on top, ``w (p90 - p50)``. A seeking one, whose weight is negative,
    takes off a share of what may be saved, ``w (mean - p10)``: what is left, ``(1 + w) mean - w p10``, rises wherever a
    cost does, so that nothing is taken for being dearer in some cases and cheaper in none.
    """
    return weight * (p90 - p50 if weight >= 0 else mean - p10)


@lru_cache(maxsize=8)
def _cases(n: int, demand_factor: tuple[float, float, float]) -> Normals:
    """So many cases, the same for every candidate."""
    values = dict(zip(INPUTS, _even(n), strict=True))
    return Normals(**values | {"demand": log_pieces(values["demand"], *demand_factor)})


@lru_cache(maxsize=8)
def _led(n: int, demand_factor: tuple[float, float, float]) -> Normals:
    """Those behind a case in which every input is typical."""
    cases = _cases(n, demand_factor)
    typical = {name: 1.0 if name == "demand" else 0.0 for name in INPUTS}
    return Normals(**{name: np.append(value, getattr(cases, name)) for name, value in typical.items()})


@lru_cache(maxsize=32)
def _tiled(n: int, demand_factor: tuple[float, float, float], times: int, sure: str) -> Normals:
    cases = _cases(n, demand_factor)
    values = {name: np.tile(getattr(cases, name), times) for name in INPUTS}
    return Normals(**values | ({sure: np.zeros(n * times)} if sure in INPUTS else {}))


@lru_cache(maxsize=8)
def _even(cases: int) -> tuple[FloatArray, ...]:
    """Standard normal values of each uncertain input, in cases of equal weight.

    Each input takes the same values, its own quantiles, so that it has its mean to the letter.
    """
    from statistics import NormalDist

    quantile = NormalDist().inv_cdf
    values = np.array([quantile((i + 0.5) / cases) for i in range(cases)])
    places = (_mirrored(np.arange(1, cases + 1), base) for base in PRIMES)
    return tuple(values[np.argsort(np.argsort(place))] for place in places)


def _mirrored(numbers: NDArray[np.int64], base: int) -> FloatArray:
    """The digits of numbers mirrored at the point.

    >>> _mirrored(np.array([1, 2, 3, 4]), 2).tolist()
    [0.5, 0.25, 0.75, 0.125]
    """
    out, unit = np.zeros(numbers.shape), 1.0
    while numbers.any():
        numbers, digit = np.divmod(numbers, base)
        unit /= base
        out += digit * unit
    return out
