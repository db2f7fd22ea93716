"""How many tokens a request is charged once it has ended."""

from __future__ import annotations

from advisor.probe.faults import UNREACHED, Fault
from advisor.probe.prompts import PromptMaker
from advisor.probe.results import RequestResult

_NEVER_REACHED = UNREACHED | {Fault.DNS, Fault.TLS}
_NOT_SERVED = frozenset(
    {Fault.RATE_LIMITED, Fault.UNAUTHORISED, Fault.NOT_FOUND, Fault.CONTEXT_TOO_LONG, Fault.BAD_REQUEST, Fault.REDIRECT}
)


def certain_tokens(result: RequestResult, prompts: PromptMaker, words: int) -> tuple[int | None, int | None]:
    """Input and output tokens to charge; None where only the worst case is certain.

    The server's `usage` is believed where the stream and the length of the prompt bear it out. Requests that never
    reached the server, or that it refused, cost nothing; any other failure costs its worst case.
    """
    if result.fault in _NEVER_REACHED or result.fault in _NOT_SERVED:
        return 0, 0
    if result.fault is Fault.CUT and not result.sent_ns:
        return 0, 0
    if result.fault is not None or result.usage_disagrees or result.token_source != "usage":
        return None, None
    inputs = result.input_tokens if prompts.plausible(words, result.input_tokens) else None
    prompts.observe(words, result.input_tokens)
    # "length" short of what was asked is a limit of the server's own, or a count too low: the stream decides.
    short = result.finish_reason == "length" and result.output_tokens < result.osl
    proven = not short or result.output_tokens == len(result.stamps_ns)
    return inputs, result.output_tokens if proven else None
