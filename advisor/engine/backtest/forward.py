"""Forward in time: fit on runs before a day, predict the runs after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from itertools import pairwise

import numpy as np

from advisor.engine.backtest.leave_out import LeftOut, no_errors
from advisor.engine.estimator.calibration import Truth, residuals
from advisor.engine.estimator.covariance import Vocabulary, encode, take
from advisor.engine.estimator.encode import months_since_epoch
from advisor.engine.estimator.fit import GPUS, Fit
from advisor.engine.estimator.kriging import covariance_matrix
from advisor.engine.estimator.targets import term_shares

SPLITS = (date(2026, 1, 15), date(2026, 2, 15), date(2026, 4, 1))


def forward_in_time(truth: Truth, fit: Fit, splits: Sequence[date] = SPLITS) -> LeftOut:
    """Dated single runs, each predicted from those before the last split that precedes it.

    Medians over runs are left out throughout: they contain the future. A prediction does not know its date, it
    is made as of the split.
    """
    n = len(truth.rows)
    errors = no_errors(fit, n)
    out = LeftOut(errors, errors, np.full(n, -1))
    left, _ = residuals(truth, fit)
    days = np.array([m.date.toordinal() if m.family == "single_run" and m.date else 0 for m in truth.rows])
    bounds = [*(s.toordinal() for s in splits), date.max.toordinal()]
    for split, end in pairwise(bounds):
        now = months_since_epoch(date.fromordinal(split))
        month = np.where(days >= split, now, truth.points.month)
        points = replace(truth.points, month=month)
        _, step = residuals(replace(truth, points=points), fit)
        encoded = encode(points, Vocabulary())
        for name, target in fit.targets.items():
            if name == GPUS:
                continue  # single runs state theirs
            known = np.isfinite(left[name]) & (days > 0)
            use = np.flatnonzero(known & (days < end))
            before = days[use] < split
            if not before.any() or before.all():
                continue
            c = target.covariance
            matrix = covariance_matrix(c, take(encoded, use), term_shares(step, c.shares)[:, use])
            past = matrix[np.ix_(before, before)]
            past[np.diag_indices(len(past))] += c.noise**2 * truth.variance[use[before]]
            across = matrix[np.ix_(~before, before)]
            predicted = across @ np.linalg.solve(past, left[name][use[before]])
            prior = matrix.diagonal()
            rho2 = (across**2 / prior[~before][:, None] / prior[before]).max(axis=1)
            later = use[~before]
            errors.error[name][later] = predicted - left[name][later]
            errors.spread[name][later] = np.sqrt(prior[~before] * (1 - np.minimum(rho2, 1.0)) + c.noise**2)
            out.group[later] = 0
    errors.join(truth.points.disagg)
    return out
