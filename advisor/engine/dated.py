"""Prices of a profile that are dated after the day of judgement: nobody knew them, so they do not count."""

from __future__ import annotations

from datetime import date

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
