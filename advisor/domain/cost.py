"""What a candidate costs: every term with its arithmetic, every price with its age and its sellers."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from advisor.domain.provenance import Frozen, Quantity

Mode = Literal["rent", "buy", "mixed"]
CostCategory = Literal[
    "rent", "capital", "power", "space", "maintenance", "staff", "software", "stack premium", "residual", "other"
]


class Band(Frozen):
    """A figure under uncertainty: 10th, 50th and 90th percentile of the Monte Carlo."""

    p10: float = Field(description="10th percentile.")
    p50: float = Field(description="Median.")
    p90: float = Field(description="90th percentile.")


class CostLine(Frozen):
    """One term of the cost; the lines of an option add up to its cost per month."""

    name: str = Field(description="What is paid for.")
    category: CostCategory = Field(description="Kind of cost.")
    quantity: float = Field(description="How many units, averaged over the horizon with the discount rate as weight.")
    unit: str = Field(description="Unit of `quantity`, per month.")
    unit_price_usd: float = Field(description="Price of one unit [USD].")
    usd_per_month: float = Field(description="quantity x unit_price_usd [USD/month].")
    formula: str = Field(description="The arithmetic with numbers.")
    inputs: tuple[Quantity, ...] = Field((), description="Values that went in, each with its source.")


class PriceBasis(Frozen):
    """The unit price that an option rests on, and how firm it is."""

    unit: str = Field(description="USD/GPU-h for rent, USD/GPU for purchase.")
    low: float = Field(description="Low end, read as the 10th percentile.")
    typical: float = Field(description="Typical price, before the discount promised in the profile.")
    high: float = Field(description="High end, read as the 90th percentile.")
    sellers: int = Field(description="Sellers with a fresh price; 0 where the price is derived or analyst's.")
    firmness: Literal["user quote", "market", "quote, not a market", "derived", "analyst"] = Field(
        description="What sort of price it is; one to three sellers are a quote, not a market."
    )
    newest: date | None = Field(None, description="Date of the newest observation.")
    age_days: int | None = Field(None, description="Its age at the date of judgement [days].")
    widened_by: float = Field(1.0, description="Factor on the interval for age and few sellers; 1 for none.")
    text: str = Field(description="What the price rests on, in a sentence.")
    source_ids: tuple[str, ...] = Field((), description="Sources of the price.")
    row_ids: tuple[str, ...] = Field((), description="Catalog rows of the price.")


class CostOption(Frozen):
    """One way of paying for the same fleet."""

    id: str = Field(description="Stable id, e.g. rent.on_demand.neocloud, buy, mixed.reserved_1y.")
    mode: Mode = Field(description="rent, buy or mixed.")
    commitment: str = Field(description="spot, on_demand, reserved_1y, reserved_3y or purchase.")
    seller: str = Field("", description="Class of provider: neocloud, hyperscaler, quoted provider, or empty.")
    label: str = Field(description="Readable name.")
    allowed: bool = Field(description="Whether the profile and the facts allow it.")
    why_not: str = Field("", description="Why it is not allowed or could not be priced.")
    caution: str = Field("", description="What to know before taking it, e.g. that spot can be taken back.")
    usd_per_month: float | None = Field(None, description="Levelised cost at typical inputs [USD/month].")
    npv_usd: float | None = Field(None, description="Net present cost over the horizon [USD].")
    gpus_start: float | None = Field(None, description="GPUs paid for in the first month (average, where autoscaled).")
    price: PriceBasis | None = Field(None, description="Unit price that it rests on.")


class Outlay(Frozen):
    """Capital that a purchase takes, as a budget has to hold it: undiscounted, residual value not taken off."""

    gpus: float = Field(description="GPUs bought at the start.")
    usd_per_gpu: float = Field(description="Price of one, all-in, less the promised discount, duty added [USD].")
    up_front_usd: float = Field(description="gpus x usd_per_gpu [USD].")
    later_gpus: float = Field(0.0, description="GPUs bought in later years, as demand grows.")
    later_usd: float = Field(0.0, description="later_gpus x usd_per_gpu [USD].")
    text: str = Field(description="In a sentence.")


class Lease(Frozen):
    """Rent that the first contract binds: owed to its end whatever demand does."""

    gpus: float = Field(description="GPUs under the contract from the start.")
    months: int = Field(description="Its term [months].")
    usd_per_gpu_hour: float = Field(description="Typical price, less the promised discount [USD/GPU-h].")
    usd: float = Field(description="gpus x 730 h x months x usd_per_gpu_hour, undiscounted [USD].")
    text: str = Field(description="In a sentence.")


class MonthFlow(Frozen):
    """One month of the horizon."""

    month: int = Field(description="Month, from 0; purchases fall at its beginning, bills too.")
    gpus: float = Field(description="GPUs paid for (average over the month, where autoscaled).")
    cash_usd: float = Field(
        description="Cash out [USD]; residual value comes back in the last month, rent owed after the horizon follows."
    )
    book_usd: float = Field(description="Cost with hardware written off straight-line and capital charged [USD].")
    mtok: float = Field(description="Tokens served, input and output [1e6].")


class FleetYear(Frozen):
    """The fleet in one year of the horizon: what demand takes then, and what of it is paid for."""

    year: int = Field(description="Year of the horizon, from 1.")
    month: int = Field(
        description="Month that it is read in, from 0: the first of the year, the last where capacity follows demand."
    )
    demand_factor: float = Field(
        description="Demand that is sized for over today's, of the main workload: a year ahead where capacity is added"
        " once a year."
    )
    gpus_needed: int = Field(description="GPUs of the fleet, in whole nodes.")
    gpus_paid: float = Field(description="GPUs paid for in that month (average, where autoscaled).")
    formula: str = Field(description="Arithmetic of `gpus_needed` with numbers.")
    paid_text: str = Field(description="How `gpus_paid` follows from it.")


class StackPremium(Frozen):
    """What a team pays for a software stack that it knows less well, or that supports less."""

    stack: str = Field(description="rocm or cuda.")
    base_engineers: float = Field(description="Extra engineers for team experience and fleet size.")
    feature_engineers: float = Field(description="Extra engineers for features that are only partly supported.")
    migration_weeks: float = Field(description="One-off engineer-weeks.")
    engineer_usd_per_year: float = Field(description="Loaded cost of an engineer [USD/year].")
    usd_per_month: float = Field(description="All of it, levelised over the horizon [USD/month].")
    share_of_cost: float = Field(description="Share of the candidate's cost per month.")
    formula: str = Field(description="The arithmetic with numbers.")
    features: tuple[str, ...] = Field((), description="Features that carry a surcharge, with the reason.")
    overruled: bool = Field(False, description="Whether the profile overrules a part.")
    inputs: tuple[Quantity, ...] = Field((), description="Values that went in, each with its source.")


class HostedApiBaseline(Frozen):
    """A hosted API as the alternative, at the same tokens."""

    provider: str = Field(description="Whose API.")
    usd_per_month: float = Field(description="Bill at the same tokens [USD/month].")
    usd_per_mtok_blended: float = Field(description="USD per million tokens at this mix of input and output.")
    self_hosting_cheaper: bool = Field(description="Whether serving it oneself costs less.")
    breakeven_utilisation: float | None = Field(
        None, description="Share of what the fleet can carry at which both cost the same; above 1 is out of reach."
    )
    breakeven_mtok_per_month: float | None = Field(None, description="Tokens a month where both cost the same [1e6].")
    breakeven_demand_factor: float | None = Field(
        None, description="Factor on demand, fleet resized, at which both cost the same; none where they never do."
    )
    text: str = Field(description="In a sentence.")


class Cost(Frozen):
    """Cost of one candidate under its cheapest allowed option.

    `usd_per_month` is levelised: the even monthly payment with the same net present value as the cash flow
    over the horizon. USD per million tokens divide the net present cost by the discounted tokens.
    """

    option: str = Field(description="Id of the option taken: the cheapest that the profile allows.")
    mode: Mode = Field(description="rent, buy or mixed.")
    commitment: str = Field(description="Commitment of the rent, or `purchase`.")
    seller: str = Field("", description="Class of provider, or who quoted.")
    usd_per_month: Band = Field(description="Levelised cost [USD/month].")
    usd_per_mtok_input: Band = Field(description="USD per million input tokens, at the real utilisation.")
    usd_per_mtok_output: Band = Field(description="USD per million output tokens, at the real utilisation.")
    usd_per_mtok_blended: Band = Field(description="USD per million tokens, input and output together.")
    point_usd_per_month: float = Field(description="Levelised cost at typical inputs; the sum of `lines` [USD/month].")
    mean_usd_per_month: float = Field(description="Mean over the draws [USD/month].")
    usd_per_gpu_hour: float = Field(description="Cost per month over GPU-hours paid for [USD/GPU-h].")
    lines: tuple[CostLine, ...] = Field(description="Terms of the option taken.")
    bill_text: str = Field("", description="How the sum of `lines` stands to the median over the draws, in a sentence.")
    options: tuple[CostOption, ...] = Field(description="Every way of paying, the taken one first.")
    price: PriceBasis | None = Field(None, description="Unit price of the option taken.")
    stack_premium: StackPremium | None = Field(None, description="Engineering for the software stack.")
    hosted_api: HostedApiBaseline | None = Field(None, description="Hosted API at the same tokens.")
    outlay: Outlay | None = Field(None, description="Capital to be put up; none where nothing is bought.")
    lease: Lease | None = Field(None, description="Rent that signing binds; none where nothing is reserved.")
    horizon_months: int = Field(description="Months over which cost is counted.")
    discount_rate: float = Field(description="Cost of capital per year.")
    annuity_months: float = Field(description="Present value of one USD a month over the horizon [months].")
    npv_usd: float = Field(description="Net present cost over the horizon at typical inputs [USD].")
    cash_view_usd: float = Field(description="Cash out over the horizon, undiscounted, net of residual value [USD].")
    book_view_usd: float = Field(description="Cost over the horizon in the books: depreciation, interest [USD].")
    flows: tuple[MonthFlow, ...] = Field(description="Month by month, with growth.")
    fleet_years: tuple[FleetYear, ...] = Field((), description="The fleet year by year, as demand grows.")
    gpus_start: float = Field(description="GPUs paid for in the first month (average, where autoscaled).")
    gpus_end: float = Field(description="GPUs paid for in the last month.")
    mtok_per_month: float = Field(description="Tokens served, levelised over the horizon [1e6/month].")
    mtok_input_per_month: float = Field(description="Of these, input [1e6/month].")
    mtok_output_per_month: float = Field(description="Of these, output [1e6/month].")
    output_weight: float = Field(description="Cost of an output token over that of an input token, for the split.")
    utilisation: float = Field(description="Tokens served over what the paid GPUs can serve.")
    within_budget: bool | None = Field(None, description="Whether the median is within the budget; none without one.")
    p_within_budget: float | None = Field(None, description="Share of draws within the budget; none without one.")
    inputs: tuple[Quantity, ...] = Field((), description="Every value that went in, each with its source.")
    notes: tuple[str, ...] = Field((), description="Ages, few sellers, defaults: what a reader should know.")
