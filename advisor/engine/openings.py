"""What would open a way of paying for a candidate that has none: each change is tried before it is named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from itertools import accumulate
from typing import Any

from advisor.catalog import Catalog
from advisor.domain.profile import Profile, Quote
from advisor.engine.cost import NoWayOfPayingError
from advisor.engine.cost.timing import largest_fleet
from advisor.engine.gates import evaluate_fleet_gates, evaluate_gates
from advisor.engine.gates.remedies import ANY_PROVIDER, ANY_SELLER, quote_for
from advisor.engine.paying import price_candidate
from advisor.engine.plan import total_fleet
from advisor.engine.sized import SizedCandidate

TRIAL_USD = 1.0
"""Of a quote that is tried: any price opens the way."""

_Change = tuple[str, dict[str, Any], dict[str, Any]]
"""What is set, and the fields of procurement and of place that it changes."""


def openings(profile: Profile, sized: SizedCandidate, catalog: Catalog, as_of: date) -> tuple[str, ...]:
    """Changes of the profile after each of which the candidate can be paid for; empty where none is known.

    Where no single one helps, all that loosen a term of the profile are tried together.
    """
    changes = list(_changes(profile))
    found = [words for words, money, place in changes if _opens(profile, money, place, sized, catalog, as_of)]
    kinds = [
        kind
        for kind in ("rent", "buy")
        if _opens(profile, {"quotes": (*profile.procurement.quotes, _quote(sized.id, kind))}, {}, sized, catalog, as_of)
    ]
    quotes = [quote_for(sized.id, kinds[0] if len(kinds) == 1 else "")] if kinds else []
    if not found and not quotes and len(changes) > 1:
        every = list(accumulate(changes, lambda a, b: (f"{a[0]} and {b[0]}", a[1] | b[1], a[2] | b[2])))[1:]
        found = [w for w, money, place in every if _opens(profile, money, place, sized, catalog, as_of)][:1]
    return (*found, *quotes)


def _changes(profile: Profile) -> Iterator[_Change]:
    money, place = profile.procurement, profile.place
    if money.commitment != "any":
        yield "set procurement.commitment to any", {"commitment": "any"}, {}
    if money.seller != "any":
        yield ANY_SELLER, {"seller": "any"}, {}
    if money.mode != "either":
        yield "set procurement.mode to either", {"mode": "either"}, {}
    if place.exclude_us_providers:
        yield ANY_PROVIDER, {}, {"exclude_us_providers": False}
    if place.data_residency:
        yield "widen place.data_residency", {}, {"data_residency": ()}


def _quote(accelerator: str, kind: str) -> Quote:
    return Quote.model_validate({"accelerator": accelerator, "kind": kind, "usd": TRIAL_USD})


def _opens(
    profile: Profile, money: dict[str, Any], place: dict[str, Any], sized: SizedCandidate, catalog: Catalog, as_of: date
) -> bool:
    """Whether the candidate passes its gates and has a price under a changed profile."""
    changed = profile.model_copy(
        update={
            "procurement": profile.procurement.model_copy(update=money),
            "place": profile.place.model_copy(update=place),
        }
    )
    by_name = {tier.name: tier for tier in sized.tiers}
    gates = (
        *evaluate_gates(
            changed, sized.accelerator, catalog, as_of, *(by_name[w.name].deployment for w in changed.tiers)
        ),
        *evaluate_fleet_gates(
            changed, sized.accelerator, total_fleet(sized.tiers, sized.accelerator).gpus, catalog, as_of,
            largest_fleet(sized, changed.procurement.horizon_months),
        ),
    )  # fmt: skip
    if not all(gate.passes for gate in gates):
        return False
    tried = replace(sized, gates=gates, memo={})
    try:
        price_candidate(changed, tried, catalog, as_of)
    except NoWayOfPayingError:
        return False
    finally:
        tried.memo.clear()  # it leads back to the candidate, see `advise`
    return True
