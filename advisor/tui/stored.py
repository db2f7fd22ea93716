"""The backtest: the one stored beside the fit, or a new one on the present evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from advisor.domain.backtest import BacktestResult
    from advisor.workbench import Workbench

FILE = "backtest.json"


def stored_backtest(bench: Workbench) -> BacktestResult | None:
    """The stored result, or None where there is none that can be read."""
    from pydantic import ValidationError

    from advisor.domain.backtest import BacktestResult

    for layer in reversed(bench.catalog.layers):
        path = layer.root / "fit" / FILE
        if path.is_file():
            try:
                return BacktestResult.model_validate_json(path.read_bytes())
            except (OSError, ValidationError):
                continue
    return None
