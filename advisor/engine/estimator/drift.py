"""What the software of its day changed for a query, against the median over all runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from advisor.domain.text import percent
from advisor.engine.estimator.encode import Floats


class Drift:
    """Texts for the queries of a batch, a few of which are asked for.

    Parameters
    ----------
    runs
        Day of the software that each query asks for; None asks for a median over runs.
    rates
        Tokens/s per GPU of each.
    undated
        The same at some places as medians over runs; what it lays for them is remembered.
    """

    def __init__(
        self, runs: Sequence[date | None], rates: Floats, undated: Callable[[Sequence[int]], Floats]
    ) -> None:
        self._runs, self._rates = runs, rates
        self._undated: Callable[[Sequence[int]], Floats] = undated
        self._before: dict[int, float] = {}

    def expect(self, places: Sequence[int]) -> None:
        """Texts will be asked for at these places, or at others of their deployments: curves are laid at once."""
        new = [k for k in places if k >= 0 and self._runs[k] is not None and k not in self._before]
        if new:
            self._before.update(zip(new, self._undated(new).tolist(), strict=True))

    def text(self, place: int) -> str:
        """The change in words; empty where no day is asked for."""
        run = self._runs[place]
        if run is None:
            return ""
        if place not in self._before:
            self.expect([place] if self._before else range(len(self._runs)))
        change = float(self._rates[place]) / self._before[place] - 1
        return f"on the software of {run:%Y-%m}, {percent(change, sign=True)} tokens/s against the median over all runs"
