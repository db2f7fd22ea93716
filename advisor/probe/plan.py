"""What a run will do and what it can cost at worst, before anything is sent."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace

from advisor.domain.errors import InputError
from advisor.domain.normal import P99
from advisor.domain.probing import thorough_requests, warmup_requests
from advisor.domain.profile import Lengths, Profile, Slo, Workload
from advisor.evidence.runs import LoadKind
from advisor.probe.budget import Limit, Prices

NINE_SHAPES = (
    (128, 2048), (128, 4096), (2048, 128), (5000, 500), (500, 2000),
    (1000, 1000), (1000, 2000), (2048, 2048), (20000, 2000),
)  # fmt: skip
NINE_RUNS = 3
NINE_WARMUPS = 2
PRESETS = ("quick", "full", "nine-shape")
_TAIL_SIGMAS = P99
"""Drawn lengths stop at the 99th percentile, so that the worst case of a plan is finite."""


@dataclass(frozen=True, slots=True)
class LengthSpec:
    """Lengths to draw: fixed (`sigma` 0), or log-normal around a median, cut at its 99th percentile [tokens]."""

    median: float
    sigma: float = 0.0

    @classmethod
    def from_profile(cls, lengths: Lengths) -> LengthSpec:
        """The profile's distribution."""
        if lengths.p50 is not None and lengths.mean is None:
            return cls(lengths.p50, lengths.sigma)
        return cls(lengths.mean_tokens, 0.0)

    @property
    def mean(self) -> float:
        """Mean length; of the uncut log-normal."""
        return self.median * math.exp(self.sigma**2 / 2)

    @property
    def longest(self) -> int:
        """The longest that `draw` can give."""
        return math.ceil(self.median * math.exp(_TAIL_SIGMAS * self.sigma))

    def draw(self, source: random.Random) -> int:
        """One length, at least 1."""
        if self.sigma == 0:
            return max(1, round(self.median))
        drawn = self.median * math.exp(self.sigma * source.gauss(0.0, 1.0))
        return max(1, min(self.longest, round(drawn)))


@dataclass(frozen=True, slots=True)
class StepPlan:
    """One operating point to measure."""

    load: LoadKind
    isl: LengthSpec
    osl: LengthSpec
    concurrency: int
    """Slots of a closed loop; of an open loop the most in flight before it counts as saturated."""
    rate_rps: float | None = None
    warmup: int = 0
    """Requests at the start that are not measured."""
    min_requests: int = 8
    max_requests: int = 64
    max_seconds: float = 60.0
    half_width: float = 0.05
    """Stop early once the medians of TTFT and TPOT are known to this share (95 %)."""

    @property
    def worst_requests(self) -> int:
        """Most requests that the step may send."""
        return self.warmup + self.max_requests

    @property
    def worst_tokens(self) -> int:
        """Most tokens that the step may take."""
        return self.worst_requests * (self.isl.longest + self.osl.longest)

    @property
    def label(self) -> str:
        """How tables name it."""
        lengths = f"{self.isl.median:g}/{self.osl.median:g}"
        if self.load == "closed":
            return f"{lengths} at {self.concurrency} concurrent"
        return f"{lengths} at {self.rate_rps:g} requests/s ({self.load})"


