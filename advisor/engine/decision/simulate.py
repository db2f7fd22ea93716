"""The Monte Carlo: cost of every candidate in every draw, and what follows from comparing them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np

from advisor.catalog import Catalog
from advisor.domain.cost import Band, Cost
from advisor.domain.profile import Profile
from advisor.domain.record import record
from advisor.engine.cost.levels import Levels
from advisor.engine.cost.pricing import Pricing, band_of, finalise
from advisor.engine.cost.prospect import tail_share, tail_weight
from advisor.engine.cost.uncertain import Normals, levels_of
from advisor.engine.decision.draws import demand_draws, normals_of, own_draws, shared_draws
from advisor.engine.paying import build_pricing
from advisor.engine.sized import FloatArray, PricedCandidate


@record
class Run:
    """One candidate in the Monte Carlo."""

    candidate: PricedCandidate
    pricing: Pricing
    drawn: Normals
    """All that is uncertain, in every draw."""
    levels: Levels
    cost: Cost
    """With its bands."""
    usd: FloatArray
    """Cost of every draw [USD/month]."""
    expected_loss: float
    """Expected loss over the risk register [USD/month]."""
    tail: float
    """Share of the tail that appetite adds [USD/month]."""

    @property
    def id(self) -> str:
        """Accelerator id."""
        return self.candidate.id

    @property
    def vendor(self) -> str:
        """AMD or NVIDIA."""
        return self.candidate.sized.accelerator.vendor

    @property
    def name(self) -> str:
        """Short name, e.g. MI355X."""
        return self.candidate.id.upper()

    @property
    def objective(self) -> FloatArray:
        """Cost plus expected loss, draw by draw: what `cheapest`, regret and the value of information go by."""
        return self.usd + self.expected_loss

    @property
    def risk_adjusted(self) -> float:
        """Mean cost plus expected loss plus the tail's share: what candidates are ranked by [USD/month]."""
        return self.cost.mean_usd_per_month + self.expected_loss + self.tail

    @property
    def offset(self) -> float:
        """Risk-adjusted cost over cost at typical inputs: skew, expected loss and tail [USD/month]."""
        return self.risk_adjusted - self.cost.point_usd_per_month


@record
class Comparison:
    """All candidates side by side, best first."""

    runs: tuple[Run, ...]
    p_cheapest: dict[str, float]
    regret: dict[str, float]
    """Mean objective above the draw's best [USD/month]."""
    evpi_usd_per_month: float

    @property
    def best(self) -> Run:
        """The choice."""
        return self.runs[0]

    @property
    def second(self) -> Run | None:
        """The runner-up."""
        return self.runs[1] if len(self.runs) > 1 else None


def simulate(
    profile: Profile,
    priced: Sequence[PricedCandidate],
    catalog: Catalog,
    as_of: date,
    seed: int,
    draws: int,
) -> list[Run]:
    """Draw every candidate under common random numbers."""
    shared, defaults = shared_draws(seed, draws), catalog.decision_defaults
    demand = demand_draws(shared, defaults)
    weight = tail_weight(profile, defaults)
    runs = []
    for candidate in priced:
        pricing = build_pricing(profile, candidate.sized, catalog, as_of)
        drawn = normals_of(shared, own_draws(seed, candidate.id, draws), demand, defaults)
        levels = levels_of(pricing.model, pricing.way, drawn, pricing.typical, defaults)
        usd = np.broadcast_to(np.asarray(pricing.model.usd_per_month(pricing.way, levels), dtype=float), (draws,))
        tokens = pricing.model.mtok(levels)
        cost = finalise(candidate.cost, usd, tokens[0], tokens[1], profile)
        runs.append(
            Run(
                candidate=candidate,
                pricing=pricing,
                drawn=drawn,
                levels=levels,
                cost=cost,
                usd=usd,
                expected_loss=candidate.expected_loss_usd_per_month,
                tail=tail_of(cost, weight),
            )
        )
    return runs


def tail_of(cost: Cost, weight: float) -> float:
    """What an appetite's weight adds to the mean of a cost with its bands [USD/month]."""
    band = cost.usd_per_month
    return float(tail_share(weight, cost.mean_usd_per_month, band.p10, band.p50, band.p90))


def tail_words(cost: Cost, weight: float, digits: int = 0) -> str:
    """Of what `tail_of` is a share, with numbers."""
    band, mean = cost.usd_per_month, cost.mean_usd_per_month
    above, below = (("p90", band.p90), ("p50", band.p50)) if weight >= 0 else (("mean", mean), ("p10", band.p10))
    return f"({above[0]} {above[1]:,.{digits}f} - {below[0]} {below[1]:,.{digits}f})"


def compare(runs: Sequence[Run]) -> Comparison:
    """Rank by risk-adjusted cost; ties in a draw are shared out evenly.

    ``EVPI = min_c E[cost_c] - E[min_c cost_c]``, with the expected loss and the tail's share in the cost, so that it
    starts from the choice as it is made; it is never negative. Which is the cheapest in a draw, and by how much,
    goes without the tail's share: in a draw there is no tail.
    """
    ranked = sorted(runs, key=lambda r: (r.risk_adjusted, r.id))
    table = np.stack([run.objective for run in ranked])
    best = table.min(axis=0)
    winners = table <= best
    shares = (winners / winners.sum(axis=0)).mean(axis=1)
    regret = (table - best).mean(axis=1)
    ranked_by = table + np.array([[run.tail] for run in ranked])
    return Comparison(
        runs=tuple(ranked),
        p_cheapest={run.id: float(p) for run, p in zip(ranked, shares, strict=True)},
        regret={run.id: float(r) for run, r in zip(ranked, regret, strict=True)},
        evpi_usd_per_month=max(0.0, float(ranked_by.mean(axis=1).min() - ranked_by.min(axis=0).mean())),
    )


def lead_band(best: Run, other: Run) -> tuple[Band, float]:
    """(rival minus choice, probability that the choice costs less)."""
    lead = other.objective - best.objective
    return band_of(lead), float((lead > 0).mean() + 0.5 * (lead == 0).mean())
