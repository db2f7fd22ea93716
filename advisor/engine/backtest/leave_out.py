"""Predictions of measurements that were left out, without refitting.

With ``S = (K + N)^-1`` and ``a = S·r``, the error at a left-out group B when all else is kept is
``e_B = S_BB^-1·a_B`` and the weights of the rest are ``a - S_:B·e_B``; so that one inverse serves every scheme.
Eq. 5.12 of [1] for groups.

Dated runs are asked for twice: as run, on the software of their day; and as a query that names no day, which is
answered as a median over runs. Rows that are medians over runs are the same either way.

Disaggregated rows whose source states no total are asked for without one. The total that is then assumed is itself
predicted without the group.

References
----------
.. [1] Rasmussen and Williams, Gaussian Processes for Machine Learning, MIT Press, 2006.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from advisor.domain.evidence import Measurement
from advisor.domain.roles import DERIVED
from advisor.engine.estimator.calibration import Truth, doubts_among, residuals
from advisor.engine.estimator.covariance import Encoded, Vocabulary, encode, take
from advisor.engine.estimator.encode import DATED, MEDIAN_MONTH, Floats, Points
from advisor.engine.estimator.fit import APART, GPUS, Fit, quantity
from advisor.engine.estimator.groups import group_keys
from advisor.engine.estimator.kriging import covariance_matrix, cross_covariance, inverse_of
from advisor.engine.estimator.levels import Kept
from advisor.engine.estimator.physics import step_physics
from advisor.engine.estimator.targets import as_seen, term_shares, whole_total
from advisor.engine.estimator.typical import Gone, are_dated, typical_months, usual_months

Group = NDArray[np.intp]
Key = tuple[object, ...]
SCHEMES = ("point", "run", "shape", "model_shape", "pair", "accelerator")
STACK_GONE: Mapping[str, Gone] = {"pair": "pair", "accelerator": "accelerator"}
"""Schemes that leave nothing of a stack, so that the usual day of its runs is not known either."""


@dataclass(frozen=True, slots=True)
class Errors:
    """Log error (prediction over truth) and spread of every row, by target; NaN where it stayed.

    Where a total is assumed, the error of the decode share holds that of the total too: both are what the rate errs by
    beside TPOT.
    """

    error: dict[str, Floats]
    spread: dict[str, Floats]

    def join(self, disagg: NDArray[np.bool_]) -> None:
        """Let each target speak for all rows: for disaggregated ones its field apart does."""
        for values in (self.error, self.spread):
            for name, apart in APART.items():
                if apart in values:
                    values[name] = np.where(disagg, values.pop(apart), values[name])


def no_errors(fit: Fit, n: int) -> Errors:
    """Errors of nothing yet."""
    return Errors({t: np.full(n, np.nan) for t in fit.targets}, {t: np.full(n, np.nan) for t in fit.targets})


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What one scheme left out and how it was predicted."""

    as_run: Errors
    """Dated runs asked for on the software of their day."""
    undated: Errors
    """No row asked for with a day."""
    group: NDArray[np.intp]
    """Number of the group that each row was left out with; -1 for none."""
    joint: dict[str, list[tuple[Group, Floats]]] = field(default_factory=dict)
    """By target, where asked for: rows of each group and the covariance of their errors [log²]."""


def shape_of(m: Measurement) -> tuple[int, int]:
    """(ISL, OSL)."""
    return m.isl, m.osl


def operating_point(m: Measurement) -> Key:
    """What runs of one operating point share, however they state their split into experts and workers.

    Rounded tables and medians over a single run repeat runs that stand elsewhere in full.
    """
    return (
        m.accelerator, m.model, m.precision, m.engine, m.spec_method, m.disagg, m.tp, m.isl, m.osl, m.concurrency,
    )  # fmt: skip


def total_is_open(rows: Sequence[Measurement]) -> NDArray[np.bool_]:
    """Rows that are asked for without a total of GPUs, as their source states none."""
    return np.array([DERIVED in m.flags for m in rows], dtype=np.bool_)


