"""How many requests a step of a probe takes: what a probe sends, and what advice to probe budgets for."""

from __future__ import annotations

from advisor.domain.text import counted

LEAST_REQUESTS, WAVES = 40, 6
"""Measured requests of a thorough step in a closed loop: at least so many, and so many for each slot."""

LEAST_EVIDENCE, LEAST_TOKENS = 5, 500
"""Fewest good requests of a step that is evidence: of fewer no interval of the median is known. TPOT is a mean over
tokens, so that of requests alone fewer tell it, once they wrote so many."""

FEWER_GPUS = 0.8
"""Share of the prediction per GPU at or below which a count of GPUs that was stated too high may explain it: of twice
the true count less is predicted per GPU too, so that half the rate shows as three quarters."""


def count_in_doubt(measured: float, predicted: float, low: float, high: float, gpus: int) -> str:
    """What to check where a rate lies so far from its prediction that the statement may be wrong; else empty.

    A count stated too high looks slow. One stated too low looks fast, and only the roofline refuses it where it is more
    than the hardware can do.

    Parameters
    ----------
    measured, predicted, low, high
        Output per GPU as measured, as predicted, and the ends of the prediction [tokens/s].
    gpus
        The count as stated.

    >>> count_in_doubt(500, 1000, 800, 1200, 16)
    'check that 16 GPUs served it: a count stated too high looks like a slow part'
    >>> count_in_doubt(850, 1000, 900, 1200, 16)
    ''
    >>> count_in_doubt(1500, 1000, 900, 1200, 1)[:43]
    'check that no more than 1 GPU served it, an'
    """
    if measured > high and measured >= predicted / FEWER_GPUS:
        return (
            f"check that no more than {counted(gpus, 'GPU')} served it, and that weights and drafts are as stated:"
            " a count stated too low looks like a fast part"
        )
    if measured > FEWER_GPUS * predicted or measured >= low or gpus < 2:
        return ""
    return f"check that {gpus} GPUs served it: a count stated too high looks like a slow part"


def tells_speed(good: int, output_tokens: float, concurrency: float) -> bool:
    """Whether a step is evidence of rate and TPOT: TTFT takes `LEAST_EVIDENCE` requests at any load.

    Parameters
    ----------
    good
        Requests that ended well, of which each wrote `output_tokens` on average.
    concurrency
        Requests in flight.

    >>> tells_speed(5, 8, 64), tells_speed(2, 1000, 1), tells_speed(2, 100, 1), tells_speed(4, 1000, 64)
    (True, True, False, False)
    """
    return good >= LEAST_EVIDENCE or (concurrency <= 1 and good * output_tokens >= LEAST_TOKENS)


def warmup_requests(concurrency: int) -> int:
    """Requests at the start that are not measured: one a slot."""
    return max(1, concurrency)


def thorough_requests(concurrency: int) -> int:
    """Most measured requests of a thorough step.

    >>> thorough_requests(4), thorough_requests(64)
    (40, 384)
    """
    return max(LEAST_REQUESTS, WAVES * concurrency)
