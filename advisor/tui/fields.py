"""The form of a profile, read off the profile's own type: labels, units, kinds, limits, help."""

from __future__ import annotations

import re
import types
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from advisor.domain.profile import Lengths, Profile, Quote, Workload
from advisor.tui.document import Key, Problem, ProfileDocument

Kind = Literal["text", "number", "whole", "choice", "toggle", "date", "names", "mapping"]

_UNIT_SUFFIXES = (
    ("_usd_per_kwh", "USD/kWh"), ("_usd_per_kw_month", "USD/kW and month"), ("_usd_per_year", "USD/year"),
    ("_usd_per_month", "USD/month"), ("usd_per_mtok_input", "USD/Mtok in"), ("usd_per_mtok_output", "USD/Mtok out"),
    ("_requests_per_s", "requests/s"), ("_ms", "ms"), ("_kw", "kW"), ("_months", "months"), ("_weeks", "weeks"),
    ("_years", "years"), ("_per_day", "h/day"), ("_per_week", "days/week"), ("_per_year", "per year"),
)  # fmt: skip
_WORDS = {
    "ttft": "TTFT", "tpot": "TPOT", "e2e": "E2E", "isl": "Input length", "osl": "Output length", "usd": "USD",
    "pue": "PUE", "lora": "LoRA", "rocm": "ROCm", "cuda": "CUDA", "kv": "KV", "us": "US", "api": "API", "id": "Name",
    "json": "JSON", "p50": "median", "p95": "p95", "slo": "SLO", "moe": "MoE", "qk": "QK",
}  # fmt: skip
SECTION_TITLES = {
    "": "Profile", "model": "Model", "traffic": "Traffic", "slo": "Service level", "team": "Team", "place": "Place",
    "procurement": "Procurement", "site": "Site", "overrides": "Own numbers", "custom": "Model by hand",
    "hosted_api": "Hosted API to compare with", "quotes": "Quote", "workloads": "Tier",
}  # fmt: skip
LABELS = {
    "model.id": "Model",
    "model.config_json": "config.json",
    "traffic.hours_per_day": "Hours with traffic",
    "traffic.days_per_week": "Days with traffic",
    "traffic.average_to_peak": "Average over peak",
    "traffic.burst_headroom": "Headroom for bursts",
    "team.engineer_usd_per_year": "Cost of an engineer",
    "site.space_usd_per_kw_month": "Colocation",
    "site.power_usd_per_kwh": "Electricity",
    "slo.e2e_ms": "Whole request",
    "place.regulated": "Regulation",
    "team.engines": "Engines in use",
    "model.speculative": "Speculative decoding",
    "traffic.peak_requests_per_s": "Peak arrivals",
    "site.rack_kw": "Power per rack",
    "site.power_kw": "IT power",
    "overrides.risk_effect_usd": "Risk effect",
    "slo.link": "Source of the level",
    "slo.justification": "Why this level",
}
"""Labels where the field's name alone would not do; the key without the tier."""
_SHARES = re.compile(r"share|fraction|rate$|_to_peak|headroom|discount|growth|availability|cost_of_capital")

