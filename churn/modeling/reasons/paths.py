"""Lays out an ensemble's edges so that exact Shapley values cost a few multiplications per edge, for many rows at once.

The value function is the path-dependent one of Lundberg et al. (2020): follow the row where a feature is known, average
by training cover where it is not. A leaf is then a product game over the distinct features of its path: with o_i = 1
where the row satisfies every condition of the path on feature i (else 0), and z_i the product of those conditions' cover
shares, a coalition S is worth `value * prod_{i in S} o_i * prod_{i not in S} z_i`. By Owen's multilinear extension (1972)

    phi_i = integral_0^1 (o_i - z_i) / f_i(t) * value * prod_j f_j(t) dt,      f_j(t) = z_j + t (o_j - z_j)

The integrand is a polynomial of degree (distinct features - 1), so Gauss-Legendre quadrature with half as many nodes is
exact, not approximate. At each node t the product is carried down the tree, the leaves' products are summed on the way up,
and every edge adds `weight * (o - z) / f * (sum below the edge)` to its feature. Where a feature comes again further down,
its factor is replaced (a ratio) and its earlier coefficient taken back. Factors and coefficients depend on two bits only:
whether the row satisfies the feature's conditions up to this edge, and up to the one before. So each edge has three cases,
computed here once per model:   0 fails here first   1 satisfies all   2 had failed before.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from churn.modeling.reasons.trees import Ensemble, Tree

TINY_SHARE = 1e-12  # keeps the share of a branch that no training row took off zero, so that it can be divided by


@dataclass(frozen=True)
class ShapPaths:
    """All edges of all trees, each tree's in the order of a walk that finishes a branch before its sibling begins.

    Edge e belongs to the tree b with `tree_start[b] <= e < tree_start[b+1]`, whose quadrature has `tree_nodes[b]` nodes;
    its factors (and coefficients) are at `numbers_start[e] + case * nodes + node`. A leaf's value is within its factor.
    """

    tree_start: NDArray[np.int64]
    tree_nodes: NDArray[np.int64]
    depth: NDArray[np.int64]  # 1 for an edge that leaves the root
    column: NDArray[np.int64]  # index into `columns`
    output: NDArray[np.int64]  # which output the feature's contributions are added to
    threshold: NDArray[np.float32]
    is_left: NDArray[np.bool_]  # taken when x < threshold, else when x >= threshold
    takes_missing: NDArray[np.bool_]
    set_start: NDArray[np.int64]  # in `sets`, of the categories that go right
    set_size: NDArray[np.int64]  # above 0: asks for a category, not for a number; see trees.CategorySets
    sets: NDArray[np.bool_]
    earlier: NDArray[np.int64]  # depth of the nearest edge above on the same feature, 0 if there is none
    is_leaf: NDArray[np.bool_]
    finished: NDArray[np.int64]  # how many inner edges above end with this one
    numbers_start: NDArray[np.int64]
    factor: NDArray[np.float32]
    coefficient: NDArray[np.float32]
    columns: NDArray[np.int64]  # the features that any tree asks for
    base_score: float
    feature_count: int
    output_count: int

    @property
    def deepest(self) -> int:
        """Return the longest path's number of edges."""
        return int(self.depth.max()) if self.depth.size else 0

    @property
    def most_nodes(self) -> int:
        """Return the largest quadrature's number of nodes."""
        return int(self.tree_nodes.max()) if self.tree_nodes.size else 0


@dataclass
class _Edges:
    """The edges gathered so far, one list entry each."""

    depth: list[int] = field(default_factory=list)
    feature: list[int] = field(default_factory=list)
    threshold: list[float] = field(default_factory=list)
    is_left: list[bool] = field(default_factory=list)
    takes_missing: list[bool] = field(default_factory=list)
    set_start: list[int] = field(default_factory=list)
    set_size: list[int] = field(default_factory=list)
    sets: list[NDArray[np.bool_]] = field(default_factory=list)  # an entry per tree
    earlier: list[int] = field(default_factory=list)
    share: list[float] = field(default_factory=list)  # z: product of cover shares of this feature's conditions so far
    earlier_share: list[float] = field(default_factory=list)  # the same before this edge
    is_leaf: list[bool] = field(default_factory=list)
    value: list[float] = field(default_factory=list)
    finished: list[int] = field(default_factory=list)


