"""The backtest as plain text."""

from __future__ import annotations

from advisor.domain.backtest import SCHEME_WORDS, BacktestResult


def backtest_text(result: BacktestResult) -> str:
    """Scores, decision scores and targets as a page of text."""
    lines = [f"Backtest on {result.measurements} measurements ({result.fingerprint[:12]})", ""]
    header = f"{'left out':22} {'metric':18} {'slice':34} {'n':>6} {'median':>7} {'mean':>7} {'bias':>7} {'in 80%':>7}"
    lines += [header, "-" * len(header)]
    for s in result.scores:
        if s.slice.startswith("class="):
            continue
        lines.append(
            f"{SCHEME_WORDS.get(s.scheme, s.scheme):22} {s.metric:18} {s.slice:34} {s.n:6d} {s.median_ape:7.1%}"
            f" {s.mean_ape:7.1%} {s.bias:+7.1%} {s.coverage:7.0%}"
        )
    lines += [
        "",
        "Decisions: cheapest accelerator by USD per million tokens at an interactivity, model and shape left out",
    ]
    for d in result.decisions:
        lines.append(
            f"  {d.label}: right in {d.right_share:.0%} of {d.n}, mean regret {d.mean_regret:.1%},"
            f" worst {d.worst_regret:.0%}, too close to call {d.too_close_share:.0%}"
        )
        lines += [
            f"    worst: {c.model} {c.precision} {c.shape} at {c.interactivity_tps:g} tok/s/user:"
            f" chose {c.chosen}, best {c.best}, regret {c.regret:.0%}"
            for c in d.worst[:3]
            if c.regret > 0
        ]
    lines += ["", "Targets"]
    lines += [
        f"  {'met ' if t.met else 'MISS'} {t.name}: {t.reached:.1%} (asked {t.asked:.1%})" for t in result.targets
    ]
    lines += ["", *result.notes]
    return "\n".join(lines) + "\n"
