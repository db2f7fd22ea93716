"""Where a number comes from that no arithmetic on the tree yields: given, drawn, estimated, measured or solved."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from advisor.domain.provenance import Quantity
from advisor.domain.recommendation import Recommendation
from advisor.domain.sizing import CurvePoint
from advisor.engine.tree_path import Place

Kind = Literal["reckoned", "given", "drawn", "estimated", "measured", "solved"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Of what kind a number is, and how to get it again."""

    origin: Kind
    text: str = ""


_ESTIMATED = (
    "estimated: physics fitted to measurements and corrected by the nearest of them (docs/method.md, section 2);"
    " `advisor estimate` gives such points again"
)
_RESPONSE = (
    "estimated: read off the curves of the deployments, at the load whose latencies are that many times the limits"
    " (docs/method.md, section 3.1)"
)
_CHOSEN = (
    "chosen: of the deployments that measurements show to work, that memory holds and that keep the service level, the"
    " one that costs least (docs/method.md, section 2.7)"
)
_SOLVED = "solved with the cost model, one input moved and the others typical (docs/method.md, sections 4 and 7)"
_REGISTER = "from the register of risks: its row times the exposure that the basis counts (docs/method.md, section 6)"
_PRICES = "from the catalog rows of the price, as its text says (docs/method.md, sections 4.2 and 4.3)"
_BACKTEST = "counted by the backtest of the fit (docs/backtest.md); `advisor backtest` counts again"
_COST = "reckoned by the cost model month by month from the inputs named (docs/method.md, section 4)"
_TERMS = "the terms of this node spell the arithmetic"

_RULES: tuple[tuple[str, Kind, str], ...] = (
    (r"^(seed|draws)$", "given", "given with the question: `--seed`, `--draws`"),
    (r"^profile\.", "given", "your own input, or a default that `assumptions` names"),
    (r"^backtest\.", "measured", _BACKTEST),
    (r"^verdict\.confidence$", "reckoned", "1: nothing qualifies whatever is drawn, each candidate fails as it says"),
    (r"^verdict\.choice\.gpus$", "reckoned", "what is paid for at the start, see `cost.gpus_start` of the candidate"),
    (r"^verdict\.binding\.", "reckoned", "counted over the candidates, each by what its `infeasible_reason` names"),
    (r"^claims\b|^probes\b", "measured", ""),
    (r"\.gates\.", "given", "from the rule that the gate cites"),
    (r"(^|\.)deployment\.", "estimated", _CHOSEN),
    (r"\.operating_point\.other_families\.", "measured", ""),
    (r"\.operating_point\.response\.", "estimated", _RESPONSE),
    (r"\.operating_point\.|\.curve\.", "estimated", _ESTIMATED),
    (r"\.request_(input|output)_tokens$", "given", "mean of the lengths that the profile states"),
    (r"\.memory\.", "reckoned", _TERMS),
    (r"\.fleet\.", "reckoned", _TERMS),
    (r"\.cost\.(usd_per_month|usd_per_mtok_\w+|mean_usd_per_month)\b", "drawn", ""),
    (r"\.(p_cheapest|expected_regret_usd_per_month)$", "drawn", ""),
    (r"\bprice\.\w+$", "given", _PRICES),
    (r"\.hosted_api\.", "solved", _SOLVED),
    (r"\.stack_premium\.", "reckoned", _COST),
    (r"\.cost\.", "reckoned", _COST),
    (r"\.risks\.", "given", _REGISTER),
    (r"^decision\.leads\.", "drawn", ""),
    (r"^decision\.information\.(evpi_usd|evpi_throughput_usd)$", "drawn", ""),
    (r"^decision\.information\.probes\.(evsi_usd|changes_choice)$", "solved",
     "integrated over the throughput error of this candidate (docs/method.md, section 7, information)"),
    (r"^decision\.information\.probes\.price_usd$", "reckoned", ""),
    (r"^decision\.information\.plan\.decides_at_output_tps_per_gpu$", "solved", _SOLVED),
    (r"^decision\.information\.", "given", "lengths, errors and staffing of probes: decision defaults of the catalog"),
    (r"^decision\.waits\.p_saves$", "drawn", ""),
    (r"^decision\.negotiation\.(discount_\w+|lowest_seen_usd)$", "given", "seen in the catalog, as the page says"),
    (r"^decision\.(waits|split|tornado|break_evens|negotiation)\b", "solved", _SOLVED),
    (r"^decision\.appetite\.", "given", "by `risk_appetite`, from the decision defaults of the catalog"),
)  # fmt: skip


def origin_of(place: Place, tree: Recommendation, *, reckoned: bool) -> Origin | None:
    """The kind of a number, and where it does not follow from the tree, how to get it again; None where unknown."""
    if reckoned:
        return Origin("reckoned")
    if place.nearest(Quantity) is not None:
        return Origin("given")
    point = place.nearest(CurvePoint)
    if point is not None and point[0].kind == "measured":
        return Origin("measured", f"a measurement: catalog row {point[0].row_id}")
    path = re.sub(r"\[\d+\]", "", place.path)
    for pattern, kind, text in _RULES:
        if re.search(pattern, path):
            if kind == "drawn":
                again = f"; `{tree.command}` draws the same" if tree.command else ""
                text = f"drawn: {tree.draws:,} draws of the Monte Carlo, seed {tree.seed}{again}"
            return Origin(kind, text)
    return None
