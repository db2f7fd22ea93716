"""Which deployments of a model on an accelerator are worth estimating.

Measured configurations come first: they are known to run. Plain tensor parallelism in the engine that is
measured most on the accelerator fills the gaps, so that a model nobody has measured still gets an answer.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from advisor.domain.evidence import Measurement
from advisor.domain.hardware import Accelerator, Precision
from advisor.domain.model import ModelSpec
from advisor.domain.profile import Model
from advisor.domain.record import record
from advisor.domain.sizing import Deployment, Memory
from advisor.engine.memory import plan_memory

TRUSTED_FAMILIES = frozenset({"single_run", "median", "own_probe", "published_table"})
TENSOR_PARALLEL = (1, 2, 4, 8)
MAX_PIPELINE_NODES = 8
FALLBACK_ENGINE = "vllm"
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
    engines: Mapping[str, str]
    """Engine measured most, by accelerator."""
    kin: Mapping[str, tuple[str, ...]]
    """Other accelerators of the same architecture: what runs on one runs on the other."""


def index_configs(
    measurements: Iterable[Measurement], accelerators: Mapping[str, Accelerator]
) -> MeasuredConfigs:
    """Collect the configurations that measurements show to work; known-bad runs are left out."""
    pairs: dict[tuple[str, str], dict[Config, int]] = defaultdict(lambda: defaultdict(int))
    engines: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for m in measurements:
        if m.family not in TRUSTED_FAMILIES or m.gpus is None or m.tp < 1 or (m.disagg and not m.decode_gpus):
            continue  # a split that the source does not state cannot be laid out
        if m.known_bad:
            continue
        decode = (m.decode_gpus or 0) if m.disagg else 0
        key = Config(m.engine, m.precision, m.spec_method, m.disagg, m.tp, m.ep, m.dp_attention, m.gpus, decode)
        pairs[m.accelerator, m.model][key] += 1
        if not m.disagg:
            engines[m.accelerator][m.engine] += 1
    best = {a: sorted(c.items(), key=lambda item: (-item[1], item[0]))[0][0] for a, c in engines.items()}
    family = {a.id: (a.vendor, a.architecture.split()[0], a.gpus_per_node) for a in accelerators.values()}
    kin = {a: tuple(b for b in sorted(family) if b != a and family[b] == family[a]) for a in family}
    return MeasuredConfigs({pair: dict(counts) for pair, counts in pairs.items()}, best, kin)


def accepted_precisions(model: ModelSpec, section: Model) -> tuple[Precision, ...]:
    """Precisions of the profile that are no wider than the released checkpoint.

    A checkpoint that is released at four bits is served at four bits whatever else is accepted: widening it costs
    memory and buys no accuracy.
    """
    native = model.native_precision
    if native == "fp4":
        return ("fp4",)
    if native == "int4":
        return tuple(dict.fromkeys([*(p for p in section.precisions if _WIDTH[p] <= 4), "int4"]))
    if native == "fp8":
        narrow = tuple(p for p in section.precisions if _WIDTH[p] <= 8)
        return narrow or ("fp8",)
    return section.precisions


def runs_precision(accelerator: Accelerator, precision: str, measured: bool) -> bool:
    """Whether a precision runs: natively, weight-only (int4), or emulated as measurements prove."""
    return measured or precision == "int4" or accelerator.dense_tflops.get(precision) is not None


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
        Engines in use; they are added to the engine that is measured most, not put in its place.
    """
    precisions = accepted_precisions(model, section)
    # A wider precision than the released one is worth a look only where somebody has measured it.
    allowed = {*precisions, *section.precisions}
    out: dict[Config, Deployment] = {}
    measured = _measured(configs, (accelerator.id,), model)
    if not measured:
        measured = _measured(configs, configs.kin.get(accelerator.id, ()), model)
    for key in sorted(measured, key=lambda k: (-measured[k], k)):
        if key.precision not in allowed or (key.spec_method != "none" and not section.speculative):
            continue
        if key.disagg and not disaggregation:
            continue
        # Estimates do not tell splits of one total apart: the one that is measured most speaks for them.
        out.setdefault(key._replace(decode_gpus=0), _deployment(section, key))
    usual = usual_engine(configs, accelerator.id)
    for precision in precisions:
        at_precision = [k for k in out if k.precision == precision and not k.disagg]
        if not runs_precision(accelerator, precision, bool(at_precision)):
            continue
        names = list(dict.fromkeys([k.engine for k in at_precision[:1]] or [usual, *engines]))
        for engine in names:
            done = {k.tp for k in at_precision if k.engine == engine}
            for tp in TENSOR_PARALLEL:
                if tp not in done and tp <= accelerator.gpus_per_node:
                    key = Config(engine, precision, "none", False, tp, 1, False, tp)
                    out.setdefault(key, _deployment(section, key))
    return list(out.values())


def usual_engine(configs: MeasuredConfigs, accelerator_id: str) -> str:
    """Engine measured most on the accelerator, else on its kin."""
    names = (accelerator_id, *configs.kin.get(accelerator_id, ()))
    return next((configs.engines[n] for n in names if n in configs.engines), FALLBACK_ENGINE)


def _measured(configs: MeasuredConfigs, accelerator_ids: Sequence[str], model: ModelSpec) -> Counter[Config]:
    found: Counter[Config] = Counter()
    for accelerator_id in accelerator_ids:
        for name in (*model.measured_as, model.id):
            found.update(configs.by_pair.get((accelerator_id, name), {}))
    return found


def multi_node_deployments(model: ModelSpec, section: Model, accelerator: Accelerator, engine: str) -> list[Deployment]:
    """Pipeline parallelism over whole nodes, for weights that no single node holds."""
    tp = accelerator.gpus_per_node
    return [
        _deployment(section, Config(engine, precision, "none", False, tp, 1, False, tp * nodes), pp=nodes)
        for precision in accepted_precisions(model, section)
        if runs_precision(accelerator, precision, False)
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
