"""The words of the report, for readers of another trade."""

from __future__ import annotations

from advisor.report.blocks import Block, Column, Heading, Table, inline, strong
from advisor.report.context import Context

WORDS = (
    ("TTFT", "Time to first token: how long a user waits before the answer begins."),
    ("TPOT", "Time per output token once the answer runs; 1/TPOT is the interactivity, tokens/s that one user sees."),
    ("ISL, OSL", "Input and output sequence length: tokens of a prompt, tokens of its answer."),
    ("Prefill, decode", "Reading the prompt, and writing the answer token by token; disaggregated serving gives each"
     " GPUs of its own."),
    ("KV cache", "What the model keeps in memory of each running request; it bounds how many run at once."),
    ("Concurrency", "Requests in flight at the same time, here per replica."),
    ("Replica", "The GPUs that together hold one copy of the model and answer requests."),
    ("TP, EP, PP, DP", "Ways to spread a replica over GPUs: each layer split (tensor), experts of a mixture of experts"
     " split (expert), layers in sequence (pipeline), attention in copies (data parallel). TP8 is a split over 8."),
    ("BF16, FP8, FP4", "Bits of a number, 16, 8 or 4: fewer take less memory, run faster, and cost accuracy."),
    ("SLO", "Service level objective: the latencies that the profile asks for, at a percentile of requests."),
    ("Spares", "Replicas above demand, so that the service level holds while others are being repaired."),
    ("Utilisation", "Tokens served over what the GPUs paid for can serve."),
    ("USD/Mtok", "Dollars per million tokens, at the real utilisation and not at full load."),
    ("Levelised", "As an even monthly payment of the same present value as the cash flow over the horizon."),
    ("P10, P50, P90", "A tenth of the draws lies below P10, half below P50 (the median), nine tenths below P90."),
    ("80 % interval", "Holds the true value about four times in five; the backtest measures that."),
    ("Evidence grade", "A: your own probe of this configuration. B: this accelerator, model and precision were"
     " measured. C: this accelerator was measured on others. D: physics only."),
)  # fmt: skip


def glossary(ctx: Context) -> list[Block]:
    """Terms in the order in which a reader meets them."""
    del ctx
    rows = tuple((inline(strong(word)), inline(meaning)) for word, meaning in WORDS)
    columns = (Column("Term", width=0.2), Column("Meaning", width=0.8))
    return [Heading(1, inline("Glossary"), "glossary"), Table("Terms", columns, rows, dense=True)]
