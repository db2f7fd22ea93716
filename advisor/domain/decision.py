"""What the choice hangs on: sensitivity, break-evens, value of information, splitting, waiting, negotiating."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from advisor.domain.provenance import Frozen


class TornadoBar(Frozen):
    """One input moved from the low to the high end of its 80 % range, the others at their typical values."""

    driver: str = Field(description="Stable id, e.g. throughput.mi355x, demand, price.b200.")
    name: str = Field(description="Readable name.")
    unit: str = Field(description="Unit of the values.")
    low_value: float = Field(description="Its 10th percentile; of throughput, the low end of the 80 % interval.")
    typical_value: float = Field(description="Its typical value.")
    high_value: float = Field(description="Its 90th percentile; of throughput, the high end of that interval.")
    cost_at_low_usd: float = Field(description="Cost of the choice at `low_value` [USD/month].")
    cost_at_high_usd: float = Field(description="Cost of the choice at `high_value` [USD/month].")
    lead_at_low_usd: float | None = Field(None, description="Lead of the choice over the runner-up there [USD/month].")
    lead_at_high_usd: float | None = Field(None, description="Lead over the runner-up at `high_value` [USD/month].")
    swing_usd: float = Field(description="Change of the lead (of the cost, where alone) from low to high [USD/month].")
    flips: bool = Field(False, description="Whether the runner-up wins somewhere within the range.")


class BreakEven(Frozen):
    """The value of one input at which choice and rival cost the same; solved, not sampled.

    Both are paid for anew at each value; deployments and the width of every uncertainty stay as today's. A price is
    reckoned by the draws; other inputs by fixed cases, which docs/method.md says how near they come.
    """

    variable: str = Field(description="Stable id: price, throughput, utilisation, engineers, power_price, horizon...")
    subject: str = Field(description="Accelerator whose input is moved, or empty where it is common to both.")
    choice: str = Field(description="The choice.")
    rival: str = Field(description="The rival.")
    unit: str = Field(description="Unit of the values.")
    today: float = Field(description="Value today.")
    value: float | None = Field(None, description="Value at which they cost the same; none where they never do.")
    exact: bool = Field(
        True, description="False where the cost jumps there (a whole node, a whole month): the winner changes at it."
    )
    choice_usd_per_month: float | None = Field(None, description="Cost of the choice at `value` [USD/month].")
    rival_usd_per_month: float | None = Field(None, description="Cost of the rival at `value` [USD/month].")
    searched_low: float = Field(description="Low end of the range searched.")
    searched_high: float = Field(description="High end of the range searched.")
    text: str = Field(description='In a sentence, e.g. "B200 wins below USD 3.90 per GPU-hour".')


class ProbeOption(Frozen):
    """A probe of given length on one accelerator, and what it is worth before signing."""

    accelerator: str = Field(description="Where to measure.")
    hours: float = Field(description="Length on rented hardware [h].")
    gpus: int = Field(description="GPUs to rent for it.")
    error_share: float = Field(description="Standard error left on throughput after the probe, as a share.")
    evsi_usd: float = Field(description="Expected value of the sample information over the lock-in [USD].")
    price_usd: float = Field(description="Rent and engineer time of the probe [USD].")
    net_usd: float = Field(description="evsi_usd - price_usd [USD].")
    changes_choice: float = Field(ge=0, le=1, description="Probability that the result changes the choice.")
    formula: str = Field(description="Price of the probe with numbers.")


class ProbePlan(Frozen):
    """What to measure, where, for how long, and what result decides."""

    accelerator: str = Field(description="Where to measure.")
    provider: str = Field(description="Where it can be rented, from the catalog.")
    gpus: int | None = Field(None, description="GPUs to rent, in whole nodes; the command loads one replica of them.")
    deployment: str = Field(description="Deployment to measure.")
    hours: float = Field(description="Length [h].")
    budget_usd: float = Field(description="Rent and engineer time [USD].")
    concurrency: int = Field(description="Requests in flight per replica to hold.")
    isl: int = Field(description="Input tokens per request.")
    osl: int = Field(description="Output tokens per request.")
    expected_output_tps_per_gpu: float = Field(
        description="What the estimate says [output tokens/s per GPU], of prompts that share nothing, as a probe sends."
    )
    decides_at_output_tps_per_gpu: float | None = Field(
        None, description="Result at which the choice changes [output tokens/s per GPU]; none where it cannot."
    )
    rule: str = Field(description="What result decides what, in a sentence.")
    command: str = Field(description="Command that measures it.")


class ValueOfInformation(Frozen):
    """What it is worth to know before committing."""

    evpi_usd: float = Field(ge=0, description="Perfect information on everything uncertain, over the lock-in [USD].")
    evpi_throughput_usd: float = Field(ge=0, description="Perfect information on throughput alone [USD].")
    lock_in_months: float = Field(description="Months for which the choice binds.")
    lock_in_why: str = Field(description="Where that number comes from.")
    probes: tuple[ProbeOption, ...] = Field((), description="Probes by length and accelerator, best net value first.")
    plan: ProbePlan | None = Field(None, description="The best probe, concretely; none where none pays.")
    text: str = Field(description="In a sentence.")


class TierChoice(Frozen):
    """Who serves one tier in a split."""

    tier: str = Field(description="Name of the workload.")
    accelerator: str = Field(description="Accelerator id.")
    gpus: int = Field(description="GPUs of the tier: the whole nodes of its part, where it shares them its replicas.")
    usd_per_month: float = Field(description="Cost of the tier [USD/month], where it shares nodes its share of theirs.")


class SplitPart(Frozen):
    """One part of a split with the tiers that share its nodes."""

    accelerator: str = Field(description="Accelerator id.")
    tiers: tuple[str, ...] = Field(description="Names of the workloads on it.")
    gpus: int = Field(description="GPUs to get at the start, in whole nodes.")
    gpus_needed: int = Field(description="GPUs in replicas of all of them.")
    gpus_per_node: int = Field(description="GPUs of one node.")
    usd_per_month: float = Field(description="Their cost together [USD/month].")
    shares: tuple[float, ...] = Field(
        description="Part of that cost which each bears, by its GPUs in replicas over the horizon."
    )


class SplitOption(Frozen):
    """Two vendors instead of one."""

    tiers: tuple[TierChoice, ...] = Field(description="Who serves what.")
    parts: tuple[SplitPart, ...] = Field((), description="The same by accelerator, as nodes are got.")
    usd_per_month: float = Field(description="All terms together [USD/month].")
    hardware_usd_per_month: float = Field(description="Sum over tiers, before the terms below [USD/month].")
    lost_discount_usd_per_month: float = Field(description="Volume discount that is lost by splitting [USD/month].")
    second_stack_usd_per_month: float = Field(description="Engineering of a second software stack [USD/month].")
    leverage_usd_per_month: float = Field(description="What a credible second vendor gains in price [USD/month].")
    single_usd_per_month: float = Field(description="The best single vendor [USD/month].")
    gain_usd_per_month: float = Field(description="single - split [USD/month].")
    worthwhile: bool = Field(description="Whether the split costs less than any single vendor.")
    text: str = Field(description="In a sentence.")


class WaitOption(Frozen):
    """A part on the roadmap as an option."""

    part: str = Field(description="Roadmap id.")
    name: str = Field(description="Its name.")
    vendor: str = Field(description="AMD or NVIDIA.")
    announced: str = Field(description="Announced availability, as the vendor states it.")
    available_low: date | None = Field(None, description="Earliest date on which it can be rented or bought.")
    available_typical: date | None = Field(None, description="Typical date.")
    available_high: date | None = Field(None, description="Late date.")
    dispute: str = Field("", description="What is disputed about date or specification.")
    reference: str = Field("", description="Part of today that it is scaled from.")
    speedup_low: float | None = Field(None, description="Low throughput per GPU over the reference.")
    speedup_typical: float | None = Field(None, description="Typical; the geometric middle of low and high.")
    speedup_high: float | None = Field(None, description="High; the ratio of peaks.")
    price_usd_per_gpu_hour: float | None = Field(None, description="Price where one can be derived [USD/GPU-h].")
    meantime_usd: float | None = Field(None, description="Cost of serving on demand until then, present value [USD].")
    usd_per_month: float | None = Field(None, description="Waiting, all in, levelised over the horizon [USD/month].")
    saving_usd_per_month: float | None = Field(None, description="Against acting now [USD/month]; negative is a loss.")
    p_saves: float | None = Field(None, ge=0, le=1, description="Probability that waiting costs less.")
    breakeven_usd_per_gpu_hour: float | None = Field(
        None, description="Price of the coming part below which waiting pays, all else typical [USD/GPU-h]."
    )
    worthwhile: bool = Field(False, description="Whether waiting is the better course, given the uncertainty.")
    text: str = Field(description="In a sentence.")


class Ask(Frozen):
    """One thing to ask for."""

    what: str = Field(description="What to ask for.")
    why: str = Field(description="What it rests on.")
    source_id: str = Field("default", description="Source.")


class Negotiation(Frozen):
    """The page to take into the room."""

    seller_of: str = Field(description="Accelerator of the choice.")
    today_usd: float | None = Field(None, description="Unit price that the choice rests on, a promised discount taken.")
    unit: str = Field(description="Its unit.")
    paid: str = Field("", description="For which commitment the prices of the choice are; empty where for any.")
    walk_away_usd: float | None = Field(None, description="Quote above which the runner-up wins.")
    runner_up: str | None = Field(None, description="The runner-up.")
    runner_up_wins_below_usd: float | None = Field(None, description="Quote for the runner-up below which it wins.")
    runner_up_unit: str = Field("", description="Its unit.")
    runner_up_paid: str = Field("", description="For which commitment that quote is; empty where for any.")
    discount_low: float | None = Field(None, description="Low negotiated discount seen for this vendor.")
    discount_high: float | None = Field(None, description="High negotiated discount seen for this vendor.")
    discount_condition: str = Field("", description="Under which condition it was seen.")
    discount_source_id: str = Field("", description="Source of the discounts.")
    target_usd: float | None = Field(None, description="Unit price at the high discount.")
    saving_at_target_usd_per_month: float | None = Field(None, description="What the target is worth [USD/month].")
    lowest_seen_usd: float | None = Field(None, description="Lowest price seen for the same commitment.")
    lowest_seen_at: str = Field("", description="Who offered it, and when.")
    asks: tuple[Ask, ...] = Field((), description="What to ask for, strongest first.")


class PairwiseLead(Frozen):
    """How the choice compares with one rival, draw by draw."""

    rival: str = Field(description="Accelerator id.")
    lead_p10_usd: float = Field(description="10th percentile of rival minus choice [USD/month].")
    lead_p50_usd: float = Field(description="Median of rival minus choice [USD/month].")
    lead_p90_usd: float = Field(description="90th percentile of rival minus choice [USD/month].")
    p_choice_cheaper: float = Field(ge=0, le=1, description="Share of draws in which the choice costs less.")


class Appetite(Frozen):
    """How much the bad tail counts."""

    name: str = Field(description="averse, neutral or seeking.")
    tail_weight: float = Field(description="Share of (p90 - p50) added to the mean; a negative one is of (mean - p10).")
    formula: str = Field(description="Risk-adjusted cost of the choice with numbers.")


class Decision(Frozen):
    """Everything behind the verdict, on the basis of cost plus expected loss."""

    choice: str | None = Field(None, description="Best candidate by risk-adjusted cost.")
    runner_up: str | None = Field(None, description="Second best.")
    kind_reason: str = Field(description="Why this kind of verdict: the tests in order, each with its numbers.")
    appetite: Appetite = Field(description="How much the bad tail counts.")
    leads: tuple[PairwiseLead, ...] = Field((), description="The choice against each rival.")
    tornado: tuple[TornadoBar, ...] = Field((), description="Ten largest drivers, largest first.")
    break_evens: tuple[BreakEven, ...] = Field((), description="Where the answer would change.")
    information: ValueOfInformation | None = Field(None, description="What knowing more is worth.")
    split: SplitOption | None = Field(None, description="Best split between vendors, where there are several tiers.")
    waits: tuple[WaitOption, ...] = Field((), description="Parts on the roadmap, as options.")
    negotiation: Negotiation | None = Field(None, description="The page to take into the room.")
    skill_gap_usd_per_month: float | None = Field(
        None, description="What the stack premium of the best AMD candidate costs [USD/month]."
    )
    vendor_gap_usd_per_month: float | None = Field(
        None, description="Best AMD minus best NVIDIA, risk-adjusted [USD/month]; negative where AMD leads."
    )
    vendor_gap_text: str = Field("", description="The gap between the vendors, in a sentence.")
    draws: int = Field(description="Draws of the Monte Carlo.")
    seed: int = Field(description="Its seed.")
    model_notes: tuple[str, ...] = Field((), description="What is drawn, from which distribution.")
