"""Runs rows through an ensemble's edges: compiled arithmetic, many rows side by side, one thread per stretch of rows."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from churn.modeling.reasons.paths import ShapPaths

ROWS_AT_ONCE = 1024  # measured: smaller blocks spend more on starting loops, larger ones gain nothing


Function = TypeVar("Function", bound=Callable[..., Any])
_waiting: Final[list[Callable[..., Any]]] = []
_lock = threading.Lock()


def compiled(function: Function) -> Function:
    """Mark a function of this kind of arithmetic: `compile_marked` puts its machine code in its place."""
    _waiting.append(function)
    return function


def compile_marked() -> None:
    """Compile the marked functions, the first time: loading numba takes longer than most commands.

    They do without the interpreter's lock, and their machine code stays on disk where a folder for it can be written.
    """
    if not _waiting:
        return
    import numba

    with _lock:
        for function in _waiting:
            try:
                machine_code = numba.njit(nogil=True, cache=True)(function)
            except RuntimeError:  # numba found no writable cache folder (a read-only container)
                machine_code = numba.njit(nogil=True)(function)
            function.__globals__[function.__name__] = machine_code
        _waiting.clear()  # last: until then other threads wait for the lock


@compiled
def _hold(value: Any, limit: Any, is_left: Any, takes_missing: Any, before: Any, now: Any) -> None:
    """Set `now` to whether rows pass this edge, having passed the feature's edges `before`; NaN fails a comparison."""
    if is_left and takes_missing:
        for r in range(value.size):
            now[r] = before[r] & ~(value[r] >= limit)
    elif is_left:
        for r in range(value.size):
            now[r] = before[r] & (value[r] < limit)
    elif takes_missing:
        for r in range(value.size):
            now[r] = before[r] & ~(value[r] < limit)
    else:
        for r in range(value.size):
            now[r] = before[r] & (value[r] >= limit)


@compiled
def _hold_set(value: Any, table: Any, is_left: Any, takes_missing: Any, before: Any, now: Any) -> None:
    """Do the same at a split by category: those that `table` holds go right, all others left."""
    for r in range(value.size):
        if np.isnan(value[r]):
            now[r] = before[r] & takes_missing
        else:
            code = int(value[r])
            now[r] = before[r] & ((0 <= code < table.size and table[code]) != is_left)


@compiled
def _go_down(now: Any, before: Any, factor: Any, above: Any, here: Any, below: Any) -> None:
    """Carry the product over an inner edge, and begin its sum."""
    fails, passes, failed = factor
    for r in range(now.size):
        n, b = now[r], before[r]
        here[r] = above[r] * (passes if n else (fails if b else failed))
        below[r] = 0


@compiled
def _reach_leaf(now: Any, before: Any, factor: Any, coefficient: Any, above: Any, total: Any, gain: Any) -> None:
    """Add a leaf's product to the sum above it and to its last feature."""
    fails, passes, failed = factor
    c_fails, c_passes, c_failed = coefficient
    for r in range(now.size):
        n, b = now[r], before[r]
        p = above[r] * (passes if n else (fails if b else failed))
        total[r] += p
        gain[r] += p * (c_passes if n else (c_fails if b else c_failed))


@compiled
def _go_up(now: Any, before: Any, coefficient: Any, below: Any, total: Any, gain: Any) -> None:
    """Add a finished edge's sum to the one above it and to its feature."""
    c_fails, c_passes, c_failed = coefficient
    for r in range(now.size):
        n, b, p = now[r], before[r], below[r]
        total[r] += p
        gain[r] += p * (c_passes if n else (c_fails if b else c_failed))


@compiled
def _three(numbers: Any, at: int, nodes: int) -> Any:
    """Return the three cases' numbers of one edge and quadrature node."""
    return numbers[at], numbers[at + nodes], numbers[at + 2 * nodes]


@compiled
def _accumulate(  # noqa: C901, PLR0912, PLR0917 - compiled code takes plain arrays, and the walk is one thought
    x: Any, out: Any, first: int, last: int, rows_at_once: int, deepest: int, most_nodes: int,
    columns: Any, tree_start: Any, tree_nodes: Any, depth: Any, column: Any, output: Any, threshold: Any, is_left: Any,
    takes_missing: Any, set_start: Any, set_size: Any, sets: Any, earlier: Any, is_leaf: Any, finished: Any,
    numbers_start: Any, factor: Any, coefficient: Any,
) -> None:  # fmt: skip
    """Write the contributions of rows `first`..`last` to `out`; see shap_paths for what is computed."""
    outputs = out.shape[1]
    for begin in range(first, last, rows_at_once):
        rows = min(rows_at_once, last - begin)
        values = np.empty((columns.size, rows), dtype=np.float32)
        gains = np.zeros((outputs, rows), dtype=np.float32)
        holds = np.ones((deepest + 1, rows), dtype=np.int32)  # o of the edge at each depth; the root's is 1
        product = np.ones((deepest + 1, most_nodes, rows), dtype=np.float32)
        below = np.zeros((deepest + 1, most_nodes, rows), dtype=np.float32)
        edge_at = np.zeros(deepest + 1, dtype=np.int64)
        for r in range(rows):
            for c in range(columns.size):
                values[c, r] = x[begin + r, columns[c]]
        for tree in range(tree_nodes.size):
            nodes = tree_nodes[tree]
            for e in range(tree_start[tree], tree_start[tree + 1]):
                d = depth[e]
                edge_at[d] = e
                now, before, gain = holds[d], holds[earlier[e]], gains[output[e]]
                if set_size[e] > 0:
                    table = sets[set_start[e] : set_start[e] + set_size[e]]
                    _hold_set(values[column[e]], table, is_left[e], takes_missing[e], before, now)
                else:
                    _hold(values[column[e]], threshold[e], is_left[e], takes_missing[e], before, now)
                for q in range(nodes):
                    f = _three(factor, numbers_start[e] + q, nodes)
                    if is_leaf[e]:
                        c3 = _three(coefficient, numbers_start[e] + q, nodes)
                        _reach_leaf(now, before, f, c3, product[d - 1, q], below[d - 1, q], gain)
                    else:
                        _go_down(now, before, f, product[d - 1, q], product[d, q], below[d, q])
                for _ in range(finished[e]):
                    d -= 1
                    up = edge_at[d]
                    for q in range(nodes):
                        c3 = _three(coefficient, numbers_start[up] + q, nodes)
                        _go_up(holds[d], holds[earlier[up]], c3, below[d, q], below[d - 1, q], gains[output[up]])
        for r in range(rows):
            for o in range(outputs):
                out[begin + r, o] = gains[o, r]