_FRACTION = re.compile(r"(than|equal to|\(given) (-?\d[\d.e+-]*)")


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One field of the form."""

    key: Key
    label: str
    unit: str
    kind: Kind
    help: str
    default: Any
    required: bool
    optional: bool
    choices: tuple[str, ...] = ()
    """Words to choose from; for `names`, those that are allowed, empty where any is."""
    limits: str = ""
    as_share: bool = False
    """Shown and typed in percent."""

    @property
    def path(self) -> str:
        """Dotted, as messages and assumptions name it."""
        from advisor.profiles.read import dotted

        return dotted(self.key)


@dataclass(frozen=True, slots=True)
class Section:
    """A group of fields under one heading."""

    key: Key
    title: str
    help: str
    fields: tuple[FieldSpec, ...]
    removable: bool = False


def sections_of(document: ProfileDocument) -> list[Section]:
    """The sections of the form for this document: its tiers and quotes each have their own."""
    out: list[Section] = []
    tiers = document.get(("workloads",))
    count = len(tiers) if isinstance(tiers, list) else 0
    simple = count == 0
    out.append(_section((), Profile, "Profile", "What is asked, and how much the bad tail counts."))
    for name in ("model", "traffic", "slo"):
        if simple:
            out += _nested(document, (name,), _model(Profile.model_fields[name]))
    for i in range(count):
        named = document.get(("workloads", i, "name"))
        title = f"Tier {i + 1}: {named}" if named else f"Tier {i + 1}"
        out.append(_section(("workloads", i), Workload, title, "One workload of several.", removable=count > 1))
        for name in ("model", "traffic", "slo"):
            key: Key = ("workloads", i, name)
            for s in _nested(document, key, _model(Workload.model_fields[name])):
                out.append(Section(s.key, f"{title} · {s.title}", s.help, s.fields, s.removable))
    for name, info in Profile.model_fields.items():
        inner, _ = _unwrap(info.annotation)
        if name not in ("model", "traffic", "slo") and isinstance(inner, type) and issubclass(inner, BaseModel):
            out += _nested(document, (name,), inner)
    return out


def _nested(document: ProfileDocument, key: Key, model: type[BaseModel]) -> Iterator[Section]:
    title = SECTION_TITLES.get(str(key[-1]), humanise(str(key[-1])))
    yield _section(key, model, title, (model.__doc__ or "").split("\n")[0])
    if "custom" in model.model_fields and isinstance(document.get((*key, "custom")), dict):
        inner = _model(model.model_fields["custom"])
        yield _section((*key, "custom"), inner, SECTION_TITLES["custom"], _doc(inner), removable=True)
    if "hosted_api" in model.model_fields and isinstance(document.get((*key, "hosted_api")), dict):
        inner = _model(model.model_fields["hosted_api"])
        yield _section((*key, "hosted_api"), inner, SECTION_TITLES["hosted_api"], _doc(inner), removable=True)
    quotes = document.get((*key, "quotes")) if "quotes" in model.model_fields else None
    for i in range(len(quotes) if isinstance(quotes, list) else 0):
        yield _section((*key, "quotes", i), Quote, f"Quote {i + 1}", _doc(Quote), removable=True)


def _doc(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").split("\n")[0]


def _section(key: Key, model: type[BaseModel], title: str, text: str, *, removable: bool = False) -> Section:
    fields = tuple(spec for name, info in model.model_fields.items() for spec in _specs((*key, name), info))
    return Section(key, title, text, fields, removable)


def _specs(key: Key, info: FieldInfo) -> Iterator[FieldSpec]:
    inner, _ = _unwrap(info.annotation)
    if inner is Lengths:
        for name, sub in Lengths.model_fields.items():
            yield spec_of((*key, name), sub, f"{humanise(str(key[-1]))}, {humanise(name).lower()}")
        return
    origin = get_origin(inner)
    if isinstance(inner, type) and issubclass(inner, BaseModel):
        return
    if origin is tuple:
        of = get_args(inner)[0]
        if isinstance(of, type) and issubclass(of, BaseModel):
            return
    if key == ("task",):
        return
    yield spec_of(key, info, humanise(str(key[-1])))


_AS_A_FILE_HAS_IT = re.compile(r"; [\d.]+ is [+-]?[\d.]+ %")
"""How a profile writes a share; the form takes percent."""


def spec_of(key: Key, info: FieldInfo, label: str) -> FieldSpec:
    """What the type of a profile says of one field."""
    inner, optional = _unwrap(info.annotation)
    kind, choices = _kind(inner)
    name = str(key[-1])
    description = (info.description or "").strip()
    unit = ""
    bracket = re.search(r"\s*\[([^\]]+)\]", description)
    if kind in ("number", "whole"):
        unit = bracket.group(1) if bracket else next((u for s, u in _UNIT_SUFFIXES if name.endswith(s)), "")
    as_share = kind == "number" and bool(_SHARES.search(name)) and unit in ("", "per year")
    limits = _limits(info, percent=as_share)
    default = None if info.default is PydanticUndefined else info.default
    return FieldSpec(
        key=key,
        label=LABELS.get(".".join(str(k) for k in key[-2:]), label),
        unit=("%" + (" per year" if unit else "")) if as_share else unit,
        kind=kind,
        help=_AS_A_FILE_HAS_IT.sub("", description) if as_share else description,
        default=default,
        required=info.is_required(),
        optional=optional,
        choices=choices,
        limits=limits,
        as_share=as_share,
    )


def _unwrap(annotation: Any) -> tuple[Any, bool]:
    optional = False
    while True:
        origin = get_origin(annotation)
        if origin in (Union, types.UnionType):
            args = [a for a in get_args(annotation) if a is not type(None)]
            optional = optional or len(args) < len(get_args(annotation))
            annotation = args[0]
        elif hasattr(annotation, "__metadata__"):
            annotation = get_args(annotation)[0]
        else:
            return annotation, optional


def _kind(inner: Any) -> tuple[Kind, tuple[str, ...]]:
    origin = get_origin(inner)
    if origin is Literal:
        return "choice", tuple(str(a) for a in get_args(inner))
    if origin is tuple:
        of, _ = _unwrap(get_args(inner)[0])
        return "names", tuple(str(a) for a in get_args(of)) if get_origin(of) is Literal else ()
    if origin is dict:
        return "mapping", ()
    if inner is bool:
        return "toggle", ("yes", "no")
    simple: dict[Any, Kind] = {int: "whole", float: "number", date: "date"}
    return simple.get(inner, "text"), ()


def _limits(info: FieldInfo, *, percent: bool) -> str:
    found = list(info.metadata)
    for arg in get_args(info.annotation):
        found += list(getattr(arg, "__metadata__", ()))
        for meta in getattr(arg, "__metadata__", ()):
            found += list(getattr(meta, "metadata", ()))
    for meta in list(found):
        found += list(getattr(meta, "metadata", ()))

    def number(limit: Any) -> str:
        return f"{limit * 100:g} %" if percent else f"{limit:,.12g}"

    low = next((f"> {number(m.gt)}" for m in found if isinstance(m, Gt)), "") or next(
        (f"≥ {number(m.ge)}" for m in found if isinstance(m, Ge)), ""
    )
    high = next((f"< {number(m.lt)}" for m in found if isinstance(m, Lt)), "") or next(
        (f"≤ {number(m.le)}" for m in found if isinstance(m, Le) and float(str(m.le)) < 1e11), ""
    )
    return ", ".join(p for p in (low, high) if p)


def as_typed(document: ProfileDocument, problem: Problem) -> Problem:
    """A complaint in the unit of the form: shares are typed in percent, and checked as fractions."""
    specs = (spec for section in sections_of(document) for spec in section.fields)
    if not any(spec.key == problem.key and spec.as_share for spec in specs):
        return problem
    text = _FRACTION.sub(lambda m: f"{m[1]} {float(m[2]) * 100:.12g} %", problem.text)
    return Problem(problem.key, text)


def _model(info: FieldInfo) -> type[BaseModel]:
    inner, _ = _unwrap(info.annotation)
    assert isinstance(inner, type)
    return inner


def humanise(name: str) -> str:
    """A field's name as a label: unit suffixes go, acronyms stand.

    >>> humanise("ttft_ms"), humanise("peak_requests_per_s"), humanise("rocm_experience")
    ('TTFT', 'Peak requests', 'ROCm experience')
    """
    for suffix in ("_usd_per_kwh", "_usd_per_kw_month", "_usd_per_year", "_usd_per_month", "_ms", "_kw", "_months"):
        if name.endswith(suffix) and name != suffix[1:]:
            name = name.removesuffix(suffix)
            break
    else:
        name = re.sub(r"_(per_s|per_day|per_week|per_year|weeks|years)$", "", name)
    words = [_WORDS.get(w, w) for w in name.split("_")]
    words[0] = words[0] if words[0] in _WORDS.values() else words[0].capitalize()
    return " ".join(words)