@dataclass(frozen=True, slots=True)
class Search:
    """Look for the knee instead of a fixed ladder."""

    highest: int = 512
    gain: float = 1.10
    """Doubling concurrency must add this factor of throughput, or the server is saturated."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in order, limits and prices."""

    name: str
    steps: tuple[StepPlan, ...]
    limit: Limit
    prices: Prices
    slo: Slo | None = None
    search: Search | None = None
    preflight_tokens: int = 600

    @property
    def all_tokens(self) -> int:
        """Most tokens of all steps, whatever the limit."""
        return self.preflight_tokens + sum(step.worst_tokens for step in self.steps)

    @property
    def first_beyond(self) -> StepPlan | None:
        """The first step at whose worst the limit on tokens is passed; None where there is none, or in a search."""
        left = None if self.limit.max_tokens is None else self.limit.max_tokens - self.preflight_tokens
        if left is None or self.search is not None:
            return None
        for step in self.steps:
            left -= step.worst_tokens
            if left < 0:
                return step
        return None

    @property
    def worst_tokens(self) -> int:
        """Most tokens: of the steps, or the limit where that is lower."""
        total = self.all_tokens
        if self.search is not None and self.limit.max_tokens is not None:
            return self.limit.max_tokens
        return total if self.limit.max_tokens is None else min(total, self.limit.max_tokens)

    @property
    def worst_seconds(self) -> float | None:
        """Longest time: the limit, at which everything in flight is cut; None where there is no limit."""
        return self.limit.max_seconds

    @property
    def worst_usd(self) -> float | None:
        """Most money; None where no price is known."""
        if not self.prices.known:
            return None
        wanted_input = sum(step.worst_requests * step.isl.longest for step in self.steps)
        wanted_output = sum(step.worst_requests * step.osl.longest for step in self.steps)
        total = self.prices.tokens_usd(wanted_input + self.preflight_tokens, wanted_output)
        if self.worst_seconds is not None:
            total += self.prices.time_usd(self.worst_seconds)
        elif self.prices.usd_per_gpu_hour:
            total = math.inf
        return total if self.limit.max_usd is None else min(total, self.limit.max_usd)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user asked for; None and empty leave it to the preset and the profile."""

    preset: str = "quick"
    concurrencies: tuple[int, ...] = ()
    rates_rps: tuple[float, ...] = ()
    load: LoadKind = "closed"
    isl: LengthSpec | None = None
    osl: LengthSpec | None = None
    requests: int | None = None
    step_seconds: float | None = None
    half_width: float | None = None
    search: bool = False
    max_usd: float | None = None
    max_tokens: int | None = None
    max_seconds: float | None = None


_DEFAULT_LENGTHS = (LengthSpec(1000), LengthSpec(200))
_BUDGETS = {
    "quick": Limit(max_usd=5.0, max_tokens=500_000, max_seconds=285.0),
    "full": Limit(max_usd=50.0, max_tokens=5_000_000, max_seconds=3600.0),
    "nine-shape": Limit(max_usd=50.0, max_tokens=5_000_000, max_seconds=7200.0),
}


def make_plan(wishes: Wishes, prices: Prices, profile: Profile | None = None, tier: str | None = None) -> Plan:
    """Steps and limits for a preset, a profile and the user's own wishes, which overrule both."""
    if wishes.preset not in PRESETS:
        raise InputError(f'--preset "{wishes.preset}" is not one of {", ".join(PRESETS)}')
    if wishes.max_usd is not None and not prices.known:
        raise InputError("--max-usd needs a price: give --usd-per-gpu-hour, or --usd-per-mtok-input and -output")
    isl, osl = _DEFAULT_LENGTHS
    peak: float | None = None
    slo: Slo | None = None
    if profile is not None:
        workload = _tier(profile, tier)
        isl = LengthSpec.from_profile(workload.traffic.isl)
        osl = LengthSpec.from_profile(workload.traffic.osl)
        peak, slo = workload.traffic.peak_concurrency, workload.slo
    isl, osl = wishes.isl or isl, wishes.osl or osl
    too_many = next((n for n in wishes.concurrencies if wishes.load == "closed" and n > (wishes.requests or n)), None)
    if too_many is not None and not wishes.search:
        raise InputError(
            f"--requests {wishes.requests} cannot hold {too_many} in flight; give at least {too_many}, or a lower"
            " --concurrency"
        )
    default = _BUDGETS[wishes.preset]
    limit = Limit(
        max_usd=(wishes.max_usd or default.max_usd) if prices.known else None,
        max_tokens=wishes.max_tokens or default.max_tokens,
        max_seconds=wishes.max_seconds or default.max_seconds,
    )
    search = Search(highest=max(wishes.concurrencies or (512,))) if wishes.search else None
    if wishes.preset == "nine-shape":
        steps = _nine_shapes(wishes)
    elif wishes.load != "closed":
        steps = _open_steps(wishes, isl, osl)
    else:
        ladder = wishes.concurrencies or _ladder(peak, wishes.preset, wishes.requests)
        steps = tuple(_closed_step(count, isl, osl, wishes) for count in ladder)
    return Plan(wishes.preset, steps, limit, prices, slo, search)


