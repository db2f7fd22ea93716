"""The bundled facts, loaded once for all tests that only ask them."""

from __future__ import annotations

from functools import cache

from advisor.workbench import Workbench
from tests.conftest import AS_OF


@cache
def usual_bench() -> Workbench:
    """The bundled facts on the day of the tests; who would change them makes others."""
    return Workbench(as_of=AS_OF, bare=True)
