"""How alike two operating points are.

The covariance of the residuals is a sum of terms, each ``s²·exp(-Σ_d θ_d·D_d)`` over distances per coordinate:
0 or 1 for names, the gap in powers of two for sizes. Each exponential is a product of exchangeable (for names) and
Ornstein-Uhlenbeck or Gaussian (for sizes) correlations, hence positive definite. A term with small θ for
a coordinate pools across it; one with large θ speaks only for its own kin.

Concurrency is kept apart from the rest, so that a whole curve costs as much as a point.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from advisor.domain.record import record
from advisor.engine.estimator.encode import Floats, Points, distinct, engine_base, sorted_distinct
from advisor.engine.memory import keeps_four_bits

Singles = NDArray[np.float32]
Real = TypeVar("Real", np.float32, np.float64)
Rule = Literal["name", "gap"]
UNKNOWN_GPUS_LOG2 = 4.5
NOTHING_IN_COMMON = -30.0
"""Exponents below this are cut off: subnormal floats would slow everything down a hundredfold."""

COORDINATES: tuple[tuple[str, Rule], ...] = (
    ("vendor", "name"),
    ("architecture", "name"),
    ("accelerator", "name"),
    ("model", "name"),
    ("family", "name"),
    ("attention", "name"),
    ("active", "gap"),
    ("kv", "gap"),
    ("precision", "name"),
    ("base_engine", "name"),
    ("engine", "name"),
    ("spec", "name"),
    ("disagg", "name"),
    ("dp", "name"),
    ("tp", "gap"),
    ("ep", "gap"),
    ("isl", "gap"),
    ("osl", "gap"),
    ("kind", "name"),
    ("month", "gap"),
    ("moe", "name"),
    ("gpus_known", "name"),
    ("gpus", "gap"),
)
NAMES = tuple(name for name, _ in COORDINATES)


class Vocabulary:
    """Names to small integers, one list per kind of name; unseen names get their own number."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], int] = {}

    def code(self, coordinate: str, name: str) -> int:
        """Number of a name."""
        return self._codes.setdefault((coordinate, name), len(self._codes))


@record
class Encoded:
    """Distinct configurations (points less concurrency), and which one each point has."""

    coords: Singles
    """Configurations x coordinates."""
    of_point: NDArray[np.intp]
    load: Floats
    """log2 of concurrency of each point."""


def encode(points: Points, vocabulary: Vocabulary) -> Encoded:
    """Place points in the coordinates of the covariance."""
    named = (points.model_names, points.precision, points.engine)
    first, of_point = distinct(map(id, points.accelerators), map(id, points.models), *named)
    kinds = np.zeros((len(first), len(COORDINATES)), np.float32)
    code = vocabulary.code
    cache: dict[tuple[int, int], tuple[float, ...]] = {}
    for k, i in enumerate(first):
        a, m = points.accelerators[i], points.models[i]
        head = cache.get((id(a), id(m)))
        if head is None:
            attention = "window" if m.windowed_layers else ("hybrid" if m.recurrent_layers else m.attention)
            kv = m.kv_elements_full or 1.0
            if m.kv_elements_full is None:
                per = m.kv_lora_rank + m.qk_rope_head_dim if m.attention == "mla" else 2 * m.kv_heads * m.head_dim
                kv = max(1.0, m.full_layers * per)
            head = cache[(id(a), id(m))] = (
                code("vendor", a.vendor),
                code("architecture", a.generation),
                code("accelerator", a.id),
                0.0,
                code("family", m.family),
                code("attention", attention),
                float(np.log2(max(m.params_active, 1.0))),
                float(np.log2(kv)),
            )
        kinds[k, :8] = head
        kinds[k, 3] = code("model", points.model_names[i])
        engine = points.engine[i]
        precision = points.precision[i]
        kinds[k, 8] = code("precision", "fp4" if keeps_four_bits(m, precision, a) else precision)
        kinds[k, 9] = code("engine_base", engine_base(engine))
        kinds[k, 10] = code("engine", engine)
        kinds[k, 20] = float(m.is_moe)
    rows = kinds[of_point]
    rows[:, 11] = points.spec
    rows[:, 12] = points.disagg
    rows[:, 13] = points.dp
    rows[:, 14] = np.log2(points.tp)
    rows[:, 15] = np.log2(points.ep)
    rows[:, 16] = np.log2(points.isl)
    rows[:, 17] = np.log2(points.osl)
    rows[:, 18] = points.kind
    rows[:, 19] = points.month
    known = ~np.isnan(points.gpus)
    rows[:, 21] = known
    rows[:, 22] = np.where(known, np.log2(np.where(known, points.gpus, 1.0)), UNKNOWN_GPUS_LOG2)
    # Points of a curve differ by concurrency alone: to find equal bytes first leaves a tenth of the rows to sort.
    first, of_point = distinct(rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1]))).reshape(-1).tolist())
    coords = rows[first]
    order = np.lexsort(coords.T[::-1])
    place = np.empty(len(order), np.intp)
    place[order] = np.arange(len(order))
    return Encoded(coords[order], place[of_point], np.log2(points.concurrency))


