"""How often the estimator has been right: the result of leaving evidence out and predicting it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from advisor.domain.provenance import Frozen
from advisor.domain.recommendation import BacktestSummary
from advisor.domain.text import percent

SURE_CALLS = "aggregated serving, the 80 % interval of the cost ratio clear of 1"
"""Label of the decision score over comparisons whose winner the estimator is sure of by its own account."""
ANOTHER_DAY = "yardstick, a run of another day in place of every prediction"
SAME_SOFTWARE = "yardstick, a second run of the same software in place of every prediction"
"""Labels of the decision scores of second measurements."""
SCHEME_WORDS = {
    "point": "one point",
    "run": "one of its runs",
    "shape": "a shape on one part",
    "model_shape": "a shape on all parts",
    "pair": "a part with a model",
    "accelerator": "a whole part",
    "future": "the future",
}
"""What each leave-out scheme leaves out, in words for a narrow column."""


class Score(Frozen):
    """Errors of one metric in one leave-out scheme over one slice of the evidence."""

    scheme: str = Field(description="What was left out: run, point, shape, model_shape, pair, accelerator, future.")
    metric: str = Field(description="tpot_p50_s, ttft_p50_s or total_tps_per_gpu.")
    slice: str = Field(description="all, or trait=value, e.g. accelerator=mi355x, grade=B.")
    n: int = Field(description="Measurements predicted.")
    median_ape: float = Field(description="Median absolute error over the measurement.")
    mean_ape: float = Field(description="Mean absolute error over the measurement.")
    bias: float = Field(description="Median of prediction over measurement, minus 1.")
    coverage: float = Field(description="Share of measurements inside the 80 % interval.")


class DecisionCase(Frozen):
    """One left-out comparison of accelerators."""

    model: str = Field(description="Model as measured.")
    precision: str = Field(description="Weight precision.")
    shape: str = Field(description="ISL/OSL.")
    interactivity_tps: float = Field(description="Level [tokens/s per user].")
    chosen: str = Field(description="Accelerator with the lowest predicted cost.")
    best: str = Field(description="Accelerator with the lowest measured cost.")
    regret: float = Field(description="Measured cost of the chosen over the best, minus 1.")
    too_close: bool = Field(description="The two cheapest lie within the error of their ratio.")
    right: bool = Field(description="Right winner, or too close and within 10 % as measured.")


class DecisionScore(Frozen):
    """How the ranking by USD per million tokens holds up when a model and shape are left out."""

    label: str = Field(description="Which comparisons.")
    n: int = Field(description="Comparisons.")
    right_share: float = Field(description="Share with the right winner, see DecisionCase.right.")
    mean_regret: float = Field(description="Mean of regret.")
    worst_regret: float = Field(description="Largest regret.")
    too_close_share: float = Field(description="Share called too close.")
    worst: tuple[DecisionCase, ...] = Field(description="The comparisons with the largest regret.")


class TargetLine(Frozen):
    """A figure that the estimator is held to."""

    name: str = Field(description="What is asked.")
    asked: float = Field(description="Limit.")
    reached: float = Field(description="Figure reached.")
    met: bool = Field(description="Whether it holds.")


class BacktestResult(Frozen):
    """The backtest as stored beside the fit and quoted by reports."""

    fingerprint: str = Field(description="Of the evidence and the form of the model.")
    measurements: int = Field(description="Independent measurements that were left out in turn.")
    scores: tuple[Score, ...] = Field(description="By scheme, metric and slice.")
    decisions: tuple[DecisionScore, ...] = Field(description="Decision scores.")
    targets: tuple[TargetLine, ...] = Field(description="Figures held against what is asked.")
    prices_usd_per_gpu_hour: dict[str, float] = Field(description="Prices of the decision score.")
    notes: tuple[str, ...] = Field(description="How it was done and what it does not show.")

    def score(self, scheme: str, metric: str, part: str = "all") -> Score | None:
        """One score, or None where there is none."""
        return next((s for s in self.scores if (s.scheme, s.metric, s.slice) == (scheme, metric, part)), None)


def summary_of(stored: Mapping[str, Any]) -> BacktestSummary | None:
    """How often advice of this kind has been right, in short; None where no decisions were compared.

    Parameters
    ----------
    stored
        A BacktestResult as read from its file: the few figures wanted do not pay for validating it all.
    """
    if not stored.get("decisions"):
        return None
    score = stored["decisions"][0]
    by_label = {d["label"]: d for d in stored["decisions"]}
    text = (
        f"Backtest: with model and shape left out, this ranking named the right accelerator in"
        f" {percent(score['right_share'])} of {score['n']} comparisons; following it cost"
        f" {percent(score['mean_regret'], 1)} more than the best on average, {percent(score['worst_regret'])} at worst."
    )
    if again := by_label.get(SAME_SOFTWARE):
        text += f" Second measurements of the same software would have named it in {percent(again['right_share'])}."
    if sure := by_label.get(SURE_CALLS):
        text += (
            f" Where its 80 % interval of the two costs' ratio left no doubt ({sure['n']} of them), it was right in"
            f" {percent(sure['right_share'])}."
        )
    return BacktestSummary(
        right_winner_share=score["right_share"],
        mean_regret=score["mean_regret"],
        worst_regret=score["worst_regret"],
        decisions=score["n"],
        text=text,
        fingerprint=stored["fingerprint"],
    )
