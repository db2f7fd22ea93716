"""Stacks measured far from all their kin: how far off each lies, so that it keeps its own level and teaches no other.

An engine's first days on a part, or a shape that was last run months ago, move whole curves at once. A row of noise
cannot say that, so that the kin of such a curve would be drawn along. Rows are therefore grouped again and again
(`group_keys`), and a group that lies ``z`` spreads from what all rows outside it say gets a level of its own. Its
variance is what Student's t with TAIL degrees of freedom gives beyond the normal:
``v = s²·((TAIL + z²)/(TAIL + 1) - 1)`` (Lange, Little and Taylor, JASA 84(408), 1989), with ``s`` the spread of what
the group errs by. Levels enter the covariance as ``Z·V·Zᵀ``, a matrix of low rank, so that the inverse at hand is
corrected instead of made again (Woodbury).

What lies off is a whole step, or what of it goes into the prompts of others: prefill may run on kernels several times
as slow as decode's. Short prompts show that in part, and long ones in full (`affected`).

Which groups are doubted depends on the rows at hand. To leave some rows out honestly is to doubt without them too:
`Doubts.without` does so from the inverse over all rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from advisor.engine.estimator.encode import MEDIAN_MONTH, Floats, Points, day_of, engine_base, stack_keys
from advisor.engine.estimator.kriging import LEAST_MORE, TAIL

Rows = NDArray[np.intp]
WHOLE, PROMPTS = "", "prompts"
"""What of a step lies off: all of it, or its part that goes into the prompts of others."""
MOVES = (WHOLE,) * 5 + (PROMPTS,) * 5
"""What each stage of `group_keys` doubts."""
SLOWER = 9.0
"""By how many times itself prefill is taken to grow where its part of a step is off, see `affected`."""
MOST_SPREAD = {WHOLE: float("inf"), PROMPTS: 1.0}
"""Most that the prior standard deviation of a level may be [log]. Where little of a step goes into prompts, how slow
those are is a guess, and what lies off there must not be taken for a prefill a hundred times as slow."""
LEAST_SHOWN = 1e-6
"""Sum of squares of a pattern below which a group shows nothing of a level."""
FADE = 2.0
"""Rate at which a level known at one pair of lengths fades towards others [per octave of ISL and OSL]."""


def group_keys(points: Points) -> tuple[list[str], ...]:
    """Name of the group of each point in each stage of MOVES; empty where it is in none.

    Whole steps: stack, its deployment, its lengths, the curve, its runs of a day. Prompts: the same, but for runs of a
    day, which are taken over all precisions and with and without speculation: their prefill is the same.
    Medians over runs are of no day.
    """
    stacks = stack_keys(points)
    tp, ep, dp = points.tp.tolist(), points.ep.tolist(), points.dp.tolist()
    isl, osl = points.isl.tolist(), points.osl.tolist()
    splits = [f"tp{t:g} ep{e:g}{' dp' if d else ''}" for t, e, d in zip(tp, ep, dp, strict=True)]
    lengths = [f"{i:g}/{o:g}" for i, o in zip(isl, osl, strict=True)]
    deployments = [f"{s}|{split}|" for s, split in zip(stacks, splits, strict=True)]
    whole_of_day, prompts_of_day = day_keys(points)
    shared = (
        [f"{s}||" for s in stacks],
        deployments,
        [f"{s}||{length}" for s, length in zip(stacks, lengths, strict=True)],
        [f"{d}{length}" for d, length in zip(deployments, lengths, strict=True)],
    )
    return (
        *shared,
        whole_of_day,
        *([f"{key}|{PROMPTS}" for key in keys] for keys in shared),
        prompts_of_day,
    )


def day_keys(points: Points) -> tuple[list[str], list[str]]:
    """Names of the groups of runs of a day: of whole steps, and of prompts."""
    days = _days(points)
    return (
        [f"{s}|{day}|" if day else "" for s, day in zip(stack_keys(points), days, strict=True)],
        [f"{e}|{day}||{PROMPTS}" if day else "" for e, day in zip(_engines(points), days, strict=True)],
    )


def affected(prompts: Floats) -> Floats:
    """How much of a level of PROMPTS a step takes on, 0 to 1, by the part of it that goes into prompts.

    Prefill that takes ``1 + n`` times as long makes a step ``1 + n·part`` times as long: the log of that over its most,
    at ``n = SLOWER``.

    >>> import numpy as np
    >>> affected(np.array([0.0, 0.1, 1.0])).round(2).tolist()
    [0.0, 0.28, 1.0]
    """
    out: Floats = np.log1p(SLOWER * prompts) / np.log1p(SLOWER)
    return out


def _patterns(prompts: Floats) -> dict[str, Floats]:
    """How much of a level each point takes on, by what the level moves."""
    return {WHOLE: np.ones(prompts.shape), PROMPTS: affected(prompts)}


def _engines(points: Points) -> list[str]:
    """Accelerator, model and engine of each point: accelerator|model|engine."""
    parts = zip(points.accelerators, points.model_names, map(engine_base, points.engine), strict=True)
    return [f"{a.id}|{model}|{engine}" for a, model, engine in parts]


def _days(points: Points) -> list[str]:
    """Day of each point, @2026-03-01; empty for medians over runs and what else has none."""
    dated = (points.kind != 0) & (points.month != MEDIAN_MONTH)
    return [f"@{day_of(month)}" if known else "" for known, month in zip(dated, points.month.tolist(), strict=True)]


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
        moved = _patterns(np.array(prompts))
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
        patterns = _patterns(prompts)
        known: dict[str, set[tuple[int, ...]]] = {moves: set() for moves in patterns}
        self._stages = [
            self._stage(moves, keys, patterns[moves], grouped, known[moves])
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
                variance = min(_doubt(block, weights[rows], stage.pattern[rows]), MOST_SPREAD[stage.moves] ** 2)
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


@dataclass(frozen=True, slots=True)
class _Level:
    """A level as it is kept: where it holds, and how far off it is."""

    where: str
    """Split or day; empty for all of a stack."""
    lengths: Floats | None
    """log2 of ISL and OSL at which it was measured; None where it holds at all."""
    moves: str
    value: float


class Offsets:
    """Levels by stack, for points that may lie at other lengths than those measured."""

    def __init__(self, level: Mapping[str, float]) -> None:
        self._by: dict[str, list[_Level]] = defaultdict(list)
        for key, value in level.items():
            moves = PROMPTS if key.endswith(f"|{PROMPTS}") else WHOLE
            stack, where, length = (key.removesuffix(f"|{PROMPTS}") if moves else key).rsplit("|", 2)
            at = np.log2([float(x) for x in length.split("/")]) if length else None
            self._by[stack].append(_Level(where, at, moves, value))

    def of(self, points: Points, prompts: Floats) -> Floats:
        """Log offset of each point, points x loads.

        A level that holds at measured lengths fades as ``exp(-FADE·octaves)`` towards others; of several, the nearest
        speaks. One of a day holds for that day alone.

        Parameters
        ----------
        prompts
            Part of a step that goes into the prompts of others, points x loads.
        """
        out = np.zeros(prompts.shape)
        if not self._by:
            return out
        tp, ep, dp, days = points.tp.tolist(), points.ep.tolist(), points.dp.tolist(), _days(points)
        for i, names in enumerate(zip(stack_keys(points), _engines(points), strict=True)):
            known = [level for name in names for level in self._by.get(name, ())]
            if not known:
                continue
            split = f"tp{tp[i]:g} ep{ep[i]:g}{' dp' if dp[i] else ''}"
            lengths = np.log2([points.isl[i], points.osl[i]])
            total = {WHOLE: 0.0, PROMPTS: 0.0}
            nearest: dict[tuple[str, str], tuple[float, float]] = {}
            for level in known:
                if level.where not in ("", split, days[i] or split):
                    continue
                if level.lengths is None:
                    total[level.moves] += level.value
                    continue
                apart = float(np.abs(level.lengths - lengths).sum())
                place = (level.moves, level.where)
                if place not in nearest or apart < nearest[place][0]:
                    nearest[place] = (apart, level.value)
            for (moves, _), (apart, value) in nearest.items():
                total[moves] += value * float(np.exp(-FADE * apart))
            out[i] = total[WHOLE]
            if total[PROMPTS]:
                out[i] += total[PROMPTS] * affected(prompts[i])
        return out
