"""What it is worth to know before committing: everything, throughput, or what a probe of given length would say.

The value of information on throughput integrates out everything else first: for each candidate, the mean cost given
its throughput error, on a grid. A probe leaves an error of its own, so its value lies below that of perfect
information and grows with its length; it is set against its price.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache

import numpy as np

from advisor.catalog import Catalog
from advisor.domain.cost import PriceBasis
from advisor.domain.decision import ProbeOption, ProbePlan, ValueOfInformation
from advisor.domain.probing import thorough_requests, warmup_requests
from advisor.domain.profile import Profile
from advisor.domain.provenance import Quantity
from advisor.domain.record import record
from advisor.domain.sizing import TierPlan
from advisor.domain.text import told_usd
from advisor.engine.cost.levels import Levels
from advisor.engine.cost.prices import rent_basis
from advisor.engine.cost.pricing import allowed_countries
from advisor.engine.cost.timing import TERM_MONTHS, calendar_of
from advisor.engine.cost.uncertain import log_pieces
from advisor.engine.decision.simulate import Comparison, Run
from advisor.engine.gates.residency import first_offer, left_out
from advisor.engine.packing import whole_nodes
from advisor.engine.sized import FloatArray

GRID = np.linspace(-4.0, 4.0, 65)
APART = 1e-9
"""Costs that differ by more, as a share, differ by more than rounding."""
INNER = 48
"""Quantiles of demand at which the mean given throughput is taken."""
NODES = np.array([
    -5.1880012243748705, -3.936166607129977, -2.865123160643645, -1.876035020154846, -0.928868997381064, 0.0,
    0.928868997381064, 1.876035020154846, 2.865123160643645, 3.936166607129977, 5.1880012243748705,
])  # fmt: skip
WEIGHTS = np.array([
    2.035845832645855e-06, 0.0004904767929694746, 0.016845256984982973, 0.1657852509503534, 0.6072063849191854,
    0.925969463644352, 0.6072063849191854, 0.1657852509503534, 0.016845256984982973, 0.0004904767929694746,
    2.035845832645855e-06,
])  # fmt: skip
"""Gauss-Hermite quadrature of 11 points (`numpy.polynomial.hermite_e.hermegauss`, which takes 10 ms to import)."""
WORK_HOURS_PER_YEAR = 2080.0
STEP_SECONDS = 240
"""What such a step takes where nothing is said."""
PROBE_LENGTHS = ("probe_hours_short", "probe_hours_day", "probe_hours_long")


@record
class Given:
    """Mean of what one candidate is ranked by, given its throughput error."""

    run: Run
    values: FloatArray
    """On `GRID` [USD/month]."""

    def at(self, z: FloatArray) -> FloatArray:
        """Mean at throughput errors."""
        return np.interp(z, GRID, self.values)

    @property
    def mean(self) -> float:
        """Mean over the standard normal error."""
        return float(self.at(_NORMAL) @ _NORMAL_WEIGHTS)


_NORMAL = np.linspace(-4.0, 4.0, 401)
_NORMAL_WEIGHTS = np.exp(-(_NORMAL**2) / 2) / np.exp(-(_NORMAL**2) / 2).sum()


def lock_in(comparison: Comparison, defaults: Mapping[str, Quantity]) -> tuple[float, str]:
    """(months, why) for which the choice binds."""
    best = comparison.best
    way, horizon = best.pricing.way, best.pricing.model.calendar.months
    if way.buys:
        return float(horizon), "hardware is bought for the whole horizon"
    term = TERM_MONTHS.get(way.commitment)
    if term is not None:
        return float(min(term, horizon)), f"the commitment binds for {term} months"
    months = defaults["lock_in_on_demand_months"].value
    return min(months, float(horizon)), f"no commitment, but another fleet takes {months:g} months to stand"


def value_of_information(
    profile: Profile, comparison: Comparison, catalog: Catalog, as_of: date
) -> ValueOfInformation:
    """EVPI, EVPI on throughput, and probes against their price."""
    defaults = catalog.decision_defaults
    months, why = lock_in(comparison, defaults)
    best = comparison.best
    annuity = calendar_of(max(1, round(months)), best.pricing.model.rate).annuity
    given = [given_throughput(run, defaults) for run in comparison.runs]
    perfect = _perfect_throughput(given) * annuity
    probes: list[ProbeOption] = []
    if len(given) > 1:
        means = [one.mean for one in given]
        for k, one in enumerate(given):
            probes += _probes(one, min(means[:k] + means[k + 1 :]), profile, catalog, as_of, annuity)
    probes.sort(key=lambda p: (-p.net_usd, p.accelerator, p.hours))
    evpi = comparison.evpi_usd_per_month * annuity
    plan = None
    worth = [*paying_probes(probes, defaults), *(p for p in probes if p.net_usd > 0)]
    if worth:
        plan = _plan(worth[0], comparison, given, profile, catalog, as_of)
    text = (
        f"Knowing everything before committing would be worth USD {told_usd(evpi)} over {months:g} months, knowing"
        f" throughput alone USD {told_usd(perfect)}"
    )
    if probes and probes[0].evsi_usd < 0.5:
        text += "; no single probe would change the choice"
    elif probes:
        p = probes[0]
        text += (
            f"; the best probe ({p.hours:g} h on {p.accelerator.upper()}) is worth USD {told_usd(p.evsi_usd)} and costs"
            f" USD {told_usd(p.price_usd)}"
        )
    return ValueOfInformation(
        evpi_usd=evpi,
        evpi_throughput_usd=min(perfect, evpi) if evpi > 0 else 0.0,
        lock_in_months=months,
        lock_in_why=why,
        probes=tuple(probes),
        plan=plan,
        text=text + ".",
    )


def paying_probes(probes: Sequence[ProbeOption], defaults: Mapping[str, Quantity]) -> list[ProbeOption]:
    """Probes that are worth advising: several times their price, and likely enough to change the choice."""
    ratio, change = defaults["probe_benefit_ratio"].value, defaults["probe_change_probability"].value
    return [p for p in probes if p.evsi_usd >= ratio * p.price_usd and p.changes_choice >= change]


def given_throughput(run: Run, defaults: Mapping[str, Quantity]) -> Given:
    """Mean of what a candidate is ranked by given the throughput error, demand and the rest integrated out.

    Prices are independent of throughput, so their means stand in; demand moves whole nodes and is taken at
    evenly spaced quantiles. Expected loss and the tail's share are added as they are.
    """
    model, way = run.pricing.model, run.pricing.way
    level = _normal_quantiles(INNER)
    mean = _mean_levels(run)
    levels = Levels(
        z=np.repeat(GRID, INNER),
        demand=np.tile(log_pieces(level, *defaults["demand_factor"].band), len(GRID)),
        price=mean.price,
        peak_price=mean.peak_price,
        discount=mean.discount,
        stack=mean.stack,
        power=mean.power,
        residual=mean.residual,
    )
    usd = np.asarray(model.usd_per_month(way, levels), dtype=float)
    values = np.broadcast_to(usd, (len(GRID) * INNER,)).reshape(len(GRID), INNER).mean(axis=1)
    # lifted to the mean over draws with loss and tail, so that what is known before a probe is the ranking itself
    return Given(run, values + (run.risk_adjusted - Given(run, values).mean))


def _mean_levels(run: Run) -> Levels:
    drawn = run.levels
    means = {
        name: float(np.mean(getattr(drawn, name)))
        for name in ("price", "peak_price", "discount", "stack", "power", "residual")
    }
    return Levels(**means)


@lru_cache(maxsize=1)
def _normal_quantiles(n: int) -> FloatArray:
    from statistics import NormalDist

    normal = NormalDist()
    return np.array([normal.inv_cdf((i + 0.5) / n) for i in range(n)])


def _perfect_throughput(given: Sequence[Given]) -> float:
    """EVPI on throughput [USD/month], errors taken as independent between candidates.

    ``min_c E[m_c] - E[min_c m_c(z_c)]``; the second term from the distribution of the minimum.
    """
    if len(given) < 2:
        return 0.0
    means = [g.mean for g in given]
    levels = np.sort(np.concatenate([g.at(_NORMAL) for g in given]))
    levels = levels[np.diff(levels, prepend=-np.inf) > 0]  # distinct ones; np.unique would load numpy.ma
    if len(levels) < 2:
        return 0.0
    survival = np.ones(len(levels))
    for g in given:
        values = g.at(_NORMAL)
        order = np.argsort(values, kind="stable")
        cumulative = np.cumsum(_NORMAL_WEIGHTS[order])
        below = np.searchsorted(values[order], levels, side="right")
        survival *= 1.0 - np.where(below > 0, cumulative[np.maximum(below, 1) - 1], 0.0)
    expected = levels[0] + float(np.sum(np.maximum(survival[:-1], 0.0) * np.diff(levels)))
    return max(0.0, float(min(means) - expected))


def _probes(
    one: Given, others: float, profile: Profile, catalog: Catalog, as_of: date, annuity: float
) -> list[ProbeOption]:
    """Probes of three lengths on one accelerator; `others` is the least mean of the others [USD/month]."""
    run, defaults = one.run, catalog.decision_defaults
    rent = _rent(run, profile, catalog, as_of)
    facts = run.pricing.model.facts
    if rent is None or "engineer_usd_per_year" not in facts.values:
        return []
    replica = run.pricing.model.sized.demands[0].gpus_per_replica
    gpus = int(whole_nodes(replica, run.pricing.model.sized.accelerator.gpus_per_node))
    hourly = facts.typical("engineer_usd_per_year") / WORK_HOURS_PER_YEAR
    setup = defaults["probe_engineer_hours"].value
    sigma = run.pricing.model.sized.demands[0].sigma
    out = []
    for name in PROBE_LENGTHS:
        hours = defaults[name].value
        error = math.hypot(
            defaults["probe_error_floor"].value, defaults["probe_error_one_hour"].value / math.sqrt(hours)
        )
        gain, change = _sample_value(one, others, sigma, error)
        price = gpus * hours * rent.typical + setup * hourly
        value = gain * annuity
        out.append(
            ProbeOption(
                accelerator=run.id,
                hours=hours,
                gpus=gpus,
                error_share=error,
                evsi_usd=value,
                price_usd=price,
                net_usd=value - price,
                changes_choice=change,
                formula=f"{gpus} GPUs x {hours:g} h x USD {rent.typical:,.2f} + {setup:g} engineer-hours x USD"
                f" {hourly:,.0f} = USD {price:,.0f}",
            )
        )
    return out


def _rent(run: Run, profile: Profile, catalog: Catalog, as_of: date) -> PriceBasis | None:
    """What an hour of the part costs on demand; a neocloud before a hyperscaler."""
    countries = allowed_countries(profile, catalog)
    return rent_basis(profile, run.id, "on_demand", "neocloud", catalog, as_of, countries) or rent_basis(
        profile, run.id, "on_demand", "hyperscaler", catalog, as_of, countries
    )


def _provider(accelerator: str, profile: Profile, catalog: Catalog, as_of: date) -> str:
    """Who rents the part out by the hour, of those that the profile may rent from."""
    market = catalog.rent_market(
        accelerator, "neocloud", "on_demand", as_of, allowed_countries(profile, catalog),
        without=left_out(profile, catalog),
    )  # fmt: skip
    return first_offer(profile, market.sellers, catalog) or "no neocloud lists it on demand"


def _sample_value(one: Given, others: float, sigma: float, error: float) -> tuple[float, float]:
    """(gain [USD/month], probability that the choice changes) of measuring one candidate with an error.

    The posterior mean of the throughput error is normal with variance ``r^2 = sigma^2 / (sigma^2 + error^2)``.
    """
    apart = APART * abs(others)
    if sigma <= 0 or not one.values.min() - apart <= others <= one.values.max() + apart:
        return 0.0, 0.0  # whatever it says, the order stays
    r = sigma / math.hypot(sigma, error)
    left = math.sqrt(max(0.0, 1.0 - r * r))
    points = r * _NORMAL[:, None] + left * NODES[None, :]
    posterior = one.at(points) @ (WEIGHTS / WEIGHTS.sum())
    prior = float(posterior @ _NORMAL_WEIGHTS)
    changes = (posterior < others) != (prior < others)
    if not changes.any():
        return 0.0, 0.0  # the difference below would be rounding, and print as a worth of USD 0.000
    gain = min(others, prior) - float(np.minimum(others, posterior) @ _NORMAL_WEIGHTS)
    return max(0.0, gain), min(1.0, float(changes @ _NORMAL_WEIGHTS))


def _plan(
    probe: ProbeOption, comparison: Comparison, given: Sequence[Given], profile: Profile, catalog: Catalog, as_of: date
) -> ProbePlan:
    """The probe, concretely."""
    one = next(g for g in given if g.run.id == probe.accelerator)
    run, tier = one.run, one.run.pricing.model.sized.tiers[0]
    point = tier.operating_point
    others = min((g for g in given if g is not one), key=lambda g: g.mean)
    switch = _switch(one, others.mean)
    cold = run.pricing.model.sized.cold_rate
    expected = cold * point.output_tps_per_gpu
    rate = None if switch is None else expected * float(run.pricing.model.sized.demands[0].rate(switch))
    prior = one.mean < others.mean
    provider = _provider(run.id, profile, catalog, as_of)
    told = f"the estimate is {expected:,.0f}"
    if cold < 1:
        told += " for prompts that share nothing, as the probe sends them;"
        told += f" {point.output_tps_per_gpu:,.0f} with your cache"
    if rate is None:
        rule = f"No plausible result changes the order; the probe confirms {comparison.best.name}."
    elif prior:
        rule = (
            f"At {rate:,.0f} output tok/s per GPU or more take {run.name}; below, take {others.run.name}"
            f" ({told})."
        )
    else:
        rule = (
            f"At {rate:,.0f} output tok/s per GPU or more switch to {run.name}; below, stay with {others.run.name}"
            f" ({told})."
        )
    isl, osl = round(tier.request_input_tokens), round(tier.request_output_tokens)
    return ProbePlan(
        accelerator=run.id,
        provider=provider,
        gpus=probe.gpus,
        deployment=tier.deployment.label,
        hours=probe.hours,
        budget_usd=probe.price_usd,
        concurrency=point.concurrency,
        isl=isl,
        osl=osl,
        expected_output_tps_per_gpu=expected,
        decides_at_output_tps_per_gpu=rate,
        rule=rule,
        command=_command(run.id, tier, probe, isl, osl, _rent(run, profile, catalog, as_of), cold),
    )


def _command(
    accelerator: str, tier: TierPlan, probe: ProbeOption, isl: int, osl: int, rent: PriceBasis | None, cold: float
) -> str:
    """The command that measures the plan: the very deployment, and a budget that one step of it fits into.

    A step takes ``1 / cold`` times as long as with the prefix cache that the plan counts on.
    """
    d, point = tier.deployment, tier.operating_point
    slots = point.concurrency
    requests = warmup_requests(slots) + thorough_requests(slots) + slots  # one wave to spare
    seconds = math.ceil(requests / slots * point.e2el_p50_s / cold / 60) * 60
    words = [
        "advisor probe URL --preset full", f"--accelerator {accelerator} --gpus {d.gpus_per_replica}",
        f"--as-model {tier.model_id} --weights {d.precision} --engine {d.engine} --tp {d.tp}",
        f"--ep {d.ep}" if d.ep > 1 else "", "--dp-attention" if d.dp_attention else "",
        f"--spec {d.spec_method}" if d.spec_method != "none" else "", "--disagg" if d.disagg else "",
        f"--isl {isl} --osl {osl} --concurrency {point.concurrency}",
        f"--step-seconds {seconds}" if seconds > STEP_SECONDS else "",
        f"--max-tokens {_two_digits(requests * (isl + osl))}",
        f"--max-seconds {probe.hours * 3600:.0f}",
    ]  # fmt: skip
    if rent is not None:
        dollars = math.ceil(d.gpus_per_replica * probe.hours * rent.typical)
        words.append(f"--usd-per-gpu-hour {rent.typical:.2f} --max-usd {dollars}")
    return " ".join(word for word in words if word)


def _two_digits(value: float) -> int:
    """Upwards to two significant digits.

    >>> _two_digits(1_687_552)
    1700000
    """
    unit = int(10 ** max(0, math.floor(math.log10(max(value, 1.0))) - 1))
    return math.ceil(value / unit) * unit


def _switch(one: Given, others: float) -> float | None:
    """Throughput error at which the mean cost equals that of the best other; None within four sigma of no crossing."""
    gap = one.values - others
    signs = np.flatnonzero(gap[:-1] * gap[1:] <= 0)
    if not signs.size:
        return None
    i = int(signs[np.argmin(np.abs(GRID[signs]))])
    span = gap[i] - gap[i + 1]
    share = 0.5 if span == 0 else gap[i] / span
    return float(GRID[i] + share * (GRID[i + 1] - GRID[i]))
