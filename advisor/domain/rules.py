"""Export rules as data: destinations, thresholds with their dates, the licence matrix, events, delays."""

from __future__ import annotations

import re
from dataclasses import field
from datetime import date
from typing import Literal

from advisor.domain.provenance import Source
from advisor.domain.record import record

DestinationClass = Literal[
    "US", "A5_A6", "OTHER", "D1_D4", "UAE", "CHINA_MACAU", "D5", "EMBARGO", "RUSSIA_BELARUS"
]  # fmt: skip
"""Destinations as far as the licence matrix tells them apart."""

Requirement = Literal["none", "licence", "unknown"]

ReviewPolicy = Literal[
    "none", "approval", "case_by_case", "denial", "policy_of_denial", "letter", "review", "unstated"
]  # fmt: skip
"""How a licence application is met; `unstated` where the catalog cannot tell."""

UNSPECIFIED = "unspecified"
NOT_CONTROLLED = "not controlled"
LETTER = "letter"


@record
class Country:
    """One destination of the export regulations."""

    iso2: str
    iso3: str
    name: str
    aliases: tuple[str, ...]
    ear_name: str
    groups: frozenset[str]
    """Country Groups such as A:5 or D:1."""
    destination_class: DestinationClass
    blocs: tuple[str, ...]
    note: str
    source: str
    as_of: date | None
    confidence: str

    @property
    def restricted_owner(self) -> bool:
        """Whether a headquarters here brings the headquarters rule: Country Group D:5 or Macau."""
        return "D:5" in self.groups or self.iso2 == "MO"


@record
class Threshold:
    """One numeric test; limits that are None do not bind, all others must hold together."""

    id: str
    kind: Literal["control", "exclusion", "memory", "relief", "tariff"]
    instrument: str
    provision: str
    gives: str
    """Class, review path or tariff band that the test leads to."""
    tpp_min: float | None
    tpp_max: float | None
    pd_min: float | None
    pd_max: float | None
    bandwidth_min_gbps: float | None
    bandwidth_max_gbps: float | None
    io_min_gbps: float | None
    """Transfer rate to other chips, both directions [GB/s]."""
    bounds: Literal["[)", "()"]
    """Lower limit included or not; the upper one never is."""
    rate: float | None
    """Duty as a fraction, for tariff bands."""
    effective_date: date
    superseded_date: date | None
    statement: str
    citation: str
    source: str
    as_of: date | None
    confidence: str

    def in_force(self, day: date) -> bool:
        """Whether the test applies on that day; the day of succession belongs to the successor."""
        return self.effective_date <= day and (self.superseded_date is None or day < self.superseded_date)


@record
class LicenceRule:
    """One row of the licence matrix; the first row that matches decides."""

    id: str
    matrix_row: str
    items: tuple[str, ...]
    relief: Literal["", "yes"]
    """`yes` where the part must lie below the limits of the case-by-case path."""
    destinations: tuple[str, ...]
    except_destinations: tuple[str, ...]
    hq: Literal["free", "restricted", "any"]
    export_from: Literal["US", "other", "any"]
    effective_date: date | None
    superseded_date: date | None
    requirement: Requirement
    review_policy: ReviewPolicy
    title: str
    statement: str
    dated_facts: tuple[tuple[date, str], ...]
    """What happened to the rule later, each with its day."""
    remedy: str
    conditions: tuple[str, ...]
    disclose_users: tuple[str, ...]
    """Destinations whose remote users an applicant must list."""
    exceptions: str
    literal_position: str
    reservation: str
    citation: str
    source: str
    as_of: date | None
    confidence: str

    def statement_on(self, day: date) -> str:
        """The rule with what had happened to it by that day."""
        return " ".join([self.statement, *(f"{text} ({since})" for since, text in self.dated_facts if since <= day)])

    def in_force(self, day: date) -> bool:
        """Whether the row applies on that day."""
        begun = self.effective_date is None or self.effective_date <= day
        return begun and (self.superseded_date is None or day < self.superseded_date)


