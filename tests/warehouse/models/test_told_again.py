"""Rows told again: found by hashes, told apart by what they say."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from churn.warehouse.models.told_again import rows_told_again

_ROWS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 2)), max_size=40)


@given(rows=_ROWS, shift=st.sampled_from([0, 40, 58]))
def test_of_rows_that_say_the_same_all_but_the_first_are_alike_and_other_keys_are_worked_out(
    rows: list[tuple[int, int]], shift: int
) -> None:
    places = [7 * place % 101 for place in range(len(rows))]  # in no order
    by_key = defaultdict(list)
    for (key, content), place in zip(rows, places, strict=True):
        by_key[key].append((place, content))
    groups = [sorted(group) for group in by_key.values() if len(group) > 1]
    same = [group for group in groups if len({content for _, content in group}) == 1]
    again = rows_told_again(
        {
            "key": np.array([key << shift for key, _ in rows], dtype=np.uint64),
            "content": np.array([content for _, content in rows], dtype=np.uint64),
            "place": np.array(places, dtype=np.int64),
        }
    )
    assert sorted(again.alike.tolist()) == sorted(place for group in same for place, _ in group[1:])
    assert sorted(again.otherwise.tolist()) == sorted(
        place for group in groups if group not in same for place, _ in group
    )
