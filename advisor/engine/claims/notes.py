"""Claims that a reader of one answer may have met: those that speak of its candidates."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from advisor.domain.claim_check import ClaimCheck
from advisor.domain.recommendation import ClaimNote

MAX_NOTES = 12
ORDER = ("contradicted", "arithmetic error", "outdated", "confirmed", "unverifiable")
"""What a reader most needs to know comes first."""


def claim_notes(checks: Sequence[ClaimCheck], accelerators: Collection[str]) -> tuple[ClaimNote, ...]:
    """At most `MAX_NOTES` claims about the accelerators given, by what they were found to be, then by id."""
    wanted = re.compile(r"\b(" + "|".join(sorted(map(re.escape, accelerators))) + r")\b", re.IGNORECASE)
    about = [c for c in checks if accelerators and wanted.search(f"{c.subject} {c.metric}")]
    about.sort(key=lambda c: (ORDER.index(c.verdict), c.id))
    return tuple(
        ClaimNote(
            id=c.id,
            subject=c.subject,
            claim=f"{c.metric}: {c.claimed} {c.unit}".strip(),
            conditions=c.conditions,
            finding=c.verdict,
            assessment=": ".join(part for part in ("" if c.ours == "none" else c.ours, c.evidence) if part),
            source_id=c.source_id,
        )
        for c in about[:MAX_NOTES]
    )