@record
class Letter:
    """An individual licence requirement for one part that the thresholds do not catch."""

    part_id: str
    effective_date: date
    statement: str
    citation: str
    source: str
    as_of: date | None
    confidence: str


@record
class PolicyEvent:
    """One dated event; `countries` names the destinations (or blocs) that it bears on."""

    id: str
    announced: str
    """ISO date or month, as far as known; may be empty."""
    effective_date: date | None
    jurisdiction: str
    title: str
    statement: str
    countries: tuple[str, ...]
    consequence: Literal["", "review"]
    """`review` where a buyer in those destinations must look into it before signing."""
    suspended_from: date | None
    suspended_until: date | None
    """Last day of a suspension."""
    status: str
    citation: str
    source: str
    confidence: str

    @property
    def known_from(self) -> date | None:
        """Day from which the event is both announced and in effect, a month as its first day; None where undated."""
        found = re.search(r"(\d{4})-(\d{2})(?:-(\d{2}))?", self.announced)
        announced = date(int(found[1]), int(found[2]), int(found[3] or 1)) if found else None
        return max((day for day in (announced, self.effective_date) if day is not None), default=None)


@record
class LicenceDelay:
    """Days from application to decision, by review policy."""

    review_policy: str
    low_days: float
    typical_days: float
    high_days: float
    basis: str
    source: str
    as_of: date | None
    confidence: str


@record
class Definition:
    """A legal term and the formula that it comes to."""

    term: str
    statement: str
    formula: str
    citation: str
    source: str
    as_of: date | None
    confidence: str


@record
class ExportRules:
    """All export data of the catalog."""

    countries: dict[str, Country]
    """By ISO 3166 two-letter code."""
    thresholds: tuple[Threshold, ...]
    matrix: tuple[LicenceRule, ...]
    letters: tuple[Letter, ...]
    events: tuple[PolicyEvent, ...]
    delays: dict[str, LicenceDelay]
    definitions: tuple[Definition, ...]
    sources: dict[str, Source] = field(default_factory=dict)

    def event(self, event_id: str) -> PolicyEvent | None:
        """The event of that id."""
        return next((e for e in self.events if e.id == event_id), None)


@record
class Chip:
    """The parameters of a part that export rules look at; every rate is dense."""

    id: str
    part_id: str
    name: str
    dense_tops: dict[str, float]
    """Dense peak [1e12 operations/s] by format; empty where none is published."""
    die_area_mm2: float | None
    bandwidth_gbps: float | None
    io_gbps: float | None
    """Scale-up transfer rate, both directions [GB/s]; a lower bound of the rate to all other chips."""


@record
class Classification:
    """What a part counts as on one day."""

    chip: Chip
    as_of: date
    tpp: float | None
    """Total processing performance: max over formats of dense TOPS x bits."""
    tpp_by_format: dict[str, float]
    tpp_format: str
    performance_density: float | None
    """TPP per mm2 of die."""
    item_class: str
    """3A090.a, 3A090.b, 3A090 (2022), letter, not controlled or unspecified."""
    computer_class: str
    """Class of a system that contains it; empty where none."""
    threshold_ids: tuple[str, ...]
    relief: bool
    """Below both limits of the case-by-case path in force."""
    tariff: Threshold | None
    arithmetic: str
    notes: tuple[str, ...]


@record
class ExportFinding:
    """What the rules ask of one part, one destination and one owner on one day."""

    classification: Classification
    destination: Country
    headquarters: Country
    parent: Country
    export_from: Country
    as_of: date
    rule: LicenceRule
    notes: tuple[str, ...]

    @property
    def requirement(self) -> Requirement:
        """Whether a licence is needed, as enforced."""
        return self.rule.requirement

    @property
    def review_policy(self) -> ReviewPolicy:
        """How an application would be met."""
        return self.rule.review_policy