def take(points: Encoded, chosen: NDArray[np.intp]) -> Encoded:
    """Some of the points, with the configurations that they use."""
    used, of_point = sorted_distinct(points.of_point[chosen])
    return Encoded(points.coords[used], of_point, points.load[chosen])


def distances(chosen: NDArray[np.intp], left: NDArray[Real], right: NDArray[Real]) -> NDArray[Real]:
    """How far apart configurations lie: chosen coordinates x left x right.

    Parameters
    ----------
    chosen
        Places in COORDINATES of the columns of `left` and `right`.
    """
    out = np.empty((len(chosen), len(left), len(right)), left.dtype)
    for place, apart, mine, theirs in zip(chosen.tolist(), out, left.T, right.T.copy(), strict=True):
        if COORDINATES[place][1] == "name":
            np.not_equal(mine[:, None], theirs, out=apart)
        else:
            np.subtract(mine[:, None], theirs, out=apart)
            np.abs(apart, out=apart)
    return out


@record
class Covariance:
    """Scales and decay rates of each term: `rates` is terms x COORDINATES."""

    scale: Floats
    rates: Floats
    load_gap: Floats
    load_square: Floats
    noise: float
    shares: tuple[str, ...]
    """Share of the step by which each term is scaled; empty for a term that speaks for the whole step."""

    def only(self, terms: NDArray[np.intp]) -> Covariance:
        """Some of the terms."""
        return Covariance(
            self.scale[terms], self.rates[terms], self.load_gap[terms], self.load_square[terms], self.noise,
            tuple(self.shares[n] for n in terms.tolist()),
        )  # fmt: skip

    def of_configurations(self, left: Singles, right: Singles) -> Singles:
        """Covariance at equal concurrency and full share: terms x left x right."""
        out = self.decay(np.arange(len(COORDINATES)), left, right)
        out *= (self.scale**2).astype(np.float32)[:, None, None]
        return out

    def decay(self, chosen: NDArray[np.intp], left: NDArray[Real], right: NDArray[Real]) -> NDArray[Real]:
        """Correlation of each term over some of the coordinates: terms x left x right, as precise as `left` is.

        Parameters
        ----------
        chosen
            Places in COORDINATES of the columns of `left` and `right`.
        """
        kind = left.dtype
        distance = distances(chosen, left, right)
        out: NDArray[Real] = -self.rates[:, chosen].astype(kind) @ distance.reshape(len(chosen), len(left) * len(right))
        np.maximum(out, NOTHING_IN_COMMON, out=out)
        np.exp(out, out=out)
        return out.reshape(len(self.scale), len(left), len(right))

    def exponents(self, left: Singles, right: Singles) -> Floats:
        """How far apart coordinates lie by the rates of each term; left and right broadcast over ... x coordinates."""
        gap = left - right
        named = np.array([rule == "name" for _, rule in COORDINATES])
        out: Floats = np.where(named, gap != 0, np.abs(gap)) @ self.rates.T
        return out

    def of_loads(self, left: Floats, right: Floats) -> Floats:
        """Correlation over concurrency: terms x left x right."""
        gap = np.abs(left[:, None] - right[None, :])
        out: Floats = np.exp(-self.load_gap[:, None, None] * gap - self.load_square[:, None, None] * gap**2)
        return out


def covariance_from(record: Mapping[str, object]) -> Covariance:
    """Read a covariance back from its plain form."""
    return Covariance(
        scale=np.array(record["scale"], dtype=np.float64),
        rates=np.array(record["rates"], dtype=np.float64),
        load_gap=np.array(record["load_gap"], dtype=np.float64),
        load_square=np.array(record["load_square"], dtype=np.float64),
        noise=float(record["noise"]),  # type: ignore[arg-type]
        shares=tuple(record["shares"]),  # type: ignore[arg-type]
    )