@compiled
def _accumulate_one(  # noqa: PLR0917 - as above
    x: Any, out: Any, deepest: int, most_nodes: int, columns: Any, tree_start: Any, tree_nodes: Any, depth: Any,
    column: Any, output: Any, threshold: Any, is_left: Any, takes_missing: Any, set_start: Any, set_size: Any,
    sets: Any, earlier: Any, is_leaf: Any, finished: Any, numbers_start: Any, factor: Any, coefficient: Any,
) -> None:  # fmt: skip
    """Do the same for one row, x (m,), to the last bit: numbers in place of stretches of rows, and no loops to start."""
    holds = np.ones(deepest + 1, dtype=np.bool_)
    product = np.ones((deepest + 1, most_nodes), dtype=np.float32)
    below = np.zeros((deepest + 1, most_nodes), dtype=np.float32)
    edge_at = np.zeros(deepest + 1, dtype=np.int64)
    for tree in range(tree_nodes.size):
        nodes = tree_nodes[tree]
        for e in range(tree_start[tree], tree_start[tree + 1]):
            d = depth[e]
            edge_at[d] = e
            value, before = x[columns[column[e]]], holds[earlier[e]]
            if set_size[e] > 0:
                if np.isnan(value):
                    passes = takes_missing[e]
                else:
                    code = int(value)
                    passes = (0 <= code < set_size[e] and sets[set_start[e] + code]) != is_left[e]
            elif is_left[e] == takes_missing[e]:  # left and missing, or right and not: NaN fails a comparison
                passes = (value >= threshold[e]) != is_left[e]
            else:
                passes = (value < threshold[e]) == is_left[e]
            now = before and passes
            holds[d] = now
            start = numbers_start[e] + (nodes if now else (0 if before else 2 * nodes))
            for q in range(nodes):
                p = product[d - 1, q] * factor[start + q]
                if is_leaf[e]:
                    below[d - 1, q] += p
                    out[output[e]] += p * coefficient[start + q]
                else:
                    product[d, q] = p
                    below[d, q] = 0
            for _ in range(finished[e]):
                d -= 1
                up = edge_at[d]
                start = numbers_start[up] + (nodes if holds[d] else (0 if holds[earlier[up]] else 2 * nodes))
                for q in range(nodes):
                    p = below[d, q]
                    below[d - 1, q] += p
                    out[output[up]] += p * coefficient[start + q]


def tree_contributions(paths: ShapPaths, x: NDArray[np.float32], *, threads: int | None = None) -> NDArray[np.float32]:
    """Return (n, output_count) float32 contributions of rows x (n, feature_count), in raw-score units.

    A row's contributions and `paths.base_score` add up to its raw score, within float32 rounding. Uses all cores unless
    told otherwise; the number of threads does not change a bit of the result.
    """
    compile_marked()
    x = np.ascontiguousarray(x, dtype=np.float32)
    out = np.zeros((x.shape[0], paths.output_count), dtype=np.float32)
    shared = (
        ROWS_AT_ONCE, paths.deepest, paths.most_nodes, paths.columns, paths.tree_start, paths.tree_nodes, paths.depth,
        paths.column, paths.output, paths.threshold, paths.is_left, paths.takes_missing, paths.set_start,
        paths.set_size, paths.sets, paths.earlier, paths.is_leaf, paths.finished, paths.numbers_start, paths.factor,
        paths.coefficient,
    )  # fmt: skip
    if len(x) == 1:
        _accumulate_one(x[0], out[0], *shared[1:])
        return out
    workers = threads or os.cpu_count() or 1
    if workers == 1 or x.shape[0] <= 2 * ROWS_AT_ONCE:
        _accumulate(x, out, 0, x.shape[0], *shared)
        return out
    edges = np.linspace(0, x.shape[0], 4 * workers + 1).astype(int).tolist()
    with ThreadPoolExecutor(workers) as pool:
        tasks = [pool.submit(_accumulate, x, out, a, b, *shared) for a, b in pairwise(edges)]
        for task in tasks:
            task.result()
    return out
