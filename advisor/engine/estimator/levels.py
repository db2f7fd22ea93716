"""Stacks measured far from all their kin: how far off each lies, so that it keeps its own level and teaches no other.

An engine's first days on a part, or a shape that was last run months ago, move whole curves at once. A row of noise
cannot say that, so that the kin of such a curve would be drawn along. Rows are therefore grouped five times
(`group_keys`), and a group that lies ``z`` spreads from what all rows outside it say gets a level of its own. Its
variance is what Student's t with TAIL degrees of freedom gives beyond the normal:
``v = s²·((TAIL + z²)/(TAIL + 1) - 1)`` (Lange, Little and Taylor, JASA 84(408), 1989), with ``s`` the spread of the
group's mean. Levels enter the covariance as ``Z·V·Zᵀ``, a matrix of low rank, so that the inverse at hand is corrected
instead of made again (Woodbury).

Which groups are doubted depends on the rows at hand. To leave some rows out honestly is to doubt without them too:
`Doubts.without` does so from the inverse over all rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from advisor.engine.estimator.encode import MEDIAN_MONTH, Floats, Points, day_of, stack_keys
from advisor.engine.estimator.kriging import LEAST_MORE, TAIL

Rows = NDArray[np.intp]
FADE = 2.0
"""Rate at which a level known at one pair of lengths fades towards others [per octave of ISL and OSL]."""


def group_keys(points: Points) -> tuple[list[str], ...]:
    """Name of the group of each point in each stage: stack, its deployment, its lengths, the curve, its runs of a day.

    Medians over runs are of no day, and in no group of the last stage.
    """
    stacks = stack_keys(points)
    tp, ep, dp = points.tp.tolist(), points.ep.tolist(), points.dp.tolist()
    isl, osl = points.isl.tolist(), points.osl.tolist()
    splits = [f"tp{t:g} ep{e:g}{' dp' if d else ''}" for t, e, d in zip(tp, ep, dp, strict=True)]
    lengths = [f"{i:g}/{o:g}" for i, o in zip(isl, osl, strict=True)]
    deployments = [f"{s}|{split}|" for s, split in zip(stacks, splits, strict=True)]
    return (
        [f"{s}||" for s in stacks],
        deployments,
        [f"{s}||{length}" for s, length in zip(stacks, lengths, strict=True)],
        [f"{d}{length}" for d, length in zip(deployments, lengths, strict=True)],
        [f"{s}|{day}|" if day else "" for s, day in zip(stacks, _days(points), strict=True)],
    )


def _days(points: Points) -> list[str]:
    """Day of each point, @2026-03-01; empty for medians over runs and what else has none."""
    dated = (points.kind != 0) & (points.month != MEDIAN_MONTH)
    return [f"@{day_of(month)}" if known else "" for known, month in zip(dated, points.month.tolist(), strict=True)]


Doubted = Mapping[str, tuple[float, Rows]]
"""Variance and rows of each doubted group, by key."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Weights of the rows that are kept (0 for those left out), and the groups among them that are doubted."""

    weights: Floats
    doubted: Doubted

    def level(self, key: str) -> float:
        """Log offset of a group, its variance times the weights of its rows; 0 where it is not doubted."""
        found = self.doubted.get(key)
        return found[0] * float(self.weights[found[1]].sum()) if found else 0.0


@dataclass(frozen=True, slots=True)
class Settled(Kept):
    """The same with all rows kept, and the inverse behind it."""

    inverse: Floats

    @property
    def levels(self) -> dict[str, float]:
        """Log offset of each doubted group by key."""
        return {key: self.level(key) for key in self.doubted}

    def without(self, left: Rows) -> Kept:
        """What the others say when a few rows are left out that decide no doubt."""
        across = self.inverse[left]
        weights = self.weights - across.T @ np.linalg.solve(across[:, left], self.weights[left])
        weights[left] = 0.0
        return Kept(weights, self.doubted)


@dataclass(frozen=True, slots=True)
class _Correction:
    """What levels take from the inverse: ``inverse - across·middle·acrossᵀ``."""

    across: Floats
    middle: Floats


@dataclass(frozen=True, slots=True)
class _Stage:
    """The groups of one stage, with what is needed of the inverse for each."""

    keys: list[str]
    members: list[Rows]
    blocks: list[Floats]
    sums: Floats
    """Rows of the inverse summed over each group: rows x groups."""