def _tier(profile: Profile, name: str | None) -> Workload:
    if name is None:
        return profile.tiers[0]
    for tier in profile.tiers:
        if tier.name == name:
            return tier
    raise InputError(f'the profile has no workload "{name}"; it has ' + ", ".join(t.name for t in profile.tiers))


def _ladder(peak: float | None, preset: str, requests: int | None = None) -> tuple[int, ...]:
    """Concurrencies from 1 to the profile's peak per replica (at most 256), in powers of two or four.

    None that the requests of a step are too few to hold.
    """
    top = min(256, math.ceil(peak)) if peak else 64
    top = top if requests is None else min(top, requests)
    factor = 4 if preset == "quick" else 2
    ladder = [1]
    while ladder[-1] * factor < top:
        ladder.append(ladder[-1] * factor)
    return (*ladder, top) if top > 1 else (1,)


def _closed_step(count: int, isl: LengthSpec, osl: LengthSpec, wishes: Wishes) -> StepPlan:
    thorough = wishes.preset == "full"
    least = max(12 if thorough else 6, 2 * count)
    most = wishes.requests or (thorough_requests(count) if thorough else max(12, 3 * count))
    return StepPlan(
        load="closed", isl=isl, osl=osl, concurrency=count, warmup=warmup_requests(count),
        min_requests=min(least, most), max_requests=most,
        max_seconds=wishes.step_seconds or (240.0 if thorough else 60.0),
        half_width=wishes.half_width or (0.02 if thorough else 0.05),
    )  # fmt: skip


def _open_steps(wishes: Wishes, isl: LengthSpec, osl: LengthSpec) -> tuple[StepPlan, ...]:
    if not wishes.rates_rps:
        raise InputError("an open loop needs --rate, e.g. --rate 1,2,4 [requests/s]")
    cap = max(wishes.concurrencies or (512,))
    seconds = wishes.step_seconds or (60.0 if wishes.preset == "quick" else 240.0)
    steps = []
    for rate in wishes.rates_rps:
        most = wishes.requests or max(10, math.ceil(rate * seconds))
        steps.append(
            StepPlan(
                load=wishes.load, isl=isl, osl=osl, concurrency=cap, rate_rps=rate, warmup=max(2, round(rate * 2)),
                min_requests=min(most, 30), max_requests=most, max_seconds=seconds,
                half_width=wishes.half_width or 0.02,
            )
        )  # fmt: skip
    return tuple(steps)


def _nine_shapes(wishes: Wishes) -> tuple[StepPlan, ...]:
    """Each shape three times, after two warm-up waves before its first run."""
    count = max(wishes.concurrencies or (min(16, wishes.requests or 16),))
    steps = []
    for isl, osl in NINE_SHAPES:
        per_run = wishes.requests or count
        step = StepPlan(
            load="closed", isl=LengthSpec(isl), osl=LengthSpec(osl), concurrency=count, warmup=0,
            min_requests=per_run, max_requests=per_run, max_seconds=wishes.step_seconds or 600.0, half_width=0.0,
        )  # fmt: skip
        steps += [replace(step, warmup=NINE_WARMUPS * count)] + [step] * (NINE_RUNS - 1)
    return tuple(steps)
