"""What is dated after the day of judgement: prices of a profile do not count, and facts that stay are told."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from advisor.catalog import Catalog
from advisor.domain.profile import Profile


def known_by(profile: Profile, as_of: date) -> tuple[Profile, tuple[str, ...]]:
    """The profile with the prices that were in hand on a day, and a note on each that was not.

    Listed rents and the price history are cut at that day alike.
    """
    money = profile.procurement
    late = [q for q in money.quotes if q.as_of is not None and q.as_of > as_of]
    notes = [
        f"Your quote{f' from {q.provider}' if q.provider else ''} for {q.accelerator.upper()}, USD {q.usd:,.2f} per"
        f" {'GPU-hour' if q.kind == 'rent' else 'GPU'}, is dated {q.as_of}, after the day of this answer: it does not"
        " count."
        for q in late
    ]
    update: dict[str, object] = {"quotes": tuple(q for q in money.quotes if q not in late)} if late else {}
    api = money.hosted_api
    if api is not None and api.as_of is not None and api.as_of > as_of:
        update["hosted_api"] = None
        notes.append(
            f"The price of {api.provider}'s API is dated {api.as_of}, after the day of this answer: it is not compared."
        )
    if not update:
        return profile, ()
    return profile.model_copy(update={"procurement": money.model_copy(update=update)}), tuple(notes)


def not_cut(catalog: Catalog, as_of: date) -> tuple[str, ...]:
    """A note on the tables that hold one state of things, written after a day; none where the catalog is no younger.

    Rents, purchase prices, the price history, market parameters, software, deployments and measured points are cut at
    the day, and export rules hold by theirs (docs/data.md, section "The day of an answer").
    """
    newest: tuple[tuple[str, date], ...] = catalog.derived(
        ("not_cut",), catalog.decision_defaults, lambda: tuple(_newest(catalog))
    )
    late = [f"{what} ({day})" for what, day in newest if day > as_of]
    if not late:
        return ()
    return (
        f"As of {as_of}, but not what was known on that day: {', '.join(late)}. The catalog keeps one state of each, of"
        " the day in brackets; throughput rests on the whole evidence.",
    )


def _newest(catalog: Catalog) -> Iterable[tuple[str, date]]:
    """The day of the newest row of each table that is not cut."""
    facts = catalog.gate_facts
    tables: tuple[tuple[str, Iterable[date | None]], ...] = (
        ("who sells a part", [r.provenance.as_of for r in catalog.availability]),
        ("headquarters of sellers", [r.provenance.as_of for r in facts.sellers.values()]),
        ("lead times", [r.provenance.as_of for r in facts.lead_times]),
        ("cooling", [r.provenance.as_of for r in facts.cooling.values()]),
        ("parts on the roadmap", [r.provenance.as_of for r in catalog.roadmap_options]),
        ("likelihoods of risks", [r.provenance.as_of for r in catalog.risk_register]),
        ("conventions of cost", [r.provenance.as_of for r in catalog.tco.values()]),
        ("defaults of decisions", [q.as_of for q in catalog.decision_defaults.values()]),
    )
    for what, stated in tables:
        days = [day for day in stated if day is not None]
        if days:
            yield what, max(days)
