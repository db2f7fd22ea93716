"""Classes a part under the export regulations and finds the row of the licence matrix that decides."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from advisor.domain.errors import CatalogError
from advisor.domain.hardware import Accelerator
from advisor.domain.rules import (
    LETTER,
    NOT_CONTROLLED,
    UNSPECIFIED,
    Chip,
    Classification,
    Country,
    ExportFinding,
    ExportRules,
    LicenceRule,
    Threshold,
)

MATRIX_FILE = "export/licence_matrix.csv"
BITS = {"bf16": 16, "fp16": 16, "fp8": 8, "fp6": 6, "fp4": 4, "int8": 8}
"""Bit length of the multiply's inputs by format (3A090 Technical Note 1.c)."""

_COMPUTER = {"3A090.a": "4A090.a", "3A090.b": "4A090.b", "3A090 (2022)": "4A090"}
_EXACT_TPP_DIGITS = 1
_PD_DIGITS = 2


def chip_of(accelerator: Accelerator) -> Chip:
    """The parameters of an accelerator that export rules look at."""
    return Chip(
        id=accelerator.id,
        part_id=accelerator.part_id,
        name=accelerator.name,
        dense_tops={f: t for f, t in accelerator.dense_tflops.items() if f in BITS and t > 0},
        die_area_mm2=accelerator.die_area_mm2 or None,
        bandwidth_gbps=accelerator.bandwidth_gbps or None,
        io_gbps=2 * accelerator.scale_up_gbps or None,
    )


def total_processing_performance(dense_tops: dict[str, float]) -> dict[str, float]:
    """TPP by format: dense TOPS [1e12/s] x bit length (3A090 Technical Notes 1 to 3), without rounding.

    The figures are decimal in the data sheets, and are multiplied as such: 10066.3 x 6 is 60397.8.

    >>> total_processing_performance({"fp8": 5033.2, "fp6": 10066.3})
    {'fp8': 40265.6, 'fp6': 60397.8}
    """
    return {f: float(Decimal(repr(dense_tops[f])) * bits) for f, bits in BITS.items() if f in dense_tops}


def classify(chip: Chip, rules: ExportRules, as_of: date) -> Classification:
    """What a part counts as on a day: TPP, performance density, class, relief and tariff band."""
    by_format = total_processing_performance(chip.dense_tops)
    tpp_format = max(by_format, key=lambda f: by_format[f]) if by_format else ""
    tpp = by_format[tpp_format] if tpp_format else None
    density = tpp / chip.die_area_mm2 if tpp is not None and chip.die_area_mm2 else None
    met = [t for t in rules.thresholds if t.in_force(as_of) and _meets(t, chip, tpp, density)]
    controls = [t for t in met if t.kind == "control"]
    notes: list[str] = []
    if tpp is None:
        item_class = UNSPECIFIED
        notes.append(f"No dense peak rate of {chip.name} is published, so that no TPP can be worked out.")
    elif controls:
        item_class = min(t.gives for t in controls)
        controls = [t for t in controls if t.gives == item_class]
    else:
        item_class = NOT_CONTROLLED
        if density is None:
            notes.append("The die area is not known: the tests on performance density could not be made.")
    if item_class == NOT_CONTROLLED and any(
        letter.part_id == chip.part_id and letter.effective_date <= as_of for letter in rules.letters
    ):
        item_class = LETTER
    relief = next((t for t in met if t.kind == "relief"), None)
    return Classification(
        chip=chip,
        as_of=as_of,
        tpp=tpp,
        tpp_by_format=by_format,
        tpp_format=tpp_format,
        performance_density=density,
        item_class=item_class,
        computer_class=_COMPUTER.get(item_class, ""),
        threshold_ids=tuple(t.id for t in controls),
        relief=relief is not None and item_class.startswith("3A090"),
        tariff=next((t for t in met if t.kind == "tariff"), None),
        arithmetic=_arithmetic(chip, by_format, tpp_format, density),
        notes=tuple(notes),
    )


