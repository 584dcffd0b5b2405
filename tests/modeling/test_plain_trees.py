from __future__ import annotations

import numpy as np
import pytest

from churn.errors import ModelError
from churn.modeling.plain_trees import PlainTrees
from churn.modeling.reasons.trees import Ensemble, Tree


def tree(**changed):
    fields = {
        "left": np.array([1, -1, 3, -1, -1], dtype=np.int32),
        "right": np.array([2, -1, 4, -1, -1], dtype=np.int32),
        "feature": np.array([0, 0, 1, 0, 0], dtype=np.int32),
        "threshold": np.array([0.5, 0, 1.5, 0, 0], dtype=np.float32),
        "missing_left": np.array([1, 0, 0, 0, 0], dtype=np.bool_),
        "value": np.array([0, -1.0, 0, 0.25, 2.0]),
        "cover": np.array([10.0, 4.0, 6.0, 5.0, 1.0]),
    }
    return Tree(**{**fields, **changed})


ROWS = np.array([[0, 0], [1, 1], [1, 2], [np.nan, 3]], dtype=np.float32)


def test_trees_come_back_from_their_file_as_they_were(tmp_path):
    trees = PlainTrees(Ensemble((tree(), tree(value=np.array([0, 1.0, 0, 2.0, 3.0]))), -0.5, 2))
    assert trees.scores(ROWS).tolist() == [-0.5, 1.75, 4.5, -0.5]

    trees.save(tmp_path / "estimator.npz")
    again = PlainTrees.load(tmp_path / "estimator.npz")
    assert np.array_equal(again.scores(ROWS), trees.scores(ROWS))
    assert np.array_equal(again.ensemble.trees[1].cover, trees.ensemble.trees[1].cover)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"left": np.array([1, -1, 0, -1, -1])}, "child is not behind it"),
        ({"right": np.array([2, -1, 9, -1, -1])}, "child is not behind it"),
        ({"feature": np.array([0, 0, 7, 0, 0])}, "a column that is not there"),
        ({"value": np.array([0, np.nan, 0, 0, 0])}, "no number"),
    ],
)
def test_a_file_that_compiled_code_could_get_lost_in_is_refused(tmp_path, changed, message):
    PlainTrees(Ensemble((tree(**changed),), 0.0, 2)).save(tmp_path / "estimator.npz")
    with pytest.raises(ModelError, match=message):
        PlainTrees.load(tmp_path / "estimator.npz")


def test_any_other_file_is_refused(tmp_path):
    (tmp_path / "estimator.npz").write_bytes(b"no trees")
    with pytest.raises(ModelError, match="cannot be read"):
        PlainTrees.load(tmp_path / "estimator.npz")
