"""Answers side by side: which rows there are, and what each answer says in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from advisor.tui import format as f
from advisor.tui.fields import spec_of
from advisor.tui.values import to_text

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from advisor.domain.cost import Cost
    from advisor.domain.recommendation import Candidate, Recommendation


@dataclass(frozen=True, slots=True)
class Entry:
    """One column: an answer with a name; `error` where there is none."""

    name: str
    answer: Recommendation | None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One row: a label and what each column says."""

    group: str
    label: str
    values: tuple[str, ...]

    @property
    def differs(self) -> bool:
        """Whether the columns disagree."""
        return len(set(self.values)) > 1


def _chosen(answer: Recommendation) -> Candidate | None:
    choice = answer.verdict.choice
    return next((c for c in answer.candidates if choice and c.accelerator == choice.accelerator), None)


def _cost(answer: Recommendation, read: Callable[[Cost], str]) -> str:
    candidate = _chosen(answer)
    return read(candidate.cost) if candidate and candidate.cost else f.MISSING


def _point(answer: Recommendation, read: Callable[[Any], str]) -> str:
    candidate = _chosen(answer)
    return read(candidate.operating_point) if candidate and candidate.operating_point else f.MISSING


def _choice(answer: Recommendation) -> str:
    c = answer.verdict.choice
    return f"{c.gpus:,} × {f.short(c.accelerator)}" if c else "nothing fits"


VERDICT_ROWS: tuple[tuple[str, str, Callable[[Recommendation], str]], ...] = (
    ("Verdict", "Kind", lambda a: f.VERDICTS[a.verdict.kind][1].lower()),
    ("Verdict", "Choice", _choice),
    (
        "Verdict",
        "Paid by",
        lambda a: f.paying(a.verdict.choice.mode, a.verdict.choice.commitment) if a.verdict.choice else f.MISSING,
    ),
    ("Verdict", "Runner-up", lambda a: f.short(a.verdict.runner_up) if a.verdict.runner_up else f.MISSING),
    (
        "Verdict",
        "Sure",
        lambda a: f"{f.share(a.verdict.confidence)} ({a.verdict.confidence_word})" if a.verdict.choice else f.MISSING,
    ),
    (
        "Verdict",
        "Too close to call",
        lambda a: ("yes" if a.verdict.too_close_to_call else "no") if a.verdict.choice else f.MISSING,
    ),
    ("Cost", "USD a month, median", lambda a: _cost(a, lambda c: f.usd_full(c.usd_per_month.p50))),
    (
        "Cost",
        "P10 to P90",
        lambda a: _cost(a, lambda c: f"{f.usd(c.usd_per_month.p10)} – {f.usd(c.usd_per_month.p90)}"),
    ),
    ("Cost", "USD per Mtok", lambda a: _cost(a, lambda c: f.usd(c.usd_per_mtok_blended.p50))),
    (
        "Cost",
        "NPV over the horizon",
        lambda a: _cost(a, lambda c: f"{f.usd_full(c.npv_usd)} / {c.horizon_months} months"),
    ),
    ("Cost", "Utilisation", lambda a: _cost(a, lambda c: f.share(c.utilisation))),
    ("Load", "Deployment", lambda a: a.verdict.choice.deployment if a.verdict.choice else f.MISSING),
    ("Load", "tok/s per GPU, output", lambda a: _point(a, lambda p: f"{p.output_tps_per_gpu:,.0f}")),
    ("Load", "TTFT at percentile", lambda a: _point(a, lambda p: f.seconds(p.ttft_at_percentile_s))),
    ("Load", "TPOT at percentile", lambda a: _point(a, lambda p: f.seconds(p.tpot_at_percentile_s))),
    ("Load", "Evidence", lambda a: _point(a, lambda p: p.evidence_grade)),
    ("Basis", "As of", lambda a: a.as_of.isoformat()),
    ("Basis", "Draws, seed", lambda a: f"{a.draws:,}, {a.seed}"),
    ("Basis", "Catalog", lambda a: a.catalog_fingerprint[:12]),
)


def lines_of(entries: list[Entry]) -> list[Line]:
    """All rows: the verdict, each candidate's cost, and every field in which the profiles differ."""
    answers = [e.answer for e in entries]
    out = [
        Line(group, label, tuple(read(a) if a else (e.error or "◌") for a, e in zip(answers, entries, strict=True)))
        for group, label, read in VERDICT_ROWS
    ]
    names = list(dict.fromkeys(c.accelerator for a in answers if a for c in a.candidates))
    for name in names:
        out.append(Line("Candidates", f"{f.short(name)}, USD a month", tuple(_candidate(a, name) for a in answers)))
    flat = [flatten(a.profile) if a else {} for a in answers]
    for path in dict.fromkeys(p for values in flat for p in values):
        line = Line("Profile", path, tuple(values.get(path, f.MISSING) for values in flat))
        if line.differs or len(entries) == 1:
            out.append(line)
    return out


def _candidate(answer: Recommendation | None, name: str) -> str:
    candidate = next((c for c in answer.candidates if c.accelerator == name), None) if answer else None
    if candidate is None:
        return f.MISSING
    if candidate.cost is None or not candidate.feasible:
        return "✗ cannot serve it"
    return f"{f.usd(candidate.cost.usd_per_month.p50)}  ({f.share(candidate.p_cheapest)} cheapest)"


def flatten(model: BaseModel, lead: str = "") -> dict[str, str]:
    """Every stated leaf of a profile by its path."""
    out: dict[str, str] = {}
    for name in type(model).model_fields:
        value, path = getattr(model, name), f"{lead}{name}"
        if isinstance(value, BaseModel):
            out |= flatten(value, f"{path}.")
        elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
            for i, inner in enumerate(value):
                out |= flatten(inner, f"{path}[{i}].")
        elif value not in (None, "", (), {}):
            out[path] = _as_in_the_form(name, type(model).model_fields[name], value)
    return out


def _as_in_the_form(name: str, info: FieldInfo, value: Any) -> str:
    """A value as one would type it: yes and no, shares in percent."""
    spec = spec_of((name,), info, name)
    text = to_text(spec, value)
    return f"{text} {spec.unit}" if spec.as_share else text
