"""The throughput estimator: physics, fitted efficiencies, local correction, honest intervals."""

from advisor.engine.estimator.calibration import calibrate
from advisor.engine.estimator.curves import Memo
from advisor.engine.estimator.estimator import Estimator
from advisor.engine.estimator.fit import Fit, fit_from_text
from advisor.engine.estimator.points import INPUT_COLUMNS, RESULT_COLUMNS, estimate_rows

__all__ = ["INPUT_COLUMNS", "RESULT_COLUMNS", "Estimator", "Fit", "Memo", "calibrate", "estimate_rows", "fit_from_text"]
