"""The terms of a cost as lines with their arithmetic in words, and each input behind them."""

from __future__ import annotations

from advisor.domain.cost import CostLine, PriceBasis
from advisor.domain.provenance import Kind, Quantity
from advisor.domain.text import factors, percent
from advisor.engine.cost.commitment import unfinished_terms
from advisor.engine.cost.levels import Levels
from advisor.engine.cost.model import CostModel, Term, Way

FIRMNESS_KIND: dict[str, Kind] = {
    "user quote": "user", "market": "list price", "quote, not a market": "quote", "derived": "derived",
    "analyst": "analyst",
}  # fmt: skip


def price_quantity(basis: PriceBasis, name: str) -> Quantity:
    """A price as an input, its catalog rows in the note."""
    rows = "; rows " + ", ".join(basis.row_ids) if basis.row_ids else ""
    return Quantity(
        name=name,
        value=basis.typical,
        unit=basis.unit,
        low=basis.low,
        high=basis.high,
        source_id="; ".join(basis.source_ids),
        as_of=basis.newest,
        kind=FIRMNESS_KIND[basis.firmness],
        note=basis.text + rows,
    )


def cost_lines(model: CostModel, way: Way, levels: Levels) -> tuple[CostLine, ...]:
    """Lines of one way of paying at typical inputs; terms that are zero are left out."""
    out = []
    for term in model.terms(way, levels):
        quantity, price = float(term.quantity), float(term.unit_price)
        if quantity == 0.0:
            continue
        how = _how(term, model, way, levels)
        shown, each = factors(quantity, price)
        out.append(
            CostLine(
                name=term.name,
                category=term.category,
                quantity=quantity,
                unit=term.unit,
                unit_price_usd=price,
                usd_per_month=quantity * price,
                formula=f"{how} = {shown} {term.unit} x USD {each}"
                f" = USD {quantity * price:,.0f} a month",
                inputs=_inputs(term, model, way),
            )
        )
    return tuple(out)


def _how(term: Term, model: CostModel, way: Way, levels: Levels) -> str:
    """How the quantity comes about, in numbers."""
    facts, when = model.facts, model.calendar
    rates = " and ".join(dict.fromkeys(percent(g, sign=True) for g in model.growths))
    growth = "" if model.steady else f", demand growing {rates} a year"
    spread = f", levelised over {when.months} months at {percent(when.rate, 1)}{growth}" if growth or way.buys else ""
    match term.key:
        case "rent" if way.floats:
            fleet = model.monthly_fleet(levels, 1)
            what = f"{fleet[0]:g} GPUs at peak x {percent(model.average)} average over peak"
            when_used = f"{percent(model.in_use, 1)} of the month"
            if len(model.floors) > 1:  # tiers with hours of their own
                return f"{what} x {when_used} (at least {float(model.least(fleet[0])):g} all month) x 730 h{spread}"
            return f"{what} (at least {model.floor_gpus:g}) x {when_used} x 730 h{spread}"
        case "rent":
            held = "base of " if way.mode == "mixed" else ""
            whole = f", within whole terms of {way.term_months} months" if _cut(model, way, levels) else ""
            over = spread or (whole and f", levelised over {when.months} months at {percent(when.rate, 1)}")
            return f"{held}{_held(model, way, levels):g} GPUs in the first year x 730 h around the clock{whole}{over}"
        case "owed":
            return f"terms of {way.term_months} months that end after the horizon of {when.months}, discounted"
        case "tail":
            return (
                f"what demand uses of the GPUs whose last term of {way.term_months} months does not fit in the horizon"
                f" of {when.months}, at {percent(model.average)} average over peak, discounted"
            )
        case "peak":
            average = percent(model.average)
            return f"GPU-hours above the base on a straight load-duration curve of average {average}{spread}"
        case "capital":
            duty = f" + {percent(facts.tariff_rate)} duty" if facts.tariff_rate else ""
            return (
                f"{_held(model, way, levels):g} GPUs bought at the start{duty}, over {when.annuity:.2f} discounted"
                f" months{growth}"
            )
        case "residual":
            age = f"{percent(facts.residual.share(when.months))} of the price after {when.months} months"
            return f"{age}, discounted to today, over {when.annuity:.2f} discounted months"
        case "power":
            return f"{facts.kw_per_gpu:g} kW per GPU x PUE {facts.typical('pue'):g} x 730 h x GPUs held{spread}"
        case "space":
            return f"{facts.kw_per_gpu:g} kW per GPU x GPUs held{spread}"
        case "maintenance":
            return f"{percent(facts.typical('maintenance_share_per_year'), 1)} a year of the price of GPUs held{spread}"
        case "operations":
            fte, exponent = facts.typical("operations_fte_per_node"), facts.typical("ops_scaling_exponent")
            return f"{fte:g} FTE x nodes^{exponent:g}{spread}"
        case "stack":
            p = model.premium.typical
            return f"max({p.floor:g}, {p.per_gpu:g} x GPUs) + {p.features:g} FTE"
        case "migration":
            return f"{model.premium.weeks:g} engineer-weeks once, over {when.annuity:.2f} discounted months"
    return term.name


def _cut(model: CostModel, way: Way, levels: Levels) -> bool:
    """Whether the horizon cuts a term."""
    fleet = model.yearly_fleet(levels, model.calendar.years, shrinks=way.commitment == "reserved_1y")
    return bool(way.term_months and unfinished_terms(fleet, way.term_months, model.calendar.months))


def _held(model: CostModel, way: Way, levels: Levels) -> float:
    fleet = model.yearly_fleet(levels, 1, shrinks=True)
    return float(model.held(way, fleet)[0])


def _inputs(term: Term, model: CostModel, way: Way) -> tuple[Quantity, ...]:
    facts = model.facts
    names: tuple[str, ...] = ()
    extra: tuple[Quantity, ...] = ()
    match term.key:
        case "rent" | "owed":
            extra = (price_quantity(way.price, "rent_usd_per_gpu_hour"),)
        case "peak" | "tail" if way.peak_price is not None:
            extra = (price_quantity(way.peak_price, "on_demand_usd_per_gpu_hour"),)
        case "capital":
            extra, names = facts.capex_inputs, ("cost_of_capital",)
        case "residual":
            names = tuple(n for n in facts.values if n.startswith("residual_share"))
        case "power":
            names = ("it_kw_per_gpu", "pue", "power_usd_per_kwh")
        case "space":
            names = ("it_kw_per_gpu", "space_usd_per_kw_month")
        case "maintenance":
            names = ("maintenance_share_per_year",)
        case "operations":
            names = ("operations_fte_per_node", "ops_scaling_exponent", "engineer_usd_per_year")
        case "stack" | "migration":
            extra, names = model.premium.inputs, ("engineer_usd_per_year",)
    return (*extra, *(facts[name] for name in names if name in facts.values))
