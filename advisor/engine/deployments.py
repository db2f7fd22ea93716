"""Which deployments of a model on an accelerator are worth estimating.

Measured configurations come first: they are known to run. Plain tensor parallelism fills the gaps, so that a model
nobody has measured still gets an answer: in every engine that is measured on the accelerator or its kin, since a
choice of one for each would compare engines as if they were hardware.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import NamedTuple

from advisor.domain.evidence import Measurement
from advisor.domain.hardware import Accelerator, Precision, kindred
from advisor.domain.model import ModelSpec
from advisor.domain.profile import Model, Team
from advisor.domain.record import record
from advisor.domain.sizing import Deployment, Memory
from advisor.domain.software import SupportRow
from advisor.engine.gates.software import engine_names
from advisor.engine.memory import keeps_four_bits, plan_memory

TRUSTED_FAMILIES = frozenset({"single_run", "median", "own_probe", "published_table"})
TENSOR_PARALLEL = (1, 2, 4, 8)
MAX_PIPELINE_NODES = 8
FALLBACK_ENGINE = "vllm"
VENDOR_ENGINES = {"trt": "NVIDIA", "dynamo-trt": "NVIDIA", "atom": "AMD"}
"""Engines that run on the parts of one vendor only."""
TEAM_FEATURES = ("lora", "multimodal", "custom_kernels")
"""Fields of a profile's team that are features of an engine."""
_WIDTH = {"bf16": 16, "fp8": 8, "fp4": 4, "int4": 4}


class Config(NamedTuple):
    """What sets one deployment apart from another."""

    engine: str
    precision: str
    spec_method: str
    disagg: bool
    tp: int
    ep: int
    dp_attention: bool
    gpus: int
    decode_gpus: int = 0
    """Of disaggregated serving; 0 for aggregated."""


@record
class MeasuredConfigs:
    """Configurations with measurements, by (accelerator, serving name of the model), with their row counts."""

    by_pair: Mapping[tuple[str, str], Mapping[Config, int]]
    engines: Mapping[str, Mapping[str, int]]
    """Rows of aggregated serving by accelerator and engine."""
    kin: Mapping[str, tuple[str, ...]]
    """Other accelerators of the same architecture: what runs on one runs on the other."""
    by_model: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Engines in which others have measured aggregated serving of a model, on any accelerator."""
    weight_only: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Engines that expand FP4 weights on an accelerator without FP4 arithmetic, as the table of software support
    names them or as measurements do."""
    chips: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """`kin`, those in nodes of another size with them: what fits a node of one runs on the other."""
    lacking: Mapping[str, frozenset[tuple[str, str]]] = field(default_factory=dict)
    """(engine as the table of software support names it, feature) that an accelerator goes without."""


def index_configs(
    measurements: Iterable[Measurement],
    accelerators: Mapping[str, Accelerator],
    software: Iterable[SupportRow] = (),
) -> MeasuredConfigs:
    """Collect the configurations that measurements show to work; known-bad runs are left out."""
    pairs: dict[tuple[str, str], dict[Config, int]] = defaultdict(lambda: defaultdict(int))
    engines: dict[str, Counter[str]] = defaultdict(Counter)
    by_model: dict[str, set[str]] = defaultdict(set)
    weight_only: dict[str, set[str]] = defaultdict(set)
    lacking: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for row in software:
        if row.feature in TEAM_FEATURES and row.status == "none":
            for accelerator in row.accelerators:
                lacking[accelerator].add((row.engine, row.feature))
        if row.feature == "fp4" and row.status in ("full", "partial", "experimental"):
            for accelerator in row.accelerators:
                weight_only[accelerator].add(row.engine)
    kin = {a.id: kindred(a, accelerators.values()) for a in accelerators.values()}
    for m in measurements:
        if m.family not in TRUSTED_FAMILIES or m.gpus is None or m.tp < 1 or (m.disagg and not m.decode_gpus):
            continue  # a split that the source does not state cannot be laid out
        if m.known_bad:
            continue
        decode = (m.decode_gpus or 0) if m.disagg else 0
        key = Config(m.engine, m.precision, m.spec_method, m.disagg, m.tp, m.ep, m.dp_attention, m.gpus, decode)
        pairs[m.accelerator, m.model][key] += 1
        if m.disagg:
            continue
        engines[m.accelerator][m.engine] += 1
        if m.family != "own_probe":  # that a team runs one engine says nothing against the others
            by_model[m.model].add(m.engine)
        if m.precision == "fp4":
            for accelerator in (m.accelerator, *kin.get(m.accelerator, ())):
                weight_only[accelerator].add(m.engine)
    return MeasuredConfigs(
        {pair: dict(counts) for pair, counts in pairs.items()},
        {accelerator: dict(counts) for accelerator, counts in engines.items()},
        kin,
        {name: frozenset(found) for name, found in by_model.items()},
        {name: frozenset(found) for name, found in weight_only.items()},
        {a.id: kindred(a, accelerators.values(), any_node=True) for a in accelerators.values()},
        {name: frozenset(found) for name, found in lacking.items()},
    )


