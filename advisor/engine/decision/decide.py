"""From priced candidates to a decision and a verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from advisor.catalog import Catalog
from advisor.domain.cost import Cost
from advisor.domain.decision import Appetite, Decision, PairwiseLead
from advisor.domain.profile import Profile
from advisor.domain.provenance import Quantity
from advisor.domain.recommendation import Verdict
from advisor.domain.record import record
from advisor.engine.anew import Anew
from advisor.engine.cost.prospect import tail_weight
from advisor.engine.decision.breakeven import break_evens
from advisor.engine.decision.information import value_of_information
from advisor.engine.decision.negotiation import negotiation
from advisor.engine.decision.simulate import Comparison, Run, compare, lead_band, simulate, tail_words
from advisor.engine.decision.split import best_split
from advisor.engine.decision.tornado import tornado
from advisor.engine.decision.trial import Setting
from advisor.engine.decision.vendors import vendor_gap
from advisor.engine.decision.verdict import kind_of, verdict_of
from advisor.engine.decision.wait import wait_options
from advisor.engine.sized import PricedCandidate

DRAWN = (
    "Throughput: log-normal in two pieces, the ends of the estimate's 80 % interval as 10th and 90th percentile;"
    " independent between candidates unless the correlation default says otherwise.",
    "Price: log-normal in two pieces, low and high as 10th and 90th percentile; half of its variance is common to all"
    " candidates.",
    "Demand, electricity, engineering and residual value: one draw for all candidates, each by its own range.",
    "Draws are compared on cost plus expected loss; the ranking adds the share of the tail that the appetite asks for.",
)


@record
class Judged:
    """What the decision adds to one candidate."""

    rank: int
    cost: Cost
    """With its bands."""
    p_cheapest: float
    expected_regret_usd_per_month: float
    expected_loss_usd_per_month: float
    risk_adjusted_usd_per_month: float


@record
class DecisionOutcome:
    """Decision, verdict, and every candidate judged, by accelerator id."""

    candidates: dict[str, Judged]
    decision: Decision
    verdict: Verdict


def decide(
    profile: Profile,
    priced: Sequence[PricedCandidate],
    catalog: Catalog,
    as_of: date,
    seed: int,
    draws: int,
    anew: Anew | None = None,
) -> DecisionOutcome:
    """Compare the candidates under uncertainty and choose.

    Parameters
    ----------
    priced
        At least one candidate that passes every gate.
    anew
        By which break-evens ask for candidates again, their deployments chosen anew; without it they keep today's.
    """
    defaults = catalog.decision_defaults
    comparison = compare(simulate(profile, priced, catalog, as_of, seed, draws))
    best, second = comparison.best, comparison.second
    information = value_of_information(profile, comparison, catalog, as_of)
    split = best_split(profile, comparison, catalog, as_of)
    waits = wait_options(profile, comparison, catalog, as_of, seed)
    kind = kind_of(comparison, information, split, waits, defaults)
    found = break_evens(best, _rivals(comparison), Setting(profile, catalog, as_of, seed, draws, anew))
    gap = vendor_gap(comparison)
    decision = Decision(
        choice=best.id,
        runner_up=None if second is None else second.id,
        kind_reason=kind.tests,
        appetite=_appetite(profile, best, defaults),
        leads=tuple(_lead(best, run) for run in comparison.runs[1:]),
        tornado=tornado(best, second, defaults),
        break_evens=found,
        information=information,
        split=split,
        waits=waits,
        negotiation=negotiation(comparison, found, catalog, as_of),
        skill_gap_usd_per_month=gap.skill_usd_per_month,
        vendor_gap_usd_per_month=gap.gap_usd_per_month,
        vendor_gap_text=gap.text,
        draws=draws,
        seed=seed,
        model_notes=DRAWN,
    )
    verdict = verdict_of(profile, comparison, kind, decision, defaults)
    return DecisionOutcome(_judged(comparison), decision, verdict)


def _rivals(comparison: Comparison) -> tuple[Run, ...]:
    """The runner-up, and the best of the other vendor where that is another."""
    second = comparison.second
    if second is None:
        return ()
    other = next((run for run in comparison.runs[1:] if run.vendor != comparison.best.vendor), None)
    return (second,) if other is None or other is second else (second, other)


def _judged(comparison: Comparison) -> dict[str, Judged]:
    return {
        run.id: Judged(
            rank=rank,
            cost=run.cost,
            p_cheapest=min(1.0, comparison.p_cheapest[run.id]),
            expected_regret_usd_per_month=comparison.regret[run.id],
            expected_loss_usd_per_month=run.expected_loss,
            risk_adjusted_usd_per_month=run.risk_adjusted,
        )
        for rank, run in enumerate(comparison.runs, start=1)
    }


def _lead(best: Run, other: Run) -> PairwiseLead:
    band, p = lead_band(best, other)
    return PairwiseLead(
        rival=other.id, lead_p10_usd=band.p10, lead_p50_usd=band.p50, lead_p90_usd=band.p90, p_choice_cheaper=p
    )


def _appetite(profile: Profile, best: Run, defaults: Mapping[str, Quantity]) -> Appetite:
    weight, mean = tail_weight(profile, defaults), best.cost.mean_usd_per_month
    return Appetite(
        name=profile.risk_appetite,
        tail_weight=weight,
        formula=f"mean {mean:,.0f} + expected loss {best.expected_loss:,.0f} + {weight:g} x"
        f" {tail_words(best.cost, weight)} = {best.risk_adjusted:,.0f} USD/month",
    )
