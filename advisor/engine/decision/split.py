"""Two vendors instead of one, tier by tier: what the split saves, and what it loses."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from datetime import date

from advisor.catalog import Catalog
from advisor.domain.decision import SplitOption, SplitPart, TierChoice
from advisor.domain.profile import Profile
from advisor.domain.record import record
from advisor.domain.text import in_a_row, percent, told_usd
from advisor.domain.units import WEEKS_PER_YEAR
from advisor.engine.cost.levels import Levels
from advisor.engine.cost.model import Term
from advisor.engine.cost.pricing import Pricing
from advisor.engine.cost.shares import shares_of
from advisor.engine.decision.simulate import Comparison, Run
from advisor.engine.paying import build_pricing

PER_VENDOR = 2
"""Candidates of each vendor that are considered for a split, best first."""
MOST_SPLITS = 64
"""Assignments of tiers to candidates up to which each is priced; of more the best is sought step by step."""

SPENT_WITH_SELLER = ("rent", "owed", "tail", "peak", "capital")

Assignment = tuple[int, ...]
"""Place of the candidate of each tier, in the order of the profile."""


@record
class _Part:
    """The tiers on one accelerator, in nodes that they share, without the engineering of its stack."""

    run: Run
    pricing: Pricing
    gpus: float
    usd: float
    with_seller: float
    """Of it, what is paid to the seller of the GPUs [USD/month]."""
    discount: float
    """What the promised discount takes off that [USD/month]; quotes are net of any."""

    @property
    def tiers(self) -> list[str]:
        """Names of the tiers on it."""
        return [plan.name for plan in self.pricing.model.sized.tiers]


@record
class _Split:
    """One assignment with its terms [USD/month]."""

    parts: tuple[_Part, ...]
    """In the order of the first tier on each."""
    hardware: float
    premium: float
    second: float
    lost: float
    leverage: float

    @property
    def total(self) -> float:
        """All terms."""
        return self.hardware + self.premium + self.second + self.lost - self.leverage


def best_split(profile: Profile, comparison: Comparison, catalog: Catalog, as_of: date) -> SplitOption | None:
    """The cheapest assignment of tiers to two vendors; None with one tier or one vendor.

    Tiers on one accelerator share its nodes, so that all are assigned together. The terms count that only a split has:
    the promised discount shrinks with each vendor's share of the spend, a second stack must be run, each vendor's
    own premium is reckoned on its part of the fleet, and a second vendor in use gains leverage on price.
    """
    if len(profile.tiers) < 2:
        return None
    finalists = _finalists(comparison.runs)
    if len(finalists) < 2:
        return None
    search = _Search([run for group in finalists.values() for run in group], profile, comparison, catalog, as_of, {})
    return _told(search.best(), [tier.name for tier in profile.tiers], comparison, catalog)


@record
class _Search:
    """Assignments of all tiers to the candidates of two vendors."""

    runs: list[Run]
    profile: Profile
    comparison: Comparison
    catalog: Catalog
    as_of: date
    known: dict[tuple[int, Assignment], _Part]
    """Parts by candidate and the tiers on it: assignments have most of them in common."""

    def best(self) -> _Split:
        """The cheapest one; of those that cost the same the first by the candidates' ids."""
        tiers = len(self.profile.tiers)
        if len(self.runs) ** tiers <= MOST_SPLITS:
            every = itertools.product(range(len(self.runs)), repeat=tiers)
            return min((self._split(a) for a in every if self._valid(a)), key=self._order)
        found = self._split(self._apart())
        while True:
            near = [self._split(a) for a in self._near(self._places(found)) if self._valid(a)]
            better = min(near, key=self._order, default=found)
            if better.total >= found.total:
                return found
            found = better

    def _apart(self) -> Assignment:
        """Each tier where it costs least by itself; where that is one vendor, the tier moved that costs least."""
        tiers = range(len(self.profile.tiers))
        usd = [[self._part(r, (t,)).usd for r in range(len(self.runs))] for t in tiers]
        ids = [run.id for run in self.runs]
        least = tuple(min(zip(row, ids, range(len(ids)), strict=True))[2] for row in usd)
        if self._valid(least):
            return least
        moves = [(*least[:t], r, *least[t + 1 :]) for t in tiers for r in range(len(self.runs))]
        return min(filter(self._valid, moves), key=lambda a: sum(usd[t][r] for t, r in enumerate(a)))

    def _near(self, places: Assignment) -> Iterator[Assignment]:
        """One tier moved, or all of one accelerator moved to another."""
        for r in range(len(self.runs)):
            yield from ((*places[:t], r, *places[t + 1 :]) for t in range(len(places)) if places[t] != r)
            yield from (tuple(r if p == old else p for p in places) for old in set(places) - {r})

    def _places(self, split: _Split) -> Assignment:
        by_tier = {name: self.runs.index(part.run) for part in split.parts for name in part.tiers}
        return tuple(by_tier[tier.name] for tier in self.profile.tiers)

    def _valid(self, places: Assignment) -> bool:
        return len({self.runs[r].vendor for r in places}) > 1

    @staticmethod
    def _order(split: _Split) -> tuple[float, list[str]]:
        return split.total, [part.run.id for part in split.parts]

    def _part(self, run: int, tiers: Assignment) -> _Part:
        if (run, tiers) not in self.known:
            names = [self.profile.tiers[t].name for t in tiers]
            self.known[run, tiers] = _part(self.runs[run], names, self.profile, self.catalog, self.as_of)
        return self.known[run, tiers]

    def _split(self, places: Assignment) -> _Split:
        parts = tuple(
            self._part(run, tuple(t for t, r in enumerate(places) if r == run)) for run in dict.fromkeys(places)
        )
        defaults = self.catalog.decision_defaults
        engineer = self.comparison.best.pricing.model.facts.values.get("engineer_usd_per_year")
        spend, fleet = sum(p.with_seller for p in parts), sum(p.gpus for p in parts)
        negotiates = fleet >= defaults["negotiation_min_gpus"].value
        return _Split(
            parts=parts,
            hardware=sum(p.usd for p in parts),
            premium=_premiums(parts),
            second=0.0 if engineer is None else defaults["second_stack_engineers"].value * engineer.value / 12,
            lost=_lost_discount(parts, spend),
            leverage=defaults["leverage_discount"].value * spend if negotiates else 0.0,
        )


