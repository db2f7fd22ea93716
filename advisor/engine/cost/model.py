"""The arithmetic of cost, on scalars and on draws alike.

Every term is a quantity per month times a unit price, levelised: its present value over the horizon divided by
the present value of a dollar a month. So the terms add up to the even monthly payment with the same net present
value as the cash flow, and one code path serves point estimate, Monte Carlo, tornado and break-evens.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from advisor.domain.cost import CostCategory, Mode, PriceBasis
from advisor.domain.profile import Profile
from advisor.domain.record import record
from advisor.domain.text import percent
from advisor.domain.units import HOURS_PER_MONTH, WEEKS_PER_YEAR
from advisor.engine.cost.commitment import Tail, added_by_year, unfinished_terms
from advisor.engine.cost.facts import CostFacts
from advisor.engine.cost.fleets import Fleets, Sizes
from advisor.engine.cost.levels import Level, Levels, between
from advisor.engine.cost.premium import PremiumRule
from advisor.engine.cost.start import floors, tokens_at_average
from advisor.engine.cost.timing import TERM_MONTHS, Calendar, calendar_of, in_use_share, monthly_growth, share_above
from advisor.engine.packing import whole_nodes
from advisor.engine.sized import FloatArray, SizedCandidate, once

PEAK = "On demand above the base: GPU-hours"
TAIL = "On demand after the last whole term: GPU-hours"
OWED = "Owed after the horizon: GPU-hours"


@record
class Way:
    """One way of paying, with its prices."""

    id: str
    mode: Mode
    commitment: str
    seller: str
    label: str
    price: PriceBasis
    """Rent per GPU-hour, or purchase per GPU."""
    peak_price: PriceBasis | None = None
    """On-demand rent beside the price: for the peak of a mixed way, and for what whole terms leave of the horizon."""
    base_share: ArrayLike = 1.0
    """Share of the peak fleet that a mixed way holds around the clock."""
    most_gpus: float = math.inf
    """GPUs that a mixed way may hold at most: what the site has room for, where hardware is bought."""
    caution: str = ""

    @property
    def buys(self) -> bool:
        """Whether hardware is bought."""
        return self.price.unit == "USD/GPU"

    @property
    def floats(self) -> bool:
        """Whether the whole fleet follows demand, hour by hour."""
        return self.mode == "rent" and self.commitment in ("on_demand", "spot")

    @property
    def term_months(self) -> int:
        """Months of one term of the rent; 0 without a commitment."""
        return TERM_MONTHS.get(self.commitment, 0)


class Term(NamedTuple):
    """One term of the cost, levelised; a tuple, as an answer makes thousands of them."""

    key: str
    category: CostCategory
    name: str
    unit: str
    quantity: Any
    unit_price: Any

    @property
    def usd_per_month(self) -> Any:
        """Levelised cost [USD/month]."""
        return self.quantity * self.unit_price


class CostModel:
    """Cost of one sized candidate as a function of the moving inputs."""

    def __init__(self, profile: Profile, sized: SizedCandidate, facts: CostFacts, premium: PremiumRule) -> None:
        self.profile, self.sized, self.facts, self.premium = profile, sized, facts, premium
        weights = np.array([max(1, t.fleet.gpus_needed) for t in sized.tiers], dtype=float)
        weights /= weights.sum()
        traffics = [w.traffic for w in sized.workloads]
        times = weights * np.array([in_use_share(t) for t in traffics])
        self.in_use = float(times.sum())
        # while in use: a tier weighs by its GPUs and by its hours, so that GPU-hours add up over tiers
        self.average = float(times @ np.array([t.average_to_peak for t in traffics])) / self.in_use
        self._nobody = premium.nobody
        self._bought = "GPUs bought, all-in" + (f", {percent(facts.tariff_rate)} duty" if facts.tariff_rate else "")
        self._fleets = Fleets(sized)
        self.growths, self.steady = self._fleets.growths, self._fleets.steady
        self.floors = floors(sized)
        self.floor_gpus = max(gpus for _, gpus in self.floors)
        self.rate = facts.typical("cost_of_capital") if "cost_of_capital" in facts.values else 0.0
        self.calendar = calendar_of(profile.procurement.horizon_months, self.rate)
        self.mtok_at_start = tokens_at_average(sized)
        self.memo: dict[Any, Any] = {}
        """For `once`."""

    def usd_per_month(self, way: Way, levels: Levels, calendar: Calendar | None = None) -> Any:
        """Levelised cost [USD/month]; an array where the levels are."""
        return total(self.terms(way, levels, calendar))

    def terms(self, way: Way, levels: Levels, calendar: Calendar | None = None) -> list[Term]:
        """All terms of one way of paying."""
        when = calendar or self.calendar
        sizes = self._sizes(way, levels, when)
        if way.floats:
            follows = sizes.rows, levels.utilisation
            hours = once(self.memo, ("hours", when), follows, lambda: self._hours(sizes.rows, levels, when))
            usd = self._net(way.price, levels.price, levels)
            rent = _rent("rent", f"{way.label}: GPU-hours", sizes.each(hours), usd)
            return [rent, *self._premium(sizes, levels, when)]
        base = self.held(way, sizes.rows)
        held = self._owned if way.buys else self._reserved
        terms = held(way, sizes, base, levels, when)
        if way.mode == "mixed" and way.peak_price is not None:
            terms.append(self._peak(way, sizes, base, levels, when))
        return terms + self._premium(sizes, levels, when)

    def _sizes(self, way: Way, levels: Levels, when: Calendar) -> Sizes:
        """The fleets that a way of paying holds; each case on its own where more than the fleet tells them apart."""
        shrinks = way.commitment == "reserved_1y"
        if np.ndim(levels.utilisation) or np.shape(way.base_share)[-2:-1] not in ((), (1,)):
            if way.floats:
                return Sizes(self.monthly_fleet(levels, when.months))
            return Sizes(self.yearly_fleet(levels, when.years, shrinks=shrinks, months=when.months))
        if way.floats:
            return self._fleets.sizes_by_month(levels, when.months)
        return self._fleets.sizes_by_year(levels, when.years, when.months, shrinks=shrinks)

    # fleets

    def monthly_fleet(self, levels: Levels, months: int) -> FloatArray:
        """GPUs in whole nodes that each month's peak takes, see `Fleets.by_month`."""
        return self._fleets.by_month(levels, months)

    def yearly_fleet(self, levels: Levels, years: int, *, shrinks: bool, months: int | None = None) -> FloatArray:
        """GPUs held in each year, see `Fleets.by_year`; the horizon [months] is the profile's by default."""
        return self._fleets.by_year(levels, years, self.calendar.months if months is None else months, shrinks=shrinks)

    def billed(self, fleet: FloatArray, levels: Levels) -> FloatArray:
        """GPUs billed on average when the fleet follows demand, the hours without traffic counted as zero.

        ``GPUs x average/peak x share of the month with traffic``, and at least the floor, see `least`.
        """
        average = self._average(levels)
        # one replica of each tier is part of every fleet, and a share of a fleet never exceeds it
        return np.asarray(np.maximum(fleet * average * self.in_use, self.least(fleet)))

    def _average(self, levels: Levels) -> Any:
        """Average demand over peak demand while there is traffic."""
        return np.minimum(1.0, self.average * levels.column("utilisation"))

    def _changing(self, gpus: FloatArray) -> FloatArray:
        """GPUs of the years in which they change: of the first, where demand is steady."""
        return gpus[..., :1] if self.steady else gpus

    def least(self, fleet: FloatArray) -> FloatArray:
        """GPUs that some tier keeps on average over the month, out of those given: a replica of each with traffic."""
        return np.asarray(sum(share * np.minimum(fleet, gpus) for share, gpus in self.floors))

    def base(self, fleet: FloatArray, share: ArrayLike) -> FloatArray:
        """GPUs of a mixed way that are held around the clock, in whole nodes."""
        per_node = self.sized.accelerator.gpus_per_node

        def whole() -> FloatArray:
            return whole_nodes(np.ceil(fleet * np.asarray(share) - 1e-9), per_node)

        return once(self.memo, ("base",), (fleet, share), whole)

    def held(self, way: Way, fleet: FloatArray) -> FloatArray:
        """GPUs that a way of paying holds around the clock: the fleet or its base; whole racks of what is sold so."""
        base = self.base(fleet, way.base_share) if way.mode == "mixed" else fleet
        accelerator = self.sized.accelerator
        held = whole_nodes(base, accelerator.unit_gpus) if way.buys and accelerator.by_rack else base
        return held if math.isinf(way.most_gpus) else np.minimum(held, way.most_gpus)

    def first_gpus(self, way: Way) -> float:
        """GPUs at the start, at typical inputs, that are got: the fleet, and what a purchase counts beyond it."""
        fleet = self.yearly_fleet(Levels(), 1, shrinks=True)
        return float(np.maximum(fleet, self.held(way, fleet))[0])

    @cached_property
    def rented_gpus(self) -> float:
        """GPUs of the fleet at the start, at typical inputs: what a seller would look at."""
        return float(self.yearly_fleet(Levels(), 1, shrinks=True)[0])

    def stack_fleet(self, way: Way, levels: Levels) -> FloatArray:
        """GPUs that the stack premium is reckoned on: the fleet at the start."""
        if way.floats:
            return np.asarray(self.monthly_fleet(levels, 1)[..., 0])
        return np.asarray(self.yearly_fleet(levels, 1, shrinks=True)[..., 0])

    # terms

    def _net(self, basis: PriceBasis, factor: Level, levels: Levels) -> Any:
        """A unit price times its factor, the discount taken."""
        return basis.typical * factor * self.kept(basis, levels)

    def kept(self, basis: PriceBasis, levels: Levels) -> Any:
        """What is left of a price after the discount; a quote in hand is net already."""
        return 1.0 if basis.firmness == "user quote" else 1.0 - levels.discount

    def _reserved(
        self, way: Way, sizes: Sizes, base: FloatArray, levels: Levels, when: Calendar
    ) -> list[Term]:
        """Whole terms around the clock; a last one that does not fit goes on demand or is owed to its end."""
        held: Any = sizes.each(base @ when.year_weights)
        owed: Any = 0.0
        floating: Any = 0.0
        tails = self.tails(way, sizes, base, levels, when)
        for tail in tails:
            after = sizes.each(tail.gpus * when.present(when.months, tail.end))
            if tail.months is None:
                owed = owed + after
                continue
            within = sizes.each(tail.gpus * when.present(tail.start, when.months))
            held = held - within * tail.floats
            owed = owed + after * np.logical_not(tail.floats)
            floating = floating + sizes.each(tail.months) * tail.floats
        month = HOURS_PER_MONTH / when.annuity
        usd = self._net(way.price, levels.price, levels)
        out = [_rent("rent", f"{way.label}: GPU-hours around the clock", held * month, usd)]
        if tails:
            out.append(_rent("owed", OWED, owed * month, usd))
            if way.peak_price is not None:
                out.append(_rent("tail", TAIL, floating * month, self._net(way.peak_price, levels.peak_price, levels)))
        return out

    def tails(self, way: Way, sizes: Sizes, base: FloatArray, levels: Levels, when: Calendar) -> list[Tail]:
        """What whole terms leave of the horizon, each piece on demand or owed, whichever is cheaper at its prices.

        A term that begins today and is longer than the horizon is owed.
        """
        unfinished = unfinished_terms(self._changing(base), way.term_months, when.months)
        basis, price, out = way.peak_price, self._net(way.price, levels.price, levels), []
        for start, gpus in unfinished:
            end, year = start + way.term_months, start // 12
            if basis is None or not start:  # what is signed today is owed; a later term is decided on when it begins
                out.append(Tail(start, end, gpus, None, None, False))
                continue
            needed = gpus[..., None] * self._used_share(sizes.rows, base, levels)[..., year:]
            months = needed @ when.year_weights[year:]
            on_demand = sizes.each(months) * self._net(basis, levels.peak_price, levels)
            floats = np.asarray(on_demand < sizes.each(gpus * when.present(start, end)) * price)
            out.append(Tail(start, end, gpus, needed, months, floats))
        return out

    def _used_share(self, fleet: FloatArray, base: FloatArray, levels: Levels) -> FloatArray:
        """Part of a base that demand uses on average, billed as on demand: at least one replica with traffic."""

        def share() -> FloatArray:
            below = fleet * (self._average(levels) - self._above(fleet, base, levels))
            return np.asarray(np.maximum(below * self.in_use, self.least(base)) / base)

        return once(self.memo, ("used",), (fleet, base, levels.utilisation), share)

    def _above(self, fleet: FloatArray, base: FloatArray, levels: Levels) -> FloatArray:
        """Mean demand above a base, over its peak, while there is traffic."""
        follows = fleet, base, levels.utilisation
        return once(self.memo, ("above",), follows, lambda: share_above(base / fleet, self._average(levels)))

    def _peak(self, way: Way, sizes: Sizes, base: FloatArray, levels: Levels, when: Calendar) -> Term:
        assert way.peak_price is not None
        above = sizes.rows * self._above(sizes.rows, base, levels) * self.in_use
        hours = sizes.each(above @ when.year_weights * HOURS_PER_MONTH / when.annuity)
        return _rent("peak", PEAK, hours, self._net(way.peak_price, levels.peak_price, levels))

    def _owned(self, way: Way, sizes: Sizes, base: FloatArray, levels: Levels, when: Calendar) -> list[Term]:
        facts = self.facts
        added = added_by_year(self._changing(base))
        capex = self._net(way.price, levels.price, levels)
        landed = capex * (1.0 + facts.tariff_rate)
        bought = sizes.each(added @ when.year_starts[: added.shape[-1]] / when.annuity)
        held = sizes.each(base @ when.year_weights / when.annuity)
        end = (1.0 + when.rate) ** (-when.months / 12)
        ages = ((y, when.months - 12 * y) for y in range(added.shape[-1]))
        worth = (sizes.each(added[..., y]) * self._residual_share(age, levels) for y, age in ages)
        back = sum(worth, start=np.float64(0.0)) * end / when.annuity
        operations = sizes.each(self._operations(base, when))
        kwh = held * facts.kw_per_gpu * facts.typical("pue") * HOURS_PER_MONTH
        power = facts.typical("power_usd_per_kwh") * levels.power
        engineer = facts.typical("engineer_usd_per_year") / 12
        return [
            Term("capital", "capital", self._bought, "GPU", bought, landed),
            Term("residual", "residual", "Residual value, at the end of the horizon", "GPU-equivalent", -back, capex),
            Term("power", "power", "Electricity", "kWh", kwh, power),
            Term(
                "space", "space", "Space and cooling", "kW", held * facts.kw_per_gpu,
                facts.typical("space_usd_per_kw_month"),
            ),
            Term(
                "maintenance", "maintenance", "Maintenance", "USD of hardware", held * capex,
                facts.typical("maintenance_share_per_year") / 12,
            ),
            Term("operations", "staff", "Operations of owned nodes", "FTE", operations, engineer),
        ]  # fmt: skip

    def _residual_share(self, age: int, levels: Levels) -> Any:
        curve, at = self.facts.residual, levels.residual

        def share() -> FloatArray:
            low, typical, high = (curve.share(age, end) for end in ("low", "typical", "high"))
            return between(typical, low, high, at)

        return once(self.memo, ("residual", age), (at,), share)

    def _operations(self, base: FloatArray, when: Calendar) -> Any:
        nodes = base / self.sized.accelerator.gpus_per_node
        exponent = self.facts.typical("ops_scaling_exponent")
        most, places = int(nodes.max()), nodes.astype(np.intp)
        # draws have few numbers of nodes between them, and powers are slow
        scaled = (np.arange(most + 1.0) ** exponent)[places] if most < nodes.size else nodes**exponent
        fte = self.facts.typical("operations_fte_per_node") * scaled
        return fte @ when.year_weights / when.annuity

    def _premium(self, sizes: Sizes, levels: Levels, when: Calendar) -> list[Term]:
        rule = self.premium
        if "engineer_usd_per_year" not in self.facts.values or (self._nobody and levels.extra_engineers is None):
            return []
        engineer = self.facts.typical("engineer_usd_per_year")
        first, at = Sizes(sizes.rows[..., 0], sizes.place), levels.stack
        if levels.extra_engineers is None:
            follows = sizes.rows, at
            engineers: Any = once(self.memo, ("engineers",), follows, lambda: rule.engineers_of(first, at))
        else:
            engineers = levels.extra_engineers + 0.0 * first.each(first.rows)
        weeks = once(self.memo, ("weeks",), (at,), lambda: rule.weeks_at(at)) / when.annuity
        stack = "ROCm" if rule.stack == "rocm" else "CUDA"
        return [
            Term("stack", "stack premium", f"Extra engineers for {stack}", "FTE", engineers, engineer / 12),
            Term(
                "migration", "stack premium", f"One-off engineer-weeks for {stack}, over the horizon",
                "engineer-weeks", weeks, engineer / WEEKS_PER_YEAR,
            ),
        ]  # fmt: skip

    def busy_gpus(self) -> float:
        """GPUs that today's tokens would keep busy all month at the operating point, before whole replicas."""
        sized = self.sized
        return sum(
            d.peak_rps / d.replica_rps * d.gpus_per_replica * w.traffic.average_to_peak * in_use_share(w.traffic)
            for d, w in zip(sized.demands, sized.workloads, strict=True)
        )

    # tokens

    def mtok(self, levels: Levels, calendar: Calendar | None = None) -> tuple[Any, Any]:
        """(input, output) tokens served, levelised over the horizon [1e6/month]."""
        when = calendar or self.calendar
        scale = levels.demand * levels.utilisation
        total_in = total_out = 0.0
        for (tokens_in, tokens_out), growth in zip(self.mtok_at_start, self.growths, strict=True):
            grown = float(monthly_growth(growth, when.months) @ when.discount / when.annuity) if growth else 1.0
            total_in, total_out = total_in + grown * tokens_in, total_out + grown * tokens_out
        return total_in * scale, total_out * scale

    def mtok_by_month(self, levels: Levels) -> FloatArray:
        """Tokens served in each month of the horizon [1e6]."""
        months = self.calendar.months
        tiers = zip(self.mtok_at_start, self.growths, strict=True)
        parts = [sum(mtok) * monthly_growth(growth, months) for mtok, growth in tiers]
        return np.asarray(np.sum(parts, axis=0) * levels.demand)

    def _hours(self, fleet: FloatArray, levels: Levels, when: Calendar) -> FloatArray:
        """GPU-hours a month of a fleet that follows demand, levelised."""
        paid = self.billed(fleet, levels)
        return np.asarray(paid @ self._pad(when.discount, paid) * (HOURS_PER_MONTH / when.annuity))

    @staticmethod
    def _pad(weights: FloatArray, paid: FloatArray) -> FloatArray:
        """Month weights for a fleet that is the same in every month."""
        return weights if paid.shape[-1] == weights.shape[0] else np.array([weights.sum()])


def _rent(key: str, name: str, hours: Any, usd_per_hour: Any) -> Term:
    return Term(key, "rent", name, "GPU-h", hours, usd_per_hour)


def total(terms: Sequence[Term]) -> Any:
    """Sum of terms [USD/month]."""
    return sum((term.usd_per_month for term in terms), start=np.float64(0.0))
