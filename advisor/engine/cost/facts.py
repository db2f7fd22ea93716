"""Every input of the cost of one candidate, as a quantity with range, source and kind."""

from __future__ import annotations

import math
from dataclasses import field
from datetime import date

from advisor.catalog import Catalog
from advisor.domain.cost import PriceBasis
from advisor.domain.hardware import Accelerator
from advisor.domain.market import PurchasePrice, TcoParameter
from advisor.domain.profile import Profile
from advisor.domain.provenance import Kind, Quantity
from advisor.domain.record import record
from advisor.engine.cost.prices import best_quote, quote_basis
from advisor.engine.gates.countries import resolve_country
from advisor.engine.sized import SizedCandidate

RESIDUAL_MONTHS = (12, 24, 36, 54)
EU_AND_NEIGHBOURS = frozenset(
    {
        "AT", "BE", "BG", "CH", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GB", "GR", "HR", "HU", "IE", "IS",
        "IT", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK",
    }
)  # fmt: skip
"""Countries for which the catalog's European electricity range stands in."""

LARGE_CLUSTER_GPUS = 1024


@record
class Residual:
    """Share of the purchase price that hardware of an age still fetches, low, typical and high."""

    low: tuple[float, ...]
    typical: tuple[float, ...]
    high: tuple[float, ...]

    def share(self, age_months: float, end: str = "typical") -> float:
        """Share at an age: straight lines between the stated ages, a constant decay beyond the last.

        What is younger than the first fetches no more: nobody states a resale within a year, and a purchase that is
        sold again after months at nearly its price would go before every rent.

        >>> Residual((0.6,)*4, (0.65, 0.38, 0.28, 0.15), (0.7,)*4).share(24)
        0.38
        """
        values: tuple[float, ...] = getattr(self, end)
        ages, shares = RESIDUAL_MONTHS, values
        if age_months <= ages[0]:
            return shares[0]
        if age_months >= ages[-1]:
            decay = math.log(max(shares[-1], 1e-6) / max(shares[-2], 1e-6)) / (ages[-1] - ages[-2])
            return shares[-1] * math.exp(min(0.0, decay) * (age_months - ages[-1]))
        i = next(n for n, age in enumerate(ages) if age > age_months)
        t = (age_months - ages[i - 1]) / (ages[i] - ages[i - 1])
        return shares[i - 1] + t * (shares[i] - shares[i - 1])


@record
class CostFacts:
    """Inputs of one candidate's cost."""

    values: dict[str, Quantity]
    capex: PriceBasis | None
    capex_inputs: tuple[Quantity, ...]
    residual: Residual
    kw_per_gpu: float
    volume_discount: float
    tariff_rate: float
    notes: tuple[str, ...] = field(default=())

    def __getitem__(self, name: str) -> Quantity:
        return self.values[name]

    def typical(self, name: str) -> float:
        """Typical value of an input."""
        return self.values[name].value