def lay_out(ensemble: Ensemble, output_of: NDArray[np.int64], output_count: int) -> ShapPaths:
    """Return the edges of `ensemble`; column j's contributions go to output `output_of[j]` (one-hot groups share one)."""
    edges, starts, nodes, base = _Edges(), [0], [], ensemble.offset
    for tree in ensemble.trees:
        walk = _Walk(tree, edges)
        base += walk.expected
        starts.append(len(edges.depth))
        nodes.append((walk.distinct + 1) // 2)
    counts = np.diff(starts)
    edge_nodes = np.repeat(np.array(nodes, dtype=np.int64), counts)
    numbers_start = np.concatenate([[0], np.cumsum(3 * edge_nodes)]).astype(np.int64)
    factor, coefficient = _numbers(edges, edge_nodes, numbers_start)
    feature = np.array(edges.feature, dtype=np.int64)
    columns, column = np.unique(feature, return_inverse=True)
    return ShapPaths(
        tree_start=np.array(starts, dtype=np.int64),
        tree_nodes=np.array(nodes, dtype=np.int64),
        depth=np.array(edges.depth, dtype=np.int64),
        column=column.astype(np.int64),
        output=output_of[feature].astype(np.int64),
        threshold=np.array(edges.threshold, dtype=np.float32),
        is_left=np.array(edges.is_left, dtype=np.bool_),
        takes_missing=np.array(edges.takes_missing, dtype=np.bool_),
        set_start=np.array(edges.set_start, dtype=np.int64),
        set_size=np.array(edges.set_size, dtype=np.int64),
        sets=np.concatenate([*edges.sets, np.zeros(1, dtype=np.bool_)]),
        earlier=np.array(edges.earlier, dtype=np.int64),
        is_leaf=np.array(edges.is_leaf, dtype=np.bool_),
        finished=np.array(edges.finished, dtype=np.int64),
        numbers_start=numbers_start[:-1],
        factor=factor,
        coefficient=coefficient,
        columns=columns,
        base_score=base,
        feature_count=ensemble.feature_count,
        output_count=output_count,
    )


class _Walk:
    """Appends one tree's edges, each branch finished before its sibling; knows the widest path and the expected value."""

    def __init__(self, tree: Tree, edges: _Edges) -> None:
        self.edges, self.distinct, self.expected = edges, 0, 0.0
        self.left, self.right, self.feature = tree.left.tolist(), tree.right.tolist(), tree.feature.tolist()
        self.threshold, self.missing_left = tree.threshold.tolist(), tree.missing_left.tolist()
        self.cover, self.value = tree.cover.tolist(), tree.value.tolist()
        width = sum(table.size for table in edges.sets)
        sets = tree.sets
        self.set_start, self.set_size = (sets.start + width).tolist(), sets.size.tolist()
        edges.sets.append(sets.held)
        if self.left[0] < 0:
            self.expected = self.value[0]
        else:
            self._descend(0, 1, 1.0, {})

    def _descend(self, node: int, depth: int, weight: float, above: dict[int, tuple[int, float]]) -> None:
        """`weight` is the node's share of all cover; `above` holds per feature its last edge's depth and share z."""
        e, f = self.edges, self.feature[node]
        earlier, earlier_share = above.get(f, (0, 1.0))
        for is_left, child, sibling in (
            (True, self.left[node], self.right[node]),
            (False, self.right[node], self.left[node]),
        ):
            total = self.cover[child] + self.cover[sibling]
            share = min(max(self.cover[child] / total if total > 0 else 0.5, TINY_SHARE), 1.0)
            e.depth.append(depth)
            e.feature.append(f)
            e.threshold.append(self.threshold[node])
            e.is_left.append(is_left)
            e.takes_missing.append(self.missing_left[node] == is_left)
            e.set_start.append(self.set_start[node])
            e.set_size.append(self.set_size[node])
            e.earlier.append(earlier)
            e.earlier_share.append(earlier_share)
            e.share.append(earlier_share * share)
            e.is_leaf.append(self.left[child] < 0)
            e.value.append(self.value[child] if self.left[child] < 0 else 1.0)
            e.finished.append(0)
            below = {**above, f: (depth, earlier_share * share)}
            if self.left[child] < 0:
                self.distinct = max(self.distinct, len(below))
                self.expected += weight * share * self.value[child]
            else:
                self._descend(child, depth + 1, weight * share, below)
                e.finished[-1] += 1


def _numbers(
    edges: _Edges, edge_nodes: NDArray[np.int64], start: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return every edge's factors and coefficients, three cases by quadrature node, at `start` of each edge."""
    factor, coefficient = np.zeros(start[-1], dtype=np.float32), np.zeros(start[-1], dtype=np.float32)
    share, earlier_share = np.array(edges.share)[:, None], np.array(edges.earlier_share)[:, None]
    value = np.array(edges.value)[:, None, None]
    for count in np.unique(edge_nodes):
        these = np.flatnonzero(edge_nodes == count)
        points, weights = np.polynomial.legendre.leggauss(int(count))
        t, w = (points + 1) / 2, weights / 2
        z, z_before = share[these], earlier_share[these]
        holds, fails = z + t * (1 - z), z * (1 - t)
        held, failed = z_before + t * (1 - z_before), z_before * (1 - t)
        factors = np.stack([fails / held, holds / held, fails / failed], axis=1) * value[these]
        # (o - z) / f, less what the edge before on the same feature counted for the leaves below this one.
        before = (1 - z_before) / held
        coefficients = np.stack([-1 / (1 - t) - before, (1 - z) / holds - before, np.zeros_like(holds)], axis=1) * w
        places = start[these][:, None] + np.arange(3 * count)
        factor[places] = factors.reshape(len(these), -1)
        coefficient[places] = coefficients.reshape(len(these), -1)
    return factor, coefficient
