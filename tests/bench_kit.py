"""The bundled facts, loaded once for all tests that only ask them."""

from __future__ import annotations

from functools import cache

from advisor.domain.recommendation import Recommendation
from advisor.profiles.read import read_profile
from advisor.workbench import Workbench
from tests.conftest import AS_OF, PROFILE_FILES


@cache
def usual_bench() -> Workbench:
    """The bundled facts on the day of the tests; who would change them makes others."""
    return Workbench(as_of=AS_OF, bare=True)


@cache
def bundled_answer(name: str) -> Recommendation:
    """The answer to a profile of `PROFILE_FILES`, at 2,000 draws."""
    path = PROFILE_FILES[name]
    return usual_bench().advise(read_profile(path), folder=path.parent, draws=2000)
