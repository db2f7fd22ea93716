"""The user's own measurements overrule: a second kriging on what the first left of them.

Between any two points the first kriging leaves a covariance of about ``u·v·rho²``, with u and v the
spreads that it leaves and rho their prior correlation: what far points share it has taken out already, so that what is
left reaches less far (a square is still a covariance, by Schur). Conditioning on the probes moves their neighbours and
narrows them; far from a probe nothing changes. A part that has measurements of its own keeps what they say when
another part is probed: its error is another's only where neither was measured (the decision draws them apart too).
"""

from __future__ import annotations

import numpy as np

from advisor.domain.record import record
from advisor.engine.estimator.covariance import COORDINATES, NAMES, Covariance, Encoded
from advisor.engine.estimator.encode import Floats

_PART = NAMES.index("accelerator")
PROBE_NOISE = 0.02
"""Repeatability of a probe's medians [log]: what a run of ten requests per slot scatters by."""


@record
class ProbeShift:
    """Own measurements of one target, ready to shift estimates."""

    covariance: Covariance
    points: Encoded
    shares: Floats
    spread: Floats
    residual: Floats
    """log of measured over estimated."""
    measured: Floats
    """Codes of the accelerators that have measurements of their own."""

    def at(self, query: Encoded, shares: Floats, spread: Floats, loads: Floats) -> tuple[Floats, Floats]:
        """Shift of each query at each log2 load, and the spread left at its own load."""
        c, p = self.covariance, self.points
        inner = _correlation(c, p, self.shares, p, self.shares, p.load[:, None])[:, 0]
        own = inner * self.spread[:, None] * self.spread
        matrix = own + np.eye(len(own)) * PROBE_NOISE**2
        reach = self._reach(query)
        across = _correlation(c, query, shares, p, self.shares, loads[None]) * reach[:, None]
        across = across * spread[:, None, None] * self.spread
        shift: Floats = across @ np.linalg.solve(matrix, self.residual)
        here = _correlation(c, query, shares, p, self.shares, query.load[:, None])[:, 0]
        here = here * reach * spread[:, None] * self.spread
        gain = np.einsum("qp,qp->q", here, np.linalg.solve(matrix, here.T).T)
        left: Floats = np.sqrt(np.maximum(spread**2 - gain, PROBE_NOISE**2))
        return shift, left

    def _reach(self, query: Encoded) -> Floats:
        """1 where a query's part is the probe's, or was never measured itself; else 0: queries x probes."""
        part = query.coords[query.of_point, _PART][:, None]
        probed = self.points.coords[self.points.of_point, _PART]
        out: Floats = ((part == probed) | ~np.isin(part, self.measured)).astype(np.float64)
        return out


def parts_of(points: Encoded) -> Floats:
    """Codes of the accelerators of some points."""
    out: Floats = np.unique(points.coords[:, _PART]).astype(np.float64)
    return out


def _correlation(
    c: Covariance, left: Encoded, left_shares: Floats, right: Encoded, right_shares: Floats, loads: Floats
) -> Floats:
    """Squared prior correlation of each left point, at each of `loads`, with each right one: left x loads x right."""
    a, b = left.coords[left.of_point], right.coords[right.of_point]
    gap = a[:, None, :] - b[None, :, :]
    named = np.array([rule == "name" for _, rule in COORDINATES])
    fixed = np.where(named, gap != 0, np.abs(gap)) @ c.rates.T
    over = np.abs(np.broadcast_to(loads, (len(a), loads.shape[-1]))[:, :, None] - right.load)
    out = np.zeros(over.shape)
    for t, scale in enumerate(c.scale):
        weight = scale**2 * left_shares[t][:, None] * right_shares[t]
        decay = np.exp(-fixed[:, :, t])[:, None, :] * np.exp(-c.load_gap[t] * over - c.load_square[t] * over**2)
        out += weight[:, None, :] * decay
    mine = np.sqrt((c.scale[:, None] ** 2 * left_shares**2).sum(0))
    theirs = np.sqrt((c.scale[:, None] ** 2 * right_shares**2).sum(0))
    result: Floats = (out / mine[:, None, None] / theirs) ** 2
    return result
