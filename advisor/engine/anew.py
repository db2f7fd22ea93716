"""What a candidate comes to when a moved profile is asked anew: deployments, fleet and way of paying chosen again.

Break-evens ask so for one candidate at a value of one input. What no value moves is kept: layouts, which hang on the
horizon alone and only where demand grows, the plan of each deployment and its gates. The figure is the one by which
deployments are told apart (`advisor/engine/paying.py`), over fixed cases.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from advisor.domain.profile import Profile
from advisor.domain.record import replace
from advisor.engine.choice import TIE, Hardware, Weight, contenders, same, settle
from advisor.engine.drafts import Draft, Inputs, drawn_with, hardware_of, laid_out_all, planned_for, weigh
from advisor.engine.fleet import Sizing
from advisor.engine.infeasible import HARD
from advisor.engine.layout import Layout
from advisor.engine.plan import main_tier_first, moved_plan

SURE = 3e-3
"""Share of a cost by which a deployment has to miss another to be left out."""
OUT = Weight(HARD, False, math.inf)
"""Of a candidate that no deployment serves."""

Layouts = Sequence[Layout]
"""One for each workload."""


class Anew:
    """The candidates of an answer, each to be asked for again with some of the profile moved.

    Parameters
    ----------
    drafts
        Those of the answer.
    """

    def __init__(self, profile: Profile, drafts: Sequence[Draft], inputs: Inputs, sizing: Sizing) -> None:
        self._profile, self._inputs, self._sizing = profile, inputs, sizing
        self._drafts = {draft.accelerator.id: draft for draft in drafts if draft.plans}
        self._order = main_tier_first([draft.plans for draft in self._drafts.values()])
        self._laid_out: dict[tuple[str, float], Layouts] = {}
        self._planned: dict[tuple[float, tuple[int, ...]], tuple[Draft, Layouts]] = {}
        self._hardware: dict[tuple[object, ...], list[list[Hardware]]] = {}
        self._today: dict[str, float] = {}

    def limited(self, moved: Profile, rate: float = 1.0) -> bool:
        """Whether a candidate may be out by what it comes to: a budget counts always, a site where the fleet moves."""
        if self._profile.procurement.budget_usd_per_month is not None:
            return True
        site, months = self._profile.site, moved.procurement.horizon_months
        moves = rate != 1.0 or months != self._sizing.horizon_months
        return moves and (site.power_kw is not None or site.rack_kw is not None)

    def stays(
        self, id_: str, moved: Profile, rate: float, leading: list[str]
    ) -> tuple[bool, tuple[Layouts, Weight] | None]:
        """Whether a candidate keeps its deployments and is not out by what it comes to; with both, if it was weighed.

        Parameters
        ----------
        moved
            The profile with one input moved.
        rate
            Factor on the throughput of each deployment of the candidate.
        leading
            Ids of the ways of paying that are tried, see `weigh`.
        """
        if self._lookahead(moved) != self._sizing.lookahead_months:
            return False, None
        layouts = self._drafts[id_].layouts
        options = self._options(id_, moved, rate)
        if all(len(some) == 1 for some in options) and not self.limited(moved, rate):
            return same([some[0] for some in options], layouts), None
        chosen, weight = self._settled(id_, moved, rate, options, leading)
        if weight.out:  # another way may be within the budget
            chosen, weight = self._settled(id_, moved, rate, options, [])
        return same(chosen, layouts) and not weight.out, (chosen, weight)

    def least_share(self, id_: str, moved: Profile, rate: float = 1.0) -> float:
        """GPUs over those of today's deployments, at least, that any others could do with; see `stays`."""
        tiers = zip(self._hardware_of(id_, moved, rate), self._drafts[id_].layouts, strict=True)
        shares = [1.0]
        for every, layout in tiers:
            now = next((h for h in every if h.layout is layout), None)
            if now is None:
                return 0.0
            shares += [min(_shares(h, now)) for h in every]
        return min(shares)

    def weight(
        self, id_: str, moved: Profile, rate: float, leading: list[str], with_: Layouts = ()
    ) -> tuple[Layouts, Weight]:
        """The deployments that the candidate takes and what it comes to, see `stays`; ways are tried as in `weigh`.

        Parameters
        ----------
        with_
            The deployments, where they are known.
        """
        options: Sequence[Layouts] = [[layout] for layout in with_] or self._options(id_, moved, rate)
        if not options:
            return (), OUT
        found = self._settled(id_, moved, rate, options, leading)
        return self._settled(id_, moved, rate, options, []) if found[1].out else found

    def today(self, id_: str) -> float:
        """The same of the answer itself."""
        if id_ not in self._today:
            first = self._drafts[id_].tried[0]  # of which all ways were weighed
            if first[1] is not None and len(self._order) == 1 and same(first[0].layouts, self._drafts[id_].layouts):
                self._today[id_] = first[1].usd_per_month
                return self._today[id_]
            self._today[id_] = self._weight(id_, self._drafts[id_].layouts, self._profile, 1.0, []).usd_per_month
        return self._today[id_]

    def _options(self, id_: str, moved: Profile, rate: float) -> list[Layouts]:
        """The deployments of each workload that may be taken.

        Those that today's weights rule out are left out: where costs move with the GPUs alone, from what they are today
        to what the GPUs are then, one still misses today's.
        """
        every, draft = self._hardware_of(id_, moved, rate), self._drafts[id_]
        options: list[Layouts] = [contenders(tier) for tier in every]
        if len(options) != 1 or not any(layout is draft.layouts[0] for layout in options[0]):
            return options
        (chosen,), order = draft.layouts, options[0]
        weights = {id(one.layouts[0]): weight for one, weight in draft.tried if weight is not None and not weight.out}
        now = {id(h.layout): h for h in self._hardware_of(id_, self._profile, 1.0)[0]}
        then = {id(h.layout): h for h in every[0]}
        place = next(i for i, layout in enumerate(order) if layout is chosen)

        def missed(i: int, layout: Layout) -> bool:
            if id(layout) not in weights or id(chosen) not in weights or id(layout) not in now:
                return False
            share = weights[id(layout)].usd_per_month / weights[id(chosen)].usd_per_month
            shares_then, shares_now = (_shares(at[id(layout)], at[id(chosen)]) for at in (then, now))
            moved_by = min(a / b for a, b in zip(shares_then, shares_now, strict=True))
            least = min(share * moved_by, *shares_then)
            return least > (1 + TIE if i < place else 1 / (1 + TIE)) * (1 + SURE)

        return [[layout for i, layout in enumerate(order) if i == place or not missed(i, layout)]]

    def _settled(
        self, id_: str, moved: Profile, rate: float, options: Sequence[Layouts], leading: list[str]
    ) -> tuple[Layouts, Weight]:
        known: list[tuple[Layouts, Weight]] = []

        def weighed(layouts: Layouts) -> Weight:
            found = next((weight for tried, weight in known if same(tried, layouts)), None)
            if found is None:
                found = self._weight(id_, layouts, moved, rate, leading)
                known.append((layouts, found))
            return found

        chosen = settle([some[0] for some in options], options, weighed)
        return chosen, weighed(chosen)

    def _weight(self, id_: str, layouts: Layouts, moved: Profile, rate: float, leading: list[str]) -> Weight:
        sizing, draft = self._sized_for(moved), self._plan(id_, layouts, moved)
        if rate != 1.0 or sizing is not self._sizing:
            tiers = zip(draft.plans, moved.tiers, layouts, strict=True)
            draft = replace(draft, plans=tuple(moved_plan(p, w, layout, sizing, rate) for p, w, layout in tiers))
        return weigh(draft, moved, self._inputs, sizing, self._order, leading)

    def _plan(self, id_: str, layouts: Layouts, moved: Profile) -> Draft:
        """The candidate with some deployments; its fleet is that of today."""
        key = self._lookahead(moved), tuple(map(id, layouts))
        if key not in self._planned:
            draft = self._drafts[id_]
            found = next((tried for tried, _ in draft.tried if same(tried.layouts, layouts)), None)
            if found is None:
                drawn = drawn_with(self._profile, draft.accelerator, layouts, self._inputs)
                found = planned_for(drawn, self._profile, self._inputs, self._sizing, {})
            self._planned[key] = found, layouts  # kept alive, so that no other layout gets the id of one of them
        return self._planned[key][0]

    def _hardware_of(self, id_: str, moved: Profile, rate: float) -> list[list[Hardware]]:
        """What each deployment takes; none where a workload cannot be served."""
        averages = tuple(w.traffic.average_to_peak for w in moved.tiers)
        key = id_, rate, moved.procurement.horizon_months, averages
        if key not in self._hardware:
            offered, sizing = self._offered(id_, moved), self._sized_for(moved)
            self._hardware[key] = hardware_of(offered, moved, self._inputs, sizing, rate)
        return self._hardware[key]

    def _offered(self, id_: str, moved: Profile) -> Layouts:
        """The candidate laid out for a horizon: as today, or anew where that bears on what is looked at."""
        draft, ahead = self._drafts[id_], self._lookahead(moved)
        if ahead == self._sizing.lookahead_months:
            return draft.offered
        if (id_, ahead) not in self._laid_out:
            (again,) = laid_out_all(moved, [draft.accelerator], self._inputs, self._sized_for(moved))
            self._laid_out[id_, ahead] = again.layouts
        return self._laid_out[id_, ahead]

    def _lookahead(self, moved: Profile) -> float:
        """Months of growth that capacity is sized for, as far as it bears on layouts."""
        grows = any(w.traffic.growth_per_year for w in moved.tiers)
        return self._sized_for(moved).lookahead_months if grows else self._sizing.lookahead_months

    def _sized_for(self, moved: Profile) -> Sizing:
        months = moved.procurement.horizon_months
        return self._sizing if months == self._sizing.horizon_months else Sizing(self._sizing.parameters, months)


def _shares(one: Hardware, other: Hardware) -> tuple[float, float]:
    """GPUs over those of another deployment, held and billed."""
    return one.held / other.held, one.billed / other.billed
