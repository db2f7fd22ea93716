"""Laws of memory and fleet that hold for every model, accelerator and demand."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from advisor.catalog import load_catalog
from advisor.engine.fleet import size_fleet
from advisor.engine.memory import plan_memory

CATALOG = load_catalog()
models = st.sampled_from(sorted(CATALOG.models)).map(CATALOG.models.__getitem__)
accelerators = st.sampled_from(sorted(CATALOG.accelerators)).map(CATALOG.accelerators.__getitem__)
degrees = st.sampled_from([1, 2, 4, 8])
contexts = st.floats(128, 100_000)


def plan(model, accelerator, precision="fp8", tp=8, context=4096.0, kv="fp8", dpa=False):
    return plan_memory(
        model, accelerator, precision=precision, kv_precision=kv, tp=tp, gpus=tp, dp_attention=dpa,
        context_tokens=context, utilisation=0.9, reserve_gb=4.0,
    )  # fmt: skip


@given(models, accelerators, degrees, contexts, st.floats(1.0, 3.0), st.booleans())
def test_more_memory_never_lowers_capacity(model, accelerator, tp, context, factor, dpa) -> None:
    larger = replace(accelerator, memory_bytes=accelerator.memory_bytes * factor)
    small = plan(model, accelerator, tp=tp, context=context, dpa=dpa)
    assert plan(model, larger, tp=tp, context=context, dpa=dpa).max_concurrency >= small.max_concurrency


@given(models, accelerators, degrees, contexts)
def test_a_smaller_precision_never_needs_more_memory(model, accelerator, tp, context) -> None:
    weights = [plan(model, accelerator, p, tp, context).weights_gb for p in ("bf16", "fp8", "fp4")]
    assert weights == sorted(weights, reverse=True)
    assert (
        plan(model, accelerator, kv="fp8", tp=tp, context=context).max_concurrency
        >= plan(model, accelerator, kv="bf16", tp=tp, context=context).max_concurrency
    )


@given(models, accelerators, degrees, contexts, st.floats(1.0, 4.0))
def test_longer_context_never_raises_capacity(model, accelerator, tp, context, factor) -> None:
    short = plan(model, accelerator, tp=tp, context=context)
    long = plan(model, accelerator, tp=tp, context=context * factor)
    assert long.max_concurrency <= short.max_concurrency


@given(
    st.floats(0.1, 1e5), st.floats(0.1, 1e3), st.floats(0, 1), st.floats(1, 3), st.floats(0.9, 0.99999),
    st.floats(1.0, 2.0),
)  # fmt: skip
def test_more_demand_never_needs_fewer_gpus(demand, capacity, burst, growth, availability, more) -> None:
    def size(d, c):
        return size_fleet(
            demand=d, capacity=c, unit="requests/s", peak_rps=d, burst_headroom=burst, growth_factor=growth,
            availability=availability, up_probability=0.998, gpus_per_replica=4, gpus_per_node=8,
            average_to_peak=0.5, lookahead_months=12,
        )  # fmt: skip

    f = size(demand, capacity)
    assert size(demand * more, capacity).gpus >= f.gpus
    assert size(demand, capacity * more).gpus <= f.gpus
    parts = f.replicas_for_peak + f.replicas_for_bursts + f.replicas_for_growth + f.replicas_for_redundancy
    assert parts == f.replicas
    assert f.gpus >= f.gpus_needed == f.replicas * 4
    assert 0 <= f.utilisation_at_average <= 1
