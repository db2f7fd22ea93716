"""Words the findings on software as gates: the engine with its features, and the number format."""

from __future__ import annotations

from datetime import date

from advisor.catalog import Catalog
from advisor.domain.findings import FeatureSupport, SoftwareFindings
from advisor.domain.gates import Gate, GateStatus
from advisor.domain.hardware import Accelerator
from advisor.domain.profile import Profile
from advisor.domain.sizing import Deployment
from advisor.engine.gates.software import SERVING_ENGINES, engine_names, software_findings

_FEATURES = {
    "official_support": "the part itself",
    "fp8": "FP8",
    "fp4": "FP4",
    "int4_awq_gptq": "INT4 (AWQ, GPTQ)",
    "lora": "LoRA adapters",
    "multimodal": "images, audio or video",
    "custom_kernels": "kernels of your own",
    "disagg_prefill": "disaggregated prefill",
    "mla": "MLA attention",
    "sparse_mla_dsa": "sparse MLA attention",
    "moe_ep": "expert parallelism",
    "spec_decode": "speculative decoding",
}


def feature_name(feature: str) -> str:
    """A feature of the support table in words."""
    return _FEATURES.get(feature, feature.replace("_", " "))


def software_gates(
    profile: Profile, accelerator: Accelerator, deployment: Deployment | None, catalog: Catalog, tier: int = 0,
    as_of: date | None = None,
) -> tuple[Gate, ...]:  # fmt: skip
    """The engine gate and the number-format gate of a tier; only the first where no deployment could be laid out."""
    if deployment is None:
        return (_unplaced(accelerator, catalog),)
    found = software_findings(
        profile, accelerator, deployment.engine, deployment.precision, catalog, deployment, tier, as_of
    )
    return engine_gate(profile, accelerator, found), format_gate(accelerator, found)


def _unplaced(accelerator: Accelerator, catalog: Catalog) -> Gate:
    rows = [
        r
        for r in catalog.software
        if r.feature == "official_support" and r.engine in SERVING_ENGINES and accelerator.id in r.accelerators
    ]
    listed = ", ".join(f"{r.engine} ({r.status})" for r in rows if r.status != "none") or "none"
    barred = listed == "none" and bool(rows)
    if not rows:
        listed = "nothing of it on that day"
    return Gate(
        gate="software",
        status="fail" if barred else "pass",
        title="No serving engine supports the part" if barred else "No deployment to judge",
        reason=f"An inference engine must support the accelerator. For {accelerator.name} the table lists: {listed}."
        " No deployment of this profile could be laid out, so that its features were not judged one by one.",
        source="; ".join(dict.fromkeys(r.provenance.source_id for r in rows)),
        citation="software support table",
    )


def engine_gate(profile: Profile, accelerator: Accelerator, found: SoftwareFindings) -> Gate:
    """Which engine the estimate assumes, what of the profile it lacks, and what the team must run."""
    engine = found.engines[0]
    parts = [
        f"Serving takes an inference engine that supports the part and everything the profile uses. The estimate for"
        f" {accelerator.name} assumes {_engine_label(found)} at {found.precision.upper()}."
    ]
    status: GateStatus = "pass"
    title = f"{engine} supports what the profile needs"
    remedies: list[str] = []
    hopeless = [f for f in found.missing if not f.alternatives]
    if hopeless:
        status, title = "fail", f"No engine here supports {_listing(hopeless)}"
        remedies.append(f"drop {_listing(hopeless)} from the profile, or take another part")
    elif found.missing:
        status, title = "condition", f"{engine} lacks {_listing(found.missing)}"
        remedies += [_switch(f) for f in found.missing]
    elif found.partial:
        status, title = "condition", f"{engine}: {_listing(found.partial)} only in part"
        remedies.append(f"prove {_listing(found.partial)} in a probe before you sign")
        remedies += [_switch(f) for f in found.partial if f.alternatives]
    if found.unknown:
        # silence of the table is no support: what else is wrong goes first, and it is said in any case
        open_ = _listing(found.unknown)
        if status == "pass":
            status, title = "condition", f"Whether {engine} supports {open_} is not known"
        remedies.append(f"prove {open_} in a probe before you sign")
        remedies += [_switch(f) for f in found.unknown if f.alternatives]
    foreign = _foreign(profile, found)
    if foreign:
        parts.append(foreign)
        if status == "pass":
            status, title = "condition", f"The estimate assumes {engine}, which the team does not run"
            remedies.append(f"plan to run {engine}, or measure your own engine with `advisor probe`")
    parts += [_sentence(f) for f in found.features if f.status != "full" and f.feature != "official_support"]
    parts += [_sentence(f) for f in found.features if f.feature == "official_support"]
    close = found.close_issues
    if close:
        parts.append("Grave open problems: " + "; ".join(f"{i.id} ({i.severity}) {i.summary}" for i in close) + ".")
        remedies.append("put an accuracy and stability gate into the acceptance test")
        if status == "pass":
            status, title = "condition", f"{engine} has grave open problems here"
    if found.floors:
        parts.append("Versions to ask for: " + "; ".join(f"{f.component} >= {f.minimum}" for f in found.floors) + ".")
    return Gate(
        gate="software",
        status=status,
        condition="software" if status != "pass" else "",
        title=title,
        reason=" ".join(parts),
        remedy=_joined(remedies),
        citation="software support table and list of known issues",
        source=_sources([f.source for f in found.features] + [i.source for i in close]),
        as_of=max((f.as_of for f in found.features if f.as_of), default=None),
        confidence="; ".join(
            f"{feature_name(f.feature)}: {f.confidence}" for f in found.features if f.confidence not in ("", "high")
        ),
        blocks="all" if status == "fail" else "nothing",
        notes=(
            *(f"No row of the catalog speaks of {feature_name(f.feature)} ({f.why})." for f in found.unknown),
            *((f"The engine's own tests on this part: {found.ci}",) if found.ci else ()),
            *(f"{i.id} ({i.severity}, {i.reach}, {i.state}): {i.summary}" for i in found.issues if i not in close),
        ),
    )