def cost_facts(profile: Profile, sized: SizedCandidate, catalog: Catalog, as_of: date) -> CostFacts:
    """Gather the inputs: the profile's own values first, then the catalog's."""
    accelerator, site, team = sized.accelerator, profile.site, profile.team
    notes: list[str] = []
    values = {
        "power_usd_per_kwh": own(site.power_usd_per_kwh, "power_usd_per_kwh", "USD/kWh")
        or electricity(profile, catalog, notes),
        "pue": own(site.pue, "pue", "ratio") or tco_quantity(catalog, "PUE", "AI colo / new hyperscale", "pue"),
        "space_usd_per_kw_month": own(site.space_usd_per_kw_month, "space_usd_per_kw_month", "USD/kW-month")
        or tco_quantity(catalog, "colocation rent", "high-density AI retail colo", "space_usd_per_kw_month"),
        "cost_of_capital": own(profile.procurement.cost_of_capital, "cost_of_capital", "1/year")
        or tco_quantity(catalog, "cost of debt", "CoreWeave effective 2025", "cost_of_capital", 0.01, "1/year"),
        "engineer_usd_per_year": own(team.engineer_usd_per_year, "engineer_usd_per_year", "USD/year")
        or tco_quantity(catalog, "engineer total cost", "US ML/AI infra engineer", "engineer_usd_per_year"),
        "maintenance_share_per_year": tco_quantity(
            catalog, "maintenance/support", "global", "maintenance_share_per_year", 0.01, "1/year"
        ),
        "operations_fte_per_node": tco_quantity(
            catalog, "operations staffing", "8-GPU node owned", "operations_fte_per_node"
        ),
        "depreciation_years": own(profile.procurement.depreciation_years, "depreciation_years", "years")
        or tco_quantity(catalog, "depreciation life", "economic (SemiAnalysis)", "depreciation_years"),
        "it_kw_per_gpu": power_per_gpu(accelerator, catalog),
        "ops_scaling_exponent": catalog.decision_defaults["ops_scaling_exponent"],
    }
    missing = sorted(name for name, value in values.items() if value is None)
    found = {name: value for name, value in values.items() if value is not None}
    if missing:
        names = ", ".join(missing)
        notes.append(f"not found in the catalog of {as_of}: {names}; options that need them are not priced")
    residual, at_ages, said = catalog.derived(
        ("residual", accelerator.id), accelerator, lambda: _resale(accelerator, catalog)
    )
    notes += said
    found |= at_ages
    capex, inputs = capex_basis(profile, sized, catalog, as_of)
    return CostFacts(
        values=found,
        capex=capex,
        capex_inputs=inputs,
        residual=residual,
        kw_per_gpu=found["it_kw_per_gpu"].value if "it_kw_per_gpu" in found else 0.0,
        volume_discount=profile.procurement.volume_discount,
        tariff_rate=sized.tariff_rate,
        notes=tuple(notes),
    )


def own(value: float | None, name: str, unit: str) -> Quantity | None:
    """The user's own value, taken as certain."""
    if value is None:
        return None
    return Quantity(name=name, value=value, unit=unit, source_id="profile", kind="user")


def tco_quantity(
    catalog: Catalog, parameter: str, scope: str, name: str, scale: float = 1.0, unit: str = ""
) -> Quantity | None:
    """A cost parameter as a quantity; None where the catalog has no number."""
    row = catalog.tco.get((parameter, scope))
    if row is None:
        return None
    key = ("tco", parameter, scope, name, scale, unit)
    return catalog.derived(key, row, lambda: _quantity(row, name, scale, unit))


def _quantity(row: TcoParameter, name: str, scale: float, unit: str) -> Quantity | None:
    band = row.band
    if band is None:
        return None
    return Quantity(
        name=name,
        value=band[1] * scale,
        unit=unit or row.unit,
        low=band[0] * scale,
        high=band[2] * scale,
        source_id=row.provenance.source_id,
        as_of=row.provenance.as_of,
        kind=row.provenance.kind,
        note=f"tco:{row.parameter}|{row.scope}" + (f"; {row.note}" if row.note else ""),
    )


def electricity(profile: Profile, catalog: Catalog, notes: list[str]) -> Quantity | None:
    """Electricity where the hardware stands: US commercial or the European range; the US range elsewhere, said so."""
    country = resolve_country(profile.place.country, catalog.export, field="place.country").iso2
    europe = tco_quantity(catalog, "electricity price", "Europe (range)", "power_usd_per_kwh")
    if country in EU_AND_NEIGHBOURS and europe is not None:
        return europe
    average = tco_quantity(catalog, "electricity price", "US commercial average", "power_usd_per_kwh")
    texas = tco_quantity(catalog, "electricity price", "US Texas", "power_usd_per_kwh")
    if average is None:
        return europe
    low = texas.value if texas is not None else average.value
    if country == "US":
        return average.model_copy(update={"low": low, "high": average.value})
    place = profile.place.country
    notes.append(f"no electricity price for {place} in the catalog; US and European prices span the range")
    high = europe.band[2] if europe is not None else average.value
    return average.model_copy(update={"low": low, "high": high})


