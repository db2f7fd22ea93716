"""What all imports share: reading numbers that may be missing, and the deployment that the user adds."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from advisor.domain.errors import EvidenceError
from advisor.domain.text import plain
from advisor.evidence.runs import Deployment, Distribution, Run, Step

Row = Mapping[str, Any]
_LAST_MOMENT_S = 4e9
RAMPS = 0.9
"""A closed loop that held less than this share of its concurrency on average spent the rest in its ramps. Ten prompts a
slot, as the catalog's measurements were made with, lose a twentieth in the last round."""


@dataclass(frozen=True, slots=True)
class Context:
    """Where a document came from, and what the user says of it."""

    name: str
    """File name, for messages and notes."""
    read_at: datetime
    stated: Deployment
    """Facts that the tool does not record; they overrule what it does."""


def number(row: Row, *names: str, scale: float = 1.0) -> float | None:
    """The first of these fields that holds a finite, non-negative number, times `scale`."""
    for name in names:
        value = row.get(name)
        if isinstance(value, str):
            try:
                value = float(value)
            except ValueError:
                continue
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0:
            return float(value) * scale
    return None


def whole(row: Row, *names: str) -> int | None:
    """As `number`, rounded; None for nothing and for 0."""
    value = number(row, *names)
    return round(value) if value else None


def words(row: Row, *names: str) -> str:
    """The first of these fields that holds text, made harmless."""
    for name in names:
        value = row.get(name)
        if isinstance(value, str) and value.strip():
            return plain(value.strip(), 200)
    return ""


def truth(row: Row, name: str) -> bool:
    """A flag that may be a boolean or its word."""
    value = row.get(name)
    return value is True or (isinstance(value, str) and value.strip().lower() == "true")


def merged(found: Deployment, stated: Deployment) -> Deployment:
    """The tool's facts under the user's."""
    given = {name: value for name, value in stated.model_dump(exclude_defaults=True).items() if value not in ("", None)}
    return found.model_copy(update=given)


def ms_distribution(row: Row, metric: str, n: int = 0) -> Distribution:
    """`mean_ttft_ms`, `median_ttft_ms`, `p99_ttft_ms` and kin, as vLLM's benchmark and its descendants name them."""
    return Distribution(
        n=n,
        mean=number(row, f"mean_{metric}_ms", scale=1e-3),
        p50=number(row, f"median_{metric}_ms", f"p50_{metric}_ms", scale=1e-3),
        p90=number(row, f"p90_{metric}_ms", scale=1e-3),
        p95=number(row, f"p95_{metric}_ms", scale=1e-3),
        p99=number(row, f"p99_{metric}_ms", scale=1e-3),
    )


def load_of(row: Row, requests: int, in_flight: float | None) -> dict[str, Any]:
    """Kind of load of vLLM's benchmark and its descendants, from `max_concurrency` and `request_rate`.

    A finite rate is an open loop, whatever its cap: `in_flight` is then the load. A cap that no request ever waits for
    sends all of them at once.
    """
    cap, rate = number(row, "max_concurrency"), number(row, "request_rate")
    if rate:
        return {"load": "poisson", "concurrency": cap, "rate_rps": rate, "achieved_concurrency": in_flight}
    if cap and cap <= requests:
        return {"load": "closed", "concurrency": cap, "achieved_concurrency": in_flight}
    return {"load": "unknown", "flags": ("all requests at once: no operating point",)}


_SHARED = ("prefix_tokens", "shared_system_prompt_length", "random_prefix_len")
"""Settings that give every prompt the same beginning, of so many tokens."""
_LONG = 64
"""Longer lists hold requests, not settings."""


def shares_a_prefix(settings: Any) -> bool:
    """Whether a tool's own settings say that its prompts have a part in common, which a cache then spares."""
    if isinstance(settings, list):
        return len(settings) <= _LONG and any(shares_a_prefix(value) for value in settings)
    if not isinstance(settings, dict):
        return False
    if "prefix" in words(settings, "dataset_name") or any(number(settings, name) for name in _SHARED):
        return True
    prompt = settings.get("prefix_prompt")
    if isinstance(prompt, dict) and number(prompt, "length") and any(number(prompt, n) for n in ("num", "pool_size")):
        return True
    return bool(settings.get("prefix_buckets")) or any(
        shares_a_prefix(value) for name, value in settings.items() if name not in ("metrics", "requests")
    )


def without_shared_prompts(step: Step) -> Step:
    """A step of prompts that share a part: kept, and no evidence."""
    told = "prompts share a part by the tool's own settings: no evidence for prompts of their own"
    return step.model_copy(update={"valid": False, "flags": (told, *step.flags)})


def placed_within_ramps(step: Step) -> Step:
    """A closed loop whose figures are of its whole duration, at the load that it held on average.

    Tools divide all tokens by the time from the first request to the last answer. While the loop fills, and while its
    last requests drain, fewer run than were set: the rate is that of the mean in flight, by Little's law, not that of
    the concurrency asked for, and would stand there as a slower machine.
    """
    held = step.achieved_concurrency
    if held is None and step.requests_per_s is not None and step.e2el.mean is not None:
        held = step.requests_per_s * step.e2el.mean
    if step.load != "closed" or not step.concurrency or not held or held >= RAMPS * step.concurrency:
        return step
    told = f"ramps: {held:.3g} of {step.concurrency:g} requests were in flight on average, and it counts at that load"
    return step.model_copy(update={"concurrency": held, "achieved_concurrency": held, "flags": (*step.flags, told)})


def run_of(
    tool: str,
    context: Context,
    source: Any,
    steps: tuple[Step, ...],
    found: Deployment,
    **more: Any,
) -> Run:
    """A finished run whose id is drawn from its content, so that the same file imported twice is one run."""
    digest = hashlib.sha256(json.dumps(source, sort_keys=True, default=str).encode()).hexdigest()[:12]
    started = more.pop("started_at", None) or context.read_at
    if found.model:
        more["server_facts"] = {"asked_model": found.model, **more.get("server_facts", {})}
    return Run(
        id=f"{tool.split()[0].lower()}-{digest}", tool=tool, started_at=started, steps=steps,
        deployment=merged(found, context.stated), note=plain(f"imported from {context.name}", 300), **more,
    )  # fmt: skip


def unix_moment(seconds: float | None) -> datetime | None:
    """A time in seconds since 1970; None for nothing and for what no calendar holds."""
    return datetime.fromtimestamp(seconds, UTC).astimezone() if seconds and seconds < _LAST_MOMENT_S else None


def moment(text: str, *forms: str) -> datetime | None:
    """A time in one of the forms, or in ISO's where none is given; UTC where it names no zone."""
    for form in forms or (None,):
        try:
            found = datetime.strptime(text, form) if form else datetime.fromisoformat(text)
        except ValueError:
            continue
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    return None


def required(value: float | None, field: str, context: Context) -> float:
    """A number that a result cannot do without."""
    if value is None:
        raise EvidenceError(f"{context.name}: {field} is missing or not a number")
    return value
