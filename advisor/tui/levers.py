"""Levers of the What-if screen: each changes one statement of the profile; the engine does the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from advisor.tui import format as f
from advisor.tui.document import Key

if TYPE_CHECKING:
    from advisor.domain.decision import BreakEven
    from advisor.domain.profile import Profile, Traffic
    from advisor.domain.recommendation import Candidate, Recommendation

Apply = Callable[["Profile", float], "Profile"]


@dataclass(frozen=True, slots=True)
class Lever:
    """Something that can be moved, from where it stands today."""

    id: str
    name: str
    unit: str
    base: float
    low: float
    high: float
    step: float
    apply: Apply
    key: Key
    """Field of the profile that it would write."""
    stated: Callable[[float], Any]
    """Value of that field for a lever's value."""
    flips: BreakEven | None = None
    whole: bool = False
    together: tuple[Key, ...] = ()
    """Fields that it moves together; what they become is read from the moved profile."""

    @property
    def flip(self) -> float | None:
        """Where the verdict flips, on the lever's own scale; break-evens of throughput are in tokens/s."""
        even = self.flips
        if even is None or even.value is None:
            return None
        return even.value / even.today * self.base if even.unit.startswith("output tok") and even.today else even.value

    def text(self, value: float) -> str:
        """A value with its unit."""
        if self.unit == "%":
            return f"{value * 100:.3g} %"
        return f"{self.number(value)} {self.unit}"

    def number(self, value: float) -> str:
        """A value without its unit."""
        if self.unit == "%":
            return self.text(value)
        return f"{value:,.0f}" if self.whole or abs(value) >= 1000 else f"{value:.3g}"


def levers_of(answer: Recommendation, profile: Profile) -> list[Lever]:
    """The levers that make sense for an answer: prices and throughput of the best two, then what all share."""
    decision, choice = answer.decision, answer.verdict.choice
    if choice is None:
        return []
    evens: dict[tuple[str, str], BreakEven] = {}
    for even in decision.break_evens if decision else ():
        evens.setdefault((even.variable, even.subject), even)  # the runner-up comes first
    first = [choice.accelerator, answer.verdict.runner_up]
    ranked = [c for n in first for c in answer.candidates if n and c.accelerator == n]
    best_amd = next((c for c in answer.candidates if c.feasible and c.vendor == "AMD"), None)
    if best_amd is not None and best_amd not in ranked:
        ranked.append(best_amd)
    out: list[Lever] = []
    for c in ranked:
        out += _price(c, profile.procurement.volume_discount, evens)
    for c in ranked:
        name = c.accelerator
        out.append(
            Lever(
                f"throughput.{name}",
                f"Throughput of {f.short(name)}",
                "× estimate",
                profile.overrides.throughput_factor.get(name, 1.0),
                0.4,
                1.8,
                0.02,
                partial(_override, name),
                ("overrides", "throughput_factor", name),
                lambda v: round(v, 4),
                evens.get(("throughput", name)),
            )
        )
    out += _shared(answer, profile, evens)
    return out


def _price(c: Candidate, discount: float, evens: dict[tuple[str, str], BreakEven]) -> list[Lever]:
    if c.cost is None or c.cost.price is None:
        return []
    basis, name = c.cost.price, c.accelerator
    # A quote is firm: it is what is paid, where a price of the market still has the promised discount taken off.
    today = basis.typical if basis.firmness == "user quote" else basis.typical * (1.0 - discount)
    # A mixture owns its base: what is quoted there is the purchase.
    kind = "rent" if basis.unit.endswith("GPU-h") else "buy"

    def apply(profile: Profile, value: float) -> Profile:
        from advisor.domain.profile import Quote

        assert c.cost is not None
        others = tuple(q for q in profile.procurement.quotes if (q.accelerator, q.kind) != (name, kind))
        commitment = c.cost.commitment if kind == "rent" else "any"
        quote = Quote.model_validate({"accelerator": name, "kind": kind, "usd": value, "commitment": commitment})
        moved = profile.procurement.model_copy(update={"quotes": (*others, quote)})
        return profile.model_copy(update={"procurement": moved})

    stated = {"accelerator": name, "kind": kind, "commitment": c.cost.commitment if kind == "rent" else "any"}
    return [Lever(
        f"price.{name}", f"Price of {f.short(name)}", basis.unit.replace("USD/", "$/"), today,
        today * 0.3, today * 2.5, _nice(today * 0.02), apply, ("procurement", "quotes"),
        lambda v: {**stated, "usd": round(v, 4)}, evens.get(("price", name)),
    )]  # fmt: skip


