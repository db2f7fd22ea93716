"""Stacks measured far from all their kin: how far off each lies, so that it keeps its own level and teaches no other.

An engine's first days on a part, or a shape that was last run months ago, move whole curves at once. A row of noise
cannot say that, so that the kin of such a curve would be drawn along. Rows are therefore grouped again and again
(`groups`), and a group that lies ``z`` spreads from what all rows outside it say gets a level of its own. Its
variance is what Student's t with TAIL degrees of freedom gives beyond the normal:
``v = s²·((TAIL + z²)/(TAIL + 1) - 1)`` (Lange, Little and Taylor, JASA 84(408), 1989), with ``s`` the spread of what
the group errs by. Levels enter the covariance as ``Z·V·Zᵀ``, a matrix of low rank, so that the inverse at hand is
corrected instead of made again (Woodbury).

What lies off is a whole step, or what of it goes into the prompts of others: prefill may run on kernels several times
as slow as decode's. Short prompts show that in part, and long ones in full (`groups.affected`).

Which groups are doubted depends on the rows at hand. To leave some rows out honestly is to doubt without them too:
`Doubts.without` does so from the inverse over all rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from advisor.engine.estimator.encode import Floats, Points
from advisor.engine.estimator.groups import MOVES, PROMPTS, group_keys, patterns
from advisor.engine.estimator.kriging import LEAST_MORE, TAIL

Rows = NDArray[np.intp]
MOST_OF_PROMPTS = 1.0
"""Most that the prior standard deviation of a level of prompts may be [log]. Where little of a step goes into them, how
slow they are is a guess, and what lies off there must not be taken for a prefill a hundred times as slow."""
LEAST_SHOWN = 1e-6
"""Sum of squares of a pattern below which a group shows nothing of a level."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A group that is doubted."""

    variance: float
    """Of its level [log²]."""
    rows: Rows
    pattern: Floats
    """How much of the level each row takes on."""


Doubted = Mapping[str, Doubt]
"""By key."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Weights of the rows that are kept (0 for those left out), and the groups among them that are doubted."""

    weights: Floats
    doubted: Doubted

    def level(self, key: str) -> float:
        """Log offset of a group, its variance times the weights of its rows; 0 where it is not doubted."""
        found = self.doubted.get(key)
        return found.variance * float(found.pattern @ self.weights[found.rows]) if found else 0.0

    def offset(self, keys: Sequence[str], prompts: float) -> float:
        """Log offset of a point that belongs to these groups, by the part of its step that goes into prompts."""
        moved = patterns(np.array(prompts))
        return sum(self.level(key) * float(moved[what]) for key, what in zip(keys, MOVES, strict=True))


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
    """What levels take from the inverse: ``inverse - scaled·acrossᵀ``, with a column for each."""

    across: Floats
    scaled: Floats

    def more(self, across: Floats, middle: Floats) -> _Correction:
        """With levels that take ``across·middle·acrossᵀ`` besides."""
        scaled = across @ middle
        return _Correction(np.hstack([self.across, across]), np.hstack([self.scaled, scaled]))


@dataclass(frozen=True, slots=True)
class _Stage:
    """The groups of one stage, with what is needed of the inverse for each."""

    moves: str
    keys: list[str]
    members: list[Rows]
    blocks: list[Floats]
    pattern: Floats
    """How much of a level each row takes on."""
    sums: Floats
    """Rows of the inverse summed over each group by the pattern: rows x groups."""


