"""The user's own measurements overrule: a second kriging on what the first left of them.

Between any two points the first kriging leaves a covariance of about ``u·v·rho²``, with u and v the
spreads that it leaves and rho their prior correlation: what far points share it has taken out already, so that what is
left reaches less far (a square is still a covariance, by Schur). Conditioning on the probes moves their neighbours and
narrows them; far from a probe nothing changes. A part that has measurements of its own keeps what they say when
another part is probed: its error is another's only where neither was measured (the decision draws them apart too).

A probe that lies far off its own spread says that the spread was taken too narrow, there and around it; it is followed
all the same. Places that were less well known are off by as much, not by as many spreads: a probe that is a fifth slow
where the spread is a thirtieth does not halve the rate where the spread is a fifth. Places that were known better are
off by as many spreads, which is less. Probes that contradict each other widen what they are averaged to.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from advisor.domain.evidence import Measurement
from advisor.domain.record import record
from advisor.engine.estimator.covariance import COORDINATES, NAMES, Covariance, Encoded
from advisor.engine.estimator.encode import Floats

_PART = NAMES.index("accelerator")
PROBE_NOISE = 0.02
"""Repeatability of a probe's medians [log]: what a run of ten requests per slot scatters by."""
_ERRORS = {"tpot": "tpot_error", "ttft": "ttft_error", "share": "rate_error"}


@record
class ProbeShift:
    """Own measurements of one target, ready to shift estimates."""

    covariance: Covariance
    points: Encoded
    shares: Floats
    spread: Floats
    residual: Floats
    """log of measured over estimated."""
    noise: Floats
    """Of each measurement, see `noise_of`."""
    measured: Floats
    """Codes of the accelerators that have measurements of their own."""

    def at(self, query: Encoded, shares: Floats, spread: Floats, loads: Floats) -> tuple[Floats, Floats]:
        """Shift of each query at each log2 load, and the spread left at its own load."""
        c, p, residual = self.covariance, self.points, self.residual
        inner = _correlation(c, p, self.shares, p, self.shares, p.load[:, None])[:, 0]
        own = self.spread * self._surprise(inner)
        matrix = inner + np.diag(self.noise**2 / (inner * self._shown()).max(1))
        reach = self._reach(query)
        across = _correlation(c, query, shares, p, self.shares, loads[None]) * reach[:, None]
        here = _correlation(c, query, shares, p, self.shares, query.load[:, None])[:, 0] * reach
        wide = spread * self._surprise(here)
        weights = np.linalg.solve(matrix, residual)
        shift = np.clip(across @ weights, min(0.0, residual.min()), max(0.0, residual.max()))
        shift *= np.minimum(1.0, wide / own[here.argmax(1)])[:, None]
        gain = np.einsum("qp,qp->q", here, np.linalg.solve(matrix, here.T).T)
        left = np.minimum(wide * np.sqrt(np.maximum(1 - gain, 0.0)), spread)
        apart = (here * np.abs(residual - inner @ weights)).max(1)
        return shift, np.maximum(np.hypot(left, apart), PROBE_NOISE)

    def _surprise(self, alike: Floats) -> Floats:
        """How many times wider the spreads of some places are than they were taken to be, by the probes like them."""
        out: Floats = np.sqrt(1 + (alike * (self._shown() / self.spread**2 - 1)).max(1))
        return out

    def _shown(self) -> Floats:
        """Variance at each probe, as it was taken to be or as what came shows it to be.

        The likeliest variance of a prior, given one residual of it and the noise, is ``residual² - noise²``.
        """
        out: Floats = np.maximum(self.spread**2, self.residual**2 - self.noise**2)
        return out

    def _reach(self, query: Encoded) -> Floats:
        """1 where a query's part is the probe's, or was never measured itself; else 0: queries x probes."""
        part = query.coords[query.of_point, _PART][:, None]
        probed = self.points.coords[self.points.of_point, _PART]
        out: Floats = ((part == probed) | ~np.isin(part, self.measured)).astype(np.float64)
        return out


def noise_of(rows: Sequence[Measurement], target: str) -> Floats:
    """Noise of what own measurements say of a target [log]: that of runs, and that of the requests of each.

    ``noise² = PROBE_NOISE² + error²``: a median over twenty requests is not one over two thousand, and two thousand do
    not tell what the next run will give. The errors of rate and TPOT go against each other, so that a share of a
    request's life, their product, is no further off than the rate.
    """
    name = _ERRORS.get(target)
    errors = np.array([getattr(m, name) if name else 0.0 for m in rows], dtype=np.float64)
    out: Floats = np.hypot(PROBE_NOISE, errors)
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
