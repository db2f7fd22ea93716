"""What a step of the learning sees: some of the evidence, and which of it is left out in turn.

Each step sees some of the accelerator-model pairs, or some of the shapes of models, and of these some whole curves and
a few points of all others. With hundreds of rates, some sixty pairs and half as many shapes, a descent that always saw
the same ones would learn them by heart. With half of the shapes kept from the learning, samples that leave out shapes
too predict those a tenth better than samples that leave out pairs alone.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable

import numpy as np
from numpy.typing import NDArray

from advisor.engine.estimator.calibration import Truth
from advisor.engine.estimator.encode import distinct
from advisor.engine.estimator.objective import Groups, Rows

SEEN = 0.7
"""Share of the accelerator-model pairs, or of the shapes of models, that a step sees."""
SHAPES = 0.5
"""Share of the steps that see some of the shapes of models on all parts; the others see some of the pairs."""
WHOLE = 0.3
"""Share of the rows of a step that come as whole curves; more, where a few points of all others do not fill it."""
SPARSE = 2
"""Points of every other curve."""
WEIGHTS = {"pair": 1.0, "shape": 1.0, "model_shape": 0.6, "accelerator": 0.15}
"""Of the groups that are left out, in the loss."""


class Sampler:
    """Draws rows to learn from, and their groups.

    Parameters
    ----------
    have
        Rows to draw from.
    configuration
        Number of each row's configuration, by which the rows of a sample are sorted.
    """

    def __init__(
        self, truth: Truth, have: Rows, configuration: Rows, rng: np.random.Generator, *, seen: float = SEEN
    ) -> None:
        rows = [truth.rows[i] for i in have.tolist()]
        curve = _codes(
            (m.accelerator, m.model, m.precision, m.engine, m.spec_method, m.disagg, m.tp, m.ep, m.isl, m.osl)
            for m in rows
        )
        codes = {
            "pair": _codes((m.accelerator, m.model) for m in rows),
            "shape": _codes((m.accelerator, m.model, m.isl, m.osl) for m in rows),
            "model_shape": _codes((m.model, m.isl, m.osl) for m in rows),
            "accelerator": _codes(m.accelerator for m in rows),
        }
        order = np.argsort(curve, kind="stable")
        self._rows, self._rng, self._seen = have[order], rng, seen
        self._codes = {name: code[order] for name, code in codes.items()}
        scored = np.array([m.family != "vendor_ci" for m in rows], dtype=np.bool_) & (truth.noise[have] <= 1.0)
        self._scored, self._configuration = scored[order], configuration[have[order]]
        self._size = np.bincount(curve)
        self._first = np.cumsum(self._size) - self._size

    def draw(self, size: int) -> tuple[Rows, Groups]:
        """At most about `size` rows, and the places among them of the groups that are left out in turn."""
        rng = self._rng
        kind = self._codes["model_shape" if rng.random() < SHAPES else "pair"]
        seen = (rng.random(int(kind.max()) + 1) < self._seen)[kind[self._first]]
        shown = rng.permutation(np.flatnonzero(seen) if seen.any() else np.arange(len(seen)))
        whole = self._whole(self._size[shown], size)
        dense = np.flatnonzero(np.isin(np.repeat(np.arange(len(self._size)), self._size), shown[:whole]))
        sparse = self._few_of(shown[whole:])
        rest = max(0, size - len(dense))
        if len(sparse) > rest:
            sparse = rng.choice(sparse, rest, replace=False)
        places = np.concatenate([dense, sparse])
        places = places[np.argsort(self._configuration[places], kind="stable")]
        return self._rows[places], self._groups(places)

    @staticmethod
    def _whole(length: Rows, size: int) -> int:
        """How many curves to show whole."""
        rows = np.cumsum(length)
        few = np.minimum(length, SPARSE)
        with_few_of_the_rest = rows + few.sum() - np.cumsum(few)
        enough, fit = np.searchsorted(rows, size * WHOLE) + 1, np.searchsorted(with_few_of_the_rest, size)
        return int(max(enough, fit))

    def _few_of(self, curves: Rows) -> Rows:
        """Places of SPARSE different points of each curve, or of all that it has."""
        first, size = self._first[curves], self._size[curves]
        drawn = np.empty((SPARSE, len(curves)), np.intp)
        for k in range(SPARSE):  # each is drawn from those left, then moved past those already drawn
            place = self._rng.integers(np.maximum(size - k, 1))
            for before in np.sort(drawn[:k], axis=0):
                place += place >= before
            drawn[k] = place
        out: Rows = np.concatenate([(first + place)[size > k] for k, place in enumerate(drawn)])
        return out

    def _groups(self, places: Rows) -> Groups:
        scored = np.flatnonzero(self._scored[places])
        out = []
        for name, weight in WEIGHTS.items():
            code = self._codes[name][places[scored]]
            order = np.argsort(code, kind="stable")
            ends = np.flatnonzero(np.diff(code[order])) + 1
            out.append((weight, np.split(scored[order], ends) if len(order) else []))
        return out


def _codes(keys: Iterable[Hashable]) -> NDArray[np.intp]:
    return distinct(keys)[1]
