"""Curves over concurrency: what physics and fields say of each configuration, and a memory of those worked out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from advisor.domain.record import record
from advisor.engine.estimator.covariance import NAMES, Encoded, Singles, Vocabulary, encode
from advisor.engine.estimator.encode import DATED, Floats, Places, Points, distinct
from advisor.engine.estimator.field import Field
from advisor.engine.estimator.fit import GPUS, Fit
from advisor.engine.estimator.offsets import Offsets
from advisor.engine.estimator.physics import Physics, step_physics
from advisor.engine.estimator.targets import (
    Step,
    by_term,
    correction,
    decode_step,
    first_token_s,
    gpus_baseline,
    share_baseline,
    ttft_baseline,
)
from advisor.engine.estimator.typical import TypicalMonths
from advisor.engine.estimator.view import LOAD_STEPS, Kin

BLOCK = 256
"""Configurations that are worked on at a time."""
KEPT_BYTES = 64 * 2**20
"""Most that one memory holds of curves; what goes beyond is worked out again where it is asked for again."""
LAID = 8
"""Blocks that are kept from answer to answer: an answer lays two or three."""
USUAL_LOAD = 20
"""Place in LOAD_STEPS (32 requests in flight) at which the shares of a step say which measurements are near."""
_KIND, _MONTH = NAMES.index("kind"), NAMES.index("month")


class Seen:
    """The measurements of one target that are nearest to each distinct place of the configurations.

    Of TTFT they are sought where a spread is first asked for: nobody asks how sure most first tokens are.

    Parameters
    ----------
    kin
        The measurements as the places see them.
    coords
        The places.
    usual
        Share of each covariance term there, terms x places.
    near
        Those that are known already, see `Kin.nearest`.
    """

    def __init__(self, field: Field, kin: Kin, coords: Singles, usual: Floats, near: Places | None) -> None:
        self._field, self._kin, self._coords, self._usual = field, kin, coords, usual
        self._known = np.full(len(coords), near is not None)
        self._near = np.full((len(coords), kin.keep), -1) if near is None else near
        self._apart = np.empty((len(field.shares), *self._near.shape))
        if near is not None:
            self._apart[:] = field.apart(coords, near)

    @property
    def nbytes(self) -> int:
        """Size of what is kept [bytes]."""
        return self._near.nbytes + self._apart.nbytes + self._kin.nbytes

    def near(self, places: Places) -> tuple[Places, Floats]:
        """(measured configurations, how far they lie off), see `Field.apart`; all these places are filled in."""
        asked = np.zeros(len(self._known), np.bool_)
        asked[places] = True
        new = np.flatnonzero(asked & ~self._known)
        if len(new):
            found = self._near[new] = self._kin.nearest(self._coords[new], self._usual[:, new])
            self._apart[:, new] = self._field.apart(self._coords[new], found)
            self._known[new] = True
        return self._near, self._apart


@record
class Curves:
    """Physics and fields of distinct configurations, before probes and laws; arrays are configurations x LOAD_STEPS."""

    points: Points
    """The configurations, as points whose own load means nothing."""
    encoded: Encoded
    physics: Physics
    step: Step
    log_value: dict[str, Floats]
    """By target; TTFT rises with load, as requests queue."""
    log_tpot: Floats | None
    """TPOT within its laws: no shorter than the roofline of the batch, and rising."""
    seen: dict[str, Seen]
    """By target."""

    @property
    def nbytes(self) -> int:
        """Size of the curves, which are most of it [bytes]."""
        parts: tuple[Floats | Seen, ...] = (*self.log_value.values(), *self.seen.values())
        return sum(part.nbytes for part in parts)

    def own_shares(self, rows: Places, load: Floats, kinds: Sequence[str]) -> Floats:
        """Share by which each covariance term is scaled at points of these rows and loads [log2]: terms x points."""
        ones = np.ones(len(rows))
        known: dict[str, Floats] = {"": ones}
        for kind in dict.fromkeys(k for k in kinds if k):
            values = self.step.shares[kind]
            known[kind] = values[rows, 0] if values.shape[1] == 1 else at_load(values, load, rows)
        out: Floats = np.stack([known[kind] for kind in kinds])
        return out

    def growth_with_less_memory(self, rows: Places, load: Floats) -> Floats:
        """How many times longer TTFT is at points of these rows and loads [log2] if the engine takes LESS_MEMORY.

        A smaller cache is as full as this one at a load that is higher by as much.
        """
        first_token = self.log_value["ttft"]
        fuller = load + self.physics.cache_doubt[rows]
        out: Floats = np.exp(at_load(first_token, fuller, rows) - at_load(first_token, load, rows))
        return out

    def spread(self, target: str, field: Field, rows: Places, load: Floats, shares: Floats) -> Floats:
        """Standard deviation that the nearest measurement leaves at points of these rows and loads [log]."""
        place = self.encoded.of_point[rows]
        return field.spread(load, shares, place, *self.seen[target].near(place))


def lay_curves(
    points: Points,
    fit: Fit,
    fields: Mapping[str, Field],
    offsets: Mapping[str, Offsets],
    typical: TypicalMonths,
    vocabulary: Vocabulary,
    targets: Sequence[str],
    *,
    spreads: bool = True,
) -> Curves:
    """Work out the curves of distinct configurations for some of the targets.

    Parameters
    ----------
    fields, offsets
        What speaks for each target at these configurations.
    typical
        Where the runs of each stack lie in time.
    spreads
        Whether the nearest measurements will be asked for too, by which spreads are told.
    """
    encoded = encode(points, vocabulary)
    physics = step_physics(points, np.broadcast_to(2.0**LOAD_STEPS, (len(points), len(LOAD_STEPS))))
    step = decode_step(points, physics, fit.targets["tpot"].baseline, parts=fit.parts)
    timed = _among_runs(points, encoded, typical) if "ttft" in targets else encoded.coords
    log_value, seen = {}, {}
    for name, base in baselines(fit, points, physics, step).items():
        if name not in targets:
            continue
        field = fields[name]
        coords = timed if name == "ttft" else encoded.coords
        kinds = field.covariance.shares
        # nothing comes of a term whose share is nothing at every point: of speculation where nobody speculates
        alive = np.array([n for n, kind in enumerate(kinds) if not kind or step.shares[kind].any()], np.intp)
        usual = np.empty((len(alive), len(coords)))
        usual[:, encoded.of_point] = by_term(step.shares, [kinds[n] for n in alive], USUAL_LOAD)
        view = field.view(coords, alive)
        values, near = view.values(coords, usual if spreads and name != "ttft" else None)
        corrected = correction([v[encoded.of_point] for v in values], step, [kinds[n] for n in alive])
        log_value[name] = base + corrected + offsets[name].of(points, step.shares["prefill"])
        if spreads:
            seen[name] = Seen(field, view.kin, coords, usual, near)
    log_tpot = None
    if "tpot" in log_value:
        log_tpot = rising(np.maximum(log_value["tpot"], np.log(physics.floor_s)))
    out = Curves(points, encoded, physics, step, log_value, log_tpot, seen)
    if "ttft" in log_value:
        sure = _surety(out, fields["ttft"]) if seen and points.disagg[0] else None
        log_value["ttft"] = rising(log_value["ttft"], sure)
    return out


def _surety(curves: Curves, field: Field) -> Floats:
    """Weight of TTFT at each load, configurations x LOAD_STEPS: one over the square of the variance left there.

    A curve of disaggregated serving is measured at one load or two, often far off what its kin say of the loads beside:
    as one of equals a measured load would be pooled with those. Neighbouring loads err together, so that many of them
    are no more witnesses than one: their mean is not surer than each, and the square keeps a measured load from it.
    """
    n, steps = len(curves.points), len(LOAD_STEPS)
    rows, load = np.repeat(np.arange(n), steps), np.tile(LOAD_STEPS, n)
    spread = curves.spread("ttft", field, rows, load, curves.own_shares(rows, load, field.covariance.shares))
    out: Floats = spread.reshape(n, steps) ** -4.0
    return out


def _among_runs(points: Points, encoded: Encoded, typical: TypicalMonths) -> Singles:
    """Coordinates of the configurations for TTFT: where no day is asked for, at the usual day of their runs."""
    out = encoded.coords.copy()
    undated = np.flatnonzero(out[:, _KIND] == 0)
    if len(undated):
        one = np.empty(len(out), np.intp)
        one[encoded.of_point] = np.arange(len(points))  # any of its points: all of a configuration are of one stack
        out[undated, _KIND] = DATED
        out[undated, _MONTH] = typical.of(points.take(one[undated]))
    return out


def baselines(fit: Fit, points: Points, physics: Physics, step: Step) -> dict[str, Floats]:
    """Log of each target by physics alone, points x loads."""
    t = fit.targets
    of_life, first = first_token_s(points, physics, step.prefill, t["ttft"].baseline)
    return {
        "tpot": step.log_s,
        "share": share_baseline(points, physics, step.log_s, of_life, t["share"].baseline),
        "ttft": ttft_baseline(points, physics, step.log_s, first),
        GPUS: gpus_baseline(points, t[GPUS].baseline),
    }


class Memo:
    """Curves of configurations that were asked for before: one answer asks for the same ones at more and more loads.

    It belongs to one estimator. An answer has its own, so that what it says hangs on no other answer.
    """

    def __init__(self) -> None:
        self._places: dict[tuple[object, ...], tuple[Curves, int]] = {}
        self._bytes = 0

    def curves_of(
        self, points: Points, kind: object, lay: Callable[[Points], Curves]
    ) -> Iterator[tuple[Curves, Places, Places]]:
        """Curves with the places of the points that lie on them and the row of each.

        Parameters
        ----------
        kind
            What the curves say; those of one kind do not stand in for those of another.
        lay
            Works out new ones.
        """
        start, of_run = _runs(points)
        keys = [(kind, key) for key in _keys(points.take(start))]
        first, of_key = distinct(keys)
        of_point = of_key[of_run]
        unknown = [k for k, i in enumerate(first) if keys[i] not in self._places]
        known: dict[int, tuple[Curves, int]] = {
            k: self._places[keys[i]] for k, i in enumerate(first) if keys[i] in self._places
        }
        for begin in range(0, len(unknown), BLOCK):
            part = unknown[begin : begin + BLOCK]
            at = start[[first[k] for k in part]]
            curves = lay(points.take(at))
            fresh = {k: (curves, row) for row, k in enumerate(part)}
            if self._bytes + curves.nbytes <= KEPT_BYTES:
                self._bytes += curves.nbytes
                self._places.update((keys[first[k]], place) for k, place in fresh.items())
            yield from _grouped(fresh, of_point)
        yield from _grouped(known, of_point)


class Laid:
    """Blocks of curves that were laid lately, by all that they were laid for.

    Who edits a profile asks for the same deployments at the same lengths again and again. A block stands in only for
    the very same one: last digits hang on what is laid together, and an answer must hang on no other.
    """

    def __init__(self) -> None:
        self._blocks: dict[tuple[object, ...], Curves] = {}

    def of(self, points: Points, kind: object, lay: Callable[[Points], Curves]) -> Curves:
        """Curves of the configurations of these points, in this order; see `Memo.curves_of`."""
        key = kind, *_keys(points)
        found = self._blocks.pop(key, None)
        if found is None:
            found = lay(points)
        self._blocks[key] = found
        self._forget(key)
        return found

    def _forget(self, newest: tuple[object, ...]) -> None:
        """Drop those that were not asked for longest, beyond LAID of them or KEPT_BYTES."""
        kept = list(self._blocks.items())
        size = sum(curves.nbytes for _, curves in kept)
        for key, curves in kept:
            if key == newest or (len(self._blocks) <= LAID and size <= KEPT_BYTES):
                return
            size -= curves.nbytes
            self._blocks.pop(key, None)


def _grouped(
    places: Mapping[int, tuple[Curves, int]], of_point: Places
) -> Iterator[tuple[Curves, Places, Places]]:
    """Points by the curves that they lie on."""
    groups: dict[int, tuple[Curves, dict[int, int]]] = {}
    for k, (curves, row) in places.items():
        groups.setdefault(id(curves), (curves, {}))[1][k] = row
    for curves, rows in groups.values():
        table = np.full(int(of_point.max()) + 1, -1)
        table[list(rows)] = list(rows.values())
        row_of_point = table[of_point]
        chosen = np.flatnonzero(row_of_point >= 0)
        yield curves, chosen, row_of_point[chosen]


def _runs(p: Points) -> tuple[Places, Places]:
    """Where points that follow each other on one curve start, and which of these runs each point is in."""
    names = [np.fromiter(map(id, c), np.int64, len(p)) for c in (p.accelerators, p.models, *_words(p))]
    numbers = np.stack([*_numbers(p)], dtype=np.float64)
    new = np.ones(len(p), np.bool_)
    new[1:] = (numbers[:, 1:] != numbers[:, :-1]).any(0)
    for column in names:
        new[1:] |= column[1:] != column[:-1]
    return np.flatnonzero(new), np.cumsum(new) - 1


def _words(p: Points) -> tuple[tuple[str, ...], ...]:
    return p.model_names, p.precision, p.engine


def _numbers(p: Points) -> tuple[NDArray[Any], ...]:
    gpus = np.where(np.isnan(p.gpus), -1.0, p.gpus)  # NaN differs from itself
    return p.spec, p.disagg, p.tp, p.ep, p.dp, gpus, p.isl, p.osl, p.kind, p.month, p.pp


def _keys(p: Points) -> Iterator[tuple[object, ...]]:
    """All that sets a point's curve apart: everything but its load. Curves keep their parts and models alive."""
    names = (map(id, p.accelerators), map(id, p.models), *_words(p))
    return zip(*names, *(n.tolist() for n in _numbers(p)), strict=True)


