"""Claims about parts: memory, bandwidth, peaks, power, dates, formats, export class; and about models."""

from __future__ import annotations

import re
from datetime import date

from advisor.catalog import Catalog
from advisor.domain.claim_check import ClaimVerdict
from advisor.domain.hardware import Accelerator
from advisor.domain.model import ModelSpec
from advisor.domain.text import percent
from advisor.engine.claims.base import CHECKS, Context, Outcome, agree_rule, judge, near, numbers, worst

EXACT = 0.01
LLAMA_70B, LLAMA_405B, LLAMA_8B = "llama3.3-70b", "llama3.1-405b", "llama3.1-8b"


def _part(catalog: Catalog, id_: str) -> Accelerator:
    return catalog.accelerators[id_]


def _compare(context: Context, pairs: list[tuple[str, float, float, str]], note: str = "") -> Outcome:
    """Hold one or more published figures against the catalog's: (part, claimed, ours, unit)."""
    verdicts = [judge(claimed, ours, EXACT) for _, claimed, ours, _ in pairs]
    parts = [_part(context.catalog, part) for part, _, _, _ in pairs]
    return Outcome(
        worst(verdicts),
        " / ".join(f"{ours:g} {unit}" for _, _, ours, unit in pairs),
        "; ".join(
            f"{part.upper()}: claimed {claimed:g}, catalog {ours:g} {unit} ({claimed / ours:.2f})"
            for part, claimed, ours, unit in pairs
        ),
        note or "specification in the catalog",
        agree_rule(EXACT),
        pairs[0][2],
        row_ids=tuple(f"accelerators/{p.id}.toml" for p in parts),
        source_ids=tuple(dict.fromkeys(p.provenance.source_id for p in parts)),
    )


@CHECKS.for_claims("B01")
def _memory_mi300x(context: Context) -> Outcome:
    claimed = numbers(context.claim.claimed)[0]
    ours = _part(context.catalog, "mi300x").memory_gb_marketed
    h100 = _part(context.catalog, "h100").memory_gb_marketed
    note = f"over the H100 that is {ours:g} / {h100:g} = {ours / h100:.1f} times, not 1.5 as the text says"
    return _compare(context, [("mi300x", claimed, ours, "GB")], note)


@CHECKS.for_claims("B03")
def _fp8_mi300x(context: Context) -> Outcome:
    claimed, ours = numbers(context.claim.claimed)[0], _part(context.catalog, "mi300x").dense_tflops["fp8"]
    note = f"dense peak of the datasheet; the claimed figure is {percent(claimed / ours)} of it and no specification"
    return _compare(context, [("mi300x", claimed, ours, "TFLOPS")], note)


@CHECKS.for_claims("B04")
def _fp8_h100(context: Context) -> Outcome:
    claimed, ours = numbers(context.claim.claimed)[0], _part(context.catalog, "h100").dense_tflops["fp8"]
    sparse = near(claimed, 2 * ours, EXACT)
    note = "the claimed figure is twice the dense peak: with 2:4 sparsity" if sparse else "dense peak of the datasheet"
    return _compare(context, [("h100", claimed, ours, "TFLOPS")], note)


@CHECKS.for_claims("B06")
def _bandwidth_mi325x(context: Context) -> Outcome:
    claimed, ours = numbers(context.claim.claimed)[0], _part(context.catalog, "mi325x").bandwidth_gbps / 1000
    other = _part(context.catalog, "mi300x").bandwidth_gbps / 1000
    note = f"the MI300X has {other:g} TB/s" if near(claimed, other, EXACT) else ""
    return _compare(context, [("mi325x", claimed, ours, "TB/s")], note)


@CHECKS.for_claims("C02")
def _bandwidth_pair(context: Context) -> Outcome:
    first, second = numbers(context.claim.claimed)[:2]
    a, b = (_part(context.catalog, p).bandwidth_gbps / 1000 for p in ("mi355x", "b200"))
    return _compare(context, [("mi355x", first, a, "TB/s"), ("b200", second, b, "TB/s")])


