"""What is judged workload by workload, made one gate each: the worst finding decides, and every one is told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from advisor.catalog import Catalog
from advisor.domain.gates import Blocks, Gate
from advisor.domain.hardware import Accelerator
from advisor.domain.profile import Profile
from advisor.domain.sizing import Deployment
from advisor.domain.text import capital
from advisor.engine.gates.memory import memory_gate
from advisor.engine.gates.software_gates import software_gates

_RANK = {"pass": 0, "condition": 1, "fail": 2}
_REACH: dict[Blocks, int] = {"nothing": 0, "rent": 1, "buy": 2, "all": 3}


def tier_gates(
    profile: Profile, accelerator: Accelerator, deployments: Sequence[Deployment | None], catalog: Catalog, as_of: date
) -> tuple[Gate, ...]:
    """Engine, number format and memory over all workloads.

    Parameters
    ----------
    deployments
        In the order of the profile's workloads; None where one could not be laid out.
    """
    placed: list[tuple[int, Deployment | None]] = [(i, d) for i, d in enumerate(deployments) if d is not None]
    found: dict[str, list[tuple[str, Gate]]] = {}
    for i, deployment in placed or [(0, None)]:
        for gate in software_gates(profile, accelerator, deployment, catalog, i, as_of):
            found.setdefault(gate.gate, []).append((profile.tiers[i].name, gate))
    for i, workload in enumerate(profile.tiers):
        memory = memory_gate(profile, accelerator, catalog, i, deployments[i] if i < len(deployments) else None)
        if memory is not None:
            found.setdefault(memory.gate, []).append((workload.name, memory))
    return tuple(_over_tiers(judged) for judged in found.values())


def _over_tiers(judged: Sequence[tuple[str, Gate]]) -> Gate:
    """One gate of those of each workload: of the worst status, titled by those that have it."""
    by_finding: list[tuple[list[str], Gate]] = []
    for name, gate in judged:
        names = next((names for names, known in by_finding if known == gate), None)
        if names is None:
            by_finding.append(([name], gate))
        else:
            names.append(name)
    if len(by_finding) == 1:
        return judged[0][1]
    by_finding.sort(key=lambda found: -_RANK[found[1].status])
    told = [(f"workload {', '.join(names)}", gate) for names, gate in by_finding]
    worst, gates = told[0][1], [gate for _, gate in told]
    titles: dict[str, list[str]] = {}
    for names, gate in by_finding:
        if gate.status == worst.status:
            titles.setdefault(gate.title, []).extend(names)
    return worst.model_copy(
        update={
            "title": "; ".join(f"{title} (workload {', '.join(names)})" for title, names in titles.items()),
            "reason": " ".join(f"{capital(name)}: {gate.reason}" for name, gate in told),
            "remedy": " ".join(f"{capital(name)}: {gate.remedy}" for name, gate in told if gate.remedy),
            "arithmetic": "; ".join(f"{name}: {gate.arithmetic}" for name, gate in told if gate.arithmetic),
            "source": "; ".join(_once(s.strip() for gate in gates for s in gate.source.split(";"))),
            "as_of": max((gate.as_of for gate in gates if gate.as_of), default=None),
            "confidence": "; ".join(_once(gate.confidence for gate in gates)),
            "blocks": max((gate.blocks for gate in gates), key=lambda b: _REACH[b]),
            "notes": _once(note for gate in gates for note in gate.notes),
        }
    )


def _once(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in texts if text))
