"""How good a candidate is: evaluation, calibration, leakage, fairness, the card."""