def at_load(values: Floats, load: Floats, row: Places | None = None) -> Floats:
    """Rows of an array x LOAD_STEPS, each at a log2 concurrency, straight between steps; by default every row once."""
    width = LOAD_STEPS[1] - LOAD_STEPS[0]
    place = np.clip(load / width, 0.0, len(LOAD_STEPS) - 1.0)
    left = np.minimum(place.astype(np.intp), len(LOAD_STEPS) - 2)
    at: NDArray[np.intp] = np.arange(len(values)) if row is None else row
    out: Floats = values[at, left] * (1 - (place - left)) + values[at, left + 1] * (place - left)
    return out


def rising(log_values: Floats, weights: Floats | None = None) -> Floats:
    """The rising curve nearest to each row in least squares: isotonic regression by pooling adjacent violators.

    Neighbours that fall are pooled into their mean until none falls (Robertson, Wright and Dykstra, Order Restricted
    Statistical Inference, Wiley, 1988, section 1.2). Rows that rise already stay as they are.

    Parameters
    ----------
    weights
        Of the squares, shaped like the values; equal by default.

    >>> rising(np.array([[1.0, 3.0, 2.0, 4.0]])).tolist()
    [[1.0, 2.5, 2.5, 4.0]]
    >>> rising(np.array([[1.0, 3.0, 2.0, 4.0]]), np.array([[1.0, 1.0, 3.0, 1.0]])).tolist()
    [[1.0, 2.25, 2.25, 4.0]]
    """
    out = log_values.copy()
    falls = log_values[:, 1:] < log_values[:, :-1]
    equal = [1] * log_values.shape[1]
    for row in np.flatnonzero(falls.any(1)).tolist():
        sizes = equal if weights is None else weights[row].tolist()
        out[row] = _pooled(log_values[row].tolist(), sizes, np.flatnonzero(falls[row]).tolist())
    return out


def _pooled(values: list[float], sizes: Sequence[float], falls: Sequence[int]) -> list[float]:
    """One row made to rise; `falls` are the places after which it does not."""
    head = falls[0] + 1
    mean, size, run = values[:head], list(sizes[:head]), [1] * head
    for fall, end in pairwise((*falls, len(values) - 1)):
        for at in range(fall + 1, end + 1):
            value, count, many = values[at], sizes[at], 1
            if value >= mean[-1]:  # and so is all that comes before the next fall
                mean += values[at : end + 1]
                size += sizes[at : end + 1]
                run += [1] * (end + 1 - at)
                break
            while mean and mean[-1] > value:
                before, weight = mean.pop(), size.pop()
                value = (before * weight + value * count) / (weight + count)
                count += weight
                many += run.pop()
            mean.append(value)
            size.append(count)
            run.append(many)
    return [value for value, count in zip(mean, run, strict=True) for _ in range(count)]
