"""Quantiles of the standard normal distribution, for all that reads or makes an interval or a tail."""

from __future__ import annotations

P90 = 1.2815515655446004
P95 = 1.6448536269514722
P975 = 1.959963984540054
P99 = 2.3263478740408408

Z80, Z95 = P90, P975
"""Half of what an 80 % interval and a 95 % interval span, in standard deviations."""

NORMAL = {50: 0.0, 90: P90, 95: P95, 99: P99}
"""By the percentiles that a service level may name."""