def groups_for(scheme: str, rows: Sequence[Measurement]) -> list[Group]:
    """Rows that leave together. Vendor CI rows never leave: nothing is scored against them.

    `run` leaves out one run of an operating point of which others stay, `point` all runs of it; `shape` one shape of
    a model on one accelerator, `model_shape` on all of them, both only where another shape of it stays;
    `model_shape_any` on all accelerators, whatever stays.
    """
    own = [i for i, m in enumerate(rows) if m.family != "vendor_ci"]
    keys: dict[str, Callable[[Measurement], Key]] = {
        "run": operating_point,
        "point": operating_point,
        "shape": lambda m: (m.accelerator, m.model),
        "model_shape": lambda m: (m.model,),
        "model_shape_any": lambda m: (m.model, m.isl, m.osl),
        "pair": lambda m: (m.accelerator, m.model),
        "accelerator": lambda m: (m.accelerator,),
    }
    outer: dict[Key, list[int]] = defaultdict(list)
    for i in own:
        outer[keys[scheme](rows[i])].append(i)
    if scheme == "run":
        return [np.array([i]) for members in outer.values() if len(members) > 1 for i in members]
    if scheme in ("point", "model_shape_any", "pair", "accelerator"):
        return [np.array(members) for members in outer.values()]
    out: list[Group] = []
    for members in outer.values():
        inner: dict[tuple[int, int], list[int]] = defaultdict(list)
        for i in members:
            inner[shape_of(rows[i])].append(i)
        if len(inner) > 1:
            out += [np.array(part) for part in inner.values()]
    return out


def leave_out(
    truth: Truth,
    fit: Fit,
    schemes: Sequence[str] = SCHEMES,
    *,
    joint: str = "",
    told: Callable[[float], None] = lambda _: None,
) -> dict[str, LeftOut]:
    """Errors and spreads of every scheme.

    Parameters
    ----------
    joint
        The scheme whose errors' covariance is wanted too: ``S_BB^-1`` for each group.
    told
        Hears how much is done, 0 to 1.
    """
    left, step = residuals(truth, fit)
    n = len(truth.rows)
    groups = {s: groups_for(s, truth.rows) for s in schemes}
    out = {s: LeftOut(no_errors(fit, n), no_errors(fit, n), _numbers(groups[s], n)) for s in schemes}
    vocabulary = Vocabulary()
    count = sum(len(g) for g in groups.values())
    assumed = total_is_open(truth.rows)
    # The total comes first: what is assumed of it is part of the questions about the others.
    for number, name in enumerate(sorted(fit.targets, key=lambda name: name != GPUS)):
        target = fit.targets[name]
        done = 0
        told(number / len(fit.targets))
        have = np.flatnonzero(np.isfinite(left[name]))
        at = np.full(n, -1)
        at[have] = np.arange(len(have))
        points = take(encode(as_seen(name, truth.points), vocabulary), have)
        shares = term_shares(step, target.covariance.shares)[:, have]
        matrix = covariance_matrix(target.covariance, points, shares)
        asker = _Asker(truth, fit, name, vocabulary, have, matrix, points, shares)
        as_run, undated = asker.as_run(), asker.undated("")
        doubts = doubts_among(truth, step, fit, name, have, matrix, left[name][have])
        settled = doubts.settle()
        for s in schemes:
            total, wide = np.full(n, np.nan), np.zeros(n)
            if name != GPUS:
                total, wide = _assumed(truth, out[s], assumed)
            questions = [
                (asker.supposing(question, total), errors)
                for question, errors in (
                    (as_run, out[s].as_run),
                    (asker.undated(STACK_GONE[s]) if s in STACK_GONE else undated, out[s].undated),
                )
            ]
            for group in groups[s]:
                done += 1
                if done % 100 == 0:
                    told((number + done / count) / len(fit.targets))
                local = at[group]
                local = local[local >= 0]
                if not len(local):
                    continue
                # One operating point does not decide which stacks are doubted, more may.
                kept = (settled if s in ("run", "point") else doubts).without(local)
                if s == joint:
                    apart = inverse_of(doubts.inverse[np.ix_(local, local)])
                    out[s].joint.setdefault(name, []).append((have[local], apart))
                for question, errors in questions:
                    error, spread = question.answered(local, kept, target.covariance.noise)
                    if name == "share":
                        spread = np.hypot(spread, wide[have[local]])
                    errors.error[name][have[local]], errors.spread[name][have[local]] = error, spread
    for found in out.values():
        for errors in (found.as_run, found.undated):
            errors.join(truth.points.disagg)
    return out


