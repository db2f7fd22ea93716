"""Groups of measured points that may lie off together, and what of a step lies off: see `levels`."""

from __future__ import annotations

import numpy as np

from advisor.engine.estimator.encode import MEDIAN_MONTH, Floats, Points, day_of, engine_base, stack_keys

WHOLE, PROMPTS = "", "prompts"
"""What of a step lies off: all of it, or its part that goes into the prompts of others."""
MOVES = (WHOLE,) * 5 + (PROMPTS,) * 5
"""What each stage of `group_keys` doubts."""
SLOWER = 9.0
"""By how many times itself prefill is taken to grow where its part of a step is off, see `affected`."""


def group_keys(points: Points) -> tuple[list[str], ...]:
    """Name of the group of each point in each stage of MOVES; empty where it is in none.

    Whole steps: stack, its deployment, its lengths, the curve, its runs of a day. Prompts: the same, but for runs of a
    day, which are taken over all precisions and with and without speculation: their prefill is the same.
    Medians over runs are of no day.
    """
    stacks = stack_keys(points)
    isl, osl = points.isl.tolist(), points.osl.tolist()
    lengths = [f"{i:g}/{o:g}" for i, o in zip(isl, osl, strict=True)]
    deployments = [f"{s}|{split}|" for s, split in zip(stacks, splits_of(points), strict=True)]
    whole_of_day, prompts_of_day = day_keys(points)
    shared = (
        [f"{s}||" for s in stacks],
        deployments,
        [f"{s}||{length}" for s, length in zip(stacks, lengths, strict=True)],
        [f"{d}{length}" for d, length in zip(deployments, lengths, strict=True)],
    )
    return (
        *shared,
        whole_of_day,
        *([f"{key}|{PROMPTS}" for key in keys] for keys in shared),
        prompts_of_day,
    )


def day_keys(points: Points) -> tuple[list[str], list[str]]:
    """Names of the groups of runs of a day: of whole steps, and of prompts."""
    days = days_of(points)
    return (
        [f"{s}|{day}|" if day else "" for s, day in zip(stack_keys(points), days, strict=True)],
        [f"{e}|{day}||{PROMPTS}" if day else "" for e, day in zip(engines(points), days, strict=True)],
    )


def affected(prompts: Floats) -> Floats:
    """How much of a level of PROMPTS a step takes on, 0 to 1, by the part of it that goes into prompts.

    Prefill that takes ``1 + n`` times as long makes a step ``1 + n·part`` times as long: the log of that over its most,
    at ``n = SLOWER``.

    >>> import numpy as np
    >>> affected(np.array([0.0, 0.1, 1.0])).round(2).tolist()
    [0.0, 0.28, 1.0]
    """
    out: Floats = np.log1p(SLOWER * prompts) / np.log1p(SLOWER)
    return out


def patterns(prompts: Floats) -> dict[str, Floats]:
    """How much of a level each point takes on, by what the level moves."""
    return {WHOLE: np.ones(prompts.shape), PROMPTS: affected(prompts)}


def engines(points: Points) -> list[str]:
    """Accelerator, model and engine of each point: accelerator|model|engine."""
    parts = zip(points.accelerators, points.model_names, map(engine_base, points.engine), strict=True)
    return [f"{a.id}|{model}|{engine}" for a, model, engine in parts]


def read_key(key: str) -> tuple[str, str, tuple[float, ...], str]:
    """Stack (or accelerator, model and engine), split or day, ISL and OSL, and what moves; empty where it holds at all.

    >>> read_key("h200|dsr1|fp8|sglang|False|False|tp8 ep1|1024/8192|prompts")
    ('h200|dsr1|fp8|sglang|False|False', 'tp8 ep1', (1024.0, 8192.0), 'prompts')
    >>> read_key("h200|dsr1|fp8|sglang|False|False|@2026-05-13|")
    ('h200|dsr1|fp8|sglang|False|False', '@2026-05-13', (), '')
    """
    whole = key.removesuffix(f"|{PROMPTS}")
    stack, where, lengths = whole.rsplit("|", 2)
    at = tuple(float(x) for x in lengths.split("/")) if lengths else ()
    return stack, where, at, WHOLE if whole == key else PROMPTS


def splits_of(points: Points) -> list[str]:
    """How each point is split over GPUs, `tp8 ep8 dp`."""
    parts = zip(points.tp.tolist(), points.ep.tolist(), points.dp.tolist(), strict=True)
    return [f"tp{tp:g} ep{ep:g}{' dp' if dp else ''}" for tp, ep, dp in parts]


def days_of(points: Points) -> list[str]:
    """Day of each point, @2026-03-01; empty for medians over runs and what else has none."""
    dated = (points.kind != 0) & (points.month != MEDIAN_MONTH)
    return [f"@{day_of(month)}" if known else "" for known, month in zip(dated, points.month.tolist(), strict=True)]
