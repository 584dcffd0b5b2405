"""Attributes a small ReLU network's log-odds to its inputs: DeepLIFT's rescale rule, averaged over reference rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

ROWS_AT_ONCE = 8192
SAME = 1e-6  # inputs of a unit closer than this take the slope there instead of a quotient of differences

Matrix = NDArray[np.float32]


def network_contributions(
    weights: Sequence[NDArray[np.float64]], biases: Sequence[NDArray[np.float64]], x: Matrix, references: Matrix
) -> tuple[Matrix, float]:
    """Return contributions (n, m) of rows x (n, m) against the mean of `references` (k, m), and that mean's log-odds.

    Each unit's change from a reference is passed back to its inputs in proportion to theirs (Shrikumar et al. 2017);
    averaged over references this approximates Shapley values (Lundberg and Lee 2017, Deep SHAP) and adds up exactly to
    the row's log-odds less the mean. Every layer but the last is ReLU; the last has one output.
    """
    layers = [np.asarray(w, dtype=np.float32) for w in weights]
    shifts = [np.asarray(b, dtype=np.float32) for b in biases]
    base_inputs, base = _forward(layers, shifts, references)
    out = np.empty(x.shape, dtype=np.float32)
    # sum over references of (x - b) * (M_b W') = x * (sum M_b) W' - sum M_b (W * b)': products of small matrices only.
    against = np.concatenate([(layers[0] * b[:, None]).T for b in references]) if len(layers) > 1 else None
    for begin in range(0, len(x), ROWS_AT_ONCE):
        part = np.ascontiguousarray(x[begin : begin + ROWS_AT_ONCE], dtype=np.float32)
        if against is None:
            out[begin : begin + ROWS_AT_ONCE] = (part - references.mean(axis=0)) * layers[0][:, 0]
            continue
        inputs, _ = _forward(layers, shifts, part)
        slopes = np.concatenate(
            [_slopes(layers, inputs, [z[r] for z in base_inputs]) for r in range(len(references))], axis=1
        )
        total = slopes.reshape(len(part), len(references), -1).sum(axis=1)
        out[begin : begin + ROWS_AT_ONCE] = (part * (total @ layers[0].T) - slopes @ against) / len(references)
    return out, float(base.mean())


def _forward(layers: Sequence[Matrix], shifts: Sequence[Matrix], x: Matrix) -> tuple[list[Matrix], Matrix]:
    """Return what goes into each hidden layer's ReLU, and the output (n,)."""
    inputs: list[Matrix] = []
    flow = x
    for w, b in zip(layers[:-1], shifts[:-1], strict=True):
        inputs.append(flow @ w + b)
        flow = np.maximum(inputs[-1], 0)
    return inputs, (flow @ layers[-1] + shifts[-1])[:, 0]


def _slopes(layers: Sequence[Matrix], inputs: Sequence[Matrix], base: Sequence[Matrix]) -> Matrix:
    """Return how much the output moves per unit of the first layer's change from one reference, (n, first width)."""
    slope: Matrix = np.broadcast_to(layers[-1][:, 0], inputs[-1].shape)
    for level in range(len(inputs) - 1, -1, -1):
        z, z_base = inputs[level], base[level]
        change = z - z_base
        is_same = np.abs(change) < SAME
        ratio = (np.maximum(z, 0) - np.maximum(z_base, 0)) / np.where(is_same, np.float32(1), change)
        slope = slope * np.where(is_same, (z > 0).astype(np.float32), ratio)
        if level:
            slope = slope @ layers[level].T
    return slope
