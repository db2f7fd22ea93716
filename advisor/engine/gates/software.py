"""What software supports of what a profile needs, on one part with one engine."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from functools import lru_cache

from advisor.catalog import Catalog
from advisor.domain.evidence import Measurement
from advisor.domain.findings import (
    FeatureSupport,
    FormatFinding,
    IssueReach,
    OpenIssue,
    SoftwareFindings,
    SupportLevel,
    VersionFloor,
)
from advisor.domain.hardware import Accelerator, kindred
from advisor.domain.model import ModelSpec
from advisor.domain.profile import Profile
from advisor.domain.sizing import Deployment
from advisor.domain.software import KnownIssue, SupportRow
from advisor.engine.memory import keeps_four_bits

SERVING_ENGINES = ("vLLM", "SGLang", "TensorRT-LLM", "ATOM")
"""Engines of the support table that serve models in a data centre."""

_PARTS = (
    ("vllm", "vLLM"), ("sglang", "SGLang"), ("trt", "TensorRT-LLM"), ("tensorrt", "TensorRT-LLM"), ("atom", "ATOM"),
    ("dynamo", "Dynamo"), ("mori", "MoRI"), ("tgi", "TGI"), ("llama.cpp", "llama.cpp"),
)  # fmt: skip
_PRECISION_FEATURE = {"fp8": "fp8", "fp4": "fp4", "int4": "int4_awq_gptq"}
_DEPLOYMENT_FEATURES = ("official_support", "disagg_prefill", "spec_decode", "moe_ep")
_PRECISION_WORDS = {"bf16": ("bf16",), "fp8": ("fp8",), "fp4": ("fp4", "mxfp4", "nvfp4"), "int4": ("int4",)}
_RANK: dict[SupportLevel, int] = {"full": 4, "partial": 3, "experimental": 2, "unknown": 1, "none": 0}
_SEVERITY = {"critical": 0, "high": 1, "medium": 2, "low": 3}
_REACH: dict[IssueReach, int] = {"this model": 0, "this engine": 1, "this part": 2, "another model": 3}


def engine_names(engine: str) -> tuple[str, ...]:
    """Rows of the support table that an engine's short name stands for.

    >>> engine_names("dynamo-trt"), engine_names("mori-sglang")
    (('TensorRT-LLM', 'Dynamo'), ('SGLang', 'MoRI'))
    """
    low = engine.casefold()
    return tuple(dict.fromkeys(name for mark, name in _PARTS if mark in low)) or (engine,)


def software_findings(
    profile: Profile,
    accelerator: Accelerator,
    engine: str,
    precision: str,
    catalog: Catalog,
    deployment: Deployment | None = None,
    tier: int = 0,
    as_of: date | None = None,
) -> SoftwareFindings:
    """Support, floors, format traps and open problems of one engine and precision on one part.

    Parameters
    ----------
    tier
        Place in the profile of the workload whose model is served.
    as_of
        Problems that were first seen later, and measurements made later, are left out; by default the day by which
        the catalog is known, and where there is none either all are told.
    """
    as_of = as_of or catalog.known_by
    model = served_model(profile, catalog, tier)
    wants = tuple(_needs(profile, precision, model, deployment))
    key = ("software", accelerator.id, engine, precision, None if model is None else model.id, wants, as_of)
    return catalog.derived(
        key, accelerator, lambda: _found(accelerator, engine, precision, model, wants, as_of, catalog)
    )


def _found(
    accelerator: Accelerator,
    engine: str,
    precision: str,
    model: ModelSpec | None,
    wants: tuple[tuple[str, str], ...],
    as_of: date | None,
    catalog: Catalog,
) -> SoftwareFindings:
    names = engine_names(engine)
    rows = [r for r in catalog.software if accelerator.id in r.accelerators]
    features = tuple(
        _support(feature, why, names, rows, accelerator, engine, precision, model, as_of, catalog)
        for feature, why in wants
    )
    used = {feature for feature, _ in wants}
    return SoftwareFindings(
        accelerator=accelerator.id,
        engine=engine,
        engines=names,
        precision=precision,
        features=features,
        formats=_formats(accelerator, precision, model, catalog),
        floors=_floors(accelerator, names, precision, used, catalog),
        issues=_issues(accelerator, names, precision, model, as_of, catalog),
        ci=next((f"{r.status}: {r.detail}" for r in rows if r.feature == "ci_gating" and r.engine in names), ""),
    )


def served_model(profile: Profile, catalog: Catalog, tier: int = 0) -> ModelSpec | None:
    """The catalog's entry of a tier's model; None for a model of the user's own."""
    section = profile.tiers[tier].model
    return None if section.id is None else next(iter(catalog.models_called(section.id)), None)


