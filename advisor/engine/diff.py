"""Compare two recommendations: verdict, cost, inputs and profile, in words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel

from advisor.domain.cost import Cost
from advisor.domain.difference import Change, ChangeKind, Difference
from advisor.domain.provenance import Quantity
from advisor.domain.recommendation import Candidate, Recommendation
from advisor.domain.text import percent, plain

NOTEWORTHY = 0.005
"""Relative change from which a cost is reported."""


def diff(old: Recommendation, new: Recommendation) -> Difference:
    """What changed, the verdict first; the verdict counts as changed with its kind, accelerator or commitment."""
    verdict = _verdict(old, new)
    changes = [
        *verdict, *_probes(old, new), *_candidates(old, new), *_inputs(old, new), *_profile(old, new),
        *_frame(old, new),
    ]  # fmt: skip
    changed = bool([c for c in verdict if c.path in _DECIDING])
    return Difference(
        verdict_changed=changed, question=_question(old, new, changes),
        headline=_headline(old, new, changed, changes), changes=tuple(changes),
    )  # fmt: skip


_DECIDING = ("verdict.kind", "verdict.choice.accelerator", "verdict.choice.mode", "verdict.choice.commitment")


def _verdict(old: Recommendation, new: Recommendation) -> list[Change]:
    out: list[Change] = []
    a, b = old.verdict, new.verdict
    if a.kind != b.kind:
        out.append(_change("verdict", "verdict.kind", "the kind of verdict", a.kind, b.kind))
    x, y = a.choice, b.choice
    if x is None or y is None:
        if x is not y:
            was, now = (c.accelerator if c is not None else "none" for c in (x, y))
            out.append(_change("verdict", "verdict.choice.accelerator", "the choice", was, now))
        return out
    for field, name in (
        ("accelerator", "the choice"), ("mode", "how it is paid for"), ("commitment", "the commitment"),
        ("gpus", "GPUs of the choice"), ("deployment", "its deployment"), ("usd_per_month", "its cost per month"),
    ):  # fmt: skip
        first, second = getattr(x, field), getattr(y, field)
        if first != second and not _small(first, second):
            out.append(_change("verdict", f"verdict.choice.{field}", name, first, second))
    if abs(a.confidence - b.confidence) >= 0.01:
        out.append(_change("verdict", "verdict.confidence", "confidence", a.confidence, b.confidence))
    if a.runner_up != b.runner_up:
        was, now = a.runner_up or "none", b.runner_up or "none"
        out.append(_change("verdict", "verdict.runner_up", "the runner-up", was, now))
    return out


def _probes(old: Recommendation, new: Recommendation) -> list[Change]:
    """Own measurements that came or went: what moves a rate more than anything else, and says why it moved."""
    before, after = (
        {(p.source_id, p.accelerator, p.deployment, p.concurrency, p.isl, p.osl): (i, p) for i, p in enumerate(probes)}
        for probes in (old.probes, new.probes)
    )
    out = []
    for key in [*(k for k in after if k not in before), *(k for k in before if k not in after)]:
        came = key in after
        i, p = after[key] if came else before[key]
        out.append(
            Change(
                kind="evidence", path=f"probes[{i}]",
                text=f"{p.accelerator.upper()}: own measurement {'counts now' if came else 'counts no more'},"
                f" {p.deployment}, {p.isl:,}/{p.osl:,} tokens at {p.concurrency} in flight:"
                f" {p.measured_output_tps:,.0f} output tok/s per GPU, {p.predicted_output_tps.value:,.0f} predicted.",
                old="" if came else p.source_id, new=p.source_id if came else "",
            )
        )  # fmt: skip
    return out


def _candidates(old: Recommendation, new: Recommendation) -> list[Change]:
    out: list[Change] = []
    before = {c.accelerator: c for c in old.candidates}
    after = {c.accelerator: c for c in new.candidates}
    for id_ in dict.fromkeys([*before, *after]):
        a, b = before.get(id_), after.get(id_)
        if a is None or b is None:
            word = "is a candidate now" if a is None else "is no candidate any more"
            out.append(Change(kind="feasibility", path=f"candidates.{id_}", text=f"{id_.upper()} {word}."))
            continue
        out += _candidate(a, b)
    return out


def _candidate(a: Candidate, b: Candidate) -> list[Change]:
    id_, out = a.accelerator, []
    if a.feasible != b.feasible:
        word = "can serve the profile now" if b.feasible else f"cannot serve it any more: {b.infeasible_reason}"
        out.append(
            Change(
                kind="feasibility", path=f"candidates.{id_}.feasible", text=f"{id_.upper()} {word}.",
                old=str(a.feasible), new=str(b.feasible),
            )
        )  # fmt: skip
    if a.cost is not None and b.cost is not None:
        for field, name in (("usd_per_month", "cost per month"), ("usd_per_mtok_blended", "cost per million tokens")):
            first, second = getattr(a.cost, field).p50, getattr(b.cost, field).p50
            if not _small(first, second):
                path = f"candidates.{id_}.cost.{field}.p50"
                out.append(_change("cost", path, f"{id_.upper()}: {name}", first, second))
        if a.cost.option != b.cost.option:
            path = f"candidates.{id_}.cost.option"
            out.append(_change("cost", path, f"{id_.upper()}: cheapest way of paying", a.cost.option, b.cost.option))
            out += _ways(id_, a.cost, b.cost)
    gates = {g.gate: g for g in a.gates}
    for gate in b.gates:
        was = gates.get(gate.gate)
        if was is not None and was.status != gate.status:
            path = f"candidates.{id_}.gates.{gate.gate}"
            out.append(_change("feasibility", path, f"{id_.upper()}: gate {gate.gate}", was.status, gate.status))
    if a.operating_point is not None and b.operating_point is not None:
        x, y = a.operating_point, b.operating_point
        if not _small(x.output_tps_per_gpu, y.output_tps_per_gpu):
            path = f"candidates.{id_}.operating_point.output_tps_per_gpu"
            name = f"{id_.upper()}: output tokens/s per GPU"
            out.append(_change("evidence", path, name, x.output_tps_per_gpu, y.output_tps_per_gpu))
        if x.evidence_grade != y.evidence_grade:
            path = f"candidates.{id_}.operating_point.evidence_grade"
            out.append(_change("evidence", path, f"{id_.upper()}: grade", x.evidence_grade, y.evidence_grade))
    return out


def _ways(id_: str, a: Cost, b: Cost) -> Iterable[Change]:
    """Of the way of paying that was the cheapest and the one that is: what it cost then and what it costs now."""
    before = {o.id: o for o in a.options}
    for i, option in enumerate(b.options):
        was = before.get(option.id)
        if was is None or option.id not in (a.option, b.option):
            continue
        path, name = f"candidates.{id_}.cost.options[{i}].usd_per_month", f"{id_.upper()}: {was.label}"
        if was.usd_per_month is not None and option.usd_per_month is not None:
            if not _small(was.usd_per_month, option.usd_per_month):
                yield _change("cost", path, f"{name}, cost per month", was.usd_per_month, option.usd_per_month)
        elif was.allowed != option.allowed:
            why = "is open now" if option.allowed else f"is closed now: {option.why_not}"
            yield Change(kind="cost", path=path, text=f"{name} {why}.", old=str(was.allowed), new=str(option.allowed))


_RENTS = {"rent_usd_per_gpu_hour": 0, "on_demand_usd_per_gpu_hour": 1}
"""Prices of a way of paying, with whether it is that of the peak beside a base."""


def _named(quantity: Quantity, cost: Cost) -> str:
    """The name of an input; that of a rent has its terms, since a price of other terms is no price that moved."""
    if quantity.name not in _RENTS:
        return quantity.name
    _, _, terms = cost.option.partition(".")
    commitment, _, seller = terms.partition(".")
    if _RENTS[quantity.name]:
        commitment = "on_demand"
    shown = ", ".join(words.replace("_", " ") for words in (commitment, seller) if words)
    return f"rent_usd_per_gpu_hour ({shown})" if shown else quantity.name


def _quantities(tree: Recommendation) -> dict[str, tuple[str, Quantity]]:
    """Inputs by a key that survives reordering: accelerator and name."""
    out: dict[str, tuple[str, Quantity]] = {}
    for i, quantity in enumerate(tree.inputs):
        out[f"inputs|{quantity.name}"] = (f"inputs[{i}]", quantity)
    for candidate in tree.candidates:
        if candidate.cost is not None:
            for i, quantity in enumerate(candidate.cost.inputs):
                path = f"candidates.{candidate.accelerator}.cost.inputs[{i}]"
                out[f"{candidate.accelerator}|{_named(quantity, candidate.cost)}"] = (path, quantity)
    return out


def _inputs(old: Recommendation, new: Recommendation) -> list[Change]:
    """Values that went in; one that is the same for all candidates is told once."""
    before, after = _quantities(old), _quantities(new)
    out: dict[tuple[str, float, float], Change] = {}
    for key, (path, quantity) in after.items():
        was = before.get(key)
        if was is None or was[1].value == quantity.value:
            continue
        owner, name = key.split("|", 1)
        title = name.replace("_", " ") if owner == "inputs" else f"{owner.upper()}: {name.replace('_', ' ')}"
        change = _change("input", path, title, was[1].value, quantity.value, quantity.unit)
        same = (name, was[1].value, quantity.value)
        if same in out:
            change = out[same].model_copy(update={"text": out[same].text.replace(f"{owner.upper()}: ", "", 1)})
        out[same] = change
    return sorted(out.values(), key=lambda c: (-abs(c.relative or 0.0), c.path))


def _profile(old: Recommendation, new: Recommendation) -> list[Change]:
    before, after = dict(_leaves(old.profile, "profile")), dict(_leaves(new.profile, "profile"))
    out = []
    for path in dict.fromkeys([*before, *after]):
        a, b = before.get(path, "not given"), after.get(path, "not given")
        if a != b:
            out.append(_change("profile", path, path, a, b))
    return out


def _leaves(node: Any, path: str) -> Iterable[tuple[str, Any]]:
    if isinstance(node, BaseModel):
        for name in type(node).model_fields:
            yield from _leaves(getattr(node, name), f"{path}.{name}")
    elif isinstance(node, dict):
        for name in sorted(node):
            yield from _leaves(node[name], f"{path}.{name}")
    elif isinstance(node, tuple | list):
        for i, item in enumerate(node):
            yield from _leaves(item, f"{path}[{i}]")
    elif node is not None:
        yield path, node


def _frame(old: Recommendation, new: Recommendation) -> list[Change]:
    out = []
    for field, name in (
        ("as_of", "date of judgement"), ("catalog_fingerprint", "catalog"), ("advisor_version", "program version"),
        ("seed", "seed"), ("draws", "draws"),
    ):  # fmt: skip
        a, b = getattr(old, field), getattr(new, field)
        if a != b:
            shown = (str(a)[:12], str(b)[:12])
            out.append(_change("input", field, name, *shown))
    return out


def _change(kind: ChangeKind, path: str, name: str, old: Any, new: Any, unit: str = "") -> Change:
    relative = None
    if _numeric(old) and _numeric(new) and old != 0:
        relative = new / old - 1
    was, now = (_shown(value) or "nothing" for value in (old, new))
    by = f" ({percent(relative, 1, sign=True)})" if relative is not None else ""
    after = f" {unit}" if unit else ""
    return Change(
        kind=kind, path=path, text=f"{name}: {was} -> {f'{now}{after}{by}'.removesuffix('.')}.", old=was, new=now,
        relative=relative,
    )


def _numeric(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return str(value)


def _small(old: Any, new: Any) -> bool:
    if not (_numeric(old) and _numeric(new)):
        return False
    return bool(abs(new - old) <= NOTEWORTHY * max(abs(old), abs(new)))


def _headline(old: Recommendation, new: Recommendation, changed: bool, changes: list[Change]) -> str:
    if changed:
        return f"The verdict changed. Before: {old.verdict.headline} Now: {new.verdict.headline}"
    if not changes:
        return "Nothing changed."
    cost = next((c for c in changes if c.path == "verdict.choice.usd_per_month"), None)
    by = ""
    if cost is not None and cost.relative is not None:
        by = f"; the choice's cost moved by {percent(cost.relative, 1, sign=True)}"
    return f"The verdict stands{by}; {len(changes)} changes."


def _question(old: Recommendation, new: Recommendation, changes: list[Change]) -> str:
    """What must be known before the rest: that not the same was asked; empty where it was."""
    entries = sum(c.kind == "profile" for c in changes)
    if not entries:
        return ""
    differ = "1 entry differs" if entries == 1 else f"{entries:,} entries differ"
    if old.profile.name != new.profile.name:
        names = f'"{plain(old.profile.name, 60)}" and "{plain(new.profile.name, 60)}"'
        return f"Two questions: these are answers to different profiles, {names} ({differ})."
    return f"Not the same question: the profile changed ({differ})."
