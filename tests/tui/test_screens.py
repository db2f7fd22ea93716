"""A picture in text of every screen at three sizes; `--snapshot-update` takes them anew."""

from __future__ import annotations

from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from textual.pilot import Pilot
from textual.widgets import Input

from advisor.domain.backtest import BacktestResult, DecisionScore, Score, TargetLine
from advisor.domain.claim_check import ClaimCheck, ClaimVerdict
from advisor.tui.actions import PANES
from advisor.tui.app import AdvisorApp
from advisor.tui.comparing import Entry
from advisor.tui.widgets.chips import Chips
from tests.tui.conftest import SIZES, opened, settled, still_text
from tests.tui.frozen import frozen_answer


def claim(number: int, verdict: ClaimVerdict) -> ClaimCheck:
    return ClaimCheck(
        id=f"A{number:02}", subject="MI355X vs B200", metric="tokens per dollar", claimed="+40", unit="%",
        conditions="Llama 3.1 405B, FP4", source_id="an-article", verdict=verdict, ours="-46 %", formula="0.44 / 0.82",
        evidence="12 measurements", rule="confirmed within 15 % of our figure", computed=verdict != "unverifiable",
    )  # fmt: skip


BACKTEST = BacktestResult(
    fingerprint="f" * 64,
    measurements=6932,
    scores=tuple(
        Score(
            scheme=s, metric=m, slice="all", n=1000, median_ape=0.03 * i, mean_ape=0.05 * i, bias=0.001, coverage=0.81
        )
        for i, s in enumerate(("point", "shape", "future"), 1)
        for m in ("tpot_p50_s", "total_tps_per_gpu")
    ),
    decisions=(
        DecisionScore(
            label="aggregated serving",
            n=178,
            right_share=0.76,
            mean_regret=0.048,
            worst_regret=1.21,
            too_close_share=0.1,
            worst=(),
        ),
    ),
    targets=(TargetLine(name="point, TPOT, median error", asked=0.03, reached=0.0254, met=True),),
    prices_usd_per_gpu_hour={"b200": 4.25},
    notes=("Each row was left out in turn.",),
)


async def prepare(app: AdvisorApp, pane: str, pilot: Pilot[None]) -> None:
    """Fill what would come from a slow computation or from this machine, and wait for what comes from a thread."""
    if pane == "curves":
        await settled(pilot, lambda: bool(app.query_one(Chips).groups) and not app.query_one(Chips).note)
    elif pane == "claims":
        verdicts: tuple[ClaimVerdict, ...] = (
            "confirmed",
            "contradicted",
            "outdated",
            "arithmetic error",
            "unverifiable",
        )
        app.pane._bench = app.pane.bench  # type: ignore[attr-defined]
        app.pane._checked(tuple(claim(i, v) for i, v in enumerate(verdicts)), "")  # type: ignore[attr-defined]
    elif pane == "backtest":
        app.pane.result = BACKTEST  # type: ignore[attr-defined]
        app.pane._show()  # type: ignore[attr-defined]
    elif pane == "compare":
        kept = frozen_answer()
        shorter = kept.profile.procurement.model_copy(update={"horizon_months": 12})
        other = kept.model_copy(update={"profile": kept.profile.model_copy(update={"procurement": shorter})})
        app.pane.added[:] = [Entry("last quarter", other)]  # type: ignore[attr-defined]
        app.pane._show()  # type: ignore[attr-defined]
    elif pane == "export":
        app.pane._preview += 1  # type: ignore[attr-defined]
        app.query_one("#export-path", Input).value = "/home/me/renewal-100-gpus.pdf"
        app.query_one("#export-text").update("the preview")  # type: ignore[attr-defined]
    elif pane == "probe":
        # the form follows the first answer that it hears of
        await settled(pilot, lambda: bool(app.pane._suggested_for))  # type: ignore[attr-defined]
        app.pane.setup = app.pane.setup.__class__(  # type: ignore[attr-defined]
            url="http://127.0.0.1:8000", accelerator="b300", gpus=8, usd_per_gpu_hour=7.89, concurrency="1,16,64"
        )
        app.pane._fill()  # type: ignore[attr-defined]
        app.pane._redraw()  # type: ignore[attr-defined]


@pytest.mark.parametrize("size", SIZES, ids=lambda s: f"{s[0]}x{s[1]}")
async def test_screens(
    app: AdvisorApp, size: tuple[int, int], snapshot: SnapshotAssertion, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("advisor.tui.screens.claims.ClaimsPane.draw", lambda self, sight: None)
    monkeypatch.setattr("advisor.tui.screens.export.ExportPane._show_preview", lambda self, answer: None)
    async with app.run_test(size=size) as pilot:
        await opened(pilot)
        for pane in PANES:
            await app.go(pane.id)
            await prepare(app, pane.id, pilot)
            text = await still_text(pilot)
            assert max(len(line) for line in text.splitlines()) <= size[0]
            assert text == snapshot(name=f"{pane.id} {size[0]}x{size[1]}")


async def test_windows(app: AdvisorApp, snapshot: SnapshotAssertion) -> None:
    async with app.run_test(size=(100, 32)) as pilot:
        await opened(pilot, show="verdict")
        steps = {"help": ["f1"], "go to": ["f2"], "explain": ["right", "right", "right", "e"], "candidate": ["d"]}
        for name, keys in steps.items():
            await still_text(pilot)  # what lies behind a window is laid out only while none covers it
            await pilot.press(*keys)
            assert await still_text(pilot) == snapshot(name=name)
            await pilot.press("escape")


async def test_empty_screens_say_what_to_do(app: AdvisorApp, snapshot: SnapshotAssertion) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        for pane in PANES:
            if pane.id in ("profiles", "evidence", "catalog", "claims", "backtest", "probe"):
                continue
            await app.go(pane.id)
            assert await still_text(pilot) == snapshot(name=f"empty {pane.id}")