def _meets(test: Threshold, chip: Chip, tpp: float | None, density: float | None) -> bool:
    """Whether every limit of a test holds; a figure that is not known meets no limit."""
    limits = (
        (tpp, test.tpp_min, test.tpp_max),
        (density, test.pd_min, test.pd_max),
        (chip.bandwidth_gbps, test.bandwidth_min_gbps, test.bandwidth_max_gbps),
        (chip.io_gbps, test.io_min_gbps, None),
    )
    if all(low is None and high is None for _, low, high in limits):
        return False
    for value, low, high in limits:
        if low is None and high is None:
            continue
        if value is None:
            return False
        if low is not None and not (value > low if test.bounds == "()" else value >= low):
            return False
        if high is not None and value >= high:
            return False
    return True


def find_rule(
    classification: Classification, rules: ExportRules, *, destination: Country, restricted_owner: bool,
    export_from: Country,
) -> LicenceRule:  # fmt: skip
    """The first row of the matrix, in order of precedence, that fits part, place, owner and day."""
    as_of = classification.as_of
    origin = "US" if export_from.iso2 == "US" else "other"
    owner = "restricted" if restricted_owner else "free"
    for rule in rules.matrix:
        if (
            rule.in_force(as_of)
            and ("*" in rule.items or classification.item_class in rule.items)
            and (not rule.relief or classification.relief)
            and ("*" in rule.destinations or destination.destination_class in rule.destinations)
            and destination.destination_class not in rule.except_destinations
            and rule.hq in ("any", owner)
            and rule.export_from in ("any", origin)
        ):
            return rule
    raise CatalogError("has no row for the rest; the last one must fit every part and place", file=MATRIX_FILE)


def evaluate_export(
    chip: Chip, rules: ExportRules, *, destination: Country, headquarters: Country, parent: Country,
    export_from: Country, as_of: date,
) -> ExportFinding:  # fmt: skip
    """What the rules ask of one part going to one destination for one owner on one day.

    The headquarters rule looks at the buyer and at the ultimate parent: either in Country Group D:5 or Macau
    is enough.
    """
    classification = classify(chip, rules, as_of)
    rule = find_rule(
        classification,
        rules,
        destination=destination,
        restricted_owner=headquarters.restricted_owner or parent.restricted_owner,
        export_from=export_from,
    )
    return ExportFinding(
        classification=classification,
        destination=destination,
        headquarters=headquarters,
        parent=parent,
        export_from=export_from,
        as_of=as_of,
        rule=rule,
        notes=(
            *classification.notes,
            *_reservations(rule, rules, destination, as_of),
            *_sanctioned_owner(headquarters, parent, destination),
        ),
    )


def _reservations(rule: LicenceRule, rules: ExportRules, destination: Country, as_of: date) -> tuple[str, ...]:
    notes = [rule.reservation] if rule.reservation else []
    listed = destination.as_of
    if listed is not None and as_of < listed:
        notes.append(
            f"Country Groups are those of {listed.isoformat()}; the list of {as_of.isoformat()} is not in the catalog."
        )
    newest = max((r.as_of for r in rules.matrix if r.as_of is not None), default=None)
    if newest is not None and as_of > newest:
        notes.append(f"The rules were last read on {newest.isoformat()}; later changes are not in the catalog.")
    if destination.note:
        notes.append(f"{destination.name}: {destination.note}")
    return tuple(notes)


def _sanctioned_owner(headquarters: Country, parent: Country, destination: Country) -> tuple[str, ...]:
    owners = {c.name for c in (headquarters, parent) if c.destination_class in ("EMBARGO", "RUSSIA_BELARUS")}
    if not owners or destination.destination_class in ("EMBARGO", "RUSSIA_BELARUS"):
        return ()
    return (f"Sanctions on owners from {' and '.join(sorted(owners))} are not judged here; they may forbid the deal.",)


def _arithmetic(chip: Chip, by_format: dict[str, float], best: str, density: float | None) -> str:
    if not by_format:
        return ""
    steps = "; ".join(
        f"{f} {chip.dense_tops[f]:,g} x {BITS[f]} = {v:,.{_EXACT_TPP_DIGITS}f}" for f, v in by_format.items()
    )
    text = f"TPP = max({steps}) = {by_format[best]:,.{_EXACT_TPP_DIGITS}f} at {best.upper()}, dense"
    if density is not None:
        text += f"; performance density = TPP / {chip.die_area_mm2:,g} mm2 = {density:.{_PD_DIGITS}f}"
    if chip.bandwidth_gbps is not None:
        text += f"; memory bandwidth {chip.bandwidth_gbps:,g} GB/s"
    return text
