"""Cooling, power and rack density of a site of one's own; renting puts them on the provider."""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import median

from advisor.catalog import Catalog
from advisor.domain.gates import Blocks, Gate, GateStatus
from advisor.domain.hardware import Accelerator
from advisor.domain.profile import Profile
from advisor.domain.record import record
from advisor.domain.text import apart, counted

_W_PER_KW = 1000.0


@record
class Power:
    """IT power per GPU with its share of the node [kW], and how it was come by."""

    kw: float
    basis: str
    source: str
    confidence: str


def power_per_gpu(accelerator: Accelerator, others: Iterable[Accelerator]) -> Power | None:
    """All-in IT power per GPU [kW]: the catalog's figure, else TDP plus the median rest of kindred nodes.

    None where neither is known.
    """
    if accelerator.all_in_kw is not None:
        return Power(
            accelerator.all_in_kw, f"{accelerator.all_in_kw:g} kW all-in per GPU", accelerator.provenance.source_id, ""
        )
    rests = sorted(
        a.all_in_kw - a.tdp_w / _W_PER_KW
        for a in others
        if a.all_in_kw is not None and a.scale_up_domain == accelerator.scale_up_domain
    )
    if not rests or not accelerator.tdp_w:
        return None
    rest, tdp = median(rests), accelerator.tdp_w / _W_PER_KW
    basis = (
        f"{tdp:g} kW TDP + {rest:.2f} kW for the rest of the node (median of {len(rests)} kindred parts,"
        f" {rests[0]:.2f} to {rests[-1]:.2f}) = {tdp + rest:.2f} kW per GPU"
    )
    return Power(tdp + rest, basis, accelerator.provenance.source_id, "medium (derived: no all-in figure is published)")


def own_site(profile: Profile) -> bool:
    """Whether hardware of one's own is on the table."""
    return profile.procurement.mode != "rent"


def _verdict(profile: Profile, possible: bool) -> tuple[GateStatus, Blocks]:
    """A site that cannot hold the hardware fails a purchase, and leaves renting open where that is allowed."""
    if possible:
        return "pass", "nothing"
    return ("fail", "all") if profile.procurement.mode == "buy" else ("condition", "buy")


def _rented(gate: str, what: str) -> Gate:
    return Gate(
        gate=gate,
        status="pass",
        title=f"{what} is the provider's matter",
        reason=f"The profile rents: {what.casefold()} of the room is the provider's matter and in the rent.",
        citation="profile: procurement.mode",
        source="profile",
    )


def cooling_gate(profile: Profile, accelerator: Accelerator, catalog: Catalog) -> Gate:
    """Liquid cooling that the part needs against what the site has."""
    if not own_site(profile):
        return _rented("site_cooling", "Cooling")
    row = catalog.gate_facts.cooling.get(accelerator.id)
    has = profile.site.liquid_cooling
    rule = "Hot parts are cooled by liquid at the chip; a room without it takes only air-cooled systems."
    if row is None:
        return Gate(
            gate="site_cooling", status="condition", condition="missing", title="Cooling is not in the catalog",
            reason=f"{rule} The catalog does not say how {accelerator.name} is cooled.",
            remedy="Ask the vendor for the cooling of the very system that is quoted.", citation="cooling table",
        )  # fmt: skip
    status: GateStatus = "pass"
    blocks: Blocks = "nothing"
    remedy = ""
    if row.liquid in ("no", "optional"):
        title = "Air cooling is enough"
        if row.liquid == "optional":
            remedy = "Say air or liquid in the order."
    elif has:
        title = "Liquid cooling is there"
    elif row.liquid == "required" and has is False:
        status, blocks = _verdict(profile, possible=False)
        title = "Needs liquid cooling, which the site lacks"
        remedy = "set site.liquid_cooling by fitting it, rent instead, or take an air-cooled part"
    elif has is False:
        status = "condition"
        title = "Usually liquid-cooled; air only with the vendor's word"
        remedy = "Get the vendor's confirmation of sustained power in air, or fit liquid cooling."
    else:
        status = "condition"
        title = "Liquid cooling needed; the profile does not say whether it is there"
        remedy = "State site.liquid_cooling."
    known = {True: "has liquid cooling", False: "has none", None: "is not described"}[has]
    return Gate(
        gate="site_cooling",
        status=status,
        condition="site" if status == "condition" else "",
        title=title,
        reason=f"{rule} {accelerator.name}: {row.statement}. Your site {known}.",
        remedy=remedy,
        citation="cooling table",
        source=row.provenance.source_id,
        as_of=row.provenance.as_of,
        confidence=row.provenance.confidence,
        blocks=blocks,
    )