def _assumed(truth: Truth, found: LeftOut, chosen: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Total that is assumed for each of the chosen rows (NaN for others), and the spread of its log."""
    p, left = truth.points, found.undated
    known = chosen & np.isfinite(left.error[GPUS])
    usual = whole_total(p, np.log(p.gpus) + left.error[GPUS])
    return np.where(known, usual, np.nan), np.where(known, left.spread[GPUS], 0.0)


@dataclass(frozen=True, slots=True)
class _Question:
    """How queries for the rows relate to the measurements, where some rows are asked for elsewhere than they lie."""

    points: Points
    """What is asked for, of all rows."""
    left: Floats
    """What physics leaves of the measurement there [log]."""
    matrix: Floats
    """Covariance of the measurements."""
    recoded: Group
    """Place in `across` of each row that is asked for elsewhere, -1 for the others."""
    across: Floats
    """Covariance of those queries with the measurements."""
    variance: Floats
    """Prior variance of each query [log²]."""
    named: list[tuple[str, ...]]
    """Groups that may be doubted to which each query belongs."""
    prompts: list[float]
    """Part of each query's step that goes into the prompts of others."""

    def answered(self, local: Group, kept: Kept, noise: float) -> tuple[Floats, Floats]:
        """Error (prediction over measurement) and spread of some rows that are left out together [log]."""
        place = self.recoded[local]
        wanted = self.matrix[local]
        wanted[place >= 0] = self.across[place[place >= 0]]
        near = wanted**2 / (self.variance[local][:, None] * self.matrix.diagonal())
        near[:, local] = 0.0
        rho2 = np.minimum(near.max(axis=1), 1.0)
        own = [kept.offset(self.named[i], self.prompts[i]) for i in local.tolist()]
        predicted = wanted @ kept.weights + own
        return predicted - self.left[local], np.sqrt(self.variance[local] * (1 - rho2) + noise**2)


@dataclass(frozen=True, slots=True)
class _Asker:
    """Puts the questions about one target to the rows that state it."""

    truth: Truth
    fit: Fit
    name: str
    vocabulary: Vocabulary
    have: Group
    matrix: Floats
    points: Encoded
    shares: Floats

    def as_run(self) -> _Question:
        """Every row as it was run, at its day; a query cannot tell how a day's run was published."""
        p = self.truth.points
        kind = np.where(are_dated(self.truth.rows), DATED, p.kind)
        return self._question(replace(p, kind=kind), kind != p.kind)

    def undated(self, gone: Gone) -> _Question:
        """Every row as a query that names no day.

        TTFT, which dated runs alone state, is sought among them at the usual day of the runs of the stack.
        """
        p, dated = self.truth.points, are_dated(self.truth.rows)
        among_runs = quantity(self.name) == "ttft"
        month = usual_months(p, self.truth.rows).of(p, gone=gone)
        if among_runs:
            month = np.full(len(p), MEDIAN_MONTH) if gone else typical_months(p, dated).of(p)
        kind = np.full(len(p), float(DATED) if among_runs else 0.0)
        return self._question(replace(p, kind=kind, month=month), dated | (month != p.month))

    def supposing(self, question: _Question, total: Floats) -> _Question:
        """The question with totals of GPUs assumed; NaN for rows that keep theirs."""
        changed = np.isfinite(total)
        if not changed[self.have].any():
            return question
        gpus = np.where(changed, total, question.points.gpus)
        other = self._question(replace(question.points, gpus=gpus), changed)
        moved = other.recoded >= 0
        recoded = np.where(moved, other.recoded + len(question.across), question.recoded)
        return replace(
            question, points=other.points, left=np.where(moved, other.left, question.left), recoded=recoded,
            across=np.concatenate([question.across, other.across]),
            variance=np.where(moved, other.variance, question.variance),
        )  # fmt: skip

    def _question(self, points: Points, elsewhere: NDArray[np.bool_]) -> _Question:
        left, step = residuals(replace(self.truth, points=points, physics=step_physics(points)), self.fit)
        rows = np.flatnonzero(elsewhere[self.have])
        covariance = self.fit.targets[self.name].covariance
        asked = take(encode(as_seen(self.name, points), self.vocabulary), self.have[rows])
        shares = term_shares(step, covariance.shares)[:, self.have[rows]]
        recoded = np.full(len(self.have), -1)
        recoded[rows] = np.arange(len(rows))
        variance = self.matrix.diagonal().copy()
        variance[rows] = (covariance.scale[:, None] ** 2 * shares**2).sum(0)
        across = cross_covariance(covariance, asked, shares, self.points, self.shares)
        named = list(zip(*group_keys(points.take(self.have)), strict=True))
        prompts = step.shares["prefill"][self.have, 0].tolist()
        return _Question(points, left[self.name][self.have], self.matrix, recoded, across, variance, named, prompts)


def _numbers(groups: Sequence[Group], n: int) -> NDArray[np.intp]:
    out = np.full(n, -1)
    for number, group in enumerate(groups):
        out[group] = number
    return out


def rate_error(left: Mapping[str, Floats]) -> Floats:
    """Log error of tokens/s from those of the decode share and TPOT: ``rate = share·c/TPOT``."""
    out: Floats = left["share"] - left["tpot"]
    return out
