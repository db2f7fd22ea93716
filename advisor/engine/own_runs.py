"""Which of the user's measurements of one point stand: newer software supersedes, runs of the same software pool."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from advisor.domain.evidence import Measurement

ALIKE = 1.05
"""Loads and lengths up to this factor apart are the same: drawn lengths and open loops do not repeat exactly."""


def superseded(rows: Sequence[Measurement]) -> dict[str, Measurement]:
    """By row id, the newest measurement that takes the place of each one that no longer stands.

    What the newest software does at a point is what the next request will meet; a mean over two versions is what
    neither does. A run of a later day takes the place of an earlier one unless both state the same version, and of one
    day that of the higher version. Runs of one version, and of one day where none is stated, stand side by side: the
    estimate weighs them by their errors, and is as wide as they lie apart.
    """
    alike: dict[tuple[object, ...], list[Measurement]] = defaultdict(list)
    for m in rows:
        alike[_configuration(m)].append(m)
    out: dict[str, Measurement] = {}
    for some in alike.values():
        for m in some:
            newer = [other for other in some if same_point(m, other) and _supersedes(other, m)]
            if newer:
                out[m.row_id] = max(newer, key=_rank)
    return out


def standing(rows: Sequence[Measurement]) -> list[Measurement]:
    """The measurements that no newer one supersedes."""
    gone = superseded(rows)
    return [m for m in rows if m.row_id not in gone]


def _supersedes(new: Measurement, old: Measurement) -> bool:
    if new.date is None or old.date is None:
        return False
    same = new.engine_version == old.engine_version
    if new.date != old.date:
        return new.date > old.date and not (same and new.engine_version)
    return bool(new.engine_version and old.engine_version) and _version(new) > _version(old)


def _rank(m: Measurement) -> tuple[int, tuple[int, ...], str]:
    return (m.date.toordinal() if m.date else 0), _version(m), m.row_id


def _version(m: Measurement) -> tuple[int, ...]:
    """The numbers of a version, which order it: 0.10.2 comes after 0.9."""
    return tuple(int(part) for part in re.findall(r"\d{1,9}", m.engine_version))


def same_point(a: Measurement, b: Measurement) -> bool:
    """Whether two runs measured one configuration, at loads and lengths that nothing tells apart."""
    pairs = ((a.isl, b.isl), (a.osl, b.osl), (a.concurrency, b.concurrency))
    return (
        a.source_id != b.source_id
        and _configuration(a) == _configuration(b)
        and all(max(x, y) <= ALIKE * min(x, y) for x, y in pairs)
    )


def _configuration(m: Measurement) -> tuple[object, ...]:
    return (
        m.family, m.accelerator, m.model, m.precision, m.engine, m.spec_method, m.disagg, m.tp, m.ep, m.dp_attention,
        m.gpus,
    )  # fmt: skip