def accepted_precisions(model: ModelSpec, section: Model, accelerator: Accelerator) -> tuple[Precision, ...]:
    """Precisions of the profile that are no wider than the released checkpoint.

    A checkpoint that is released at four bits is served at four bits whatever else is accepted: widening it costs
    memory and buys no accuracy. One that is FP8 but for its experts goes by FP8 where its weights stay as they are.
    """
    native = model.native_precision
    if native == "fp4":
        return ("fp8",) if keeps_four_bits(model, "fp8", accelerator) else ("fp4",)
    if native == "int4":
        return tuple(dict.fromkeys([*(p for p in section.precisions if _WIDTH[p] <= 4), "int4"]))
    if native == "fp8":
        narrow = tuple(p for p in section.precisions if _WIDTH[p] <= 8)
        return narrow or ("fp8",)
    return section.precisions


def runs_natively(accelerator: Accelerator, precision: str) -> bool:
    """Whether the accelerator does arithmetic at a precision; int4 weights run at bf16 anywhere."""
    return precision == "int4" or accelerator.dense_tflops.get(precision) is not None


def engines_at(
    model: ModelSpec, accelerator: Accelerator, precision: str, configs: MeasuredConfigs, team: Sequence[str] = ()
) -> tuple[str, ...]:
    """Engines to consider at a precision that nobody has measured for the model there, most measured first.

    All accelerators of an architecture are offered the same ones. A checkpoint that is released at four bits runs
    weight-only in the engines that are known to do so; one that is not has no reason to. An engine of the team's that
    is the other vendor's own is no choice there.
    """
    counts: Counter[str] = Counter()
    for name in (accelerator.id, *configs.kin.get(accelerator.id, ())):
        counts.update(configs.engines.get(name, {}))
    ranked = sorted(counts, key=lambda engine: (-counts[engine], engine))
    known = {e for name in (*model.measured_as, model.id) for e in configs.by_model.get(name, ())}
    usual = [e for e in ranked if e in known] or ranked or [FALLBACK_ENGINE]
    runs = [engine for engine in team if VENDOR_ENGINES.get(engine, accelerator.vendor) == accelerator.vendor]
    names = tuple(dict.fromkeys([*usual, *runs]))
    if runs_natively(accelerator, precision):
        return names
    if precision != "fp4" or model.native_precision != "fp4":
        return ()
    able = configs.weight_only.get(accelerator.id, frozenset())
    return tuple(e for e in names if e in able or not able.isdisjoint(engine_names(e)))


def engines_there(accelerators: Iterable[Accelerator], configs: MeasuredConfigs) -> tuple[str, ...]:
    """Engines that are measured on one of the accelerators or its kin, whatever the model, by name."""
    names = {name for a in accelerators for name in (a.id, *configs.kin.get(a.id, ()))}
    return tuple(sorted({engine for name in names for engine in configs.engines.get(name, {})}))


def unservable(model: ModelSpec, section: Model, accelerator: Accelerator) -> str:
    """Why no precision can be served, in a sentence without its full stop."""
    tried = accepted_precisions(model, section, accelerator)
    listed = ", ".join(tried)
    if set(section.precisions) <= set(tried):
        return f"{accelerator.name} runs none of the accepted precisions ({listed})"
    weights = ", not even weight-only" if tried == ("fp4",) else ""
    return (
        f"{model.name} is released at {model.native_precision} and is not widened;"
        f" {accelerator.name} runs no {listed}{weights}"
    )


