"""What a reader should know before leaning on the numbers: age, disagreement, scope."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from advisor.domain.recommendation import Candidate

STALE_DAYS = 180
DISAGREEMENT = 1.25


def collect_notes(candidates: Sequence[Candidate], as_of: date) -> tuple[str, ...]:
    """Notes over all candidates, most general first."""
    out: list[str] = []
    for c in candidates:
        point = c.operating_point
        if point is None:
            continue
        if point.evidence_newest:
            age = (as_of - date.fromisoformat(point.evidence_newest)).days
            if age > STALE_DAYS:
                out.append(
                    f"{c.name}: the newest measurement behind its throughput is {age} days old"
                    f" ({point.evidence_newest}); newer software may be faster."
                )
        if point.evidence_grade == "D":
            out.append(f"{c.name}: no measurement in this regime; its throughput is physics only.")
        for other in point.other_families:
            ratio = other.total_tps_per_gpu / point.total_tps_per_gpu
            if ratio > DISAGREEMENT or ratio < 1 / DISAGREEMENT:
                dated = f" of {other.as_of}" if other.as_of else ""
                out.append(
                    f"{c.name}: {other.family.replace('_', ' ')} evidence{dated} puts it at {ratio:.2f} times the"
                    " estimate used here; the families are not mixed, and no equally recent independent figure of"
                    " the rival may exist."
                )
        price = c.cost.price if c.cost else None
        if price is not None and price.age_days is not None and price.age_days > 60:
            out.append(f"{c.name}: its price is {price.age_days} days old ({price.newest}); ask for a new quote.")
    return tuple(dict.fromkeys(out))
