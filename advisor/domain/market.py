"""What accelerators cost to rent, buy and run: one dated observation a row, and the market drawn from them."""

from __future__ import annotations

from datetime import date
from typing import Literal

from advisor.domain.provenance import Provenance
from advisor.domain.record import record

SellerClass = Literal["neocloud", "hyperscaler", "serverless", "marketplace"]
Commitment = Literal[
    "on_demand", "spot", "capacity_block", "reserved_3m", "reserved_1y", "reserved_2y", "reserved_3y",
    "reserved_5y", "reserved_unspecified",
]  # fmt: skip

SELLER_CLASSES: tuple[SellerClass, ...] = ("neocloud", "hyperscaler", "serverless", "marketplace")
COMMITMENTS: tuple[Commitment, ...] = (
    "on_demand", "spot", "capacity_block", "reserved_3m", "reserved_1y", "reserved_2y", "reserved_3y",
    "reserved_5y", "reserved_unspecified",
)  # fmt: skip


@record
class RentPrice:
    """One observed rental price."""

    id: str
    provider: str
    channel: str
    """Broker through which the price was seen; empty for the provider's own list."""
    seller_class: SellerClass
    accelerator: str
    variant: str
    """sxm, pcie or nvl; empty where the seller does not say or the part has one form."""
    commitment: Commitment
    usd_per_gpu_hour: float
    gpus_per_instance: int
    instance_type: str
    region: str
    countries: tuple[str, ...]
    """ISO codes of the places that the row names; empty where it names none."""
    as_of: date
    """First day of the stated period where only a month or a span is known; see `flags`."""
    flags: tuple[str, ...]
    provenance: Provenance
    note: str = ""


@record
class RentMarket:
    """What a class of sellers asks for an accelerator; None prices mean "not found", never zero.

    One value per seller: the median of its prices in the newest month in which it was seen.
    """

    accelerator: str
    seller_class: SellerClass
    commitment: Commitment
    as_of: date
    low: float | None
    """Cheapest seller [USD per GPU-hour]."""
    typical: float | None
    """Median over sellers [USD per GPU-hour]."""
    high: float | None
    """Dearest seller [USD per GPU-hour]."""
    sellers: tuple[tuple[str, float], ...]
    """(seller, USD per GPU-hour), cheapest first."""
    newest: date | None
    row_ids: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...]
    """(row id, reason) of rows that match but were not counted."""
    flags: tuple[str, ...]
    """stale: nothing inside the window, older prices used; few_sellers: fewer than 4, a quote rather than
    a market; country_unknown: some counted rows name no country; bundled, gpu_only, provider_mean."""
    source_ids: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        """Number of sellers counted."""
        return len(self.sellers)

    @property
    def found(self) -> bool:
        """True where at least one seller was counted."""
        return bool(self.sellers)


@record
class PricePoint:
    """One dated value of a price series."""

    id: str
    date: date
    accelerator: str
    variant: str
    series: str
    usd_per_gpu_hour: float
    quote: Literal["on_demand", "spot", "index"]
    provenance: Provenance
    note: str = ""


@record
class PurchasePrice:
    """What hardware costs to buy; a missing end of the range stays None."""

    id: str
    item: str
    accelerator: str
    """Accelerator id; empty for what is not an accelerator (switch, licence, discount)."""
    basis: str
    """gpu, gpu_all_in (with its share of server, network and storage), server, node_all_in, rack, other."""
    condition: Literal["new", "used"]
    unit: str
    low_usd: float | None
    typical_usd: float | None
    high_usd: float | None
    provenance: Provenance
    note: str = ""

    @property
    def band(self) -> tuple[float, float, float] | None:
        """(low, typical, high) in the row's unit; None where the source gives no number.

        A missing typical value is the midpoint of the stated ends; a missing end is the typical value.
        """
        return band(self.low_usd, self.typical_usd, self.high_usd)


@record
class TcoParameter:
    """One cost, power or finance parameter with its range."""

    parameter: str
    scope: str
    low: float | None
    typical: float | None
    high: float | None
    unit: str
    superseded: bool
    """True for values that a newer set replaced; kept for comparison, never a default."""
    provenance: Provenance
    note: str = ""

    @property
    def band(self) -> tuple[float, float, float] | None:
        """(low, typical, high) in `unit`; None where the source gives no number."""
        return band(self.low, self.typical, self.high)


@record
class Availability:
    """How many sellers list an accelerator, and what is said of lead times."""

    accelerator: str
    variant: str
    providers_ever: int
    providers_recent: int
    recent_since: date
    providers: tuple[str, ...]
    lead_time: str
    provenance: Provenance


def band(low: float | None, typical: float | None, high: float | None) -> tuple[float, float, float] | None:
    """(low, typical, high) with gaps filled from the stated values; None where nothing is stated.

    >>> band(12.0, None, 15.0)
    (12.0, 13.5, 15.0)
    >>> band(None, 23.0, 25.0)
    (23.0, 23.0, 25.0)
    >>> band(None, None, None) is None
    True
    """
    stated = [value for value in (low, typical, high) if value is not None]
    if not stated:
        return None
    middle = typical if typical is not None else (stated[0] + stated[-1]) / 2
    return (middle if low is None else low, middle, middle if high is None else high)
