"""The budget guard: no request starts unless its worst case still fits, with all that is in flight."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Prices:
    """What the endpoint costs; all zero where unknown."""

    usd_per_gpu_hour: float = 0.0
    gpus: int = 1
    usd_per_mtok_input: float = 0.0
    usd_per_mtok_output: float = 0.0

    @property
    def known(self) -> bool:
        """Whether any price was given."""
        return any((self.usd_per_gpu_hour, self.usd_per_mtok_input, self.usd_per_mtok_output))

    def tokens_usd(self, input_tokens: float, output_tokens: float) -> float:
        """USD for tokens."""
        return (input_tokens * self.usd_per_mtok_input + output_tokens * self.usd_per_mtok_output) / 1e6

    def time_usd(self, seconds: float) -> float:
        """USD for time: GPUs x price per GPU-hour x hours."""
        return self.gpus * self.usd_per_gpu_hour * seconds / 3600


@dataclass(frozen=True, slots=True)
class Limit:
    """The most that a run may spend; None is no limit of that kind."""

    max_usd: float | None = None
    max_tokens: int | None = None
    max_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Spent:
    """What is spent for certain, and what requests in flight may still take."""

    tokens: int
    usd: float
    seconds: float
    reserved_tokens: int
    reserved_usd: float


@dataclass(slots=True)
class Reservation:
    """The worst case of one request, held until it is settled."""

    input_tokens: int
    output_tokens: int
    settled: bool = False


class Budget:
    """Counts tokens, USD and seconds against their limits.

    A request reserves its worst case before it starts and settles at its end. Whoever settles without proof of a
    lower figure settles at the reservation.

    Parameters
    ----------
    before
        What a run that is taken up had spent when it stopped: the limits hold for all of it.
    """

    def __init__(
        self, limit: Limit, prices: Prices, clock: Callable[[], float], before: Spent | None = None
    ) -> None:
        self._before = before or Spent(0, 0.0, 0.0, 0, 0.0)
        self.limit = limit
        self.prices = prices
        self._clock = clock
        self._start: float | None = None
        self._stopped: float | None = None
        self._input = self._output = 0
        self._held_input = self._held_output = 0
        self.exhausted = ""
        """Which limit ended the run, in words; empty while none has."""

    def start(self) -> None:
        """Start the clock (once)."""
        if self._start is None:
            self._start = self._clock()

    def stop(self) -> None:
        """Stop the clock."""
        if self._stopped is None and self._start is not None:
            self._stopped = self._clock()

    @property
    def seconds(self) -> float:
        """Seconds since the start, and those before it was taken up."""
        return self._before.seconds + self._own_seconds

    @property
    def _own_seconds(self) -> float:
        if self._start is None:
            return 0.0
        return (self._clock() if self._stopped is None else self._stopped) - self._start

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the nearest limit on time, or on money where time costs money."""
        ends = [] if self.limit.max_seconds is None else [self.limit.max_seconds - self._before.seconds]
        per_second = self.prices.time_usd(1.0)
        if self.limit.max_usd is not None and per_second > 0:
            tokens_usd = self.prices.tokens_usd(self._input + self._held_input, self._output + self._held_output)
            ends.append((self.limit.max_usd - self._before.usd - tokens_usd) / per_second)
        return min(ends) - self._own_seconds if ends else None

    def spent(self) -> Spent:
        """Figures so far."""
        return Spent(
            tokens=self._before.tokens + self._input + self._output,
            usd=self._before.usd
            + self.prices.tokens_usd(self._input, self._output)
            + self.prices.time_usd(self._own_seconds),
            seconds=self.seconds,
            reserved_tokens=self._held_input + self._held_output,
            reserved_usd=self.prices.tokens_usd(self._held_input, self._held_output),
        )

    def reserve(self, input_tokens: int, output_tokens: int) -> Reservation | None:
        """Hold a request's worst case, or None where a limit could be passed; `exhausted` then says which."""
        now = self.spent()
        tokens = now.tokens + now.reserved_tokens + input_tokens + output_tokens
        if self.limit.max_tokens is not None and tokens > self.limit.max_tokens:
            self.exhausted = f"--max-tokens {self.limit.max_tokens}"
            return None
        usd = now.usd + now.reserved_usd + self.prices.tokens_usd(input_tokens, output_tokens)
        if self.limit.max_usd is not None and usd > self.limit.max_usd:
            self.exhausted = f"--max-usd {self.limit.max_usd:g}"
            return None
        left = self.seconds_left
        if left is not None and left <= 0:
            self.out_of_time()
            return None
        self._held_input += input_tokens
        self._held_output += output_tokens
        return Reservation(input_tokens, output_tokens)

    def out_of_time(self) -> None:
        """Record that a limit on time ended the run."""
        by_time = self.limit.max_seconds is not None and self.seconds >= self.limit.max_seconds
        self.exhausted = f"--max-seconds {self.limit.max_seconds:g}" if by_time else f"--max-usd {self.limit.max_usd}"

    def settle(self, held: Reservation, input_tokens: int | None = None, output_tokens: int | None = None) -> None:
        """Replace a reservation by what was used; None stands for the worst case."""
        if held.settled:
            return
        held.settled = True
        self._held_input -= held.input_tokens
        self._held_output -= held.output_tokens
        self._input += held.input_tokens if input_tokens is None else input_tokens
        self._output += held.output_tokens if output_tokens is None else output_tokens