@CHECKS.for_claims("C01")
def _memory_pair(context: Context) -> Outcome:
    first, second = numbers(context.claim.claimed)[:2]
    a, b = (_part(context.catalog, p).memory_gb_marketed for p in ("mi355x", "b200"))
    usable = _part(context.catalog, "b200").memory_bytes / 1e9
    outcome = _compare(context, [("mi355x", first, a, "GB"), ("b200", second, b, "GB")])
    full = near(second, usable, EXACT)
    note = f"the B200 carries {usable:.0f}e9 bytes and is sold as {b:g} GB in HGX form; the program counts bytes"
    formula = f"{outcome.formula}; carried by the B200 {usable:.1f}e9 bytes ({second / usable:.2f})"
    rule = f"{outcome.rule}; for the B200 the bytes that it carries are as good a figure"
    return Outcome(
        "confirmed" if near(first, a, EXACT) and full else outcome.verdict,
        outcome.ours, formula, note, rule, outcome.value, True, outcome.row_ids, outcome.source_ids,
    )  # fmt: skip


@CHECKS.for_claims("B14")
def _power(context: Context) -> Outcome:
    first, second = numbers(context.claim.claimed)[:2]
    a, b = (_part(context.catalog, p).tdp_w for p in ("mi325x", "h200"))
    mi300x = _part(context.catalog, "mi300x").tdp_w
    note = f"{first:g} W is the MI300X" if near(first, mi300x, EXACT) else ""
    return _compare(context, [("mi325x", first, a, "W"), ("h200", second, b, "W")], note)


@CHECKS.for_claims("D04")
def _fp4(context: Context) -> Outcome:
    claimed, ours = numbers(context.claim.claimed)[0], _part(context.catalog, "mi355x").dense_tflops["fp4"] / 1000
    b200 = _part(context.catalog, "b200").dense_tflops["fp4"] / 1000
    note = f"dense; the B200 has {b200:g} PFLOPS dense, so dense against dense it is {ours / b200:.2f} times"
    return _compare(context, [("mi355x", claimed, ours, "PFLOPS")], note)


@CHECKS.for_claims("B07")
def _shipping(context: Context) -> Outcome:
    part = _part(context.catalog, "mi325x")
    claimed, ours = _month(context.claim.claimed), _month(part.release)
    verdict: ClaimVerdict = "confirmed" if claimed >= ours else "contradicted"
    return Outcome(
        verdict,
        part.release,
        f"claimed {claimed.isoformat()[:7]}, released {part.release}",
        f"the {part.name} was released in {part.release}",
        "contradicted where the claimed month lies before the release",
        row_ids=(f"accelerators/{part.id}.toml",),
        source_ids=(part.provenance.source_id,),
    )


def _month(text: str) -> date:
    year, month = text.split("-")[:2]
    return date(int(year), int(month), 1)


@CHECKS.for_claims("B09")
def _fp4_support(context: Context) -> Outcome:
    old = [p for p in ("mi300x", "mi325x") if "fp4" in _part(context.catalog, p).dense_tflops]
    new = [p for p in ("mi350x", "mi355x") if "fp4" in _part(context.catalog, p).dense_tflops]
    right = not old and len(new) == 2
    return Outcome(
        "confirmed" if right else "contradicted",
        "no FP4 peak for MI300X and MI325X, one for MI350X and MI355X",
        f"parts with a native FP4 peak: of the MI300 family {len(old)}, of the MI350 series {len(new)}",
        "native formats in the accelerator catalog",
        "confirmed where no part of the family has a native FP4 peak and the MI350 series has",
        row_ids=tuple(f"accelerators/{p}.toml" for p in ("mi300x", "mi325x", "mi350x", "mi355x")),
        source_ids=(_part(context.catalog, "mi300x").provenance.source_id,),
    )


@CHECKS.for_claims("B23")
def _export_class(context: Context) -> Outcome:
    part = _part(context.catalog, "mi300x")
    bits = {"fp16": 16, "bf16": 16, "fp8": 8, "int8": 8, "fp6": 6, "fp4": 4}
    tpp, form = max((part.dense_tflops[f] * bits[f], f) for f in part.dense_tflops if f in bits)
    limits = [t for t in context.catalog.export.thresholds if t.kind == "control" and t.tpp_min and t.pd_min is None]
    limit = min((t.tpp_min for t in limits if t.tpp_min), default=4800.0)
    return Outcome(
        "contradicted" if tpp >= limit else "confirmed",
        f"TPP {tpp:,.0f}",
        f"{part.dense_tflops[form]:,.1f} TFLOPS ({form}) x {bits[form]} bit = {tpp:,.0f}, against {limit:,.0f}",
        "total processing performance from the dense peaks of the catalog",
        "contradicted where the part reaches the lowest limit of a control",
        tpp,
        row_ids=(f"accelerators/{part.id}.toml", *(t.id for t in limits[:1])),
        source_ids=(part.provenance.source_id,),
    )


