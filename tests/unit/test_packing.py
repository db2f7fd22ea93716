"""Replicas of several workloads in shared nodes: worked by hand, and laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.domain.sizing import Fleet
from advisor.engine.fleet import combine_fleets, size_fleet
from advisor.engine.packing import Group, Shelf, fills_nodes, gpus_in_nodes, in_nodes, nodes_alone, pack
from advisor.engine.sized import TierDemand

SIZES = st.sampled_from([1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24])
GROUPS = st.lists(st.builds(Group, SIZES, st.integers(0, 40), st.booleans()), min_size=1, max_size=4)
NODES = st.sampled_from([4, 8])


def nodes_of(groups: list[Group], per_node: int = 8) -> int:
    return sum(shelf.nodes for shelf in pack(groups, per_node))


@pytest.mark.parametrize(
    ("groups", "nodes"),
    [
        ([Group(2, 3), Group(2, 1)], 1),  # 6 + 2 GPUs in one node, not one node each
        ([Group(2, 3), Group(4, 1)], 2),  # 10 GPUs
        ([Group(16, 1), Group(2, 4)], 3),  # a replica over two nodes leaves no gap
        ([Group(12, 1), Group(2, 2)], 3),  # its last node is its own, though four GPUs of it stand idle
        ([Group(12, 1, whole=False), Group(2, 2)], 2),  # 4P+8D: workers talk over the network anyway
        ([Group(3, 8)], 4),  # two of three GPUs to a node; 24 GPUs are not three nodes
        ([Group(5, 2), Group(3, 2)], 2),  # 5 + 3 in each
        ([Group(3, 4), Group(2, 2)], 2),  # 3 + 3 + 2 in each: the gaps that three leave hold two
        ([Group(8, 2), Group(1, 0)], 2),
    ],
)
def test_nodes_by_hand(groups: list[Group], nodes: int) -> None:
    assert nodes_of(groups) == nodes


def test_nodes_that_are_filled_alike_are_told_together() -> None:
    assert pack([Group(4, 33), Group(4, 36)], 8) == (
        Shelf(16, (8, 0)), Shelf(1, (4, 4)), Shelf(17, (0, 8)), Shelf(1, (0, 4)),
    )  # fmt: skip


@given(GROUPS, NODES)
def test_shared_nodes_hold_every_replica_and_are_never_more_than_apart(groups: list[Group], per_node: int) -> None:
    shelves = pack(groups, per_node)
    needed = [g.gpus_per_replica * g.replicas for g in groups]
    for i, g in enumerate(groups):
        assert sum(s.nodes * s.gpus[i] for s in shelves) == needed[i]
        if g.whole and g.gpus_per_replica <= per_node:
            assert all(s.gpus[i] % g.gpus_per_replica == 0 for s in shelves)  # none is cut
    assert all(0 < sum(s.gpus) <= per_node for s in shelves)
    nodes = sum(s.nodes for s in shelves)
    assert -(-sum(needed) // per_node) <= nodes <= sum(nodes_alone(g, per_node) for g in groups)
    if fills_nodes([(g.gpus_per_replica, g.whole) for g in groups], per_node):
        assert nodes == -(-sum(needed) // per_node)
    spanning = [g for g in groups if g.whole and g.gpus_per_replica > per_node]
    for i, g in enumerate(groups):
        if g in spanning:  # whole nodes of its own
            assert all(sum(s.gpus) == s.gpus[i] for s in shelves if s.gpus[i])


@given(GROUPS, NODES)
def test_arrays_are_packed_as_single_fleets_are(groups: list[Group], per_node: int) -> None:
    sizes = [(g.gpus_per_replica, g.whole) for g in groups]
    parts = [np.array([[g.gpus_per_replica * n for n in (0, g.replicas, g.replicas + 1)]], dtype=float) for g in groups]
    together = gpus_in_nodes(parts, sizes, per_node)
    for column, more in enumerate((-1, 0, 1)):
        counted = [g._replace(replicas=0 if more < 0 else g.replicas + more) for g in groups]
        assert together[0, column] == nodes_of(counted, per_node) * per_node


@given(SIZES, st.integers(1, 60), st.booleans(), NODES)
def test_one_workload_alone_is_counted_as_ever_where_its_replicas_fill_nodes(
    size: int, replicas: int, whole: bool, per_node: int
) -> None:
    alone = float(in_nodes(size * replicas, (size, whole), per_node))
    assert alone == nodes_alone(Group(size, replicas, whole), per_node) * per_node
    if not whole or per_node % size == 0 or size % per_node == 0:
        assert alone == -(-size * replicas // per_node) * per_node
    else:
        assert alone >= size * replicas


def _fleet(gpus_per_replica: int, demand: float, *, whole: bool = True) -> Fleet:
    return size_fleet(
        demand=demand, capacity=1.0, unit="requests/s", peak_rps=demand, burst_headroom=0.0, growth_factor=1.0,
        availability=0.9, up_probability=1.0, gpus_per_replica=gpus_per_replica, gpus_per_node=8, average_to_peak=0.5,
        lookahead_months=12, whole=whole,
    )  # fmt: skip


def test_the_terms_of_a_shared_fleet_spell_what_each_adds_and_what_sharing_saves() -> None:
    both = combine_fleets((_fleet(2, 3.0), _fleet(2, 1.0)), 8, ["chat", "documents"])
    assert (both.gpus_needed, both.gpus, both.nodes) == (8, 8, 1)
    told = {t.name: (t.value, t.formula) for t in both.terms}
    assert told["GPUs of chat"][0] == 6
    assert told["GPUs of documents"][0] == 2
    assert told["GPUs in nodes of their own"] == (16, "8 + 8 = 16, were each workload to have its own nodes")
    assert told["nodes by what they hold"] == (1, "GPUs on each: 1 node of 6 chat + 2 documents")
    assert told["GPUs in whole nodes"] == (8, "6 + 2 = 8 GPUs over 2 workloads, in nodes of 8 that they share: 8")


def test_a_replica_is_not_cut_between_nodes() -> None:
    """Eight replicas of three GPUs were said to fit three nodes of eight, a replica in each pair of them cut in two."""
    assert _fleet(3, 8.0).nodes == 4
    assert "no replica cut between them: 32" in _fleet(3, 8.0).terms[-1].formula
    assert _fleet(3, 8.0, whole=False).nodes == 3
    both = combine_fleets((_fleet(3, 8.0), _fleet(2, 4.0)), 8)
    assert both.nodes == 4  # 3 + 3 + 2 in each: what the three leave holds the two
    demand = TierDemand(8.0, 1.0, 0.0, 0.9, 1.0, 3, 0.0, 0.0)
    assert demand.gpus(np.array([1.0, 2.0]), 1.0, per_node=8).tolist() == [32.0, 16.0]


@given(st.lists(st.tuples(st.sampled_from([1, 2, 4, 8, 16]), st.integers(1, 30)), min_size=2, max_size=4))
def test_sharing_never_takes_more_than_apart_and_never_less_than_the_gpus(tiers: list[tuple[int, int]]) -> None:
    fleets = tuple(_fleet(size, float(n)) for size, n in tiers)
    shared = combine_fleets(fleets, 8)
    assert shared.gpus_needed == sum(f.gpus_needed for f in fleets)
    assert shared.nodes == -(-shared.gpus_needed // 8) <= sum(f.nodes for f in fleets)