def _demand(profile: Profile, evens: dict[tuple[str, str], BreakEven]) -> list[Lever]:
    """Average and peak of the traffic; of several tiers all together, then each."""
    if profile.traffic is not None:
        return _traffic(profile.traffic, ("traffic",), "", partial(_section, section="traffic"), evens)
    keys = tuple(("workloads", i, "traffic", _peak(w.traffic)) for i, w in enumerate(profile.workloads))
    out = [Lever(
        "demand", "Demand of all tiers", "× today", 1.0, 0.1, 4.0, 0.05, _scaled_tiers, keys[0], lambda v: v,
        evens.get(("demand", "")), together=keys,
    )]  # fmt: skip
    for i, w in enumerate(profile.workloads):
        out += _traffic(w.traffic, ("workloads", i, "traffic"), w.name, partial(_tier, index=i), {})
    return out


def _peak(traffic: Traffic) -> str:
    return "peak_concurrency" if traffic.peak_concurrency is not None else "peak_requests_per_s"


def _traffic(
    traffic: Traffic, key: Key, tier: str, apply: Callable[..., Profile], evens: dict[tuple[str, str], BreakEven]
) -> list[Lever]:
    peak = _peak(traffic)
    base = float(getattr(traffic, peak))
    end, of = (f".{tier}", f" of {tier}") if tier else ("", "")
    return [
        Lever(
            f"utilisation{end}", f"Average over peak{of or ' demand'}", "%", traffic.average_to_peak, 0.05, 1.0, 0.02,
            lambda p, v: apply(p, average_to_peak=v), (*key, "average_to_peak"), lambda v: round(v, 4),
            evens.get(("utilisation", "")),
        ),
        Lever(
            f"demand{end}", f"Peak{of or ' demand'}", "requests/s" if peak.endswith("_s") else "at once",
            base, base * 0.1, base * 4, _nice(base * 0.05), lambda p, v: apply(p, **{peak: v}), (*key, peak),
            lambda v: round(v, 3), evens.get(("demand", "")), whole=base >= 100,
        ),
    ]  # fmt: skip


def _tier(profile: Profile, index: int, **values: Any) -> Profile:
    tiers = list(profile.workloads)
    tiers[index] = tiers[index].model_copy(update={"traffic": tiers[index].traffic.model_copy(update=values)})
    return profile.model_copy(update={"workloads": tuple(tiers)})


def _scaled_tiers(profile: Profile, factor: float) -> Profile:
    for i, w in enumerate(profile.workloads):
        peak = _peak(w.traffic)
        profile = _tier(profile, i, **{peak: round(getattr(w.traffic, peak) * factor, 3)})
    return profile


def _shared(answer: Recommendation, profile: Profile, evens: dict[tuple[str, str], BreakEven]) -> list[Lever]:
    out: list[Lever] = []
    out += _demand(profile, evens)
    premium = next((c.cost.stack_premium for c in answer.candidates if c.cost and c.cost.stack_premium
                    and c.cost.stack_premium.stack == "rocm"), None)  # fmt: skip
    stated = profile.team.rocm_extra_engineers
    if premium is not None or stated is not None:
        base = stated if stated is not None else premium.base_engineers if premium is not None else 0.0
        out.append(Lever(
            "engineers", "Extra engineers for ROCm", "engineers", base, 0.0, max(10.0, base * 3), 0.25,
            lambda p, v: _section(p, "team", rocm_extra_engineers=v), ("team", "rocm_extra_engineers"),
            lambda v: round(v, 3), evens.get(("engineers", "")),
        ))  # fmt: skip
    out.append(Lever(
        "horizon", "Horizon", "months", profile.procurement.horizon_months, 1, 120, 3,
        lambda p, v: _section(p, "procurement", horizon_months=round(v)), ("procurement", "horizon_months"),
        lambda v: round(v), evens.get(("horizon", "")), whole=True,
    ))  # fmt: skip
    even = evens.get(("power_price", ""))
    power = profile.site.power_usd_per_kwh
    base_power = power if power is not None else even.today if even is not None else None
    if base_power is not None:
        out.append(
            Lever(
                "power_price",
                "Price of electricity",
                "$/kWh",
                base_power,
                0.0,
                0.6,
                0.005,
                lambda p, v: _section(p, "site", power_usd_per_kwh=v),
                ("site", "power_usd_per_kwh"),
                lambda v: round(v, 4),
                even,
            )
        )
    return out


def value_at(profile: Profile, key: Key) -> Any:
    """What a profile says at a field."""
    found: Any = profile
    for part in key:
        found = found[part] if isinstance(part, int) else getattr(found, part)
    return found


def _override(name: str, profile: Profile, value: float) -> Profile:
    factors = {**profile.overrides.throughput_factor, name: value}
    return profile.model_copy(update={"overrides": profile.overrides.model_copy(update={"throughput_factor": factors})})


def _section(profile: Profile, section: str, **values: Any) -> Profile:
    return profile.model_copy(update={section: getattr(profile, section).model_copy(update=values)})


def _nice(value: float) -> float:
    """A round step near a value."""
    import math

    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return min((1, 2, 5, 10), key=lambda m: abs(m * power - value)) * power