# models


def weights_gb(model: ModelSpec, bits: float) -> float:
    """Weights with embeddings kept at 16 bit [1e9 bytes]."""
    kept = model.embedding_params
    return ((model.params_total - kept) * bits / 8 + kept * 2) / 1e9


@CHECKS.for_claims("A06")
def _llama3(context: Context) -> Outcome:
    models = [context.catalog.models[m] for m in (LLAMA_8B, LLAMA_70B) if m in context.catalog.models]
    claimed = next(v for v in numbers(context.claim.claimed) if v > 1000)
    gqa = all(m.kv_heads < m.heads for m in models)
    vocab = models[0].vocab
    right = gqa and near(claimed, vocab, EXACT)
    return Outcome(
        "confirmed" if right else "contradicted",
        f"vocabulary {vocab:,}, {'GQA' if gqa else 'no GQA'}",
        "; ".join(f"{m.id}: {m.kv_heads} KV heads for {m.heads} heads" for m in models)
        + f"; {claimed:,.0f} against {vocab:,}",
        "model catalog; the number of training tokens is no part of it and was not checked",
        agree_rule(EXACT),
        float(vocab),
        row_ids=tuple(f"models:{m.id}" for m in models),
        source_ids=tuple(dict.fromkeys(m.provenance.source_id for m in models)),
    )


@CHECKS.for_claims("C08")
def _fits_one(context: Context) -> Outcome:
    model = context.catalog.models[LLAMA_405B]
    fp4, fp8 = weights_gb(model, 4), weights_gb(model, 8)
    roomy = max(context.catalog.accelerators.values(), key=lambda a: (a.memory_bytes, a.id))
    memory = roomy.memory_bytes / 1e9
    fits = fp4 < 0.9 * memory
    return Outcome(
        "contradicted" if fits else "confirmed",
        f"{fp4:.0f} GB at FP4 on {memory:.0f} GB",
        f"weights {fp4:.0f} GB at FP4, {fp8:.0f} GB at FP8, against 0.9 x {memory:.0f} GB of {roomy.name}",
        f"FP4 fits one part of {memory:.0f} GB with {0.9 * memory - fp4:.0f} GB left for the KV cache; FP8 does not",
        "contradicted where the weights at FP4 fit nine tenths of the largest memory",
        fp4,
        row_ids=(f"models:{model.id}", f"accelerators/{roomy.id}.toml"),
        source_ids=(model.provenance.source_id, roomy.provenance.source_id),
    )


@CHECKS.for_claims("E02")
def _fp8_weights(context: Context) -> Outcome:
    model = context.catalog.models[LLAMA_70B]
    claimed, ours = numbers(context.claim.claimed)[0], weights_gb(model, 8)
    bf16_gib = model.params_total * 2 / 2**30
    note = f"BF16 takes {bf16_gib:.0f} GiB: the figure is the checkpoint before it is quantised"
    return Outcome(
        judge(claimed, ours, 0.1), f"{ours:.0f} GB", f"{model.params_total / 1e9:.1f}e9 parameters at 8 bit, embeddings"
        f" at 16: {ours:.0f} GB; claimed {claimed:g}", note if near(claimed, bf16_gib, 0.02) else "model catalog",
        agree_rule(0.1), ours, row_ids=(f"models:{model.id}",), source_ids=(model.provenance.source_id,),
    )  # fmt: skip


@CHECKS.for_claims("E03")
def _context_length(context: Context) -> Outcome:
    limit, needed = numbers(context.claim.conditions)[:2]
    holds = needed > limit
    return Outcome(
        "confirmed" if holds else "contradicted",
        f"{needed:,.0f} < {limit:,.0f}" if not holds else f"{needed:,.0f} > {limit:,.0f}",
        f"20000 + 2000 = {needed:,.0f} tokens, limit {limit:,.0f}",
        "the request fits the stated context, so the stated cause cannot be why it failed" if not holds else "",
        "contradicted where the tokens needed fit the limit that is named as the cause",
        needed,
    )


