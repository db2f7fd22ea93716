"""Lay one workload out on every accelerator: the few deployments and operating points that need least hardware.

Estimation is the costly part, so it is done in a few batches over all accelerators at once: a ladder of loads for every
deployment, and the search for the edge of the service level for those that may be the best. Curves cost more than
points on them: a coarser ladder would save little, and miss deployments whose edge lies between its rungs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from advisor.domain.hardware import Accelerator
from advisor.domain.model import ModelSpec
from advisor.domain.profile import Team, Workload
from advisor.domain.record import record
from advisor.domain.sizing import Deployment, Memory
from advisor.domain.units import GB
from advisor.engine.deployments import (
    MeasuredConfigs,
    candidate_deployments,
    engines_there,
    memory_of,
    multi_node_deployments,
    unservable,
    with_features,
)
from advisor.engine.estimates import EstimateMany
from advisor.engine.fleet import Sizing
from advisor.engine.operating_point import LADDER, Load, Sample, limited_by, prudent_rate, strain
from advisor.engine.options import Need, Option, sample_at, sample_ladders
from advisor.engine.response import responses

SURVIVORS = 3
"""Deployments of an accelerator whose edge is sought for the rate that they promise there."""
AIMS = (1.0, 0.99)
"""Where the edge of the service level is sought in turn, see `edge_between`. A metric that bends down between two loads
breaks the limit at the first guess by a hair, and one that bends up is met below it."""


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
    rivals: tuple[Layout, ...] = ()
    """Other deployments that hold the level, of which one may cost less, see `advisor/engine/choice.py`."""
    response: tuple[float, ...] = ()
    """Factors on what its fleet carries where it turns out faster or slower, see `advisor/engine/response.py`."""


def lay_out(
    workload: Workload,
    model: ModelSpec,
    accelerators: Sequence[Accelerator],
    configs: MeasuredConfigs,
    estimate: EstimateMany,
    sizing: Sizing,
    team: Team,
) -> dict[str, Layout]:
    """Lay a workload out on each accelerator; keys are accelerator ids.

    A part that misses the service level in the engines in which somebody has run the model is tried in the others that
    run there, since a team that runs one of them would be offered it.
    """
    search = _Search(workload, model, configs, estimate, sizing, team)
    found = _lay_out(search, accelerators)
    missed = [a for a in accelerators if found[a.id].failure == "slo"]
    if missed:
        engines = tuple(dict.fromkeys((*team.engines, *engines_there(missed, configs))))
        again = _lay_out(replace(search, team=team.model_copy(update={"engines": engines})), missed)
        found |= {name: layout for name, layout in again.items() if not layout.failure}
    return found


@record
class _Search:
    """What a workload is laid out with."""

    workload: Workload
    model: ModelSpec
    configs: MeasuredConfigs
    estimate: EstimateMany
    sizing: Sizing
    team: Team


def _lay_out(search: _Search, accelerators: Sequence[Accelerator]) -> dict[str, Layout]:
    model, estimate = search.model, search.estimate
    need = Need.of(search.workload, search.sizing)
    load = need.load
    options: list[Option] = []
    failures: dict[str, Layout] = {}
    for accelerator in accelerators:
        found, failure = _options(search, accelerator, load)
        options += found
        if failure is not None:
            failures[accelerator.id] = failure
    sample_ladders(options, model, load, estimate)
    survivors: list[Option] = []
    added = _survivors(options, need)
    while added:
        _refine(added, model, load, estimate)
        survivors += added
        added = _promising(options, survivors, need)
    by_id: dict[str, list[Option]] = {}
    for option in survivors:
        by_id.setdefault(option.accelerator.id, []).append(option)
    chosen = {a.id: failures.get(a.id) or _choose(a, by_id.get(a.id, []), options, need) for a in accelerators}
    # first one point of every deployment shown, mostly of one batch; their curves then serve the points shown
    expect([layout.curve[0] for layout in chosen.values() if layout.curve])
    expect([s for layout in chosen.values() if (s := layout.sample or layout.nearest) is not None])
    return chosen


def expect(samples: Sequence[Sample]) -> None:
    """Tell the batches which of their estimates are shown: what those share is then worked out at once."""
    places: dict[int, tuple[Sample, list[int]]] = {}
    for sample in samples:
        places.setdefault(id(sample.found), (sample, []))[1].append(sample.place)
    for sample, wanted in places.values():
        sample.found.expect(wanted)


def _options(search: _Search, accelerator: Accelerator, load: Load) -> tuple[list[Option], Layout | None]:
    workload, model, configs, team = search.workload, search.model, search.configs, search.team
    context, parameters = load.isl + load.osl, search.sizing.parameters
    deployments = candidate_deployments(
        model, workload.model, accelerator, configs, disaggregation=team.disaggregation, engines=team.engines
    )
    deployments = with_features(deployments, accelerator, configs, team)
    if not deployments:
        return [], _failed(accelerator, "precision", unservable(model, workload.model, accelerator))
    longest = workload.traffic.isl.high_tokens + workload.traffic.osl.high_tokens
    if longest > model.max_context > 0:
        text = f"{longest:,.0f} tokens exceed the model's longest context of {model.max_context:,}"
        return [], _failed(accelerator, "memory", text)
    plans = [(d, memory_of(d, model, accelerator, context, parameters)) for d in deployments]
    fitting = [Option(accelerator, d, m) for d, m in plans if m.fits]
    if _starved(fitting, load):
        wide = multi_node_deployments(model, workload.model, accelerator, configs, team.engines)
        wide = with_features(wide, accelerator, configs, team)
        wide_plans = [(d, memory_of(d, model, accelerator, context, parameters)) for d in wide]
        first = {d.engine: Option(accelerator, d, m) for d, m in reversed(wide_plans) if m.fits}
        fitting += first.values()
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


def _starved(fitting: Sequence[Option], load: Load) -> bool:
    """Whether no node holds the weights of aggregated serving, or leaves too little beside them for the load.

    Two nodes of a part then take less each: to offer them only where one cannot hold the weights would set the smaller
    part above the larger one.
    """
    most = min(float(LADDER[-1]), load.most_concurrency)
    return all(o.memory.max_concurrency < most for o in fitting if not o.deployment.disagg)


def _failed(accelerator: Accelerator, failure: str, text: str) -> Layout:
    return Layout(accelerator, None, None, None, failure, (), failure, text)


def _survivors(options: Sequence[Option], need: Need) -> list[Option]:
    """The few deployments of each accelerator whose edge of the service level is worth seeking.

    Aggregated and disaggregated ones are each other's rivals only in the end, so that to allow disaggregation takes
    nothing away.
    """
    out: list[Option] = []
    for group in _by_kind(options):
        promised = [(option, option.promise(need.load)) for option in group]
        promised.sort(key=lambda p: (-_promised_rate(*p), p[0].gpus, p[0].deployment.label))
        ranked = [option for option, _ in promised]
        # The fastest deployment per request may be the only one that keeps a tight level at low concurrency, and one of
        # small replicas may need the least hardware.
        fastest = min(group, key=lambda o: min(s.tpot_at_percentile_s for s in o.samples.values()))
        held = [(option, promise) for option, promise in promised if promise is not None]
        least = [min(held, key=lambda pair: _hardware(pair[0], pair[1][0], pair[1][1], need))[0]] if held else []
        usual = [o for o, _ in sorted(held, key=lambda pair: need.usual_gpus(pair[0].gpus, *pair[1]))]
        chosen = {id(o): o for o in (*ranked[:SURVIVORS], fastest, *least, *usual[:SURVIVORS])}
        out += chosen.values()
    return out


def _promising(options: Sequence[Option], sought: Sequence[Option], need: Need) -> list[Option]:
    """More deployments whose edge is worth seeking: they promise less hardware than any whose edge is known.

    A promise is read off a straight line between two loads; where the edges of those that promised most lie lower than
    that, the next ones may be better.
    """
    known = set(map(id, sought))
    out: list[Option] = []
    for group in _by_kind(options):
        held = [(o, s) for o in group if id(o) in known and (s := o.best(need.load)) is not None]
        least = min((need.usual_gpus(o.gpus, *_yield_of(o, s, need)) for o, s in held), default=math.inf)
        rest = ((o, o.promise(need.load)) for o in group if id(o) not in known)
        promised = [(need.usual_gpus(o.gpus, *promise), o) for o, promise in rest if promise is not None]
        better = sorted((p for p in promised if p[0] < least), key=lambda p: (p[0], p[1].deployment.label))
        out += [option for _, option in better[:SURVIVORS]]
    return out


def _by_kind(options: Sequence[Option]) -> list[list[Option]]:
    """Those with estimates by accelerator, aggregated and disaggregated ones apart."""
    by_kind: dict[tuple[str, bool], list[Option]] = {}
    for option in options:
        if option.samples:
            by_kind.setdefault((option.accelerator.id, option.deployment.disagg), []).append(option)
    return list(by_kind.values())


def _promised_rate(option: Option, promise: tuple[float, float] | None) -> float:
    """Rate to rank by; where no rung holds, nearness to the level stands in, always below a held rate."""
    if promise is not None:
        return 1.0 + promise[0] / option.gpus
    return max(1.0 / (1.0 + s.tpot_at_percentile_s + s.ttft_at_percentile_s) for s in option.samples.values())


def _refine(options: Sequence[Option], model: ModelSpec, load: Load, estimate: EstimateMany) -> None:
    for aim in AIMS:
        wanted = []
        for option in options:
            n = option.edge(load, aim)
            if n is not None:
                wanted.append((option, n))
        sample_at(wanted, model, load, estimate)


def _choose(accelerator: Accelerator, survivors: list[Option], options: Sequence[Option], need: Need) -> Layout:
    load = need.load
    held = [(o, o.best(load)) for o in survivors]
    good = _for_the_cache([(o, s) for o, s in held if s is not None], need)
    if good:
        good.sort(key=lambda p: _fleet_of(p, need))
        found = responses([(o.gpus, list(o.samples.values())) for o, _ in good], load)
        first, *others = (_laid_out(*pair, load, response) for pair, response in zip(good, found, strict=True))
        return replace(first, rivals=tuple(others))
    sampled = [o for o in survivors if o.samples]
    if not sampled:
        errors = [e for o in options if o.accelerator.id == accelerator.id for e in o.errors]
        text = errors[0] if errors else "no estimate could be made"
        return _failed(accelerator, "estimate", text)
    option, nearest = min(
        ((o, s) for o in sampled for s in o.samples.values()), key=lambda p: (strain(p[1], load), p[0].gpus)
    )
    curve = tuple(sorted(option.samples.values(), key=lambda s: s.concurrency))
    text = slo_miss(nearest, load, option.deployment.label)
    return Layout(accelerator, option.deployment, option.memory, None, "slo", curve, "slo", text, nearest)


def _for_the_cache(good: list[tuple[Option, Sample]], need: Need) -> list[tuple[Option, Sample]]:
    """Without pipelines where a node would do that its cache does not bind: their best case is worth its network for
    the cache alone."""
    within = [p for p in good if p[0].deployment.pp == 1 and not p[0].deployment.disagg]
    if not within:
        return good
    narrow, kept = min(within, key=lambda p: _fleet_of(p, need))
    if kept.concurrency >= narrow.memory.max_concurrency:
        return good
    return [p for p in good if p[0].deployment.pp == 1]


def _laid_out(option: Option, sample: Sample, load: Load, response: tuple[float, ...]) -> Layout:
    curve = tuple(sorted(option.samples.values(), key=lambda s: s.concurrency))
    beyond = [s for s in option.seen if s.concurrency >= sample.concurrency]
    limit = limited_by(beyond, option.memory, load, option.deployment.pp)
    return Layout(
        option.accelerator, option.deployment, option.memory, sample, limit, curve, response=response
    )  # fmt: skip


def _fleet_of(held: tuple[Option, Sample], need: Need) -> tuple[float, float, str]:
    """GPUs of the fleet, see `_hardware`."""
    option, sample = held
    return _hardware(option, *_yield_of(option, sample, need), need)


def _yield_of(option: Option, sample: Sample, need: Need) -> tuple[float, float]:
    """Prudent requests/s and requests in flight of a replica."""
    return prudent_rate(sample, need.load, option.gpus), float(sample.concurrency)


def _hardware(option: Option, rate: float, concurrency: float, need: Need) -> tuple[float, float, str]:
    """GPUs of the fleet, then the slack left, then a stable name."""
    return need.gpus_of(option.gpus, rate, concurrency), -rate / option.gpus, option.deployment.label


def slo_miss(sample: Sample, load: Load, label: str) -> str:
    """The miss in a sentence, worst metric first."""
    slo, p = load.slo, load.slo.percentile
    parts = []
    if slo.tpot_ms is not None and sample.tpot_at_percentile_s * 1e3 > slo.tpot_ms:
        parts.append(f"TPOT p{p} {_over(sample.tpot_at_percentile_s * 1e3, slo.tpot_ms, 1)} ms")
    if slo.ttft_ms is not None and sample.ttft_at_percentile_s * 1e3 > slo.ttft_ms:
        parts.append(f"TTFT p{p} {_over(sample.ttft_at_percentile_s * 1e3, slo.ttft_ms, 0)} ms")
    if slo.e2e_ms is not None:
        e2e = (sample.ttft_at_percentile_s + sample.tpot_at_percentile_s * load.osl) * 1e3
        if e2e > slo.e2e_ms:
            parts.append(f"end-to-end p{p} {_over(e2e, slo.e2e_ms, 0)} ms")
    return f"the best point misses the service level: {'; '.join(parts)} ({label}, {sample.concurrency} concurrent)"


def _over(value: float, limit: float, places: int) -> str:
    """A value and the limit above which it lies, in as many places as show that it does.

    >>> _over(8.04, 1, 1), _over(5.7312, 5.7, 1), _over(2000.2, 2000, 0)
    ('8.0 ms against 1', '5.73 ms against 5.7', '2,000.2 ms against 2000')
    """
    told = next((n for n in range(places, 7) if round(value, n) > limit), places)
    return f"{value:,.{told}f} ms against {limit:g}"
