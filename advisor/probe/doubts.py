"""Why the figures of a step are not those of the load, the prompts or the server that they seem to be."""

from __future__ import annotations

from collections.abc import Sequence

from advisor.domain.text import percent
from advisor.evidence.runs import LENGTH_TOLERANCE
from advisor.probe.results import RequestResult

_HELD_SHARE = 0.9
"""Mean requests in flight over the stated concurrency, below which refusals and failures made it another load."""
_CACHED_SHARE = 0.2
_LEAST_BUNCH = 5
"""Events in a bunch: more than a step of speculative decoding gives."""
_BUNCHED_SHARE = 0.05
"""Share of an answer that may come with its first token; TPOT is too short by as much."""
_TOGETHER_NS = 1_000_000
_TOGETHER_SHARE = 0.1
"""Events within a millisecond, or within a tenth of the usual time between two, came together."""


def mixed(good: Sequence[RequestResult]) -> list[str]:
    """That a router answered with several models, whose figures are those of none."""
    names = sorted({r.model for r in good if r.model})
    return [f"the answers come from several models: {', '.join(names[:4])}"] if len(names) > 1 else []


def uncounted(good: Sequence[RequestResult]) -> list[str]:
    """Why tokens cannot be told: without usage an event may hold several, so that only the full length proves them."""
    counted = [r for r in good if r.token_source == "events"]
    asked, seen = sum(r.osl for r in counted), sum(r.output_tokens for r in counted)
    if not asked or abs(seen / asked - 1) <= LENGTH_TOLERANCE:
        return []
    n = len(counted)
    return [
        "tokens cannot be counted: no usage to be believed, and"
        f" {seen / n:.0f} events where {asked / n:.0f} tokens were due"
    ]


def unheld(stated: int, measured: Sequence[RequestResult], rate_limited: int, concurrency: float) -> list[str]:
    """Why the figures of a closed loop are not those of its concurrency: slots stood empty for refusals or failures."""
    disturbed = rate_limited or len(measured) < stated or any(not r.ok for r in measured)
    if not disturbed or concurrency >= _HELD_SHARE * stated:
        return []
    return [f"the stated concurrency was not held: {concurrency:.1f} of {stated} in flight on average"]


def bunched(good: Sequence[RequestResult]) -> list[str]:
    """Why TTFT and TPOT are not the server's: something on the way holds tokens back and hands them on together."""
    first = sorted(_first_bunch(r) for r in good if len(r.stamps_ns) > 1 and not r.first_is_late)
    middle = first[len(first) // 2] if first else (0.0, 0)
    if middle[0] <= _BUNCHED_SHARE:
        return []
    return [
        f"tokens come in bunches, {middle[1]} with the first of them: something between here and the engine buffers the"
        " stream, and TTFT and TPOT are its own; switch its buffering off"
    ]


def _first_bunch(r: RequestResult) -> tuple[float, int]:
    """Share of an answer that came with its first event, and events in it; none where it is too small for a bunch."""
    stamps = r.stamps_ns
    together = max(_TOGETHER_NS, _TOGETHER_SHARE * (stamps[-1] - stamps[0]) / (len(stamps) - 1))
    count = sum(stamp - stamps[0] <= together for stamp in stamps)
    return ((count - 1) / (len(stamps) - 1), count) if count >= _LEAST_BUNCH else (0.0, count)


def shortened(good: Sequence[RequestResult]) -> list[str]:
    """That the server counts other prompts than were sent: its count is false, or it cuts them."""
    odd = [r for r in good if r.stated_input and not r.usage_disagrees]
    if 2 * len(odd) <= len(good):
        return []
    stated, sent = (sum(values) / len(odd) for values in ([r.stated_input for r in odd], [r.isl for r in odd]))
    return [
        f"the server counts {stated:.0f} tokens of prompts of {sent:.0f}: its count is false, or it shortens what it is"
        " sent"
    ]


def cached(requests: Sequence[RequestResult], hits: float, template: float) -> list[str]:
    """That a prefix cache spared part of the prefill, although no prompt was sent twice.

    Parameters
    ----------
    requests
        All that were answered, warm-up included.
    hits
        Prompt tokens that the server's own counter found in its cache meanwhile; used where answers do not tell.
    template
        Tokens that the chat template adds to every prompt, which may well be in the cache.
    """
    told = [r for r in requests if r.cached_tokens is not None]
    sent = sum(r.input_tokens for r in told or requests)
    found = sum(r.cached_tokens or 0 for r in told) if told else hits
    share = (found - template * len(told or requests)) / max(1, sent)
    if share <= _CACHED_SHARE:
        return []
    source = "" if told else ", by its own counter, which counts what others send too"
    return [
        f"{percent(min(1.0, share))} of the prompt tokens came from the server's prefix cache although the prompts are"
        f" new{source}"
    ]