@CHECKS.for_claims("B22")
def _concurrency(context: Context) -> Outcome:
    """KV room of one GPU after FP8 weights, at the same context."""
    claimed = numbers(context.claim.claimed)[0]
    model = context.catalog.models[LLAMA_70B]
    a, b = (_part(context.catalog, p) for p in ("mi300x", "h200"))
    weights = weights_gb(model, 8)
    room = [0.9 * p.memory_bytes / 1e9 - weights for p in (a, b)]
    ours = room[0] / room[1]
    return Outcome(
        judge(claimed, ours, 0.25), f"{ours:.2f} x",
        f"(0.9 x {a.memory_bytes / 1e9:.0f} - {weights:.0f}) / (0.9 x {b.memory_bytes / 1e9:.0f} - {weights:.0f}) ="
        f" {room[0]:.0f} / {room[1]:.0f} = {ours:.2f}",
        "room for the KV cache of one GPU after FP8 weights; at BF16 the weights leave next to none on the H200",
        agree_rule(0.25), ours, row_ids=(f"accelerators/{a.id}.toml", f"accelerators/{b.id}.toml"),
        source_ids=(a.provenance.source_id, b.provenance.source_id),
    )  # fmt: skip


@CHECKS.for_claims("E07")
def _shapes(context: Context) -> Outcome:
    model = context.catalog.models[LLAMA_70B]
    pairs = re.findall(r"(\d+)\s*/\s*(\d+)", f"{context.claim.metric} {context.claim.claimed}")
    longest = max(int(a) + int(b) for a, b in pairs)
    fits = longest <= model.max_context
    return Outcome(
        "confirmed" if fits else "contradicted", f"{len(pairs)} shapes up to {longest:,} tokens",
        f"{len(pairs)} shapes, longest {longest:,} tokens, context of the model {model.max_context:,}",
        "a test matrix, not a result: every shape can be run; it is the nine-shape preset of `advisor probe`",
        "confirmed where every shape fits the model's context", float(longest),
        row_ids=(f"models:{model.id}",), source_ids=(model.provenance.source_id,),
    )  # fmt: skip


@CHECKS.for_claims("E01", "E04")
def _single_stream(context: Context) -> Outcome:
    """A stream of one reads all weights for each token: bandwidth over weights bounds it."""
    id_ = "mi300x" if "MI300X" in context.claim.subject else "h100"
    part, model = _part(context.catalog, id_), context.catalog.models[LLAMA_70B]
    claimed = numbers(context.claim.claimed)[0]
    bound = part.bandwidth_gbps / weights_gb(model, 8)
    rows = [
        r for r in context.catalog.measurements
        if r.accelerator == id_ and r.model == "llama70b" and r.precision == "fp8" and r.tp in (1, 2) and r.tpot_p50_s
        and r.concurrency <= 4
    ]  # fmt: skip
    nearest = min(rows, key=lambda r: (r.tp, r.concurrency, r.tpot_p50_s or 1.0, r.row_id), default=None)
    source = (part.provenance.source_id, *((nearest.source_id,) if nearest else ()))
    weights = weights_gb(model, 8)
    bound_text = f"{part.bandwidth_gbps:,.0f} GB/s / {weights:.0f} GB = {bound:.0f} tok/s at most on one GPU"
    if nearest is None or nearest.tpot_p50_s is None:
        return Outcome("unverifiable", "none", bound_text, "no measurement near it", "needs a measurement", bound)
    seen = 1 / nearest.tpot_p50_s
    if nearest.tp == 1:
        fits = seen * 0.6 <= claimed <= bound
        verdict: ClaimVerdict = "confirmed" if fits else "contradicted"
        rule = "confirmed between 0.6 times the measured rate at 4 in flight, and the bound"
    else:
        verdict, rule = "unverifiable", "GPUs are not stated, and one GPU is not measured"
    return Outcome(
        verdict, f"{seen:.0f} tok/s per user measured at {nearest.concurrency} in flight, TP{nearest.tp}",
        f"{bound_text}; measured 1 / {nearest.tpot_p50_s:.4f} s = {seen:.0f} ({nearest.isl}/{nearest.osl})",
        "no measurement at one in flight is in the catalog; the nearest stands in", rule, seen,
        row_ids=(nearest.row_id,), source_ids=source,
    )  # fmt: skip