def checkpoint_format(model: ModelSpec | None) -> str:
    """Its `four_bit_form`; other for a model that the catalog does not list."""
    return "other" if model is None else model.four_bit_form


def _needs(
    profile: Profile, precision: str, model: ModelSpec | None, deployment: Deployment | None
) -> list[tuple[str, str]]:
    team = profile.team
    needs = [("official_support", "the engine itself")]
    if precision in _PRECISION_FEATURE:
        needs.append((_PRECISION_FEATURE[precision], f"weights at {precision.upper()}"))
    if team.lora:
        needs.append(("lora", "team.lora"))
    if team.multimodal:
        needs.append(("multimodal", "team.multimodal"))
    if team.custom_kernels:
        needs.append(("custom_kernels", "team.custom_kernels"))
    if team.disaggregation or (deployment is not None and deployment.disagg):
        needs.append(("disagg_prefill", "team.disaggregation" if team.disaggregation else "the deployment"))
    if model is not None and model.attention == "mla":
        sparse = "DSA" in model.notes
        needs.append(("sparse_mla_dsa", f"{model.name}: sparse MLA") if sparse else ("mla", f"{model.name}: MLA"))
    if deployment is not None and deployment.ep > 1:
        needs.append(("moe_ep", f"the deployment: EP{deployment.ep}"))
    if deployment is not None and deployment.spec_method != "none":
        needs.append(("spec_decode", f"the deployment: {deployment.spec_method}"))
    return needs


def _support(
    feature: str,
    why: str,
    names: tuple[str, ...],
    rows: list[SupportRow],
    accelerator: Accelerator,
    engine: str,
    precision: str,
    model: ModelSpec | None,
    as_of: date | None,
    catalog: Catalog,
) -> FeatureSupport:
    mine = [r for name in names for r in rows if r.engine == name and r.feature == feature]
    if mine:
        row = min(mine, key=lambda r: _RANK[r.status]) if feature == "official_support" else mine[0]
        better = _alternatives(feature, row.status, names, rows)
        return FeatureSupport(
            engine=row.engine,
            feature=feature,
            why=why,
            status=row.status,
            detail=_detail(row, accelerator, catalog),
            since_version=row.since_version,
            alternatives=better,
            source=row.provenance.source_id,
            as_of=row.provenance.as_of,
            confidence=row.provenance.confidence,
        )
    rule = catalog.gate_facts.features.get((accelerator.vendor, feature))
    if rule is not None:
        p = rule.provenance
        return FeatureSupport(
            engine=names[0], feature=feature, why=why, status=rule.status, detail=rule.detail, source=p.source_id,
            as_of=p.as_of, confidence=p.confidence,
        )  # fmt: skip
    status: SupportLevel = "unknown"
    detail, source = "the support table of the catalog has no row for it", ""
    kin = () if feature == "official_support" else kindred(accelerator, catalog.accelerators.values())
    for part in (accelerator.id, *kin):
        proof = _measured(feature, part, engine, precision, model, as_of, catalog)
        if proof:
            status, source = "full", proof[0].source_id
            where = "" if part == accelerator.id else f" on {catalog.accelerators[part].name}, of the same architecture"
            detail = f"no row in the support table, but {len(proof)} measurements exist{where}"
            break
    if feature == "multimodal":
        encoder = next((r for r in rows if r.engine in names and r.feature == "enc_dec_async_output"), None)
        if encoder is not None and encoder.status == "none":
            detail += "; encoder-decoder models are marked unsupported on this part"
            source = encoder.provenance.source_id
    return FeatureSupport(
        engine=names[0], feature=feature, why=why, status=status, detail=detail, source=source,
        alternatives=_alternatives(feature, status, names, rows),
    )  # fmt: skip


def _detail(row: SupportRow, accelerator: Accelerator, catalog: Catalog) -> str:
    """What a row adds; a row of several parts may end in a remark on another one, which begins with its name."""
    about = row.detail.partition(" ")[0].casefold()
    return row.detail if about == accelerator.id or about not in catalog.accelerators else ""


def _alternatives(
    feature: str, status: SupportLevel, names: tuple[str, ...], rows: Iterable[SupportRow]
) -> tuple[str, ...]:
    return tuple(
        r.engine
        for r in rows
        if r.feature == feature
        and r.engine in SERVING_ENGINES
        and r.engine not in names
        and _RANK[r.status] > max(_RANK[status], _RANK["unknown"])
    )


