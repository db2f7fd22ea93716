"""Who uses, who buys, and what the destination itself asks for, as gates."""

from __future__ import annotations

from datetime import date

from advisor.domain.gates import DISCLAIMER, Gate
from advisor.domain.rules import Country, ExportFinding, ExportRules, PolicyEvent

AFFILIATES_EVENT = "E-2025-09"
LISTS, LISTS_SOURCE = "15 CFR 744.8, 744.11, 744.21", "policy-status"
"""The restriction lists, on any day; the Affiliates Rule came on top."""


def end_user_gate(finding: ExportFinding, users: tuple[Country, ...], rules: ExportRules) -> Gate:
    """What follows from users in restricted countries who reach the hardware from afar."""
    listings = [r for r in rules.matrix if r.in_force(finding.as_of) and r.disclose_users]
    listed = {c for r in listings for c in r.disclose_users}
    listing = next(iter(listings), finding.rule)
    away = [u for u in users if u.iso2 != finding.destination.iso2]
    embargoed = [u for u in away if u.destination_class in ("EMBARGO", "RUSSIA_BELARUS")]
    touched = [u for u in away if u.iso2 in listed or u.restricted_owner]
    what = "Who uses the hardware counts, not only where it stands: users abroad reach it over the network."
    own = "The destination itself is judged by the export gate."
    if not touched:
        reason = f"{what} No user outside {finding.destination.name} sits in a restricted country. {own}"
        return Gate(
            gate="end_users", status="pass", title="No remote users in restricted countries", reason=reason,
            citation=listing.citation, source=listing.source, as_of=listing.as_of, disclaimer=DISCLAIMER,
        )  # fmt: skip
    names = ", ".join(u.name for u in touched)
    parts = [
        what,
        f"Your users in {names} sit in an arms-embargoed country (Country Group D:5), in Macau"
        + (" or on the list of countries whose remote users a licence applicant must disclose." if listed else "."),
    ]
    if finding.rule.disclose_users:
        parts.append("The licence for this purchase asks for that list, so that these users must be named in it.")
    parts.append(
        "The catalog holds no rule that asks for a licence for remote access alone; it is examined in licences,"
        " and it may be seen as diversion."
    )
    if embargoed:
        parts.append(
            "Services to " + ", ".join(u.name for u in embargoed) + " also fall under sanctions programmes that"
            " this program does not judge."
        )
    return Gate(
        gate="end_users", status="condition", condition="review", title=f"Remote users in {names}",
        reason=" ".join(parts), remedy="Have counsel review access from there, or serve those users elsewhere.",
        citation=listing.citation, source=listing.source, as_of=listing.as_of,
        confidence="medium (remote access outside the case-by-case rule was not researched)", disclaimer=DISCLAIMER,
    )  # fmt: skip


def party_gate(finding: ExportFinding, rules: ExportRules) -> Gate:
    """Screening of the parties, and how far ownership by a listed party reaches on the day."""
    event = rules.event(AFFILIATES_EVENT)
    if event is not None and (event.effective_date is None or finding.as_of < event.effective_date):
        event = None
    reach, confidence = _affiliates(event, finding.as_of)
    close = (
        finding.headquarters.restricted_owner
        or finding.parent.restricted_owner
        or finding.destination.destination_class in ("CHINA_MACAU", "D5", "EMBARGO", "RUSSIA_BELARUS")
    )
    return Gate(
        gate="parties",
        status="condition" if close else "pass",
        condition="review" if close else "",
        title="Screen buyer, owners and users" if close else "Screen the parties as usual",
        reason=(
            "Independent of the hardware's class, a company on a restriction list (Entity List, Military End"
            f" User list, certain sanctions) needs a licence that is rarely given. {reach} This program does"
            " not know the parties, and screens none."
        ),
        remedy="Screen the buyer, every owner and the known users against the consolidated screening list.",
        citation=f"{LISTS}; {event.citation}" if event else LISTS,
        source=event.source if event else LISTS_SOURCE,
        as_of=event.effective_date if event else None,
        confidence=confidence,
        disclaimer=DISCLAIMER,
    )


def _affiliates(event: PolicyEvent | None, day: date) -> tuple[str, str]:
    if event is None:
        return "On this day only the listed companies themselves are reached.", "high"
    away, until = event.suspended_from, event.suspended_until
    owned = "companies owned to 50 % or more by listed ones"
    if away and until and away <= day <= until:
        return (
            f"The Affiliates Rule, which reaches {owned}, is suspended from {away} to {until}; by its terms it"
            " returns the day after.",
            "high",
        )
    if until and day > until:
        return (
            f"The Affiliates Rule, which reaches {owned}, was suspended until {until} and is back in force by its"
            " own terms; no source after that day was found, so it is treated as in force.",
            "low (status after the suspension not verified)",
        )
    return f"The Affiliates Rule is in force and reaches {owned}.", "high"


def local_gate(finding: ExportFinding, rules: ExportRules) -> Gate:
    """Rules of the destination itself, as far as the catalog has any."""
    place, day = finding.destination, finding.as_of
    events = [
        e
        for e in rules.events
        if {place.iso2, *place.blocs} & set(e.countries)
        and (e.known_from is None or e.known_from <= day)
        and e.jurisdiction != "US"
    ]
    if place.iso2 == "US":
        return Gate(
            gate="local_rules", status="pass", title="Rules of the United States are judged above",
            reason="The destination is the United States, whose export and tariff rules the other gates judge; rules"
            " of single states on data centres are not in the catalog.",
            disclaimer=DISCLAIMER,
        )  # fmt: skip
    if not events:
        text = (
            f"Besides US rules, the destination may have its own. The catalog holds none of {place.name} on these"
            " parts; none was researched."
        )
        return Gate(
            gate="local_rules", status="pass", title="No local rule in the catalog", reason=text, confidence="none",
            disclaimer=DISCLAIMER,
        )  # fmt: skip
    review = [e for e in events if e.consequence == "review"]
    listed = " ".join(f"{e.title}{f' ({e.announced})' if e.announced else ''}: {e.statement}" for e in events)
    return Gate(
        gate="local_rules",
        status="condition" if review else "pass",
        condition="review" if review else "",
        title=(review or events)[0].title,
        reason=f"Besides US rules, the destination may have its own. {listed}",
        remedy="Ask local counsel whether it touches your purchase, and moving the hardware out again.",
        citation="; ".join(f"{e.id}: {e.citation}" for e in events if e.citation) or "policy timeline",
        source="; ".join(dict.fromkeys(e.source for e in events if e.source)),
        as_of=max((e.effective_date for e in events if e.effective_date), default=None),
        confidence="; ".join(f"{e.id}: {e.confidence}" for e in events if e.confidence),
        disclaimer=DISCLAIMER,
    )
