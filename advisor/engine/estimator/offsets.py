"""What levels that are kept say of points, at lengths and loads beside those measured too: see `levels`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from advisor.engine.estimator.encode import Floats, Points, stack_keys
from advisor.engine.estimator.groups import PROMPTS, WHOLE, affected, days_of, engines, read_key, splits_of

FADE = 2.0
"""Rate at which a level known at one pair of lengths fades towards others [per octave of ISL and OSL]."""


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
            stack, where, lengths, moves = read_key(key)
            self._by[stack].append(_Level(where, np.log2(lengths) if lengths else None, moves, value))

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
        splits, days = splits_of(points), days_of(points)
        for i, names in enumerate(zip(stack_keys(points), engines(points), strict=True)):
            known = [level for name in names for level in self._by.get(name, ())]
            if not known:
                continue
            lengths = np.log2([points.isl[i], points.osl[i]])
            total = {WHOLE: 0.0, PROMPTS: 0.0}
            nearest: dict[tuple[str, str], tuple[float, float]] = {}
            for level in known:
                if level.where not in ("", splits[i], days[i] or splits[i]):
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