class Doubts:
    """The groups among some rows, and the inverse of the covariance of those rows.

    Parameters
    ----------
    inverse, weights
        ``S = (K + N)^-1`` and ``S·r`` over the rows.
    points
        The same rows.
    prompts
        Part of each row's step that goes into the prompts of others.
    grouped
        Rows that belong to groups: aggregated serving. What disaggregated rows leave open sets them apart already.
    """

    def __init__(
        self, inverse: Floats, weights: Floats, points: Points, prompts: Floats, grouped: NDArray[np.bool_]
    ) -> None:
        self.inverse, self._weights = inverse, weights
        shown = patterns(prompts)
        known: dict[str, set[tuple[int, ...]]] = {moves: set() for moves in shown}
        self._stages = [
            self._stage(moves, keys, shown[moves], grouped, known[moves])
            for moves, keys in zip(MOVES, group_keys(points), strict=True)
        ]

    def _stage(
        self, moves: str, keys: Sequence[str], pattern: Floats, grouped: NDArray[np.bool_], known: set[tuple[int, ...]]
    ) -> _Stage:
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
            sums[:, number] = pattern[rows] @ self.inverse[rows]  # symmetric, and rows lie together in memory
        return _Stage(moves, list(by), members, blocks, pattern, sums)

    def settle(self) -> Settled:
        """All rows, with the levels of the doubted groups."""
        weights, doubted, taken = self._doubted(np.empty(0, np.intp))
        return Settled(weights, doubted, self.inverse - taken.scaled @ taken.across.T)

    def without(self, left: Rows) -> Kept:
        """What the other rows say, and which groups among them are doubted."""
        weights, doubted, _ = self._doubted(left)
        return Kept(weights, doubted)

    def _doubted(self, left: Rows) -> tuple[Floats, Doubted, _Correction]:
        out = np.zeros(len(self._weights), np.bool_)
        out[left] = True
        across = self.inverse[left].T
        solved = across @ np.linalg.inv(across[left])
        weights = self._weights - solved @ self._weights[left]
        weights[left] = 0.0
        none = np.empty((len(weights), 0))
        taken = _Correction(none, none)
        found: dict[str, Doubt] = {}
        seen: dict[str, set[bytes]] = {moves: set() for moves in MOVES}
        for stage in self._stages:
            reduced = seen[stage.moves]
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
                block = block - taken.scaled[rows] @ taken.across[rows].T
                variance = _doubt(block, weights[rows], stage.pattern[rows])
                if stage.moves == PROMPTS:
                    variance = min(variance, MOST_OF_PROMPTS**2)
                if variance:
                    doubted.append((number, variance, rows))
            if not doubted:
                continue
            shown = np.zeros((len(weights), len(doubted)))
            pull = stage.sums[:, [number for number, _, _ in doubted]].copy()
            for column, (number, _, rows) in enumerate(doubted):
                shown[rows, column] = stage.pattern[rows]
                gone_rows = stage.members[number][out[stage.members[number]]]
                if len(gone_rows):
                    pull[:, column] -= stage.pattern[gone_rows] @ self.inverse[gone_rows]
            if len(left):
                pull -= solved @ pull[left]
                pull[left] = 0.0
            pull -= taken.scaled @ (taken.across.T @ shown)
            inner = shown.T @ pull + np.diag([1 / variance for _, variance, _ in doubted])
            middle: Floats = np.asarray(np.linalg.inv(inner), dtype=np.float64)
            weights = weights - pull @ (middle @ (shown.T @ weights))
            taken = taken.more(pull, middle)
            found |= {stage.keys[n]: Doubt(variance, rows, stage.pattern[rows]) for n, variance, rows in doubted}
        return weights, found, taken


def _doubt(block: Floats, weights: Floats, pattern: Floats) -> float:
    """Variance of a group's own level [log²]; 0 where it lies as near to its kin as most do.

    Parameters
    ----------
    block, weights
        Of the inverse and of the weights, over the group: left out, it errs by ``block^-1·weights`` with the
        covariance ``block^-1``.
    pattern
        How much of the level each row takes on.
    """
    size = float(pattern @ pattern)
    if size < LEAST_SHOWN:
        return 0.0
    summed = np.linalg.solve(block, pattern) / size
    mean = float(summed @ weights)
    variance = float(summed @ pattern) / size
    more = (TAIL + mean**2 / variance) / (TAIL + 1) - 1
    return variance * more if more > LEAST_MORE else 0.0