def power_per_gpu(accelerator: Accelerator, catalog: Catalog) -> Quantity | None:
    """All-in IT power per GPU; where none is published, TDP plus what the vendor's other parts need beside it."""
    published = tco_quantity(catalog, "all-in provisioned IT power per GPU", accelerator.id.upper(), "it_kw_per_gpu")
    if published is not None:
        return published
    beside = [
        row
        for (parameter, scope), row in sorted(catalog.tco.items())
        if parameter == "non-GPU IT power per GPU (derived)"
        and (part := catalog.accelerators.get(scope.lower())) is not None
        and part.vendor == accelerator.vendor
        and row.typical is not None
    ]
    if not beside:
        return None
    extra = sorted(row.typical for row in beside if row.typical is not None)
    row = beside[0]
    return Quantity(
        name="it_kw_per_gpu",
        value=accelerator.tdp_w / 1000 + extra[len(extra) // 2],
        unit="kW",
        low=accelerator.tdp_w / 1000 + extra[0],
        high=accelerator.tdp_w / 1000 + extra[-1],
        source_id=row.provenance.source_id,
        as_of=row.provenance.as_of,
        kind="derived",
        note=f"TDP {accelerator.tdp_w / 1000:g} kW plus the share beside the GPU of the vendor's other parts",
    )


def residual_curve(accelerator: Accelerator, catalog: Catalog, notes: list[str]) -> Residual:
    """Resale value by age; for AMD parts, of which no resale figure is known, the low end is lower."""
    rows = [catalog.tco.get((f"residual value after {m} months", "H100-class")) for m in RESIDUAL_MONTHS]
    bands = [row.band if row is not None else None for row in rows]
    if any(band is None for band in bands):
        notes.append("no resale values in the catalog: hardware is taken to be worth nothing at the end")
        return Residual((0.0,) * 4, (0.0,) * 4, (0.0,) * 4)
    known = [band for band in bands if band is not None]
    low = [band[0] / 100 for band in known]
    if accelerator.vendor == "AMD":
        share = catalog.decision_defaults["amd_residual_low_share"].value
        low = [value * share for value in low]
        notes.append("no resale figure for AMD parts was found: H100-class values, with a lower low end")
    return Residual(
        tuple(low), tuple(band[1] / 100 for band in known), tuple(band[2] / 100 for band in known)
    )


def _resale(accelerator: Accelerator, catalog: Catalog) -> tuple[Residual, dict[str, Quantity], tuple[str, ...]]:
    """(curve, its values as inputs, what is to be said of them)."""
    notes: list[str] = []
    residual = residual_curve(accelerator, catalog, notes)
    return residual, residual_quantities(residual, catalog), tuple(notes)


def residual_quantities(residual: Residual, catalog: Catalog) -> dict[str, Quantity]:
    """The residual values as inputs, one per stated age."""
    out: dict[str, Quantity] = {}
    for i, months in enumerate(RESIDUAL_MONTHS):
        row = catalog.tco.get((f"residual value after {months} months", "H100-class"))
        if row is not None:
            name = f"residual_share_{months}_months"
            out[name] = Quantity(
                name=name, value=residual.typical[i], unit="share of purchase", low=residual.low[i],
                high=residual.high[i], source_id=row.provenance.source_id, as_of=row.provenance.as_of,
                kind=row.provenance.kind, note=f"tco:{row.parameter}|{row.scope}",
            )  # fmt: skip
    return out


def capex_basis(
    profile: Profile, sized: SizedCandidate, catalog: Catalog, as_of: date
) -> tuple[PriceBasis | None, tuple[Quantity, ...]]:
    """Purchase price per GPU with its share of node, network and storage, before discount and duty.

    From the part's street price and the shares of an 8-GPU node; the capital that an operator's published cost
    implies pulls the low end down, and stands in where no street price is found.
    """
    quote = best_quote(profile, sized.id, "buy", "purchase")
    if quote is not None:
        basis = quote_basis(quote, "USD/GPU", catalog.decision_defaults["user_quote_sigma"].value, as_of)
        return basis, (own(quote.usd, "capex_usd_per_gpu", "USD/GPU"),)  # type: ignore[return-value]
    scope = "1,024-GPU cluster" if sized.gpus_at_start >= LARGE_CLUSTER_GPUS else "single 8-GPU node"
    return catalog.derived(
        ("capex", sized.id, scope, as_of), catalog.purchase_prices, lambda: _street(sized.id, scope, catalog, as_of)
    )


def _street(
    accelerator: str, scope: str, catalog: Catalog, as_of: date
) -> tuple[PriceBasis | None, tuple[Quantity, ...]]:
    street = _purchase(catalog, accelerator, "gpu", as_of)
    implied = _purchase(catalog, accelerator, "gpu_all_in", as_of)
    shares = _node_shares(catalog, scope)
    if street is None or len(shares) < 3:
        if implied is None:
            return None, ()
        return _capex([_price_quantity(implied, "capex_usd_per_gpu")], None, implied, as_of), (
            _price_quantity(implied, "capex_usd_per_gpu"),
        )
    parts = [_price_quantity(street, "part_usd_per_gpu"), *shares]
    inputs = tuple(parts) + ((_price_quantity(implied, "implied_capex_usd_per_gpu"),) if implied else ())
    return _capex(parts, implied, street, as_of), inputs


def _capex(parts: list[Quantity], implied: PurchasePrice | None, main: PurchasePrice, as_of: date) -> PriceBasis:
    bands = [part.band for part in parts]
    low, typical, high = (sum(band[i] for band in bands) for i in range(3))
    text = " + ".join(f"{part.value:,.0f}" for part in parts) + f" = USD {typical:,.0f} per GPU all-in"
    rows = [main.id]
    sources = {part.source_id for part in parts}
    if implied is not None and implied.band is not None:
        low = min(low, implied.band[1])
        text += f"; an operator's published cost implies USD {implied.band[1]:,.0f}"
        rows.append(implied.id)
        sources.add(implied.provenance.source_id)
    newest = main.provenance.as_of
    return PriceBasis(
        unit="USD/GPU",
        low=low,
        typical=typical,
        high=high,
        sellers=0,
        firmness="analyst" if main.provenance.kind in ("analyst", "estimate", "derived") else "derived",
        newest=newest,
        age_days=None if newest is None else (as_of - newest).days,
        text=text,
        source_ids=tuple(sorted(sources)),
        row_ids=tuple(rows),
    )


def _purchase(catalog: Catalog, accelerator: str, basis: str, as_of: date) -> PurchasePrice | None:
    """The price of a new part on a basis; one dated later was not known on the day, like a rent."""
    for price in catalog.purchase_prices:
        known = price.provenance.as_of is None or price.provenance.as_of <= as_of
        fits = price.accelerator == accelerator and price.basis == basis and price.condition == "new"
        if known and fits and price.band:
            return price
    return None


def _price_quantity(price: PurchasePrice, name: str) -> Quantity:
    assert price.band is not None
    low, typical, high = price.band
    kind: Kind = price.provenance.kind
    return Quantity(
        name=name, value=typical, unit="USD/GPU", low=low, high=high, source_id=price.provenance.source_id,
        as_of=price.provenance.as_of, kind=kind, note=f"{price.id}" + (f"; {price.note}" if price.note else ""),
    )  # fmt: skip


def _node_shares(catalog: Catalog, scope: str) -> list[Quantity]:
    found = (
        catalog.decision_defaults.get("node_share_usd_per_gpu"),
        tco_quantity(catalog, "network capex per GPU", scope, "network_usd_per_gpu"),
        tco_quantity(catalog, "NVMe storage capex per GPU", "8-GPU node", "storage_usd_per_gpu"),
    )
    return [quantity for quantity in found if quantity is not None]
