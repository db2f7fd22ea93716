"""One small module per source: where its files lie and how one of them is read."""

from __future__ import annotations

from advisor.domain.errors import InputError, did_you_mean
from advisor.refresh.sources import azure, gpuhunt, inferencex, mlperf, skypilot, vultr
from advisor.refresh.sources.base import Item, Source

SOURCES: dict[str, Source] = {
    source.name: source
    for source in (skypilot.SOURCE, gpuhunt.SOURCE, azure.SOURCE, vultr.SOURCE, inferencex.SOURCE, mlperf.SOURCE)
}

__all__ = ["SOURCES", "Item", "Source", "chosen_sources"]


def chosen_sources(data: str, names: list[str]) -> list[Source]:
    """Sources of a data set (prices, evidence, all), or those of them that are named.

    Raises
    ------
    InputError
        For an unknown name, or one that does not hold that data set.
    """
    for name in names:
        if name not in SOURCES:
            hint = did_you_mean(name, SOURCES) or f"; there are {', '.join(SOURCES)}"
            raise InputError(f'no source is called "{name}"{hint}')
        if data not in ("all", SOURCES[name].data):
            raise InputError(f'the source "{name}" holds {SOURCES[name].data}, not {data}')
    return [s for s in SOURCES.values() if data in ("all", s.data) and (not names or s.name in names)]