def _finalists(runs: Sequence[Run]) -> dict[str, list[Run]]:
    out: dict[str, list[Run]] = {}
    for run in runs:
        group = out.setdefault(run.vendor, [])
        if len(group) < PER_VENDOR:
            group.append(run)
    return out


def _part(run: Run, tiers: Sequence[str], profile: Profile, catalog: Catalog, as_of: date) -> _Part:
    # each candidate has its tiers in an order of its own, the one with most GPUs first
    names = [plan.name for plan in run.pricing.model.sized.tiers]
    sized = run.pricing.model.sized.only(*(names.index(tier) for tier in tiers))
    pricing = build_pricing(profile, sized, catalog, as_of)
    hardware = [t for t in pricing.model.terms(pricing.way, pricing.typical) if t.category != "stack premium"]
    with_seller = _with_seller(hardware)
    return _Part(
        run=run,
        pricing=pricing,
        gpus=pricing.model.first_gpus(pricing.way),
        usd=float(sum(t.usd_per_month for t in hardware)),
        with_seller=with_seller,
        discount=_with_seller(pricing.model.terms(pricing.way, Levels())) - with_seller,
    )


def _with_seller(terms: Sequence[Term]) -> float:
    return float(sum(t.usd_per_month for t in terms if t.key in SPENT_WITH_SELLER))


