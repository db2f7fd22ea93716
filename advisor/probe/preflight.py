"""The first small requests: does the endpoint answer, which fields does it take, how does it count tokens."""

from __future__ import annotations

from dataclasses import dataclass

from advisor.domain.errors import NetworkError
from advisor.probe.budget import Budget
from advisor.probe.client import ProbeClient
from advisor.probe.facts import ServerFacts, unknown_model
from advisor.probe.faults import Fault
from advisor.probe.prompts import PromptMaker
from advisor.probe.results import RequestResult
from advisor.probe.settle import certain_tokens

_SMALL, _LARGE = 16, 80
_TOKENS = 8
_ATTEMPTS = 5
_OUTPUT_SLACK = 16


@dataclass(frozen=True, slots=True)
class Preflight:
    """What was learnt."""

    e2el_s: float
    notes: tuple[str, ...]


async def preflight(client: ProbeClient, prompts: PromptMaker, budget: Budget, facts: ServerFacts) -> Preflight:
    """Two tiny completions of different length; raises `NetworkError` where the endpoint cannot be probed."""
    small = await _agree(client, prompts, budget, facts, _SMALL)
    large = await _agree(client, prompts, budget, facts, _LARGE)
    notes = []
    if prompts.count is not None:
        notes.append(_with_tokenizer(prompts, small, large))
    elif not (
        small.token_source == large.token_source == "usage"
        and prompts.calibrate((_SMALL, small.input_tokens), (_LARGE, large.input_tokens))
    ):
        notes.append("the server's count of prompt tokens is missing or implausible: prompt lengths are approximate")
    if not client.dialect.include_usage:
        notes.append("the server refuses stream_options: token counts are events of the stream")
    if not client.dialect.fixed_length:
        notes.append("the server refuses ignore_eos and min_tokens: answers may be shorter than asked for")
    elif large.output_tokens != _TOKENS:
        notes.append(f"asked for {_TOKENS} tokens, got {large.output_tokens}: output lengths are not fixed")
    return Preflight(large.e2el_s, tuple(note for note in notes if note))


async def _agree(
    client: ProbeClient, prompts: PromptMaker, budget: Budget, facts: ServerFacts, words: int
) -> RequestResult:
    """Find the request form that the server takes, and wait where it is busy for the moment."""
    for _ in range(_ATTEMPTS):
        result = await _ask(client, prompts, budget, words)
        if result.ok:
            return result
        if result.fault is Fault.NOT_FOUND and facts.models and client.model not in facts.models:
            raise NetworkError(f"{client.target.shown}: {unknown_model(client.model, facts)}")
        weaker = client.dialect.weaker(result.message) if result.fault is Fault.BAD_REQUEST else None
        transient = result.fault in (Fault.RATE_LIMITED, Fault.UNAVAILABLE, Fault.STALE)
        if weaker is not None:
            client.dialect = weaker
        elif transient:
            await client.wait(min(5.0, result.retry_after_s or 1.0))
        else:
            break
    where = f"{client.target.shown}{client.target.completions.path}"
    raise NetworkError(f"{where}: {result.fault}: {result.message}".rstrip(": ") + _other_api(client, facts, result))


def _other_api(client: ProbeClient, facts: ServerFacts, result: RequestResult) -> str:
    """What to try where the server has the model and not the path; else empty."""
    if result.fault is not Fault.NOT_FOUND or client.model not in facts.models:
        return ""
    other = "completions" if client.target.api == "chat" else "chat"
    return f'; it lists the model "{client.model}", so that it may not serve this path: try --api {other}'


async def _ask(client: ProbeClient, prompts: PromptMaker, budget: Budget, words: int) -> RequestResult:
    prompt, count = prompts.make(words)
    held = budget.reserve(prompts.worst_case_tokens(prompt, count), _TOKENS + _OUTPUT_SLACK)
    if held is None:
        raise NetworkError(f"the budget does not even cover a test request ({budget.exhausted}); raise it")
    try:
        result = await client.complete(prompt, isl=words, osl=_TOKENS)
    except BaseException:
        budget.settle(held)
        raise
    budget.settle(held, *certain_tokens(result, prompts, count))
    return result


def _with_tokenizer(prompts: PromptMaker, small: RequestResult, large: RequestResult) -> str:
    """Calibrate on the tokenizer, and hold the server's counts to it."""
    assert prompts.count is not None
    counted = [prompts.count(prompts.make(words)[0]) for words in (_SMALL, _LARGE)]
    server = [small.input_tokens, large.input_tokens]
    growth, stated = counted[1] - counted[0], server[1] - server[0]
    prompts.calibrate((_SMALL, counted[0]), (_LARGE, counted[1]))
    if server[1] and abs(stated - growth) > max(4, 0.1 * growth):
        return f"the server counts {stated} tokens where the tokenizer on disk counts {growth}: one of them is wrong"
    if server[1]:
        prompts.overhead += max(0, server[0] - counted[0])
    return ""
