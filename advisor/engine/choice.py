"""Which of the deployments that keep the service level a candidate gets: the one by which it ranks best.

Fewest GPUs are not always least cost. Nodes are paid for whole, a fleet that follows demand never goes below a replica,
a wide interval of the throughput costs nodes in reserve, and engines differ in what they ask of the team. So the few
deployments that need little hardware are priced as the candidate itself is.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np

from advisor.domain.profile import Workload
from advisor.domain.record import record
from advisor.engine.cost.pricing import Pricing
from advisor.engine.cost.prospect import Prospect
from advisor.engine.cost.timing import MONTHS_PER_YEAR, yearly_capacity_growth
from advisor.engine.estimates import HIGH, LOW, MID
from advisor.engine.fleet import Sizing
from advisor.engine.layout import Layout
from advisor.engine.operating_point import Load, carried_by
from advisor.engine.packing import in_nodes, stays_whole
from advisor.engine.sized import FloatArray, TierDemand, half_sigma

NEAR = 1.05
"""GPUs over the least, up to which a deployment is priced: what other engines ask of the team may weigh as much."""
MOST_PRICED = 3
"""Deployments of a workload that are priced at most."""

MOST_JOINT = 27
"""Combinations of deployments of several workloads up to which each is priced."""
MOST_ROUNDS = 4
"""Times that each workload is gone through at most, where there are more."""

TIE = 0.01
"""Costs that differ by less, as a share, are no reason to take more GPUs: what is left of a node is room to grow."""


@record
class Weight:
    """What a candidate is ranked by with one layout for each workload; less is better."""

    effort: float
    """How far it is from feasible; 0 where it passes every gate."""
    over_budget: bool
    usd_per_month: float
    """Mean, expected loss and the appetite's share of the tail."""
    pricing: Pricing | None = None
    """By which it was weighed; none where it cannot be paid for, or is out already."""

    @property
    def out(self) -> bool:
        """Whether it is no candidate: a gate or the budget excludes it."""
        return self.effort > 0 or self.over_budget

    @property
    def order(self) -> tuple[float, bool, float]:
        """By which the best is found."""
        return self.effort, self.over_budget, self.usd_per_month

    def as_good_as(self, best: Weight) -> bool:
        """Whether it is the best, or ties with it."""
        usd = self.usd_per_month / (1 + TIE)
        return (self.effort, self.over_budget, usd) <= best.order


Weigh = Callable[[Sequence[Layout]], Weight]


@record
class Hardware:
    """GPUs that one deployment takes on average over the cases."""

    layout: Layout
    held: float
    """Around the clock."""
    billed: float
    """Where the fleet follows demand, while there is traffic."""

    def beats(self, other: Hardware) -> bool:
        """Whether it takes no more in either way, all else alike."""
        return self.held <= other.held and self.billed <= other.billed and _kind(self.layout) == _kind(other.layout)


def settle(layouts: Sequence[Layout], options: Sequence[Sequence[Layout]], weigh: Weigh) -> list[Layout]:
    """One layout for each workload, those that are best together: they share nodes and a team.

    Of up to MOST_JOINT combinations all are weighed. Of more, the options of one workload after the other beside what
    the others have, until none is better; from the layouts given, and from each engine that all may run in.

    Parameters
    ----------
    layouts
        What each has to begin with.
    options
        What each may have, those of the fewest GPUs first; they win ties. Empty where a workload has none: nothing is
        settled then.
    """
    if not options:
        return list(layouts)
    if math.prod(len(choices) for choices in options) <= MOST_JOINT:
        places = sorted(itertools.product(*(range(len(choices)) for choices in options)), key=lambda p: (sum(p), p))
        return _best([[choices[n] for choices, n in zip(options, p, strict=True)] for p in places], weigh)
    known: dict[tuple[int, ...], Weight] = {}

    def weighed(chosen: Sequence[Layout]) -> Weight:
        """Each combination once: rounds come by the same ones again."""
        key = tuple(map(id, chosen))
        if key not in known:
            known[key] = weigh(chosen)
        return known[key]

    return _best([_in_turn(start, options, weighed) for start in (list(layouts), *_in_one_engine(options))], weighed)


def _in_turn(chosen: list[Layout], options: Sequence[Sequence[Layout]], weigh: Weigh) -> list[Layout]:
    for _ in range(MOST_ROUNDS):
        before = chosen
        for i, choices in enumerate(options):
            chosen = _best([[*chosen[:i], layout, *chosen[i + 1 :]] for layout in choices], weigh)
        if same(before, chosen):
            break
    return chosen


