"""The budget holds by the server's own count, whatever the server does."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from probe_kit import Served, finish, make_session, only_step, step_plan
from test_probe_faults import HARMLESS, SOME

from advisor.domain.errors import NetworkError
from advisor.probe.budget import Budget, Limit, Prices
from advisor.probe.plan import LengthSpec

pytestmark = pytest.mark.alone

ALL = sorted(
    {name for name, _ in SOME} | set(HARMLESS)
    | {"ok", "endless", "no-usage", "usage-low", "usage-high", "several-lie", "usage-odd"}
    | {"context", "redirect", "model"}
)  # fmt: skip


@pytest.mark.parametrize("name", ALL)
async def test_tokens_stay_within_the_limit(fault_server: Served, name: str) -> None:
    limit = 1_500
    before = fault_server.count()
    started = time.monotonic()
    run = await finish(
        make_session(
            fault_server.url,
            f"some:{name}",
            limit=Limit(None, limit, 2.5),
            steps=(step_plan(max_requests=500, min_requests=500),),
        )
    )
    after = fault_server.count()
    spent = sum(after[kind] - before[kind] for kind in ("input", "output"))
    assert spent <= (run.spent_tokens or 0) <= limit
    assert time.monotonic() - started < 3.5
    assert run.outcome in ("budget", "failed") or name == "context"


async def test_usd_by_token_price(fault_server: Served) -> None:
    before = fault_server.count()
    prices = Prices(usd_per_mtok_input=100.0, usd_per_mtok_output=1000.0)
    run = await finish(
        make_session(
            fault_server.url, "ok", limit=Limit(0.25, None, 20.0), prices=prices, steps=(step_plan(max_requests=500),)
        )
    )
    after = fault_server.count()
    used = prices.tokens_usd(after["input"] - before["input"], after["output"] - before["output"])
    assert run.outcome == "budget"
    assert 0.15 < used <= (run.spent_usd or 0) + 1e-9 <= 0.25 + 1e-9


async def test_usd_by_gpu_hour_is_a_limit_on_time(fault_server: Served) -> None:
    prices = Prices(usd_per_gpu_hour=3600.0, gpus=2)  # 2 USD a second
    started = time.monotonic()
    run = await finish(
        make_session(
            fault_server.url, "stall", limit=Limit(2.0, None, None), prices=prices, steps=(step_plan(max_requests=500),)
        )
    )
    assert time.monotonic() - started < 1.5
    assert run.outcome == "budget"
    assert run.spent_usd is not None
    assert run.spent_usd <= 2.0 * 1.05


@pytest.mark.parametrize("name", ["stall", "slow-headers", "huge-comments", "endless", "ok"])
async def test_seconds_cut_what_is_in_flight(fault_server: Served, name: str) -> None:
    from advisor.probe.exchange import Limits

    started = time.monotonic()
    run = await finish(
        make_session(
            fault_server.url,
            name,
            limit=Limit(None, None, 0.8),
            limits=Limits(head_s=60, idle_s=60),
            steps=(step_plan(max_requests=5000, osl=LengthSpec(200)),),
        )
    )
    assert time.monotonic() - started < 1.6
    assert (run.spent_s or 0) < 1.0
    assert run.outcome in ("budget", "failed")
    assert only_step(run).partial


async def test_a_budget_below_a_test_request_sends_nothing(fresh_server: Served) -> None:
    with pytest.raises(NetworkError, match="does not even cover"):
        await finish(make_session(fresh_server.url, "ok", limit=Limit(None, 50, 10.0)))
    books = fresh_server.count()
    assert (books["input"], books["output"]) == (0, 0)


@given(
    st.integers(0, 5000),
    st.floats(0, 1.0),
    st.lists(st.tuples(st.integers(1, 400), st.integers(1, 400), st.floats(0, 1), st.booleans()), max_size=60),
    st.integers(0, 2**32),
)
def test_no_order_of_requests_passes_a_limit(
    max_tokens: int, max_usd: float, requests: list[tuple[int, int, float, bool]], seed: int
) -> None:
    """Worst case of all in flight included: even if every request takes all that it may."""
    now = [0.0]
    prices = Prices(usd_per_gpu_hour=36.0, gpus=1, usd_per_mtok_input=50.0, usd_per_mtok_output=200.0)
    budget = Budget(Limit(max_usd, max_tokens, 100.0), prices, lambda: now[0])
    budget.start()
    chance = random.Random(seed)
    held = []
    for inputs, outputs, share, finish_one in requests:
        reservation = budget.reserve(inputs, outputs)
        spent = budget.spent()
        assert spent.tokens + spent.reserved_tokens <= max_tokens
        if reservation is not None:
            held.append((reservation, share))
            assert spent.usd + spent.reserved_usd <= max_usd + 1e-9
        if finish_one and held:
            done, part = held.pop(chance.randrange(len(held)))
            used = (int(done.input_tokens * part), int(done.output_tokens * part))
            budget.settle(done, *(used if chance.random() < 0.5 else (None, None)))
            budget.settle(done)  # a second settlement changes nothing
    for done, _ in held:
        budget.settle(done)
    assert budget.spent().tokens <= max_tokens
    assert budget.spent().reserved_tokens == 0


def test_time_left_is_the_nearer_of_seconds_and_money() -> None:
    now = [0.0]
    budget = Budget(Limit(1.0, None, 500.0), Prices(usd_per_gpu_hour=36.0, gpus=1), lambda: now[0])
    budget.start()
    assert budget.seconds_left == pytest.approx(100.0)  # 0.01 USD a second
    now[0] = 60.0
    assert budget.seconds_left == pytest.approx(40.0)
    now[0] = 101.0
    assert budget.reserve(1, 1) is None
    assert "max-usd" in budget.exhausted
