"""Lay one workload out on every accelerator: pick the deployment and the operating point that need least hardware.

Estimation is the costly part, so it is done in three batches over all accelerators at once: a coarse screen, the
full ladder for the deployments that survive it, and one refinement at the edge of the service level.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from advisor.domain.hardware import Accelerator
from advisor.domain.model import ModelSpec
from advisor.domain.profile import Team, Workload
from advisor.domain.record import record
from advisor.domain.sizing import Deployment, Memory
from advisor.domain.units import GB
from advisor.engine.deployments import (
    MeasuredConfigs,
    candidate_deployments,
    memory_of,
    multi_node_deployments,
    usual_engine,
)
from advisor.engine.estimates import EstimateMany
from advisor.engine.fleet import Sizing, count_replicas
from advisor.engine.operating_point import (
    Load,
    Sample,
    contiguous,
    judge,
    ladder,
    limited_by,
    prudent_rate,
    query_for,
    refine_between,
)

SCREEN = (4, 32, 128)
SURVIVORS = 3
"""Deployments of an accelerator that are looked at more closely for their rate."""


@record
class Need:
    """What the whole fleet is to carry, in the terms of one replica's yield."""

    load: Load
    growth_factor: float
    availability: float
    sizing: Sizing

    @classmethod
    def of(cls, workload: Workload, sizing: Sizing) -> Need:
        """From the profile."""
        load = Load.of(workload.traffic, workload.slo)
        return cls(load, sizing.growth_factor(workload.traffic), workload.slo.availability, sizing)

    def gpus_of(self, replica: int, rate: float, concurrency: int) -> int:
        """GPUs of the fleet in whole replicas, with bursts, growth and spares.

        Large replicas yield more per GPU at times, and waste more: the last one is seldom full, and a spare one
        stands idle.

        Parameters
        ----------
        replica
            GPUs of one.
        rate, concurrency
            What one carries [requests/s] and [requests in flight].
        """
        peak_rps = self.load.peak_rps
        ratio = self.load.peak_concurrency / concurrency if peak_rps is None else peak_rps / rate
        count = count_replicas(
            ratio, burst_headroom=self.load.burst_headroom, growth_factor=self.growth_factor,
            availability=self.availability, up_probability=self.sizing.up_probability(replica),
        )  # fmt: skip
        return count.total * replica


@dataclass(slots=True)
class Option:
    """One deployment under consideration."""

    accelerator: Accelerator
    deployment: Deployment
    memory: Memory
    samples: dict[int, Sample] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    def best(self, load: Load) -> Sample | None:
        """The held sample with the highest prudent rate."""
        held = [s for s in contiguous(list(self.samples.values())) if not s.violated]
        return max(held, key=lambda s: (prudent_rate(s, load, self.gpus), -s.concurrency), default=None)

    @property
    def gpus(self) -> int:
        """GPUs of one replica."""
        return self.deployment.gpus_per_replica

    def rate_per_gpu(self, load: Load) -> float:
        """Prudent requests/s per GPU at the best held sample; 0 where none holds."""
        best = self.best(load)
        return 0.0 if best is None else prudent_rate(best, load, self.gpus) / self.gpus


@record
class Layout:
    """The outcome for one accelerator; `sample` is None where nothing serves, and `failure` says why."""

    accelerator: Accelerator
    deployment: Deployment | None
    memory: Memory | None
    sample: Sample | None
    limit: str
    curve: tuple[Sample, ...]
    failure: str = ""
    """memory, slo, precision or estimate; empty on success."""
    failure_text: str = ""
    nearest: Sample | None = None
    """The sample that comes nearest to the service level, where none holds it."""


def lay_out(
    workload: Workload,
    model: ModelSpec,
    accelerators: Sequence[Accelerator],
    configs: MeasuredConfigs,
    estimate: EstimateMany,
    sizing: Sizing,
    team: Team,
) -> dict[str, Layout]:
    """Lay a workload out on each accelerator; keys are accelerator ids."""
    need = Need.of(workload, sizing)
    load = need.load
    options: list[Option] = []
    failures: dict[str, Layout] = {}
    for accelerator in accelerators:
        found, failure = _options(workload, model, accelerator, configs, sizing, team, load)
        options += found
        if failure is not None:
            failures[accelerator.id] = failure
    sample(options, SCREEN, model, load, estimate)
    survivors = _survivors(options, need)
    sample(survivors, None, model, load, estimate)
    _refine(survivors, model, load, estimate)
    by_id: dict[str, list[Option]] = {}
    for option in survivors:
        by_id.setdefault(option.accelerator.id, []).append(option)
    return {a.id: failures.get(a.id) or _choose(a, by_id.get(a.id, []), options, need) for a in accelerators}