def same(some: Sequence[Layout], others: Sequence[Layout]) -> bool:
    """Whether these are the same layouts, one for each workload."""
    return all(a is b for a, b in zip(some, others, strict=True))


def _in_one_engine(options: Sequence[Sequence[Layout]]) -> list[list[Layout]]:
    """For each engine in which all workloads may run, the first layout of each in it: a second one asks more of a team,
    so that no workload leaves the engine of the others alone."""
    engines = [{x.deployment.engine: x for x in reversed(choices) if x.deployment is not None} for choices in options]
    shared = set(engines[0]).intersection(*engines[1:])
    return [[of[engine] for of in engines] for engine in sorted(shared)]


def _best(combinations: Sequence[list[Layout]], weigh: Weigh) -> list[Layout]:
    """The first of those that tie with the best."""
    if len(combinations) == 1:
        return combinations[0]
    weighed = [(layouts, weigh(layouts)) for layouts in combinations]
    best = min((weight for _, weight in weighed), key=lambda weight: weight.order)
    return next(layouts for layouts, weight in weighed if weight.as_good_as(best))


def contenders(every: Sequence[Hardware]) -> list[Layout]:
    """The deployments of one workload that may cost least, of a layout and its rivals in their order."""
    least_held, least_billed = min(h.held for h in every), min(h.billed for h in every)
    out: list[Hardware] = []
    for h in sorted(every, key=lambda h: h.held / least_held + h.billed / least_billed):
        near = h.held <= NEAR * least_held or h.billed <= NEAR * least_billed
        if near and not any(other.beats(h) for other in out):
            out.append(h)
    kept = out[:MOST_PRICED]
    return [h.layout for h in every if any(h is other for other in kept)]


def hardware(
    layout: Layout, workload: Workload, sizing: Sizing, prospect: Prospect, *, alone: bool, rate: float = 1.0
) -> Hardware:
    """What one deployment takes.

    Parameters
    ----------
    prospect
        The cases over which the fleet is sized.
    alone
        Whether its GPUs make up the fleet; with others they share nodes.
    rate
        Factor on its throughput.
    """
    assert layout.deployment is not None
    fleet = _fleets(layout, workload, sizing, prospect, alone=alone, rate=rate)
    gpus = layout.deployment.gpus_per_replica
    replica = float(in_nodes(gpus, (gpus, stays_whole(layout.deployment)), _per_node(layout, alone=alone)))
    billed = np.maximum(fleet * workload.traffic.average_to_peak, np.minimum(fleet, replica))
    return Hardware(layout, float(fleet.mean()), float(billed.mean()))


def _fleets(
    layout: Layout, workload: Workload, sizing: Sizing, prospect: Prospect, *, alone: bool, rate: float
) -> FloatArray:
    """GPUs held in each case, by year of the horizon."""
    assert layout.sample is not None
    assert layout.deployment is not None
    gpus, traffic, sample = layout.deployment.gpus_per_replica, workload.traffic, layout.sample
    carried = carried_by(sample, Load.of(traffic, workload.slo), gpus)
    low, middle, high = sample.found.table[sample.place, [LOW, MID, HIGH]].tolist()
    demand = TierDemand(
        carried.peak_rps, carried.peak_rps * carried.capacity / carried.demand, traffic.burst_headroom,
        workload.slo.availability, sizing.up_probability(gpus), gpus, half_sigma(low, middle),
        half_sigma(middle, high), layout.response, stays_whole(layout.deployment),
    )  # fmt: skip
    years = -(-sizing.horizon_months // MONTHS_PER_YEAR) if traffic.growth_per_year else 1
    ahead = sizing.parameters["growth_lookahead_months"]
    growth = yearly_capacity_growth(traffic.growth_per_year, years, ahead, float(sizing.horizon_months))
    cases = prospect.cases
    of_case = demand.carried(rate * demand.rate(cases.z)[:, None], rate)
    return demand.gpus(of_case, cases.demand[:, None], growth, _per_node(layout, alone=alone))


def _per_node(layout: Layout, *, alone: bool) -> int:
    return layout.accelerator.gpus_per_node if alone else 1


def _kind(layout: Layout) -> tuple[object, ...]:
    """What sets apart what is asked of the team, beside the hardware."""
    d = layout.deployment
    assert d is not None
    return d.engine, d.precision, d.disagg, d.spec_method
