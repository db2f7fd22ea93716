"""Replicas of several workloads in the nodes that they share.

A replica that fits a node stays inside one; a larger one has whole nodes to itself. Of a disaggregated replica the
workers that prefill and those that decode talk over the network: it is counted by its GPUs, wherever they lie.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from advisor.domain.sizing import Deployment
from advisor.domain.text import counted


class Group(NamedTuple):
    """Replicas of one workload."""

    gpus_per_replica: int
    replicas: int
    whole: bool = True
    """Whether a replica stays inside a node where it fits one."""


class Shelf(NamedTuple):
    """Nodes that are filled alike."""

    nodes: int
    gpus: tuple[int, ...]
    """GPUs of each workload on one of them."""


def stays_whole(deployment: Deployment) -> bool:
    """Whether a replica may not be cut between nodes."""
    return not deployment.disagg


def taken(gpus_per_replica: int, per_node: int, *, whole: bool) -> int:
    """GPUs that one replica keeps from others: its own, and the rest of its nodes where it spans several.

    >>> taken(2, 8, whole=True), taken(12, 8, whole=True), taken(12, 8, whole=False)
    (2, 16, 12)
    """
    if not whole or gpus_per_replica <= per_node:
        return gpus_per_replica
    return -(-gpus_per_replica // per_node) * per_node


def whole_nodes(gpus: ArrayLike, gpus_per_node: int) -> NDArray[np.float64]:
    """GPUs rounded up to whole nodes; whole numbers, which doubles divide and multiply without error."""
    return np.asarray(np.ceil(np.asarray(gpus, dtype=float) / gpus_per_node) * gpus_per_node)


def fills_nodes(sizes: Sequence[tuple[int, bool]], per_node: int) -> bool:
    """Whether replicas of these (GPUs, stays whole) leave no gap in a node that is not the last.

    So it is where each size divides the next larger one and the node: powers of two in a node of eight.

    >>> fills_nodes([(2, True), (4, True), (16, True)], 8), fills_nodes([(3, True)], 8), fills_nodes([(3, False)], 8)
    (True, False, True)
    """
    inside = sorted({gpus for gpus, whole in sizes if whole and gpus < per_node})
    steps = pairwise([*inside, per_node])
    return all(larger % smaller == 0 for smaller, larger in steps) and all(
        not whole or gpus <= per_node or gpus % per_node == 0 for gpus, whole in sizes
    )


def nodes_alone(group: Group, per_node: int) -> int:
    """Nodes that replicas of one workload take by themselves.

    >>> nodes_alone(Group(2, 3), 8), nodes_alone(Group(3, 8), 8), nodes_alone(Group(3, 8, whole=False), 8)
    (1, 4, 3)
    """
    gpus, replicas, whole = group
    if whole and gpus < per_node:
        return -(-replicas // (per_node // gpus))
    return -(-replicas * taken(gpus, per_node, whole=whole) // per_node)


def pack(groups: Sequence[Group], per_node: int) -> tuple[Shelf, ...]:
    """Nodes that hold all replicas, those filled alike together: the largest replicas first, each in the fullest node
    that has room.

    As many nodes as GPUs fill where `fills_nodes`, and never more than the workloads take each by itself.
    """
    shared = _best_fit(groups, per_node, range(len(groups)))
    alone = sum(nodes_alone(g, per_node) for g in groups if g.replicas)
    if sum(s.nodes for s in shared) <= alone:
        return shared
    return tuple(shelf for i in range(len(groups)) for shelf in _best_fit(groups, per_node, [i]))


def _best_fit(groups: Sequence[Group], per_node: int, members: Sequence[int]) -> tuple[Shelf, ...]:
    size = {i: groups[i].gpus_per_replica if groups[i].whole else 1 for i in members}
    closed: dict[tuple[int, ...], int] = {}
    shelves: dict[tuple[int, ...], int] = {}
    for i in sorted(members, key=lambda i: (-size[i], i)):
        block, left = size[i], groups[i].replicas * (groups[i].gpus_per_replica // size[i])
        empty = (0,) * len(groups)
        if block > per_node:
            full, rest = divmod(block, per_node)
            for gpus, nodes in ((per_node, full * left), (rest, left)):
                if gpus and nodes:
                    _add(closed, _with(empty, i, gpus), nodes)
            continue
        for held in sorted(shelves, key=lambda held: (per_node - sum(held), held)):
            room = (per_node - sum(held)) // block
            left = _put(shelves, held, i, block, room, left) if room and left else left
        if left:
            room = per_node // block
            shelves[empty] = -(-left // room)
            _put(shelves, empty, i, block, room, left)
    every = [Shelf(nodes, held) for found in (closed, shelves) for held, nodes in found.items()]
    return tuple(sorted(every, key=lambda shelf: [-n for n in shelf.gpus]))


def _put(
    shelves: dict[tuple[int, ...], int], held: tuple[int, ...], i: int, block: int, room: int, left: int
) -> int:
    """Put blocks of a workload onto the nodes of one shelf, `room` of them on each; returns how many are left."""
    nodes = shelves.pop(held)
    full, rest = min(nodes, left // room), left % room
    _add(shelves, _with(held, i, room * block), full)
    nodes, left = nodes - full, left - full * room
    if nodes and rest:
        _add(shelves, _with(held, i, rest * block), 1)
        nodes, left = nodes - 1, left - rest
    _add(shelves, held, nodes)
    return left


def _with(held: tuple[int, ...], i: int, gpus: int) -> tuple[int, ...]:
    return (*held[:i], held[i] + gpus, *held[i + 1 :])


def _add(shelves: dict[tuple[int, ...], int], held: tuple[int, ...], nodes: int) -> None:
    if nodes:
        shelves[held] = shelves.get(held, 0) + nodes


def in_nodes(gpus: ArrayLike, size: tuple[int, bool], per_node: int) -> NDArray[np.float64]:
    """GPUs of the nodes that replicas of one workload take by themselves, see `nodes_alone`.

    Parameters
    ----------
    gpus
        Those of the replicas.
    size
        (GPUs of one replica, whether it stays inside a node).
    """
    if fills_nodes([size], per_node):
        return whole_nodes(gpus, per_node)
    gpus_per_replica, whole = size
    replicas = np.asarray(gpus, dtype=float) / gpus_per_replica
    if gpus_per_replica > per_node:
        return np.asarray(replicas * taken(gpus_per_replica, per_node, whole=whole))
    return np.asarray(np.ceil(replicas / (per_node // gpus_per_replica)) * per_node)


def gpus_in_nodes(parts: Sequence[ArrayLike], sizes: Sequence[tuple[int, bool]], per_node: int) -> NDArray[np.float64]:
    """GPUs of the nodes that several workloads share.

    Parameters
    ----------
    parts
        GPUs in the replicas of each; they broadcast.
    sizes
        (GPUs of one replica, whether it stays inside a node) of each.
    """
    if len(parts) == 1:
        return in_nodes(parts[0], sizes[0], per_node)
    if fills_nodes(sizes, per_node):
        total = np.sum(np.broadcast_arrays(*parts), axis=0)
        return whole_nodes(total, per_node)
    arrays = np.broadcast_arrays(*[np.asarray(part, dtype=float) for part in parts])
    rows = np.stack([a.ravel() for a in arrays], axis=-1).astype(np.int64)
    distinct, places = np.unique(rows, axis=0, return_inverse=True)
    found = [_nodes(tuple(int(n) for n in row), tuple(sizes), per_node) * per_node for row in distinct]
    return np.asarray(np.array(found, dtype=float)[places.ravel()].reshape(arrays[0].shape))


@lru_cache(maxsize=65536)
def _nodes(gpus: tuple[int, ...], sizes: tuple[tuple[int, bool], ...], per_node: int) -> int:
    groups = [Group(size, n // size, whole) for n, (size, whole) in zip(gpus, sizes, strict=True)]
    return sum(shelf.nodes for shelf in pack(groups, per_node))


def told(shelves: Sequence[Shelf], names: Sequence[str]) -> str:
    """How nodes are shared, in words.

    >>> told(pack([Group(2, 3), Group(2, 1)], 8), ["chat", "documents"])
    '1 node of 6 chat + 2 documents'
    """
    return "; ".join(
        f"{counted(s.nodes, 'node')} of"
        f" {' + '.join(f'{n} {name}' for n, name in zip(s.gpus, names, strict=True) if n)}"
        for s in shelves
    )
