"""Figures of an answer reckoned again from other fields of the same tree.

Each function that is called takes a node and returns, by the name of the field, the arithmetic with numbers and its
result. What the Monte Carlo draws or the estimator estimates is not among them: `origin` says so of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from advisor.domain.cost import (
    Cost,
    CostLine,
    CostOption,
    FleetYear,
    HostedApiBaseline,
    Lease,
    MonthFlow,
    Outlay,
    PriceBasis,
    StackPremium,
)
from advisor.domain.decision import Decision, Negotiation, ProbePlan, SplitOption, TornadoBar, WaitOption
from advisor.domain.recommendation import Candidate, Choice, Recommendation, Verdict
from advisor.domain.risk import Risk
from advisor.domain.sizing import CurvePoint, Fleet, Memory, OperatingPoint, TierShare
from advisor.engine.explain import redo_cost, redo_decision, redo_sizing, redo_years
from advisor.engine.explain.shared import Redone
from advisor.engine.tree_path import Place


def redo(place: Place, tree: Recommendation) -> tuple[str, float] | None:
    """(formula, value) of a figure from other fields; None where it is given, drawn, estimated or solved."""
    for kind, again in _AGAIN:
        found = place.nearest(kind)
        if found is not None:
            leaf = place.path[len(found[1]) :].lstrip(".")
            return again(found[0], place, tree).get(leaf)
    return None


_AGAIN: tuple[tuple[type, Callable[[Any, Place, Recommendation], Redone]], ...] = (
    (PriceBasis, redo_cost.price),
    (CostLine, redo_cost.line),
    (CostOption, redo_cost.option),
    (StackPremium, redo_cost.premium),
    (HostedApiBaseline, redo_cost.hosted),
    (Outlay, redo_cost.outlay),
    (Lease, redo_cost.lease),
    (MonthFlow, redo_cost.flow),
    (FleetYear, redo_years.year),
    (TierShare, redo_years.share),
    (Cost, redo_cost.cost),
    (Fleet, redo_sizing.fleet),
    (OperatingPoint, redo_sizing.point),
    (Memory, redo_sizing.memory),
    (CurvePoint, redo_sizing.curve),
    (Risk, redo_decision.risk),
    (TornadoBar, redo_decision.bar),
    (ProbePlan, redo_decision.plan),
    (SplitOption, redo_decision.split),
    (WaitOption, redo_decision.wait),
    (Negotiation, redo_decision.negotiation),
    (Choice, redo_decision.choice),
    (Verdict, redo_decision.verdict),
    (Candidate, redo_decision.candidate),
    (Decision, redo_decision.decision),
)
"""From the smallest part to the largest: the first that encloses the place answers."""
