"""Leave evidence out, predict it, and say how far off it was."""

from advisor.engine.backtest.run import calibrate_and_backtest, run_backtest
from advisor.engine.backtest.text import backtest_text

__all__ = ["backtest_text", "calibrate_and_backtest", "run_backtest"]