def _options(
    workload: Workload,
    model: ModelSpec,
    accelerator: Accelerator,
    configs: MeasuredConfigs,
    sizing: Sizing,
    team: Team,
    load: Load,
) -> tuple[list[Option], Layout | None]:
    context, parameters = load.isl + load.osl, sizing.parameters
    deployments = candidate_deployments(
        model, workload.model, accelerator, configs, disaggregation=team.disaggregation, engines=team.engines
    )
    if not deployments:
        text = f"{accelerator.name} runs none of the accepted precisions ({', '.join(workload.model.precisions)})"
        return [], _failed(accelerator, "precision", text)
    longest = workload.traffic.isl.high_tokens + workload.traffic.osl.high_tokens
    if longest > model.max_context > 0:
        text = f"{longest:,.0f} tokens exceed the model's longest context of {model.max_context:,}"
        return [], _failed(accelerator, "memory", text)
    plans = [(d, memory_of(d, model, accelerator, context, parameters)) for d in deployments]
    fitting = [Option(accelerator, d, m) for d, m in plans if m.fits]
    if all(o.deployment.disagg for o in fitting):
        engine = usual_engine(configs, accelerator.id)
        wide = multi_node_deployments(model, workload.model, accelerator, engine)
        wide_plans = [(d, memory_of(d, model, accelerator, context, parameters)) for d in wide]
        fitting += [Option(accelerator, d, m) for d, m in wide_plans if m.fits][:1]
        plans += wide_plans
    if fitting:
        return fitting, None
    deployment, memory = max(plans, key=lambda p: p[1].usable_gb - p[1].weights_gb)
    per_request_gb = memory.kv_bytes_per_request / GB / deployment.gpus_per_replica
    text = (
        f"{memory.weights_gb:,.0f} GB of weights per GPU at {deployment.precision} on"
        f" {deployment.gpus_per_replica} GPUs leave {memory.kv_gb:,.1f} GB of {memory.usable_gb:,.0f} GB;"
        f" one request of {context:,.0f} tokens needs {per_request_gb:,.1f} GB"
    )
    return [], Layout(accelerator, deployment, memory, None, "memory", (), "memory", text)


def _failed(accelerator: Accelerator, failure: str, text: str) -> Layout:
    return Layout(accelerator, None, None, None, failure, (), failure, text)


def sample(
    options: Sequence[Option],
    steps: Sequence[int] | None,
    model: ModelSpec,
    load: Load,
    estimate: EstimateMany,
) -> None:
    """Estimate options at steps (None: the whole ladder) that they have not been estimated at yet."""
    wanted: list[tuple[Option, int]] = []
    for option in options:
        rungs = ladder(option.memory, load)
        if steps is not None and rungs:
            rungs = sorted({min(s, rungs[-1]) for s in steps})
        wanted += [(option, n) for n in rungs if n not in option.samples]
    _estimate(wanted, model, load, estimate)


def _estimate(wanted: Sequence[tuple[Option, int]], model: ModelSpec, load: Load, estimate: EstimateMany) -> None:
    if not wanted:
        return
    found = estimate([query_for(o.deployment, o.accelerator.id, model, load, n) for o, n in wanted])
    samples = judge(found, [n for _, n in wanted], load)
    for (option, n), sample, error in zip(wanted, samples, found.errors, strict=True):
        if error:
            option.errors.append(error)
        else:
            option.samples[n] = sample


def _survivors(options: Sequence[Option], need: Need) -> list[Option]:
    """The few deployments of each accelerator that are worth a closer look.

    Aggregated and disaggregated ones are each other's rivals only in the end, so that to allow disaggregation takes
    nothing away.
    """
    by_kind: dict[tuple[str, bool], list[Option]] = {}
    for option in options:
        if option.samples:
            by_kind.setdefault((option.accelerator.id, option.deployment.disagg), []).append(option)
    out: list[Option] = []
    for group in by_kind.values():
        ranked = sorted(group, key=lambda o: (-_screen_rate(o, need.load), o.gpus, o.deployment.label))
        # The fastest deployment per request may be the only one that keeps a tight level at low concurrency, and one of
        # small replicas may need the least hardware.
        fastest = min(group, key=lambda o: min(s.tpot_at_percentile_s for s in o.samples.values()))
        held = [(o, s) for o in ranked if (s := o.best(need.load)) is not None]
        least = [min(held, key=lambda pair: _hardware(pair[0], pair[1], need))[0]] if held else []
        chosen = {id(o): o for o in (*ranked[:SURVIVORS], fastest, *least)}
        out += chosen.values()
    return out