def candidate_deployments(
    model: ModelSpec,
    section: Model,
    accelerator: Accelerator,
    configs: MeasuredConfigs,
    *,
    disaggregation: bool,
    engines: Sequence[str] = (),
) -> list[Deployment]:
    """Deployments to estimate, measured ones first; memory is not looked at yet.

    Parameters
    ----------
    disaggregation
        Whether the team wants prefill and decode apart; otherwise only aggregated serving is considered.
    engines
        Engines in use; they are added to those of `engines_at`, not put in their place.
    """
    precisions = accepted_precisions(model, section, accelerator)
    # A wider precision than the released one is worth a look only where somebody has measured it.
    allowed = {*precisions, *section.precisions}
    out: dict[Config, Deployment] = {}
    own = _measured(configs, (accelerator.id,), model)
    kin = _measured(configs, configs.kin.get(accelerator.id, ()), model)
    chips = _measured(configs, configs.chips.get(accelerator.id, ()), model)
    # What runs on one part of an architecture runs on the other: what nobody happened to measure here would else be a
    # fault of the part. Its own come first, and so set the engine that fills the gaps. A split into prefill and decode
    # is tuned to the part, and stays with it.
    lent = [k for k in _ranked(chips) if k not in own and not k.disagg and k.gpus <= accelerator.gpus_per_node]
    split = [] if own else [k for k in _ranked(kin) if k.disagg]
    for key in (*_ranked(own), *lent, *split):
        if key.precision not in allowed or (key.spec_method != "none" and not section.speculative):
            continue
        if key.disagg and not disaggregation:
            continue
        # Estimates do not tell splits of one total apart: the one that is measured most speaks for them.
        out.setdefault(key._replace(decode_gpus=0), _deployment(section, key))
    for precision in precisions:
        at_precision = [k for k in out if k.precision == precision and not k.disagg]
        names = [k.engine for k in at_precision[:1]] or engines_at(model, accelerator, precision, configs, engines)
        for engine in names:
            done = {k.tp for k in at_precision if k.engine == engine}
            for tp in TENSOR_PARALLEL:
                if tp not in done and tp <= accelerator.gpus_per_node:
                    key = Config(engine, precision, "none", False, tp, 1, False, tp)
                    out.setdefault(key, _deployment(section, key))
    return list(out.values())


def with_features(
    deployments: Sequence[Deployment], accelerator: Accelerator, configs: MeasuredConfigs, team: Team
) -> list[Deployment]:
    """Those in engines that lack nothing of what the team uses there; all where every engine lacks something."""
    used = [feature for feature in TEAM_FEATURES if getattr(team, feature)]
    lacks = {engine for engine, feature in configs.lacking.get(accelerator.id, ()) if feature in used}
    return [d for d in deployments if lacks.isdisjoint(engine_names(d.engine))] or list(deployments)


def _ranked(found: Counter[Config]) -> list[Config]:
    return sorted(found, key=lambda k: (-found[k], k))


def _measured(configs: MeasuredConfigs, accelerator_ids: Sequence[str], model: ModelSpec) -> Counter[Config]:
    found: Counter[Config] = Counter()
    for accelerator_id in accelerator_ids:
        for name in (*model.measured_as, model.id):
            found.update(configs.by_pair.get((accelerator_id, name), {}))
    return found


def multi_node_deployments(
    model: ModelSpec, section: Model, accelerator: Accelerator, configs: MeasuredConfigs, engines: Sequence[str] = ()
) -> list[Deployment]:
    """Pipeline parallelism over whole nodes, for weights that leave no room in one; fewest nodes of an engine first."""
    tp = accelerator.gpus_per_node
    return [
        _deployment(section, Config(engine, precision, "none", False, tp, 1, False, tp * nodes), pp=nodes)
        for precision in accepted_precisions(model, section, accelerator)
        for engine in engines_at(model, accelerator, precision, configs, engines)
        for nodes in (2, 4, MAX_PIPELINE_NODES)
    ]


def _deployment(section: Model, config: Config, *, pp: int = 1) -> Deployment:
    c = config
    return Deployment(
        engine=c.engine, precision=c.precision, kv_cache_precision=section.kv_cache_precision, tp=c.tp, pp=pp, ep=c.ep,
        dp=c.tp if c.dp_attention else 1, dp_attention=c.dp_attention, spec_method=c.spec_method, disagg=c.disagg,
        gpus_per_replica=max(c.gpus, c.tp * pp), decode_gpus=c.decode_gpus or None,
    )  # fmt: skip


def memory_of(
    deployment: Deployment,
    model: ModelSpec,
    accelerator: Accelerator,
    context_tokens: float,
    parameters: Mapping[str, float],
) -> Memory:
    """Memory of one replica of a deployment at a context."""
    return plan_memory(
        model,
        accelerator,
        precision=deployment.precision,
        kv_precision=deployment.kv_cache_precision,
        tp=deployment.tp,
        pp=deployment.pp,
        gpus=deployment.cache_gpus,
        worker_gpus=deployment.worker_gpus,
        dp_attention=deployment.dp_attention,
        context_tokens=context_tokens,
        utilisation=parameters["gpu_memory_utilisation"],
        reserve_gb=parameters["runtime_reserve_gb"],
    )