class Doubts:
    """The groups among some rows, and the inverse of the covariance of those rows.

    Parameters
    ----------
    inverse, weights
        ``S = (K + N)^-1`` and ``S·r`` over the rows.
    points
        The same rows.
    grouped
        Rows that belong to groups: aggregated serving. What disaggregated rows leave open sets them apart already.
    """

    def __init__(self, inverse: Floats, weights: Floats, points: Points, grouped: NDArray[np.bool_]) -> None:
        self.inverse, self._weights = inverse, weights
        known: set[tuple[int, ...]] = set()
        self._stages = [self._stage(keys, grouped, known) for keys in group_keys(points)]

    def _stage(self, keys: Sequence[str], grouped: NDArray[np.bool_], known: set[tuple[int, ...]]) -> _Stage:
        """Groups of one stage; those that are the same rows as a group of an earlier stage say nothing new."""
        by: dict[str, list[int]] = defaultdict(list)
        for i in np.flatnonzero(grouped).tolist():
            if keys[i]:
                by[keys[i]].append(i)
        by = {key: rows for key, rows in by.items() if tuple(rows) not in known}
        known.update(map(tuple, by.values()))
        members = [np.array(rows) for rows in by.values()]
        blocks = [self.inverse[np.ix_(rows, rows)] for rows in members]
        sums = np.empty((len(keys), len(members)))
        for number, rows in enumerate(members):
            sums[:, number] = self.inverse[rows].sum(0)  # symmetric, and rows lie together in memory
        return _Stage(list(by), members, blocks, sums)

    def settle(self) -> Settled:
        """All rows, with the levels of the doubted groups."""
        weights, doubted, corrections = self._doubted(np.empty(0, np.intp))
        inverse = self.inverse.copy()
        for c in corrections:
            inverse -= (c.across @ c.middle) @ c.across.T
        return Settled(weights, doubted, inverse)

    def without(self, left: Rows) -> Kept:
        """What the other rows say, and which groups among them are doubted."""
        weights, doubted, _ = self._doubted(left)
        return Kept(weights, doubted)

    def _doubted(self, left: Rows) -> tuple[Floats, Doubted, list[_Correction]]:
        out = np.zeros(len(self._weights), np.bool_)
        out[left] = True
        across = self.inverse[left].T
        solved = across @ np.linalg.inv(across[left])
        weights = self._weights - solved @ self._weights[left]
        weights[left] = 0.0
        corrections: list[_Correction] = []
        found: dict[str, tuple[float, Rows]] = {}
        reduced: set[bytes] = set()
        for stage in self._stages:
            doubted: list[tuple[int, float, Rows]] = []
            for number, rows in enumerate(stage.members):
                block, gone = stage.blocks[number], out[rows]
                if gone.any():
                    stays = np.flatnonzero(~gone)
                    if not len(stays):
                        continue
                    rows, block = rows[stays], block[np.ix_(stays, stays)]
                if reduced and rows.tobytes() in reduced:
                    continue  # what is left of an earlier group are the same rows
                if gone.any():
                    reduced.add(rows.tobytes())
                if len(left):
                    block = block - solved[rows] @ across[rows].T
                for c in corrections:
                    block = block - c.across[rows] @ c.middle @ c.across[rows].T
                variance = _doubt(block, weights[rows])
                if variance:
                    doubted.append((number, variance, rows))
            if not doubted:
                continue
            shown = np.zeros((len(weights), len(doubted)))
            pull = stage.sums[:, [number for number, _, _ in doubted]].copy()
            for column, (number, _, rows) in enumerate(doubted):
                shown[rows, column] = 1.0
                gone_rows = stage.members[number][out[stage.members[number]]]
                if len(gone_rows):
                    pull[:, column] -= self.inverse[gone_rows].sum(0)
            if len(left):
                pull -= solved @ pull[left]
                pull[left] = 0.0
            for c in corrections:
                pull -= c.across @ (c.middle @ (c.across.T @ shown))
            inner = shown.T @ pull + np.diag([1 / variance for _, variance, _ in doubted])
            middle: Floats = np.asarray(np.linalg.inv(inner), dtype=np.float64)
            weights = weights - pull @ (middle @ (shown.T @ weights))
            corrections.append(_Correction(pull, middle))
            found |= {stage.keys[number]: (variance, rows) for number, variance, rows in doubted}
        return weights, found, corrections


def _doubt(block: Floats, weights: Floats) -> float:
    """Variance of a group's own level [log²]; 0 where it lies as near to its kin as most do.

    Parameters
    ----------
    block, weights
        Of the inverse and of the weights, over the group: left out, it errs by ``block^-1·weights`` with the
        covariance ``block^-1``.
    """
    summed = np.linalg.solve(block, np.ones(len(block))) / len(block)
    mean = float(summed @ weights)
    variance = float(summed.mean())
    more = (TAIL + mean**2 / variance) / (TAIL + 1) - 1
    return variance * more if more > LEAST_MORE else 0.0


class Offsets:
    """Levels by stack, for points that may lie at other lengths than those measured."""

    def __init__(self, level: Mapping[str, float]) -> None:
        self._by: dict[str, list[tuple[str, Floats | None, float]]] = defaultdict(list)
        for key, value in level.items():
            stack, split, length = key.rsplit("|", 2)
            at = np.log2([float(x) for x in length.split("/")]) if length else None
            self._by[stack].append((split, at, value))

    def of(self, points: Points) -> Floats:
        """Log offset of each point.

        A level that holds at measured lengths fades as ``exp(-FADE·octaves)`` towards others; of several, the nearest
        speaks. One of a day holds for that day alone.
        """
        out = np.zeros(len(points))
        if not self._by:
            return out
        tp, ep, dp, days = points.tp.tolist(), points.ep.tolist(), points.dp.tolist(), _days(points)
        for i, stack in enumerate(stack_keys(points)):
            known = self._by.get(stack)
            if not known:
                continue
            split = f"tp{tp[i]:g} ep{ep[i]:g}{' dp' if dp[i] else ''}"
            lengths = np.log2([points.isl[i], points.osl[i]])
            nearest: dict[str, tuple[float, float]] = {}
            for theirs, at, value in known:
                if theirs not in ("", split, days[i] or split):
                    continue
                if at is None:
                    out[i] += value
                    continue
                apart = float(np.abs(at - lengths).sum())
                if theirs not in nearest or apart < nearest[theirs][0]:
                    nearest[theirs] = (apart, value)
            out[i] += sum(value * float(np.exp(-FADE * apart)) for apart, value in nearest.values())
        return out
