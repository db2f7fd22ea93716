"""What holds the machine alone is tried again where it fails while the machine stood still, and only then."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.turns import ATTEMPTS, STANDS_STILL_S, Watch, undisturbed


@pytest.fixture
def tried() -> list[int]:
    """An entry for each attempt."""
    return []


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let every watch see the machine stand still for so long."""
    return lambda seconds: monkeypatch.setattr(Watch, "_look", lambda self: setattr(self, "worst_s", seconds))


@pytest.mark.parametrize(("seconds", "attempts"), [(0.0, 1), (STANDS_STILL_S / 2, 1), (STANDS_STILL_S * 2, ATTEMPTS)])
def test_a_failure_is_excused_only_by_a_machine_that_stands_still(
    seconds: float, attempts: int, tried: list[int], still: Callable[[float], None]
) -> None:
    still(seconds)

    def fails() -> None:
        tried.append(1)
        raise AssertionError("slow")

    with pytest.raises(AssertionError, match="slow"):
        undisturbed(fails)()
    assert len(tried) == attempts


async def test_the_second_attempt_of_a_coroutine_may_pass(tried: list[int], still: Callable[[float], None]) -> None:
    still(1.0)

    async def once(limit: int) -> None:
        tried.append(1)
        assert len(tried) > limit

    await undisturbed(once)(1)
    assert len(tried) == 2


def test_other_errors_are_never_excused(tried: list[int], still: Callable[[float], None]) -> None:
    still(1.0)

    def breaks() -> None:
        tried.append(1)
        raise ValueError("a fault of the program")

    with pytest.raises(ValueError, match="fault"):
        undisturbed(breaks)()
    assert len(tried) == 1


def test_a_watch_sees_that_it_was_woken_late(monkeypatch: pytest.MonkeyPatch) -> None:
    nap = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: nap(seconds + 2 * STANDS_STILL_S))
    with Watch() as watch:
        nap(4 * STANDS_STILL_S)
    assert watch.worst_s > STANDS_STILL_S
