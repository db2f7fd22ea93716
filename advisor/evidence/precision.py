"""How well the requests behind a run tell its figures: standard errors [log]."""

from __future__ import annotations

import math

from advisor.domain.normal import P90, Z95
from advisor.evidence.runs import Distribution

_MEDIAN = math.sqrt(math.pi / 2)
_FEWEST = 2


def median_error(found: Distribution) -> float:
    """Standard error of the log of a median, by the number of requests behind it; 0 where nothing tells.

    Half the log width of its 95 % interval over 1.96, where the run states one: that is of order statistics, assumes
    no distribution, and counts what successive requests have in common. Else asymptotically ``1/(2 f(m) sqrt(n))``
    (theorem 1 of [1]), which for a normal of deviation s is ``sqrt(pi/2) s/sqrt(n)``; s of the logs is read off the
    90th percentile, ``log(p90/p50)/1.2816``.

    References
    ----------
    [1] F. Mosteller, "On some useful 'inefficient' statistics", Annals of Mathematical Statistics 17 (1946), 377,
        doi:10.1214/aoms/1177730881.

    >>> round(median_error(Distribution(n=400, p50=1.0, p50_ci95=(0.98, 1.02))), 4)
    0.0102
    >>> [round(median_error(Distribution(n=n, p50=1.0, p90=1.2)), 4) for n in (20, 2000)]
    [0.0399, 0.004]
    """
    interval = found.p50_ci95
    if interval is not None and 0 < interval[0] <= interval[1]:
        return math.log(interval[1] / interval[0]) / (2 * Z95)
    return _MEDIAN * _deviation(found) / math.sqrt(found.n) if found.n >= _FEWEST else 0.0


def rate_error(life: Distribution) -> float:
    """Standard error of the log of a rate, from the times that its requests took; 0 where nothing tells.

    Each slot of a closed loop renews: in n renewals of mean m and deviation s the rate is off by ``s/(m sqrt(n))``,
    as the mean is (Cox, Renewal Theory, 1962, section 3.3).

    Parameters
    ----------
    life
        E2EL, or another time that makes up most of it.

    >>> round(rate_error(Distribution(n=100, mean=2.0, mean_ci95=(1.9, 2.1))), 4)
    0.0255
    """
    interval = life.mean_ci95
    if interval is not None and life.mean:
        return (interval[1] - interval[0]) / (2 * Z95) / life.mean
    return _deviation(life) / math.sqrt(life.n) if life.n >= _FEWEST else 0.0


def _deviation(found: Distribution) -> float:
    """Deviation of the logs, from the upper tail."""
    if not found.p50 or not found.p90 or found.p90 <= found.p50:
        return 0.0
    return math.log(found.p90 / found.p50) / P90
