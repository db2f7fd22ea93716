"""What the profile leaves open, made explicit: defaults that were taken, and the service level where none is set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from advisor.domain.profile import Profile, Slo
from advisor.domain.provenance import Quantity
from advisor.domain.recommendation import Assumption
from advisor.domain.text import significant

QUIET = frozenset({"summary", "task", "workloads", "justification", "link", "regulated", "overrides", "name"})
"""Fields whose silence supposes nothing."""


def with_service_level(slo: Slo, parameters: Mapping[str, Quantity]) -> tuple[Slo, bool]:
    """The service level, and whether the default had to stand in because no limit is given at all."""
    if slo.ttft_ms is not None or slo.tpot_ms is not None or slo.e2e_ms is not None:
        return slo, False
    limits = {"ttft_ms": parameters["default_ttft_ms"].value, "tpot_ms": parameters["default_tpot_ms"].value}
    return slo.model_copy(update=limits), True


def resolve_service_levels(profile: Profile, parameters: Mapping[str, Quantity]) -> Profile:
    """The profile with a service level in each tier."""
    if profile.workloads:
        tiers = tuple(w.model_copy(update={"slo": with_service_level(w.slo, parameters)[0]}) for w in profile.workloads)
        return profile.model_copy(update={"workloads": tiers})
    return profile.model_copy(update={"slo": with_service_level(profile.slo, parameters)[0]})


def collect_assumptions(
    profile: Profile, parameters: Mapping[str, Quantity], taken: Mapping[str, Quantity] | None = None
) -> tuple[Assumption, ...]:
    """Every default that the profile takes by silence, in the order of the profile, then the sizing parameters.

    Parameters
    ----------
    taken
        Values that the catalog lent where the profile gives none, by the name of the field.
    """
    out: list[Assumption] = []
    _walk(profile, "", taken or {}, out)
    for path, slo in _levels(profile):
        _, defaulted = with_service_level(slo, parameters)
        for name in ("ttft_ms", "tpot_ms") if defaulted else ():
            value = parameters[f"default_{name}"]
            text = f"no service level is set: {value.note}"
            out = [a for a in out if a.path != f"{path}.{name}"]
            out.append(
                Assumption(path=f"{path}.{name}", value=f"{value.value:g} ms", why=text, source_id=value.source_id)
            )
    for name, value in parameters.items():
        if not name.startswith("default_"):
            out.append(
                Assumption(
                    path=f"sizing.{name}", value=f"{value.value:g} {value.unit}", why=value.note,
                    source_id=value.source_id,
                )
            )  # fmt: skip
    return tuple(out)


def _levels(profile: Profile) -> list[tuple[str, Slo]]:
    if profile.workloads:
        return [(f"workloads[{i}].slo", w.slo) for i, w in enumerate(profile.workloads)]
    return [("slo", profile.slo)]


def _walk(model: BaseModel, path: str, taken: Mapping[str, Quantity], out: list[Assumption]) -> None:
    for name, info in type(model).model_fields.items():
        value = getattr(model, name)
        where = f"{path}.{name}" if path else name
        if name in ("governance", "overrides"):
            continue
        if isinstance(value, BaseModel):
            _walk(value, where, taken, out)
            continue
        if isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
            for index, item in enumerate(value):
                _walk(item, f"{where}[{index}]", taken, out)
            continue
        if name in model.model_fields_set or name in QUIET:
            continue
        # Where one of several alternatives was chosen, the others were not left open.
        if value is None and name in _ALTERNATIVES:
            continue
        why = info.description or name
        lent = taken.get(name) if value is None else None
        if lent is not None:
            shown = f"{significant(lent.value, 6)} {lent.unit}"
            out.append(Assumption(path=where, value=shown, why=why, source_id=lent.source_id))
        else:
            shown = _SILENCE.get(name, "none") if value is None or value == () else _shown(value)
            out.append(Assumption(path=where, value=shown, why=why))


_ALTERNATIVES = frozenset(
    {"id", "config_json", "custom", "peak_concurrency", "peak_requests_per_s", "mean", "p50", "p95", "traffic", "model",
     "hosted_api", "budget_usd_per_month", "e2e_ms", "ttft_ms", "tpot_ms"}
)  # fmt: skip


_SILENCE = {
    "engineer_usd_per_year": "from the catalog",
    "rocm_extra_engineers": "by experience and fleet size",
    "rocm_migration_weeks": "by experience",
    "headquarters_country": "as place.country",
    "ultimate_parent_country": "as the headquarters",
    "start_date": "as soon as it can be",
    "as_of": "not dated",
    "cost_of_capital": "from the catalog",
    "depreciation_years": "from the catalog",
    "power_kw": "no limit",
    "rack_kw": "no limit",
    "liquid_cooling": "not known",
    "pue": "from the catalog",
    "power_usd_per_kwh": "from the catalog",
    "space_usd_per_kw_month": "from the catalog",
    "budget_usd_per_month": "no limit",
    "candidates": "all eight",
    "end_user_countries": "as place.country",
    "data_residency": "anywhere",
    "engines": "any",
}
"""What silence stands for, where no value of the catalog took its place in the cost."""


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(str(v) for v in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
