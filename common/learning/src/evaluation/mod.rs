//! Honest evaluation: families of reposts, splits by time, metrics with intervals, calibration, the leakage gate.
