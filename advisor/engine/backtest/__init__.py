"""Leave evidence out, predict it, and say how far off it was."""

from advisor.engine.backtest.prices import on_demand_prices
from advisor.engine.backtest.run import calibrate_and_backtest, run_backtest
from advisor.engine.backtest.text import backtest_summary, backtest_text

__all__ = ["backtest_summary", "backtest_text", "calibrate_and_backtest", "on_demand_prices", "run_backtest"]