def _told(split: _Split, names: Sequence[str], comparison: Comparison, catalog: Catalog) -> SplitOption:
    single = comparison.best.cost.point_usd_per_month
    gain = single - split.total
    least = catalog.decision_defaults["split_saving_share"].value
    parts = [_told_part(part) for part in split.parts]
    tiers = {choice.tier: choice for part in split.parts for choice in _choices(part)}
    by_id = {part.run.id: part.run.name for part in split.parts}
    who = parts_in_a_row([(p.tiers, f"on {by_id[p.accelerator]}") for p in parts], names)
    verb = "saves" if gain >= 0 else "costs"
    text = (
        f"Splitting ({who}) {verb} USD {told_usd(abs(gain))} a month against {comparison.best.name} alone"
        f" ({percent(abs(gain) / single, 1)}; a split is advised where it saves {percent(least)})."
    )
    return SplitOption(
        tiers=tuple(tiers[name] for name in names),
        parts=tuple(parts),
        usd_per_month=split.total,
        hardware_usd_per_month=split.hardware,
        lost_discount_usd_per_month=split.lost,
        second_stack_usd_per_month=split.second + split.premium,
        leverage_usd_per_month=split.leverage,
        single_usd_per_month=single,
        gain_usd_per_month=gain,
        worthwhile=gain >= least * single,
        text=text,
    )


def parts_in_a_row(parts: Sequence[tuple[Sequence[str], str]], names: Sequence[str]) -> str:
    """Parts of a split, each as its tiers and where they are; tiers in the order of `names`.

    >>> parts_in_a_row([(["b", "a"], "on X"), (["c"], "on Y")], ["a", "b", "c"])
    'a and b on X; c on Y'
    """
    told = [f"{in_a_row(sorted(tiers, key=names.index))} {where}" for tiers, where in parts]
    return ("; " if any(len(tiers) > 1 for tiers, _ in parts) else ", ").join(told)


def _choices(part: _Part) -> list[TierChoice]:
    """The tiers of a part; where several share its nodes, each with its replicas and its share of the cost."""
    plans, shares = part.pricing.model.sized.tiers, shares_of(part.pricing.model, part.pricing.way)
    return [
        TierChoice(
            tier=plan.name, accelerator=part.run.id, usd_per_month=share * part.usd,
            gpus=plan.fleet.gpus_needed if len(plans) > 1 else int(part.gpus),
        )
        for plan, share in zip(plans, shares, strict=True)
    ]  # fmt: skip


def _told_part(part: _Part) -> SplitPart:
    sized = part.pricing.model.sized
    return SplitPart(
        accelerator=part.run.id, tiers=tuple(part.tiers), gpus=int(part.gpus),
        gpus_needed=sum(plan.fleet.gpus_needed for plan in sized.tiers), gpus_per_node=sized.accelerator.gpus_per_node,
        usd_per_month=part.usd, shares=shares_of(part.pricing.model, part.pricing.way),
    )  # fmt: skip


def _premiums(chosen: Sequence[_Part]) -> float:
    """Each vendor's stack premium on its part of the fleet, once."""
    total = 0.0
    for vendor in sorted({p.run.vendor for p in chosen}):
        mine = [p for p in chosen if p.run.vendor == vendor]
        model = mine[0].run.pricing.model
        engineer = model.facts.values.get("engineer_usd_per_year")
        if engineer is None:
            continue
        running = float(model.premium.engineers(sum(p.gpus for p in mine))) * engineer.value / 12
        total += running + model.premium.weeks * engineer.value / WEEKS_PER_YEAR / model.calendar.annuity
    return total


def _lost_discount(chosen: Sequence[_Part], spend: float) -> float:
    """A discount promised for the whole volume shrinks in proportion to each vendor's share of the spend."""
    if spend <= 0:
        return 0.0
    lost = 0.0
    for vendor in sorted({p.run.vendor for p in chosen}):
        mine = [p for p in chosen if p.run.vendor == vendor]
        lost += sum(p.discount for p in mine) * (1 - sum(p.with_seller for p in mine) / spend)
    return lost