def _screen_rate(option: Option, load: Load) -> float:
    """Rate for the screen; where no coarse step holds, nearness to the level stands in, always below a held rate."""
    held = option.rate_per_gpu(load)
    if held > 0:
        return 1.0 + held
    return max(1.0 / (1.0 + s.tpot_at_percentile_s + s.ttft_at_percentile_s) for s in option.samples.values())


def _refine(options: Sequence[Option], model: ModelSpec, load: Load, estimate: EstimateMany) -> None:
    wanted = []
    for option in options:
        n = refine_between(contiguous(list(option.samples.values())), load)
        if n is not None and n not in option.samples:
            wanted.append((option, n))
    _estimate(wanted, model, load, estimate)


def _choose(accelerator: Accelerator, survivors: list[Option], options: Sequence[Option], need: Need) -> Layout:
    load = need.load
    held = [(o, o.best(load)) for o in survivors]
    good = [(o, s) for o, s in held if s is not None]
    if good:
        option, sample = min(good, key=lambda p: _hardware(p[0], p[1], need))
        curve = tuple(sorted(option.samples.values(), key=lambda s: s.concurrency))
        seen = contiguous(list(option.samples.values()))
        limit = limited_by([s for s in seen if s.concurrency >= sample.concurrency], option.memory, load)
        return Layout(accelerator, option.deployment, option.memory, sample, limit, curve)
    sampled = [o for o in survivors if o.samples]
    if not sampled:
        errors = [e for o in options if o.accelerator.id == accelerator.id for e in o.errors]
        text = errors[0] if errors else "no estimate could be made"
        return _failed(accelerator, "estimate", text)
    option, nearest = min(
        ((o, s) for o in sampled for s in o.samples.values()), key=lambda p: (_excess(p[1], load), p[0].gpus)
    )
    curve = tuple(sorted(option.samples.values(), key=lambda s: s.concurrency))
    text = slo_miss(nearest, load, option.deployment.label)
    return Layout(accelerator, option.deployment, option.memory, None, "slo", curve, "slo", text, nearest)


def _hardware(option: Option, sample: Sample, need: Need) -> tuple[float, float, str]:
    """GPUs of the fleet, then the slack left, then a stable name."""
    rate = prudent_rate(sample, need.load, option.gpus)
    return need.gpus_of(option.gpus, rate, sample.concurrency), -rate / option.gpus, option.deployment.label


def _excess(sample: Sample, load: Load) -> float:
    """How far a sample misses the level: the largest ratio of a latency to its limit."""
    slo = load.slo
    ratios = [0.0]
    if slo.tpot_ms is not None:
        ratios.append(sample.tpot_at_percentile_s / (slo.tpot_ms / 1e3))
    if slo.ttft_ms is not None:
        ratios.append(sample.ttft_at_percentile_s / (slo.ttft_ms / 1e3))
    if slo.e2e_ms is not None:
        ratios.append((sample.ttft_at_percentile_s + sample.tpot_at_percentile_s * load.osl) / (slo.e2e_ms / 1e3))
    return max(ratios)


def slo_miss(sample: Sample, load: Load, label: str) -> str:
    """The miss in a sentence, worst metric first."""
    slo, p = load.slo, load.slo.percentile
    parts = []
    if slo.tpot_ms is not None and sample.tpot_at_percentile_s * 1e3 > slo.tpot_ms:
        parts.append(f"TPOT p{p} {sample.tpot_at_percentile_s * 1e3:,.1f} ms against {slo.tpot_ms:g} ms")
    if slo.ttft_ms is not None and sample.ttft_at_percentile_s * 1e3 > slo.ttft_ms:
        parts.append(f"TTFT p{p} {sample.ttft_at_percentile_s * 1e3:,.0f} ms against {slo.ttft_ms:g} ms")
    if slo.e2e_ms is not None:
        e2e = (sample.ttft_at_percentile_s + sample.tpot_at_percentile_s * load.osl) * 1e3
        if e2e > slo.e2e_ms:
            parts.append(f"end-to-end p{p} {e2e:,.0f} ms against {slo.e2e_ms:g} ms")
    return f"the best point misses the service level: {'; '.join(parts)} ({label}, {sample.concurrency} concurrent)"
