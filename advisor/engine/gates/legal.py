"""Words what the export rules ask of one part, place and owner as a gate."""

from __future__ import annotations

from advisor.domain.gates import DISCLAIMER, DelayWeeks, Gate, GateCondition, GateStatus
from advisor.domain.rules import (
    LETTER,
    NOT_CONTROLLED,
    UNSPECIFIED,
    Country,
    ExportFinding,
    ExportRules,
    Threshold,
)

_DAYS_PER_WEEK = 7.0
_WHAT = (
    "The United States licenses the export of strong AI chips, and of servers with them, whoever sells them"
    " (export classes 3A090 for chips and 4A090 for computers)."
)


def export_gate(finding: ExportFinding, rules: ExportRules) -> Gate:
    """Whether a licence is needed, how it would be reviewed, and what could be done."""
    rule = finding.rule
    status, condition = _outcome(finding)
    owner = _owner_sentence(finding)
    parts = [_WHAT, class_sentence(finding, rules), destination_sentence(finding.destination), owner]
    parts.append(rule.statement_on(finding.as_of))
    if rule.conditions:
        parts.append("Conditions: " + "; ".join(rule.conditions) + ".")
    if rule.exceptions:
        parts.append(f"Exceptions: {rule.exceptions}")
    literal, place = rule.literal_position, finding.destination.name
    return Gate(
        gate="export",
        status=status,
        title=rule.title if place in rule.title else f"{rule.title} ({place})",
        reason=" ".join(p for p in parts if p),
        condition=condition,
        remedy=_remedy(finding, rules),
        arithmetic=finding.classification.arithmetic,
        citation=_citation(finding, rules),
        source=rule.source,
        as_of=rule.as_of,
        confidence=rule.confidence,
        literal_text_position=literal,
        enforced_position=f"No licence: {rule.statement_on(finding.as_of)}" if literal else "",
        delay_weeks=_delay(finding, rules) if condition == "licence" else None,
        blocks="all" if status == "fail" else "nothing",
        notes=finding.notes,
        disclaimer=DISCLAIMER,
    )


def _remedy(finding: ExportFinding, rules: ExportRules) -> str:
    """What the row advises, and how far another country helps an owner whom the headquarters rule follows there."""
    remedy, item = finding.rule.remedy, finding.classification.item_class
    owners = dict.fromkeys(c.name for c in (finding.headquarters, finding.parent) if c.restricted_owner)
    follows = any(
        r.in_force(finding.as_of) and r.hq == "restricted" and r.review_policy == "denial" and item in r.items
        for r in rules.matrix
    )
    if finding.review_policy != "denial" or finding.rule.hq == "restricted" or not owners or not follows:
        return remedy
    return (
        f"{remedy} For a buyer or parent headquartered in {' or '.join(owners)} that country is the United States:"
        " a licence for any other is presumed denied too."
    )


def _outcome(finding: ExportFinding) -> tuple[GateStatus, GateCondition]:
    if finding.requirement == "unknown":
        return "condition", "missing"
    if finding.requirement == "none":
        return ("condition", "review") if finding.review_policy == "review" else ("pass", "")
    if finding.review_policy == "policy_of_denial":
        return "fail", "embargo"
    if finding.review_policy == "denial":
        return "fail", "denial"
    return "condition", "licence"


def class_sentence(finding: ExportFinding, rules: ExportRules) -> str:
    """What the part counts as and why, in a sentence."""
    found, day = finding.classification, finding.as_of.isoformat()
    name = found.chip.name
    if found.item_class == UNSPECIFIED:
        return f"{name} cannot be classed, since its vendor publishes no dense peak rate."
    assert found.tpp is not None
    if found.item_class == NOT_CONTROLLED:
        return f"On {day} {name} lies below every limit in force (total processing performance {found.tpp:,.0f})."
    if found.item_class == LETTER:
        return (
            f"{name} lies below the limits (total processing performance {found.tpp:,.0f}), but an individual"
            " letter to its vendor names it."
        )
    tests = [t for t in rules.thresholds if t.id in found.threshold_ids]
    because = "; ".join(describe(t) for t in tests)
    return (
        f"On {day} {name} counts as {found.item_class}, a computer with it as {found.computer_class}: its total"
        f" processing performance (TPP: dense peak rate times bit length, the highest over formats) is"
        f" {found.tpp:,.0f} against {because}."
    )


def describe(test: Threshold) -> str:
    """The limits of a threshold in words.

    The lower limit is included unless the rule says "greater than"; the upper one is not.
    """
    more = "above" if test.bounds == "()" else "from"
    limits = (
        ("TPP", "", test.tpp_min, test.tpp_max),
        ("performance density", "", test.pd_min, test.pd_max),
        ("memory bandwidth", " GB/s", test.bandwidth_min_gbps, test.bandwidth_max_gbps),
        ("transfer rate to other chips", " GB/s", test.io_min_gbps, None),
    )
    words = []
    for name, unit, low, high in limits:
        if low is not None and high is not None:
            words.append(f"{name} {more} {low:,g} to below {high:,g}{unit}")
        elif low is not None:
            words.append(f"{name} {more} {low:,g}{unit}")
        elif high is not None:
            words.append(f"{name} below {high:,g}{unit}")
    return f"{test.provision}: " + " and ".join(words) if words else f"{test.provision}: {test.statement}"


def destination_sentence(country: Country) -> str:
    """The Country Groups of a destination, in a sentence."""
    if country.iso2 == "US":
        return "The hardware stays in the United States."
    groups = ", ".join(sorted(country.groups))
    as_of = f" (list of {country.as_of.isoformat()})" if country.as_of else ""
    return (
        f"{country.name} is in Country Groups {groups}{as_of}."
        if groups
        else f"{country.name} is in no Country Group{as_of}."
    )


def _owner_sentence(finding: ExportFinding) -> str:
    restricted = [
        (who, c)
        for who, c in (("buyer", finding.headquarters), ("ultimate parent", finding.parent))
        if c.restricted_owner
    ]
    if not restricted:
        return ""
    named = " and ".join(f"the {who}'s headquarters are in {c.name}" for who, c in restricted)
    named = named[0].upper() + named[1:]
    return f"{named}, which is in Country Group D:5 or is Macau."


def _citation(finding: ExportFinding, rules: ExportRules) -> str:
    ids = finding.classification.threshold_ids
    cited = [t.citation for t in rules.thresholds if t.id in ids]
    own = f"{finding.rule.citation} (licence matrix row {finding.rule.id})"
    return "; ".join(dict.fromkeys([own, *cited]))


def _delay(finding: ExportFinding, rules: ExportRules) -> DelayWeeks | None:
    delay = rules.delays.get(finding.review_policy)
    if delay is None:
        return None
    low, typical, high = (round(d / _DAYS_PER_WEEK, 1) for d in (delay.low_days, delay.typical_days, delay.high_days))
    return DelayWeeks(low=low, typical=typical, high=high, basis=f"{delay.basis} (confidence: {delay.confidence})")