def _engine_label(found: SoftwareFindings) -> str:
    if len(found.engines) == 1:
        return found.engines[0]
    return f"{found.engines[0]} with {' and '.join(found.engines[1:])}"


def _listing(features: tuple[FeatureSupport, ...] | list[FeatureSupport]) -> str:
    return ", ".join(dict.fromkeys(feature_name(f.feature) for f in features))


def _switch(feature: FeatureSupport) -> str:
    best = " or ".join(dict.fromkeys(feature.alternatives))
    return (
        f"run {best}, which supports {feature_name(feature.feature)} better here, and measure it: the estimate is"
        f" for {feature.engine}"
    )


def _foreign(profile: Profile, found: SoftwareFindings) -> str:
    """A sentence where the estimate assumes an engine that the team does not run."""
    own = {name for engine in profile.team.engines for name in engine_names(engine)}
    if not own or own & set(found.engines):
        return ""
    return (
        f"Your team runs {', '.join(sorted(own))}: it would have to learn {found.engines[0]}, or reach another"
        " throughput than estimated with its own engine."
    )


def _sentence(f: FeatureSupport) -> str:
    name = feature_name(f.feature)
    since = f" since {f.since_version}" if f.since_version else ""
    detail = f" ({f.detail})" if f.detail else ""
    if f.status == "unknown":
        return f"Support of {name} by {f.engine} is not known{detail}."
    word = {"full": "full", "partial": "partial", "experimental": "experimental", "none": "none"}[f.status]
    return f"Support of {name} by {f.engine}: {word}{since}{detail}."


def format_gate(accelerator: Accelerator, found: SoftwareFindings) -> Gate:
    """What the hardware does with the number format of the weights."""
    weak = [f for f in found.formats if f.status in ("partial", "experimental")]
    shown = [*weak, *sorted((f for f in found.formats if f not in weak), key=lambda f: f.precision == "*")]
    formats = ", ".join(accelerator.formats)
    rule = (
        f"Weights at {found.precision.upper()} run fast only in a format that the part executes natively;"
        f" {accelerator.name} executes {formats}."
    )
    if not shown:
        native = f"Nothing in the catalog speaks against {found.precision.upper()} here."
        return Gate(
            gate="software_format", status="pass", title=f"No trap known at {found.precision.upper()}",
            reason=f"{rule} {native}", citation="table of number formats", source=accelerator.provenance.source_id,
            as_of=accelerator.provenance.as_of,
        )  # fmt: skip
    return Gate(
        gate="software_format",
        status="condition" if weak else "pass",
        condition="software" if weak else "",
        title=shown[0].title if shown[0].precision != "*" else f"No trap known at {found.precision.upper()}",
        reason=" ".join([rule, *(f.statement for f in shown)]),
        remedy=_joined([f.remedy for f in shown if f.remedy]),
        citation="table of number formats",
        source=_sources([f.source for f in shown]),
        as_of=max((f.as_of for f in shown if f.as_of), default=None),
    )


def _joined(remedies: list[str]) -> str:
    text = "; ".join(r.rstrip(".") for r in dict.fromkeys(r for r in remedies if r))
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _sources(ids: list[str]) -> str:
    return "; ".join(dict.fromkeys(i for i in ids if i))
