"""The duty of January 2026 on chips that enter the United States and leave again, as a gate."""

from __future__ import annotations

from advisor.domain.gates import DISCLAIMER, Gate, GateCondition, GateStatus
from advisor.domain.rules import ExportFinding, ExportRules
from advisor.engine.gates.legal import describe


def tariff_gate(finding: ExportFinding, rules: ExportRules) -> Gate:
    """The duty of January 2026 on chips that enter the United States and are not for use there."""
    band = finding.classification.tariff
    chip, place = finding.classification.chip, finding.destination
    bands = [t for t in rules.thresholds if t.kind == "tariff" and t.in_force(finding.as_of)]
    if not bands:
        return Gate(
            gate="tariff", status="pass", title="No chip tariff at this date",
            reason="A duty on imports into the United States may depend on what a chip can do; on"
            f" {finding.as_of.isoformat()} the catalog holds none.",
            disclaimer=DISCLAIMER,
        )  # fmt: skip
    shown = band or bands[0]
    rate = f"{(shown.rate or 0) * 100:g} %"
    what = (
        f"Since {shown.effective_date.isoformat()} a duty of {rate} falls on chips in two narrow bands that are"
        " imported into the United States and not meant for use there (Section 232)."
    )
    status: GateStatus = "pass"
    condition: GateCondition = ""
    tariff_rate, remedy = None, ""
    if band is None:
        title = "Outside the tariff bands"
        why = f"{chip.name} is in neither band."
        literal = "; ".join(describe(t) for t in bands)
    else:
        literal = describe(band)
        if place.iso2 == "US":
            title = "In a tariff band, exempt for use in US data centres"
            why = f"{chip.name} is in {band.gives}; use in data centres in the United States is among the exemptions."
            remedy = "Have the importer certify the end use."
        elif finding.export_from.iso2 != "US":
            title = "In a tariff band, not imported into the United States"
            why = f"{chip.name} is in {band.gives}, but ships from {finding.export_from.name}: no US import occurs."
        elif place.destination_class == "CHINA_MACAU":
            status, condition, tariff_rate = "condition", "tariff", band.rate
            title = f"{rate} duty on the way through the United States"
            why = (
                f"{chip.name} is in {band.gives}, and a licence for {place.name} requires export from the United"
                f" States after testing there, so that the duty adds {rate} to the landed price of the hardware."
            )
            remedy = "Add the duty to the landed cost; parts outside the bands (H100, MI300X) carry none."
        else:
            title = "In a tariff band: duty only if routed through the United States"
            why = (
                f"{chip.name} is in {band.gives}; a shipment from the factory straight to {place.name} does not"
                f" enter the United States, one routed through it may owe {rate}. No duty is put into the cost."
            )
            remedy = "Have the vendor ship from outside the United States, and say so in the contract."
    return Gate(
        gate="tariff", status=status, condition=condition, title=title, reason=f"{what} {why}", remedy=remedy,
        arithmetic=_tariff_arithmetic(finding, literal), citation=shown.citation, source=shown.source,
        as_of=shown.as_of, confidence=shown.confidence, tariff_rate=tariff_rate, disclaimer=DISCLAIMER,
    )  # fmt: skip


def _tariff_arithmetic(finding: ExportFinding, bands: str) -> str:
    found = finding.classification
    if found.tpp is None or found.chip.bandwidth_gbps is None:
        return bands
    return f"TPP {found.tpp:,.1f}, memory bandwidth {found.chip.bandwidth_gbps:,g} GB/s; {bands}"
