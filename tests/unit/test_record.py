"""Records behave as the frozen dataclasses with slots that they stand in for."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, asdict, dataclass, field, fields, replace
from typing import Any

import pytest

from advisor.domain.record import record
from advisor.domain.record import replace as replaced


@record
class Made:
    a: int
    b: tuple[str, ...] = ()
    c: dict[str, int] = field(default_factory=dict, compare=False)
    d: float = field(default=1.5, repr=False)


@dataclass(frozen=True, slots=True)
class Standard:
    a: int
    b: tuple[str, ...] = ()
    c: dict[str, int] = field(default_factory=dict, compare=False)
    d: float = field(default=1.5, repr=False)


@record
class One:
    x: int

    def double(self) -> int:
        return 2 * self.x


CASES: list[dict[str, Any]] = [{"a": 1}, {"a": 2, "b": ("x",), "d": 2.0}, {"a": 1, "c": {"k": 1}}]


@pytest.mark.parametrize("case", CASES)
def test_it_is_what_the_standard_decorator_makes(case: dict[str, Any]) -> None:
    mine, theirs = Made(**case), Standard(**case)
    assert repr(mine).replace("Made", "Standard") == repr(theirs)
    assert asdict(mine) == asdict(theirs)
    assert hash(mine) == hash(theirs)
    assert [(f.name, f.type, f.init, f.repr, f.compare) for f in fields(mine)] == [
        (f.name, f.type, f.init, f.repr, f.compare) for f in fields(theirs)
    ]
    assert asdict(replace(mine, a=9)) == asdict(replace(theirs, a=9))
    assert pickle.loads(pickle.dumps(mine)) == mine
    assert copy.copy(mine) == copy.deepcopy(mine) == mine


def test_equality_goes_by_class_and_compared_fields() -> None:
    assert Made(1) == Made(1, c={"k": 1})
    assert Made(1) != Made(2)
    assert Made(1) != Standard(1)
    assert One(1) == One(1)
    assert hash(One(1)) == hash((1,))
    assert One(3).double() == 6


def test_it_is_frozen_and_slotted() -> None:
    made = Made(1)
    with pytest.raises(FrozenInstanceError):
        made.a = 2  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del made.a
    assert not hasattr(made, "__dict__")
    assert Made.__match_args__ == Standard.__match_args__  # type: ignore[attr-defined]


@pytest.mark.parametrize("bad", [{}, {"a": 1, "z": 2}])
def test_wrong_arguments_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        Made(**bad)


def test_each_has_its_own_default() -> None:
    assert Made(1).c is not Made(1).c


@pytest.mark.parametrize("changes", [{}, {"a": 9}, {"b": ("y",), "d": 0.0}])
def test_a_copy_with_changes_is_that_of_the_standard_library(changes: dict[str, Any]) -> None:
    made = Made(1, ("x",), {"k": 1}, 2.5)
    assert asdict(replaced(made, **changes)) == asdict(replace(made, **changes))
    assert replaced(One(1), x=2) == One(2)
    with pytest.raises(TypeError):
        replaced(made, z=1)
