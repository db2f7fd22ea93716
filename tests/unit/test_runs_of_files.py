"""The tests of a file go to one worker together; property tests each by itself; those that run alone stay last."""

from __future__ import annotations

from itertools import groupby

from tests.runs_of_files import runs

ORDER = [
    "tests/properties/test_a.py::test_long", "tests/properties/test_a.py::test_longer",
    "tests/unit/test_b.py::test_one[x]", "tests/unit/test_b.py::test_one[y]", "tests/unit/test_c.py::test_two",
    "tests/unit/test_b.py::test_by_the_clock",
]  # fmt: skip


def test_neighbours_of_one_file_make_a_run() -> None:
    found = runs(ORDER)
    assert list(found) == ORDER
    assert [len(list(same)) for _, same in groupby(found.values())] == [1, 1, 2, 1, 1]


def test_a_file_that_comes_again_begins_a_run_of_its_own() -> None:
    """Tests that run alone are sorted to the end: with the rest of their file they would come before others."""
    found = runs(ORDER)
    assert found[ORDER[-1]] != found[ORDER[2]]
    assert len(set(found.values())) == 5
