"""All findings of law for one part at one place: the gates, and the table that `advisor rules` prints."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from advisor.domain.gates import Gate
from advisor.domain.hardware import Accelerator
from advisor.domain.profile import Place
from advisor.domain.record import record
from advisor.domain.rules import Chip, Country, ExportFinding, ExportRules
from advisor.engine.gates.countries import resolve_country
from advisor.engine.gates.export import chip_of, evaluate_export
from advisor.engine.gates.legal import export_gate
from advisor.engine.gates.parties import end_user_gate, local_gate, party_gate
from advisor.engine.gates.tariff import tariff_gate


@record
class Parties:
    """Where hardware goes, who owns it, who uses it, and where it ships from."""

    destination: Country
    headquarters: Country
    parent: Country
    users: tuple[Country, ...]
    export_from: Country


PLACE_LABELS = {name: f"place.{name}" for name in Place.model_fields}
"""How errors name the fields of a place: by their path in a profile."""


def resolve_place(place: Place, rules: ExportRules, labels: Mapping[str, str] = PLACE_LABELS) -> Parties:
    """The countries of a profile; a silent headquarters is the country of deployment.

    Raises
    ------
    InputError
        For a country that the regulations do not list, with suggestions.
    """
    destination = resolve_country(place.country, rules, field=labels["country"])
    headquarters = destination
    if place.headquarters_country is not None:
        headquarters = resolve_country(place.headquarters_country, rules, field=labels["headquarters_country"])
    parent = headquarters
    if place.ultimate_parent_country is not None:
        parent = resolve_country(place.ultimate_parent_country, rules, field=labels["ultimate_parent_country"])
    users = tuple(resolve_country(c, rules, field=labels["end_user_countries"]) for c in place.end_user_countries)
    export_from = resolve_country(place.export_from, rules, field=labels["export_from"])
    return Parties(destination, headquarters, parent, users or (destination,), export_from)


def judge(chip: Chip, parties: Parties, rules: ExportRules, as_of: date) -> ExportFinding:
    """The finding of the export rules for one part and one set of parties."""
    return evaluate_export(
        chip,
        rules,
        destination=parties.destination,
        headquarters=parties.headquarters,
        parent=parties.parent,
        export_from=parties.export_from,
        as_of=as_of,
    )


def gates_of_finding(finding: ExportFinding, users: tuple[Country, ...], rules: ExportRules) -> tuple[Gate, ...]:
    """The five gates that one finding leads to."""
    return (
        export_gate(finding, rules),
        tariff_gate(finding, rules),
        end_user_gate(finding, users, rules),
        party_gate(finding, rules),
        local_gate(finding, rules),
    )


def legal_gates(place: Place, accelerator: Accelerator, rules: ExportRules, as_of: date) -> tuple[Gate, ...]:
    """Export, tariff, end users, parties and local rules for an accelerator and a profile's place."""
    parties = resolve_place(place, rules)
    finding = judge(chip_of(accelerator), parties, rules, as_of)
    return gates_of_finding(finding, parties.users, rules)


def unspecified_chip(part_id: str) -> Chip:
    """A part of which nothing is published."""
    return Chip(
        id=part_id,
        part_id=part_id,
        name=part_id.upper(),
        dense_tops={},
        die_area_mm2=None,
        bandwidth_gbps=None,
        io_gbps=None,
    )
