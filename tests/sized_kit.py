"""Sized candidates made by hand, so that cost, risk and decision are tested on figures that a reader can check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from advisor.catalog import Catalog
from advisor.domain.gates import Gate
from advisor.domain.profile import Profile
from advisor.domain.sizing import Deployment, Memory, OperatingPoint, Spread, TierPlan
from advisor.engine.fleet import size_fleet
from advisor.engine.sized import SizedCandidate, TierDemand

UP = 1.0  # replicas never fail unless a test says so
FIRM = {"mode": "rent", "commitment": "reserved_1y", "horizon_months": 12}
"""Procurement by quotes that are firm for a year."""


def quotes(**usd: float) -> list[dict[str, Any]]:
    """One quote for each part, by its id [USD per GPU-hour]."""
    return [{"accelerator": part, "usd": price} for part, price in usd.items()]


def profile_of(**changes: Any) -> Profile:
    """A plain profile; keyword arguments replace its sections, a dict is merged into one."""
    base: dict[str, Any] = {
        "name": "by hand",
        "model": {"id": "llama3.3-70b"},
        "traffic": {"isl": 1000, "osl": 500, "peak_requests_per_s": 8.0, "burst_headroom": 0.0},
        "slo": {"availability": 0.9},
        "team": {"rocm_experience": "expert"},
    }
    for key, value in changes.items():
        base[key] = {**base[key], **value} if isinstance(value, Mapping) and isinstance(base.get(key), dict) else value
    return Profile.model_validate(base)


def sized_of(
    profile: Profile,
    catalog: Catalog,
    accelerator: str,
    *,
    replica_rps: float = 1.0,
    spread: float = 1.0,
    gpus_per_replica: int = 8,
    grade: str = "B",
    up: float = UP,
    gates: Sequence[Gate] = (),
    engine: str = "vllm",
    rates: Sequence[float] = (),
) -> SizedCandidate:
    """One accelerator that completes `replica_rps` per replica; the 80 % interval is that over and times `spread`."""
    part = catalog.accelerators[accelerator]
    plans: list[TierPlan] = []
    demands: list[TierDemand] = []
    for i, workload in enumerate(profile.tiers):
        rate = rates[i] if rates else replica_rps
        traffic = workload.traffic
        assert traffic.peak_requests_per_s is not None
        growth = max(1.0, (1 + traffic.growth_per_year) ** min(1.0, profile.procurement.horizon_months / 12))
        fleet = size_fleet(
            demand=traffic.peak_requests_per_s,
            capacity=rate,
            unit="requests/s",
            peak_rps=traffic.peak_requests_per_s,
            burst_headroom=traffic.burst_headroom,
            growth_factor=growth,
            availability=workload.slo.availability,
            up_probability=up,
            gpus_per_replica=gpus_per_replica,
            gpus_per_node=part.gpus_per_node,
            average_to_peak=traffic.average_to_peak,
            lookahead_months=12,
        )
        osl = traffic.osl.mean_tokens
        out = rate * osl / gpus_per_replica
        point = OperatingPoint(
            concurrency=64, ttft_p50_s=0.5, tpot_p50_s=0.02, e2el_p50_s=10.0, output_tps_per_gpu=out,
            total_tps_per_gpu=3 * out, interactivity_tps=50.0, requests_per_s=rate,
            ttft_interval_s=Spread(lo=0.4, value=0.5, hi=0.6), tpot_interval_s=Spread(lo=0.018, value=0.02, hi=0.022),
            output_tps_interval=Spread(lo=out / spread, value=out, hi=out * spread), slo_percentile=95,
            ttft_at_percentile_s=0.8, tpot_at_percentile_s=0.03, meets_slo=True, limited_by="tpot",
            evidence_grade=grade, basis="interpolated", evidence_text="by hand", evidence_newest="2026-09-01",
        )  # fmt: skip
        deployment = Deployment(
            engine=engine, precision="fp8", kv_cache_precision="fp8", tp=gpus_per_replica,
            gpus_per_replica=gpus_per_replica,
        )  # fmt: skip
        memory = Memory(
            usable_gb=100, weights_gb=10, reserve_gb=4, kv_gb=86, kv_bytes_per_token=1e5, kv_bytes_per_request=1e8,
            context_tokens=1500, max_concurrency=512, fits=True, binds="nothing",
        )  # fmt: skip
        plan = TierPlan(
            name=workload.name, model_id="llama3.3-70b", deployment=deployment, memory=memory, operating_point=point,
            fleet=fleet, request_input_tokens=traffic.isl.mean_tokens, request_output_tokens=osl,
        )  # fmt: skip
        plans.append(plan)
        demands.append(TierDemand.of(plan, workload, up))
    models = tuple(catalog.models["llama3.3-70b"] for _ in plans)
    return SizedCandidate(part, tuple(plans), profile.tiers, models, tuple(demands), tuple(gates))
