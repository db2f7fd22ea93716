"""Vultr's public plan lists, which need no key: prices per machine.

Fields of a plan: id, type, hourly_cost, hourly_cost_preemptible, deploy_ondemand, deploy_preemptible, locations, and
gpu_type with gpu_vram_gb for cloud GPUs. Of bare metal the id names part and count (vbm-256c-2048gb-8-mi300x-gpu).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from advisor.refresh.decode import in_usd, json_of, label, listed, number
from advisor.refresh.offers import Facts, Offer, Parsed, usable_price
from advisor.refresh.sources.base import Item, Source

_METAL = re.compile(r"vbm-\d+c-\d+gb-(\d+)-([a-z0-9]+)-gpu")


def parse(body: bytes, facts: Facts, *, key: str) -> Parsed:
    """Prices of one list of plans."""
    out = Parsed()
    for plan in listed(json_of(body), key):
        name = label(plan.get("id"), 60)
        found = _part(plan, name, facts)
        if found is None:
            out.ignored += 1
            continue
        part, gpus = found
        if not in_usd(plan):
            out.refused["not in USD"] += 1
            continue
        for commitment, field, allowed in (
            ("on_demand", "hourly_cost", "deploy_ondemand"),
            ("spot", "hourly_cost_preemptible", "deploy_preemptible"),
        ):
            usd = number(plan.get(field))
            if not usd and commitment == "spot":
                continue
            price, reason = usable_price(usd, gpus)
            if price is None:
                out.refused[reason] += 1
                continue
            flags = ("not_orderable",) if plan.get(allowed) is False else ("capacity_not_verified",)
            out.offers.append(Offer("vultr", "", *part, commitment, price, gpus, name, "", "", flags))
    return out


def _part(plan: Mapping[str, Any], name: str, facts: Facts) -> tuple[tuple[str, str], int] | None:
    metal = _METAL.fullmatch(name)
    if metal:
        part = facts.part(metal[2])
        return (part, int(metal[1])) if part else None
    part = facts.part(label(plan.get("gpu_type")).replace("_", " "))
    if part is None:
        return None
    memory = number(plan.get("gpu_vram_gb"))
    count = round(memory / facts.memory_gb[part[0]]) if memory else 0
    # shares of a GPU are no price of a GPU
    whole = count >= 1 and memory is not None and abs(memory / facts.memory_gb[part[0]] - count) < 0.1 * count
    return (part, count) if whole else None


SOURCE = Source(
    name="vultr",
    title="Vultr plans",
    data="prices",
    base="https://api.vultr.com/v2",
    items=(
        Item("metal", "plans-metal?per_page=500", partial(parse, key="plans_metal")),
        Item("gpu", "plans?type=vcg&per_page=500", partial(parse, key="plans")),
    ),
    kind="list price",
)