def power_gate(profile: Profile, accelerator: Accelerator, gpus: int, catalog: Catalog, later: int = 0) -> Gate:
    """All-in IT power of the fleet, at its largest [kW], against what the site has."""
    if not own_site(profile):
        return _rented("site_power", "Power")
    rule = "Every GPU draws power with its share of server and network, before cooling (PUE is counted in the cost)."
    power = power_per_gpu(accelerator, catalog.accelerators.values())
    limit = profile.site.power_kw
    if power is None:
        return _unknown_power("site_power", rule, accelerator)
    grown = f" by the end of the horizon ({gpus:,} in the first year)" if later > gpus else ""
    unit, needed = accelerator.unit_gpus, max(gpus, later)
    gpus = _powered_gpus(accelerator, needed)
    if gpus > needed:
        grown = f", whole racks of {unit} for the {needed:,} that are needed{grown},"
    need = gpus * power.kw
    what = f"{gpus:,} GPUs of {accelerator.name}{grown} draw {need:,.0f} kW"
    arithmetic = f"{gpus:,} GPUs x {power.kw:.2f} kW = {need:,.0f} kW; {power.basis}"
    if limit is None:
        return Gate(
            gate="site_power", status="pass", title=f"Needs {need:,.0f} kW of IT power; no limit is given",
            reason=f"{rule} {what}; the profile names no limit.",
            arithmetic=arithmetic, citation="accelerator table: all-in power", source=power.source,
            as_of=accelerator.provenance.as_of, confidence=power.confidence,
        )  # fmt: skip
    status, blocks = _verdict(profile, need <= limit)
    room = math.floor(limit / power.kw / unit) * unit
    whole = "racks" if unit > accelerator.gpus_per_node else "nodes"
    mixes = blocks == "buy" and room > 0 and profile.procurement.commitment == "any"
    base = " So many may be owned where the rest is rented." if mixes else ""
    return Gate(
        gate="site_power",
        status=status,
        condition="site" if status == "condition" else "",
        title=f"{apart(need, limit)} kW {'fit' if need <= limit else 'do not fit'} into {apart(limit, need)} kW",
        reason=f"{rule} {what}; the site has {limit:,.0f} kW, enough for {room:,} GPUs in whole {whole}.{base}",
        remedy="" if need <= limit else f"raise site.power_kw from {limit:g} to {math.ceil(need):g}",
        arithmetic=f"{arithmetic}; limit {limit:,.0f} kW",
        citation="accelerator table: all-in power",
        source=power.source,
        as_of=accelerator.provenance.as_of,
        confidence=power.confidence,
        blocks=blocks,
        room_gpus=None if need <= limit else room,
    )