def _measured(
    feature: str, accelerator: str, engine: str, precision: str, model: ModelSpec | None, as_of: date | None,
    catalog: Catalog,
) -> list[Measurement]:  # fmt: skip
    """Measurements on a part with this engine that prove a feature which the support table does not list."""
    attention = feature in ("mla", "sparse_mla_dsa")
    if not attention and feature not in (*_PRECISION_FEATURE.values(), *_DEPLOYMENT_FEATURES):
        return []
    return [
        m
        for m in catalog.measurements_of.get(accelerator, ())
        if m.engine == engine
        and m.known_on(as_of)
        and (not attention or (model is not None and m.model in model.measured_as))
        and (feature not in _PRECISION_FEATURE.values() or m.precision == precision)
        and (feature != "disagg_prefill" or m.disagg)
        and (feature != "spec_decode" or m.spec_method != "none")
        and (feature != "moe_ep" or m.ep > 1)
    ]


def _formats(
    accelerator: Accelerator, precision: str, model: ModelSpec | None, catalog: Catalog
) -> tuple[FormatFinding, ...]:
    checkpoint = checkpoint_format(model)
    held = {"*", precision}
    if model is not None and keeps_four_bits(model, precision, accelerator):
        held.add("fp4")  # experts, whatever the arithmetic
    return tuple(
        FormatFinding(
            id=r.id, precision=r.precision, status=r.status, title=r.title, statement=r.statement, remedy=r.remedy,
            source=r.provenance.source_id, as_of=r.provenance.as_of,
        )
        for r in catalog.gate_facts.formats
        if accelerator.id in r.accelerators
        and r.precision in held
        and r.checkpoint in ("", checkpoint)
    )  # fmt: skip


def _floors(
    accelerator: Accelerator, names: tuple[str, ...], precision: str, used: set[str], catalog: Catalog
) -> tuple[VersionFloor, ...]:
    found = [
        r
        for r in catalog.gate_facts.floors
        if {"*", accelerator.id} & set(r.accelerators)
        and {"*", *names} & set(r.engines)
        and {"*", precision} & set(r.precisions)
        and (not r.needs or r.needs in used)
    ]
    found.sort(key=lambda r: (not r.issue, r.component))
    return tuple(
        VersionFloor(
            component=r.component, minimum=r.minimum, reason=r.reason, issue=r.issue,
            source=r.provenance.source_id, as_of=r.provenance.as_of,
        )
        for r in found
    )  # fmt: skip


def _issues(
    accelerator: Accelerator,
    names: tuple[str, ...],
    precision: str,
    model: ModelSpec | None,
    as_of: date | None,
    catalog: Catalog,
) -> tuple[OpenIssue, ...]:
    found = []
    for issue in catalog.known_issues:
        if not issue.unresolved or accelerator.id not in issue.accelerators:
            continue
        if as_of is not None and not issue.known_on(as_of):
            continue
        reach = issue_reach(issue, names, precision, model, catalog)
        if reach is not None:
            found.append(
                OpenIssue(
                    id=issue.id,
                    severity=issue.severity,
                    state=issue.state,
                    component=issue.component,
                    summary=issue.summary,
                    implication=issue.implication,
                    reach=reach,
                    url=issue.urls[0] if issue.urls else "",
                    source=issue.provenance.source_id,
                    as_of=issue.provenance.as_of,
                )
            )
    return tuple(sorted(found, key=lambda i: (_REACH[i.reach], _SEVERITY.get(i.severity, 9), i.id)))


def issue_reach(
    issue: KnownIssue, names: tuple[str, ...], precision: str, model: ModelSpec | None, catalog: Catalog
) -> IssueReach | None:
    """How close an issue is to a deployment; None where engine or precision rule it out.

    Parameters
    ----------
    names
        Rows of the support table that the engine stands for.
    """
    families = {m.family for m in catalog.models.values()}
    text = f"{issue.component} {issue.summary}".casefold()
    engines, formats = _named_in(text)
    if engines and not engines & set(names):
        return None
    if formats and precision not in formats:
        return None
    named = {f for f in families if f.casefold() in text}
    if named:
        return "this model" if model is not None and model.family in named else "another model"
    return "this engine" if engines else "this part"


@lru_cache(maxsize=1024)
def _named_in(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """(serving engines, precisions) that the text of an issue names."""
    words = set(re.findall(r"[a-z0-9.+-]+", text))
    engines = frozenset(name for name in SERVING_ENGINES if name.casefold() in text)
    formats = frozenset(p for p, marks in _PRECISION_WORDS.items() if any(m in w for m in marks for w in words))
    return engines, formats