def rack_gate(profile: Profile, accelerator: Accelerator, gpus: int, catalog: Catalog, later: int = 0) -> Gate:
    """Power of the smallest unit that stands in one rack [kW] against what a rack can take."""
    if not own_site(profile):
        return _rented("site_rack", "Rack density")
    rule = "A rack takes only so much power and heat; one node at least must fit, a rack-scale system as a whole."
    power = power_per_gpu(accelerator, catalog.accelerators.values())
    if power is None:
        return _unknown_power("site_rack", rule, accelerator)
    unit_gpus = accelerator.unit_gpus
    unit = unit_gpus * power.kw
    what = "rack" if accelerator.by_rack else "node"
    limit = profile.site.rack_kw
    arithmetic = f"one {what}: {unit_gpus} GPUs x {power.kw:.2f} kW = {unit:,.1f} kW; {power.basis}"
    common = {
        "gate": "site_rack",
        "citation": "accelerator table: all-in power",
        "source": power.source,
        "as_of": accelerator.provenance.as_of,
        "confidence": power.confidence,
    }
    units = math.ceil(max(gpus, later) / unit_gpus)
    partly = units * unit_gpus - max(gpus, later) if what == "rack" else 0
    if limit is None:
        return _unless_partly(partly, unit_gpus, Gate(
            **common, status="pass", title=f"One {what} draws {unit:,.0f} kW; no limit is given", arithmetic=arithmetic,
            reason=f"{rule} One {what} of {accelerator.name} draws {unit:,.1f} kW; the profile names no limit.",
        ))  # fmt: skip
    fitting = math.floor(limit / unit)
    if fitting:
        racks = math.ceil(units / fitting)
        filled, held = counted(racks, "rack"), counted(fitting, what)
        arithmetic += f"; {limit:g} kW / {unit:,.1f} kW = {fitting} a rack; {units:,} / {fitting} = {filled}"
        return _unless_partly(partly, unit_gpus, Gate(
            **common, status="pass", title=f"{held} a rack, {filled}", arithmetic=arithmetic,
            reason=f"{rule} A rack of {limit:g} kW takes {held} of {accelerator.name}; the fleet fills {filled}.",
        ))  # fmt: skip
    status, blocks = _verdict(profile, possible=False)
    return Gate(
        **common,
        status=status,
        condition="site" if status == "condition" else "",
        title=f"One {what} draws {apart(unit, limit)} kW, a rack takes {limit:g} kW",
        reason=f"{rule} One {what} of {accelerator.name} draws {unit:,.1f} kW, more than a rack's {limit:g} kW.",
        remedy=f"raise site.rack_kw from {limit:g} to {math.ceil(unit):g}",
        arithmetic=f"{arithmetic}; limit {limit:g} kW",
        blocks=blocks,
    )


def shortfalls(profile: Profile, accelerator: Accelerator, gpus: int, catalog: Catalog) -> dict[str, float]:
    """How far the site falls short of a fleet, as a share of its limit, by gate; 0.3 is 30 % more than there is.

    Parameters
    ----------
    gpus
        The fleet at its largest.
    """
    power = power_per_gpu(accelerator, catalog.accelerators.values())
    if power is None or not own_site(profile):
        return {}
    limits = {"site_power": profile.site.power_kw, "site_rack": profile.site.rack_kw}
    needs = {"site_power": _powered_gpus(accelerator, gpus), "site_rack": accelerator.unit_gpus}
    short = {gate: needs[gate] * power.kw / limit - 1 for gate, limit in limits.items() if limit is not None}
    return {gate: share for gate, share in short.items() if share > 0}


def _powered_gpus(accelerator: Accelerator, gpus: int) -> int:
    """GPUs that draw power: whole racks of a rack-scale system, else those of the fleet."""
    unit = accelerator.unit_gpus
    return math.ceil(gpus / unit) * unit if accelerator.by_rack else gpus


def _unless_partly(spare: int, unit_gpus: int, gate: Gate) -> Gate:
    """The gate, on a condition where the fleet fills a rack-scale system only in part."""
    if not spare:
        return gate
    return gate.model_copy(
        update={
            "status": "condition",
            "condition": "review",
            "title": f"Bought as whole racks of {unit_gpus} GPUs",
            "reason": f"{gate.reason} It is bought as a whole, {spare:,} GPUs more than the fleet needs, and the"
            " cost of a purchase counts them.",
            "remedy": "rent by the tray, or plan for what else the rest of the rack is to serve",
        }
    )


def _unknown_power(gate: str, rule: str, accelerator: Accelerator) -> Gate:
    return Gate(
        gate=gate,
        status="condition",
        condition="missing",
        title="Power is not in the catalog",
        reason=f"{rule} The catalog has no power figure for {accelerator.name}.",
        remedy="Ask the vendor for the power of the very system that is quoted.",
        citation="accelerator table",
        source=accelerator.provenance.source_id,
    )
